/* Its protocol ends too early. */
#include "bobbin.h"

static const struct bobbin_protocol protocol = {.size = 16, .scheme = "short"};

BOBBIN_PLUGIN(.name = "short-protocol", .protocol = &protocol);
