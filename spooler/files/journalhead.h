/* The head of a journal as bytes; its layout is in journal.h. */
#ifndef SPOOLER_FILES_JOURNALHEAD_H
#define SPOOLER_FILES_JOURNALHEAD_H

#include "spooler/files/journal.h"

struct journalhead {
    uint64_t writer;
    uint32_t sequence;
    uint64_t salt;
    uint64_t capacity;
    uint64_t created_us;
};

void journalhead_encode(const struct journalhead *head, unsigned char out[JOURNAL_HEAD_BYTES]);
/* False: no head of this format, or damaged. */
bool journalhead_decode(struct journalhead *head, const unsigned char bytes[JOURNAL_HEAD_BYTES]);

#endif
