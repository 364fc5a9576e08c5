/*
 * An id is an address: which journal (writer, sequence), which record (block, index), and a nonce
 * that makes it impossible to guess from another one. Outside it is an opaque text of 45 characters
 * of Crockford's base32 in lower case (0-9 a-z without i l o u).
 */
#ifndef SPOOLER_FILES_ID_H
#define SPOOLER_FILES_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ID_TEXT_BYTES = 45 };

struct job_address {
    uint64_t writer;   /* 64 random bits, never reused */
    uint32_t sequence; /* of the writer's journals, from 1 */
    uint32_t block;    /* where the record starts, in units of 64 bytes */
    uint32_t index;    /* the record's number in its journal, from 0 */
    uint64_t nonce;
};

/* 28 bytes big-endian (writer, sequence, block, index, nonce) as base32, terminated. */
void id_format(const struct job_address *address, char out[ID_TEXT_BYTES + 1]);

/* False for anything but the exact output of id_format (length, alphabet, zero padding bits). */
bool id_parse(const char *text, size_t length, struct job_address *address);

#endif
