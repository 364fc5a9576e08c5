/*
 * A command line as its words, without a shell. Spaces and tabs separate; '...' and "..." hold
 * together what stands between them; outside of '...' a backslash takes the next character as it
 * is. Nothing else is special: no variables, no patterns, no pipes.
 */
#ifndef EXEC_WORDS_H
#define EXEC_WORDS_H

#include "bobbin.h"

struct words {
    char **items; /* owned; NULL behind the last: fit for execve(2) */
    size_t count;
    char *text; /* owned: what the items point into */
};

/* At least one word, and the first is not empty; otherwise false with a sentence. words_finish is
 * then called all the same, or not: there is nothing to free. */
bool words_init(struct words *words, const char *line, bobbin_error *error);
void words_finish(struct words *words);

#endif
