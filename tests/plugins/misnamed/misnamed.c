/* Lies in a file of another name. */
#include "bobbin.h"

static void answer(void *state, bobbin_request *request)
{
    (void)state;
    (void)request;
}

BOBBIN_PLUGIN(.name = "somebody-else", .handle = answer);
