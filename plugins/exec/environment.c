#include "environment.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char prefix[] = "BOBBIN_JOB_";

enum { OURS = 5 };

/* The strings of the server's environment are borrowed, ours are owned and stand first. */
struct list {
    char **items;
    size_t count;
};

static void add(struct list *list, const char *name, bobbin_str value)
{
    size_t size = strlen(prefix) + strlen(name) + value.length + 2;
    char *text = malloc(size);
    if (text == NULL)
        return;
    snprintf(text, size, "%s%s=%.*s", prefix, name, BOBBIN_ARG(value));
    list->items[list->count++] = text;
}

static void add_number(struct list *list, const char *name, unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    add(list, name, bobbin_text(text));
}

static void add_header(struct list *list, const char *header, bobbin_str value)
{
    char name[256];
    int length = snprintf(name, sizeof name, "HEADER_%s", header);
    if (value.data == NULL || length >= (int)sizeof name)
        return;
    for (char *letter = name; *letter != '\0'; letter++)
        *letter = isalnum((unsigned char)*letter) ? (char)toupper((unsigned char)*letter) : '_';
    add(list, name, value);
}

static size_t count_inherited(void)
{
    size_t count = 0;
    while (environ != NULL && environ[count] != NULL)
        count++;
    return count;
}

char **environment_create(bobbin_job *job, const bobbin_list *headers)
{
    size_t inherited = count_inherited();
    struct list list = {calloc(OURS + headers->count + inherited + 1, sizeof(char *)), 0};
    if (list.items == NULL)
        return NULL;
    add(&list, "ID", bobbin_job_id(job));
    add(&list, "QUEUE", bobbin_job_queue(job));
    add(&list, "CONTENT_TYPE", bobbin_job_content_type(job));
    add_number(&list, "ATTEMPT", bobbin_job_attempt(job));
    add_number(&list, "ATTEMPTS", bobbin_job_attempts(job));
    bool is_whole = list.count == OURS;
    for (size_t i = 0; i < headers->count; i++)
        add_header(&list, headers->items[i], bobbin_job_header(job, headers->items[i]));
    for (size_t i = 0; i < inherited; i++)
        if (strncmp(environ[i], prefix, strlen(prefix)) != 0)
            list.items[list.count++] = environ[i];
    if (is_whole)
        return list.items;
    environment_destroy(list.items);
    return NULL;
}

void environment_destroy(char **environment)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++)
        if (strncmp(environment[i], prefix, strlen(prefix)) == 0)
            free(environment[i]);
    free(environment);
}
