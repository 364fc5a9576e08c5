#include "core/base/json.h"

#include <stdio.h>
#include <string.h>

/* The length of the UTF-8 sequence at text (RFC 3629, section 4), or 0 when it is not one. */
static size_t sequence_length(const unsigned char *text, size_t left)
{
    unsigned char c = text[0];
    size_t length = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) ||
        (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

static size_t escape_one(char out[8], unsigned char c)
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *form = short_forms; *form != '\0'; form += 2)
        if ((unsigned char)form[0] == c) {
            out[0] = '\\';
            out[1] = form[1];
            return 2;
        }
    if (c < 0x20 || c == 0x7f)
        return (size_t)snprintf(out, 8, "\\u%04x", c);
    out[0] = (char)c;
    return 1;
}

size_t json_escape(char *out, size_t capacity, const char *text, size_t length)
{
    size_t total = 0;
    for (size_t i = 0; i < length;) {
        char piece[8];
        size_t taken = sequence_length((const unsigned char *)text + i, length - i), bytes;
        if (taken == 0) {
            memcpy(piece, "\xef\xbf\xbd", bytes = 3);
            taken = 1;
        } else if (taken == 1) {
            bytes = escape_one(piece, (unsigned char)text[i]);
        } else {
            memcpy(piece, text + i, bytes = taken);
        }
        if (total + bytes <= capacity)
            memcpy(out + total, piece, bytes);
        total += bytes;
        i += taken;
    }
    return total;
}
