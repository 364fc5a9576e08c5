#include "spooler/queuenames.h"

#include <stdlib.h>
#include <string.h>

#include "spooler/queue.h"

struct queuenames {
    const struct queue_table *table;
    struct queue_settings defaults;
    uint16_t count;
    struct queue_settings queues[QUEUE_NUMBERS]; /* their names are owned */
};

struct queuenames *queuenames_create(const struct queue_table *table)
{
    struct queuenames *names = calloc(1, sizeof *names); /* touched as far as it is used */
    if (names != NULL) {
        names->table = table;
        names->defaults = queue_defaults();
    }
    return names;
}

void queuenames_destroy(struct queuenames *names)
{
    if (names == NULL)
        return;
    for (uint16_t i = 0; i < names->count; i++)
        free((char *)(uintptr_t)names->queues[i].name);
    free(names);
}

const struct queue_settings *queuenames_find(const struct queuenames *names, bobbin_str name)
{
    const struct queue_settings *settings = queue_table_find(names->table, name);
    return settings != NULL ? settings : &names->defaults;
}

uint16_t queuenames_number(struct queuenames *names, bobbin_str name)
{
    for (uint16_t i = 0; i < names->count; i++)
        if (bobbin_is(name, names->queues[i].name))
            return i;
    char *copy = names->count < QUEUE_NUMBERS ? strndup(name.data, name.length) : NULL;
    if (copy == NULL)
        return (uint16_t)(names->count - 1);
    struct queue_settings *queue = &names->queues[names->count];
    *queue = *queuenames_find(names, name);
    queue->name = copy;
    return names->count++;
}

const struct queue_settings *queuenames_settings(const struct queuenames *names, uint16_t number)
{
    return &names->queues[number];
}
