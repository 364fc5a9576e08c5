/*
 * The host: what stands in the place of a worker (or of a job process) around one instance of a
 * plugin. It has the worker's own struct, because timers, tickets and posted calls reach their loop
 * through it, but none of its sockets.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <uv.h>

#include "core/base/log.h"
#include "core/config/config.h"
#include "core/exchange/exchange.h"
#include "core/plugin/plugin.h"
#include "core/process/worker.h"
#include "tests/host/calls.h"
#include "tests/host/spool.h"

struct routes;
struct attempt;

struct bobbin_test_host {
    struct config *config; /* owned, as are the next three */
    struct plugin_instance *instance;
    struct routes *routes;
    char *jobs_route;
    struct settings settings;
    struct log log; /* into a file that only memory has */
    char *log_text; /* owned: what bobbin_test_log gave out */
    bool is_job_process;
    bool has_drained;
    bool has_exchange;
    struct worker worker;
    uv_timer_t limit;
    uv_prepare_t before_poll;
    bool limit_has_passed;
    uint64_t limit_ms;
    struct calls calls;
    bobbin_test_client *clients; /* owned, in the order in which they connected */
    bobbin_test_client **clients_end;
    struct spool spool;
    struct attempt *attempt; /* owned: the last job that was run; NULL: none */
};

/* Turns until nothing more happens by itself: after everything that a test lets happen. */
void host_settle(bobbin_test_host *host);

/* One round of that; false when nothing happened. */
bool host_turn_once(bobbin_test_host *host);

#endif
