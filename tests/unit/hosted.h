/* For tests of a plugin in the test host: to open and close it, and to fail with its sentence. */
#ifndef UNIT_HOSTED_H
#define UNIT_HOSTED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bobbin-test.h"

static inline bobbin_test_host *open_host(const struct bobbin_test_setup *setup)
{
    bobbin_error error = {""};
    bobbin_test_host *host = bobbin_test_open(&bobbin_plugin_descriptor, setup, &error);
    assert_string_equal(error.text, "");
    assert_non_null(host);
    return host;
}

static inline void close_host(bobbin_test_host *host)
{
    bobbin_error error = {""};
    bool is_clean = bobbin_test_close(host, &error);
    assert_string_equal(error.text, "");
    assert_true(is_clean);
}

#endif
