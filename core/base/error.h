/*
 * Errors are sentences that travel: who fails writes one with bobbin_fail (plugins/bobbin.h), each
 * layer may put the place in front, and one place in the end prints it. Never both.
 */
#ifndef CORE_BASE_ERROR_H
#define CORE_BASE_ERROR_H

#include "plugins/bobbin.h"

/*
 * Puts the formatted place in front of the sentence ("app.ini:7: " + "..."), cut at the struct's
 * size. Returns false, so that it ends a failing function. error may be NULL. Any thread.
 */
bool error_prefix(bobbin_error *error, const char *format, ...) BOBBIN_PRINTF(2, 3);

/* "<sentence>: <strerror(number)>" and false. number is an errno; any thread. */
bool error_system(bobbin_error *error, int number, const char *format, ...) BOBBIN_PRINTF(3, 4);

#endif
