#include "spooler/files/id.h"

#include <string.h>

enum { ADDRESS_BYTES = 28 };

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void pack(unsigned char *out, uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, number >>= 8)
        out[i] = (unsigned char)number;
}

static uint64_t unpack(const unsigned char *bytes, int count)
{
    uint64_t number = 0;
    for (int i = 0; i < count; i++)
        number = number << 8 | bytes[i];
    return number;
}

void id_format(const struct job_address *address, char out[ID_TEXT_BYTES + 1])
{
    unsigned char bytes[ADDRESS_BYTES + 1] = {0};
    pack(bytes, address->writer, 8);
    pack(bytes + 8, address->sequence, 4);
    pack(bytes + 12, address->block, 4);
    pack(bytes + 16, address->index, 4);
    pack(bytes + 20, address->nonce, 8);
    for (int i = 0; i < ID_TEXT_BYTES; i++) {
        int bit = i * 5;
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
        out[i] = alphabet[pair >> (11 - bit % 8) & 31];
    }
    out[ID_TEXT_BYTES] = '\0';
}

bool id_parse(const char *text, size_t length, struct job_address *address)
{
    unsigned char bytes[ADDRESS_BYTES + 2] = {0};
    if (length != ID_TEXT_BYTES)
        return false;
    for (int i = 0; i < ID_TEXT_BYTES; i++) {
        const char *found = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;
        if (found == NULL)
            return false;
        int bit = i * 5;
        unsigned shifted = (unsigned)(found - alphabet) << (11 - bit % 8);
        bytes[bit / 8] |= (unsigned char)(shifted >> 8);
        bytes[bit / 8 + 1] |= (unsigned char)shifted;
    }
    if (bytes[ADDRESS_BYTES] != 0) /* 225 bits of text hold 224: the last one must be zero */
        return false;
    address->writer = unpack(bytes, 8);
    address->sequence = (uint32_t)unpack(bytes + 8, 4);
    address->block = (uint32_t)unpack(bytes + 12, 4);
    address->index = (uint32_t)unpack(bytes + 16, 4);
    address->nonce = unpack(bytes + 20, 8);
    return true;
}
