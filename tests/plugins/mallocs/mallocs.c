/* Tells how often malloc(3) was called in this worker: see countmalloc. */
#include <dlfcn.h>

#include "bobbin.h"

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    const unsigned long *calls = dlsym(RTLD_DEFAULT, "malloc_calls");
    bobbin_print(request, "%lu", calls != NULL ? __atomic_load_n(calls, __ATOMIC_RELAXED) : 0);
    bobbin_end(request);
}

BOBBIN_PLUGIN(.name = "mallocs", .about = "counts calls of malloc", .handle = handle);
