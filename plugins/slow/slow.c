/* Blocking work off the loop: GET /slow?ms=500 waits on a thread of the pool, and nobody else. */
#include <stdlib.h>
#include <time.h>

#include "bobbin.h"

enum { SLICE_MS = 10, LONGEST_MS = 60000 };

struct nap {
    uint64_t left_ms;
};

/* On a thread: whatever blocks. It may not touch the request, only what it was handed. */
static void work(bobbin_work *work, void *arg)
{
    struct nap *nap = arg;
    const struct timespec slice = {.tv_nsec = SLICE_MS * 1000000L};
    for (; nap->left_ms >= SLICE_MS && !bobbin_work_stopping(work); nap->left_ms -= SLICE_MS)
        nanosleep(&slice, NULL);
}

/* On the loop again, always, and before the request and its memory go. */
static void done(bobbin_request *request, bool ran, void *arg)
{
    (void)ran;
    (void)arg;
    bobbin_print(request, "That took a while.\n"); /* harmless when the client has left */
    bobbin_end(request);
}

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_str text = bobbin_query(request, "ms");
    char number[8] = "100";
    for (size_t i = 0; text.data != NULL && i < sizeof number; i++)
        number[i] = i < text.length && i < sizeof number - 1 ? text.data[i] : '\0';
    char *end;
    unsigned long ms = strtoul(number, &end, 10);
    struct nap *nap = bobbin_allocate(request, sizeof *nap);
    if (*end != '\0' || ms > LONGEST_MS || nap == NULL) {
        bobbin_refuse(request, 400, "ms is a number from 0 to %d", LONGEST_MS);
        return;
    }
    nap->left_ms = ms;
    bobbin_offload(request, work, done, nap); /* when it cannot, it has answered 503 */
}

BOBBIN_PLUGIN(.name = "slow", .about = "blocks a thread, not the loop", .handle = handle);
