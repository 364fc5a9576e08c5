/* ${VAR} and ${VAR:-default} in a value, from the environment. */
#ifndef CORE_CONFIG_EXPAND_H
#define CORE_CONFIG_EXPAND_H

#include "plugins/bobbin.h"

/*
 * The value with every ${...} replaced, on the heap (the caller frees it); NULL with a sentence
 * when a variable is not set and has no default, or a ${ is not closed. "$$" is one "$"; a "$"
 * before anything else stands for itself. A default may not hold "}" and is not expanded itself.
 */
char *expand_value(const char *value, bobbin_error *error);

#endif
