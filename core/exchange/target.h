/*
 * The request target's meaning (RFC 3986, sections 2.1 and 5.2.4; RFC 9112, section 3.2): decoded
 * once and normalised, so that no app sees "%2e%2e" or "//".
 */
#ifndef CORE_EXCHANGE_TARGET_H
#define CORE_EXCHANGE_TARGET_H

#include "plugins/bobbin.h"

struct target {
    bobbin_str path;  /* decoded, normalised, begins with "/"; "*" for OPTIONS * */
    bobbin_str query; /* raw, without "?"; absent when there is none */
};

/*
 * Takes an origin-form target apart. out has room for raw.length + 1 bytes and holds the path when
 * it differs from the raw bytes. False, with a static sentence in *sentence, for an incomplete
 * escape, %00, a backslash (plain or escaped), or ".." above the root.
 */
bool target_read(struct target *target, bobbin_str raw, char *out, const char **sentence);

/*
 * The first value of a parameter of an application/x-www-form-urlencoded query, decoded into out
 * (query.length bytes of room). Names are compared decoded. A broken escape stands for itself.
 */
bobbin_str target_parameter(bobbin_str query, const char *name, char *out);

#endif
