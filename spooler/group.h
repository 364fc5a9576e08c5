/*
 * Jobs that are stored together or not at all, on their way to a journal: records that are encoded
 * but have no place yet, with those payloads that will be blobs. One job is a group of one. Plain
 * memory: no loop, no file.
 */
#ifndef SPOOLER_GROUP_H
#define SPOOLER_GROUP_H

#include "plugins/bobbin.h"
#include "spooler/files/id.h"

enum {
    GROUP_MAX = 1000,                   /* jobs of a group; also records of one pwritev */
    GROUP_MAX_BYTES = 64 * 1024 * 1024, /* of its records: blobs do not count */
};

struct draft {
    struct draft *next;
    int blob_fd;         /* owned; a payload that is a file; else -1 */
    void *blob;          /* owned (malloc); a payload that is too large for the journal; or NULL */
    uint64_t blob_bytes; /* of either */
    struct job_address address; /* the nonce is known, the rest once it has a place */
    size_t record_bytes;
    unsigned char record[];
};

struct draft *draft_create(size_t record_bytes); /* NULL without memory */
void draft_destroy(struct draft *draft);         /* NULL is fine */

/* All zero is an empty one. */
struct group {
    struct draft *first; /* owned, in order */
    struct draft *last;
    size_t count;
    size_t bytes;    /* of the records */
    bool needs_sync; /* as soon as one of its jobs does */
};

/* Whether another record of that size may join it; false with a sentence. */
bool group_takes(const struct group *group, size_t record_bytes, bobbin_error *error);
/* Takes the draft. */
void group_add(struct group *group, struct draft *draft, bool needs_sync);
/* Destroys its drafts; it is empty again. */
void group_finish(struct group *group);

#endif
