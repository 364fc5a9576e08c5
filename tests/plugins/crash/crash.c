/* Crashes as it is told: /segv, /abort, /stack; everything else is answered. */
#include "bobbin.h"

#include <stdlib.h>

/* volatile: the compiler must not see what comes. */
static volatile int *volatile nowhere;

static int fall(volatile const char *above, unsigned times)
{
    volatile char here[4096];
    here[0] = above[0];
    return times == 0 ? 0 : fall(here, times - 1) + here[0];
}

static void answer(void *state, bobbin_request *request)
{
    volatile char start[1] = {0};
    bobbin_str path = bobbin_path(request);
    (void)state;
    if (bobbin_is(path, "/segv"))
        *nowhere = 1;
    if (bobbin_is(path, "/abort"))
        abort();
    if (bobbin_is(path, "/stack"))
        fall(start, 1000000); /* 4 GiB */
    bobbin_print(request, "still here\n");
    bobbin_end(request);
}

BOBBIN_PLUGIN(.name = "crash", .about = "Crashes as it is told.", .handle = answer);
