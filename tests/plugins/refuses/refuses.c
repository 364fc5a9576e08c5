/* Does not start, and says why; has one option, so that its section can be wrong. */
#include "bobbin.h"

struct config {
    uint64_t width;
};

static const struct bobbin_option options[] = {
    BOBBIN_COUNT(struct config, width, "width", "5", 1, 10, "how wide"), BOBBIN_OPTIONS_END};

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)host;
    (void)state;
    return bobbin_fail(error, "the model of width %u is not there",
                       (unsigned)((const struct config *)config)->width);
}

static void answer(void *state, bobbin_request *request)
{
    (void)state;
    (void)request;
}

BOBBIN_PLUGIN(.name = "refuses", .options = options, .config_size = sizeof(struct config),
              .start = start, .handle = answer);
