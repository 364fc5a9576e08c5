/* Pairs of a test into the server's own configuration: the text of an INI file. */
#ifndef HOST_SETUP_H
#define HOST_SETUP_H

#include "core/config/config.h"
#include "tests/host/bobbin-test.h"

/* [bobbin] and [instance] with their pairs. NULL with a sentence, which calls the "file" setup. */
struct config *setup_read(const struct bobbin_test_setup *setup, const char *instance,
                          bobbin_error *error);

#endif
