/* Points in time, in microseconds since 1970, as people write them. */
#ifndef JOBS_MOMENT_H
#define JOBS_MOMENT_H

#include "bobbin.h"

enum { MOMENT_BYTES = 32 };

/*
 * Seconds since 1970, or RFC 3339: "2026-11-24T13:04:47Z", "2026-11-24T14:04:47.5+01:00". Up to the
 * end of the year 9999; what was before 1970 is 1970. A leap second is the second after it.
 */
bool moment_read(bobbin_str text, uint64_t *time_us);

/* RFC 3339, UTC, milliseconds. */
void moment_write(uint64_t time_us, char out[MOMENT_BYTES]);

#endif
