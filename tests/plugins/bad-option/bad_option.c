/* Forgot .config_size: its option would be written outside of its configuration. */
#include "bobbin.h"

struct config {
    uint64_t width;
};

static const struct bobbin_option options[] = {
    BOBBIN_COUNT(struct config, width, "width", "1", 1, 10, "how wide"), BOBBIN_OPTIONS_END};

static void answer(void *state, bobbin_request *request)
{
    (void)state;
    (void)request;
}

BOBBIN_PLUGIN(.name = "bad-option", .options = options, .handle = answer);
