#include "core/config/ini.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"

enum { FILE_MAX_BYTES = 1024 * 1024 };

static char *trimmed(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    char *end = text + strlen(text);
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    return text;
}

/* A comment begins with ; or # at the start of a line, or with ; behind a space. */
static void cut_comment(char *line)
{
    if (line[0] == ';' || line[0] == '#')
        line[0] = '\0';
    for (char *at = line; (at = strchr(at, ';')) != NULL; at++)
        if (at[-1] == ' ' || at[-1] == '\t') {
            *at = '\0';
            return;
        }
}

/* Tables grow by one: a configuration has few lines, and is read once. */
static void *grown(void *table, size_t count, size_t bytes, bobbin_error *error)
{
    void *larger = realloc(table, (count + 1) * bytes);
    if (larger == NULL)
        bobbin_fail(error, "no memory");
    return larger;
}

static bool add_section(struct ini *ini, char *line, unsigned number, bobbin_error *error)
{
    char *end = strchr(line, ']');
    if (end == NULL || *trimmed(end + 1) != '\0')
        return bobbin_fail(error, "a section is written [name], alone on its line");
    *end = '\0';
    char *name = trimmed(line + 1);
    if (*name == '\0')
        return bobbin_fail(error, "a section needs a name");
    for (size_t i = 0; i < ini->section_count; i++)
        if (strcmp(ini->sections[i].name, name) == 0)
            return bobbin_fail(error, "[%s] stands there twice: it began in line %u", name,
                               ini->sections[i].line);
    struct ini_section *sections =
        grown(ini->sections, ini->section_count, sizeof *sections, error);
    if (sections == NULL)
        return false;
    ini->sections = sections;
    sections[ini->section_count++] = (struct ini_section){name, number};
    return true;
}

static bool add_entry(struct ini *ini, char *line, unsigned number, bobbin_error *error)
{
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return bobbin_fail(error, "\"%.60s\" is neither [section] nor key = value", line);
    if (ini->section_count == 0)
        return bobbin_fail(error, "\"%.60s\" stands before the first [section]", line);
    *equals = '\0';
    struct ini_entry entry = {.section = ini->sections[ini->section_count - 1].name,
                              .key = trimmed(line),
                              .value = trimmed(equals + 1),
                              .line = number};
    if (*entry.key == '\0')
        return bobbin_fail(error, "a value needs a key before the =");
    struct ini_entry *entries = grown(ini->entries, ini->entry_count, sizeof *entries, error);
    if (entries == NULL)
        return false;
    ini->entries = entries;
    entries[ini->entry_count++] = entry;
    return true;
}

static bool read_line(struct ini *ini, char *line, unsigned number, bobbin_error *error)
{
    size_t length = strlen(line);
    if (length > 0 && line[length - 1] == '\r')
        line[length - 1] = '\0';
    bool is_indented = line[0] == ' ' || line[0] == '\t';
    cut_comment(line);
    char *text = trimmed(line);
    if (*text == '\0')
        return true;
    if (is_indented)
        return bobbin_fail(error, "a line must not begin with a space");
    return *text == '[' ? add_section(ini, text, number, error)
                        : add_entry(ini, text, number, error);
}

/* Takes memory (length bytes and a NUL) over. */
static bool read_lines(struct ini *ini, const char *file, char *memory, size_t length,
                       bobbin_error *error)
{
    *ini = (struct ini){.file = file, .memory = memory};
    const char *nul = memchr(memory, '\0', length);
    unsigned number = 0;
    char *next = memory;
    if (length >= 3 && memcmp(memory, "\xef\xbb\xbf", 3) == 0)
        next += 3; /* a byte order mark, as some editors leave it */
    while (next != NULL && *next != '\0') {
        char *line = next;
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        number++;
        if (!read_line(ini, line, number, error))
            return error_prefix(error, "%s:%u: ", file, number);
    }
    if (nul != NULL)
        return bobbin_fail(error, "%s:%u: there is a NUL byte", file, number > 0 ? number : 1);
    return true;
}

bool ini_read_text(struct ini *ini, const char *file, const char *text, size_t length,
                   bobbin_error *error)
{
    *ini = (struct ini){0};
    if (length > FILE_MAX_BYTES)
        return bobbin_fail(error, "%s: a configuration has at most 1 MiB", file);
    char *memory = malloc(length + 1);
    if (memory == NULL)
        return bobbin_fail(error, "no memory");
    memcpy(memory, text, length);
    memory[length] = '\0';
    return read_lines(ini, file, memory, length, error);
}

bool ini_read_file(struct ini *ini, const char *file, bobbin_error *error)
{
    *ini = (struct ini){0};
    FILE *stream = fopen(file, "re");
    if (stream == NULL)
        return error_system(error, errno, "%s", file);
    char *text = malloc(FILE_MAX_BYTES + 1);
    size_t length = text != NULL ? fread(text, 1, FILE_MAX_BYTES + 1, stream) : 0;
    bool failed = text == NULL || ferror(stream);
    int number = errno;
    fclose(stream);
    bool done = failed ? error_system(error, number, "%s", file)
                       : ini_read_text(ini, file, text, length, error);
    free(text);
    return done;
}

void ini_finish(struct ini *ini)
{
    free(ini->entries);
    free(ini->sections);
    free(ini->memory);
    *ini = (struct ini){0};
}
