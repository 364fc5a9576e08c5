/* Numbers and spans of time as a client writes them: digits only, no sign, no space, no overflow.
 */
#ifndef JOBS_QUANTITY_H
#define JOBS_QUANTITY_H

#include "bobbin.h"

/* A decimal number up to most. */
bool quantity_read_number(bobbin_str text, uint64_t most, uint64_t *number);

/* "250ms", "10s", "2m", "1h", "7d"; without a unit it is seconds. */
bool quantity_read_time(bobbin_str text, uint64_t most_ms, uint64_t *time_ms);

#endif
