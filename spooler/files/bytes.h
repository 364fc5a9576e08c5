/* Little-endian numbers at any address: what is on disk looks the same on every machine. */
#ifndef SPOOLER_FILES_BYTES_H
#define SPOOLER_FILES_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put16(unsigned char *at, uint16_t number)
{
    number = htole16(number);
    memcpy(at, &number, sizeof number);
}

static inline void put32(unsigned char *at, uint32_t number)
{
    number = htole32(number);
    memcpy(at, &number, sizeof number);
}

static inline void put64(unsigned char *at, uint64_t number)
{
    number = htole64(number);
    memcpy(at, &number, sizeof number);
}

static inline uint16_t get16(const unsigned char *at)
{
    uint16_t number;
    memcpy(&number, at, sizeof number);
    return le16toh(number);
}

static inline uint32_t get32(const unsigned char *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return le32toh(number);
}

static inline uint64_t get64(const unsigned char *at)
{
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return le64toh(number);
}

#endif
