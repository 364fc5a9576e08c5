/* Needs a server that is newer than any. */
#include "bobbin.h"

void bobbin_from_the_future(bobbin_request *request);

static void answer(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_from_the_future(request);
}

BOBBIN_PLUGIN(.name = "future", .handle = answer);
