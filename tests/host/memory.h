/* Memory of the test host: what cannot be had, or cannot be meant, ends the test with a sentence.
 */
#ifndef HOST_MEMORY_H
#define HOST_MEMORY_H

#include "plugins/bobbin.h"

/* Zeroed, never NULL; to be freed with free. */
void *memory_take(size_t bytes);

/* Exactly these bytes, so that a sanitizer sees who reads on behind them. */
char *memory_copy(const void *data, size_t length);

/* Terminated; NULL for an absent text. */
char *memory_text(bobbin_str text);

/* Room for one more item behind count of them, all of which were added in this way. */
void *memory_grow(void *items, size_t count, size_t bytes);

/* The test cannot be meant: the sentence goes to stderr, and the program is aborted. */
_Noreturn void memory_misuse(const char *format, ...) BOBBIN_PRINTF(1, 2);

#endif
