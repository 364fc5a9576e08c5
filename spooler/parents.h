/*
 * Jobs whose children were found in a journal: what a job spools is stored with its success, so
 * they are done, whatever else is known of them. A list of who has still to be looked at.
 */
#ifndef SPOOLER_PARENTS_H
#define SPOOLER_PARENTS_H

#include "spooler/files/id.h"
#include "spooler/files/record.h"

/* All zero is an empty one. */
struct parents {
    struct job_address *items; /* owned; writer, sequence and index of each */
    size_t count;
    size_t capacity;
};

void parents_finish(struct parents *parents);

/* Remembers the parent of the record, when it has one. False without memory. */
bool parents_note(struct parents *parents, const struct record *child);

/* Any one of them, which is then forgotten; false: there is none. */
bool parents_take(struct parents *parents, struct job_address *parent);

#endif
