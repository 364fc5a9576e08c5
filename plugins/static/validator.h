/* Whether the client has the file already (RFC 9110, section 13). */
#ifndef STATIC_VALIDATOR_H
#define STATIC_VALIDATOR_H

#include <sys/stat.h>

#include "bobbin.h"

enum { VALIDATOR_TAG_BYTES = 48, VALIDATOR_DATE_BYTES = 32 };

struct validator {
    char etag[VALIDATOR_TAG_BYTES];      /* "<size>-<mtime in ns>", in hex */
    char modified[VALIDATOR_DATE_BYTES]; /* IMF-fixdate */
    time_t mtime;
};

void validator_read(struct validator *validator, const struct stat *status);

/* If-None-Match decides when it is there, else If-Modified-Since. */
bool validator_is_fresh(const struct validator *validator, bobbin_request *request);

#endif
