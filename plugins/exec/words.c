#include "words.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char letter)
{
    return letter == ' ' || letter == '\t';
}

/* Copies one word to *out, and moves both on; false when the line ends inside of it. */
static bool take_word(const char **line, char **out)
{
    char quote = '\0';
    for (; **line != '\0' && (quote != '\0' || !is_blank(**line)); (*line)++) {
        if (**line == quote) {
            quote = '\0';
        } else if (quote == '\0' && (**line == '\'' || **line == '"')) {
            quote = **line;
        } else {
            if (**line == '\\' && quote != '\'' && *++*line == '\0')
                return false;
            *(*out)++ = **line;
        }
    }
    *(*out)++ = '\0';
    return quote == '\0';
}

static bool split(struct words *words, const char *line, bobbin_error *error)
{
    const char *rest = line;
    char *out = words->text;
    for (;; words->count++) {
        while (is_blank(*rest))
            rest++;
        if (*rest == '\0')
            break;
        words->items[words->count] = out;
        if (!take_word(&rest, &out))
            return bobbin_fail(error, "the command ends inside a quotation: %s", line);
    }
    if (words->count == 0 || words->items[0][0] == '\0')
        return bobbin_fail(error, "the command names no program");
    return true;
}

bool words_init(struct words *words, const char *line, bobbin_error *error)
{
    size_t length = strlen(line);
    *words = (struct words){.text = malloc(length + 1),
                            .items = calloc(length / 2 + 2, sizeof *words->items)};
    bool done = words->text != NULL && words->items != NULL
                    ? split(words, line, error)
                    : bobbin_fail(error, "there is no memory for the command");
    if (!done)
        words_finish(words);
    return done;
}

void words_finish(struct words *words)
{
    free(words->items);
    free(words->text);
    *words = (struct words){0};
}
