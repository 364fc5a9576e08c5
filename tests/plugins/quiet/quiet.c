/* The least that can be loaded: it has no start, no options, and never answers. */
#include "bobbin.h"

static void ignore(void *state, bobbin_request *request)
{
    (void)state;
    (void)request;
}

BOBBIN_PLUGIN(.name = "quiet", .about = "Never answers.", .handle = ignore);
