/* Its own limits refuse its own default. */
#include "bobbin.h"

struct config {
    uint64_t width;
};

static const struct bobbin_option options[] = {
    BOBBIN_COUNT(struct config, width, "width", "99", 1, 10, "how wide"), BOBBIN_OPTIONS_END};

static void answer(void *state, bobbin_request *request)
{
    (void)state;
    (void)request;
}

BOBBIN_PLUGIN(.name = "bad-default", .options = options, .config_size = sizeof(struct config),
              .handle = answer);
