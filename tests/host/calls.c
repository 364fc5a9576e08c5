#include "tests/host/calls.h"

#include <stdlib.h>
#include <string.h>

#include "core/exchange/request.h"
#include "core/plugin/running.h"
#include "tests/host/client.h"
#include "tests/host/host.h"
#include "tests/host/memory.h"

/* As in core/plugin/running.c: who is called is told to nobody but the thread. */
static _Thread_local struct calls *open_book;

void calls_init(struct calls *calls, bobbin_test_host *host)
{
    *calls = (struct calls){.host = host};
}

void calls_finish(struct calls *calls)
{
    free(calls->items);
    free(calls->text);
}

struct calls *calls_open_book(struct calls *calls, const bobbin_test_client *present)
{
    struct calls *before = open_book;
    open_book = calls;
    if (calls != NULL)
        calls->present = present;
    return before;
}

static bool is_of_no_request(const char *name)
{
    return strncmp(name, "a ", 2) == 0; /* "a timer", "a posted call" */
}

/* The one client of which something is pending; NULL: none, or it could be any of several. */
static const bobbin_test_client *only_pending(bobbin_test_host *host)
{
    struct exchange *exchange = &host->worker.exchange;
    const bobbin_test_client *found = NULL;
    for (const bobbin_test_client *client = host->clients; client != NULL; client = client->next) {
        const bobbin_request *request = request_at(exchange, client->slot, client->generation);
        if (client->generation == 0 || request == NULL || request->pending == 0)
            continue;
        if (found != NULL)
            return NULL;
        found = client;
    }
    return found;
}

void calls_note(struct calls *calls, const char *name)
{
    calls->items = memory_grow(calls->items, calls->count, sizeof *calls->items);
    struct call *call = &calls->items[calls->count++];
    const bobbin_test_client *client = calls->present;
    if (client == NULL && strcmp(name, "done") == 0)
        client = only_pending(calls->host);
    *call = (struct call){.client = is_of_no_request(name) ? NULL : client};
    strncpy(call->name, name, sizeof call->name - 1);
}

void running_enter(const char *instance, const char *callback)
{
    (void)instance;
    if (open_book == NULL)
        return;
    calls_note(open_book, callback);
    open_book->depth++;
}

/* Calls nest: what a script wants done after one is not done before the outermost is over. */
void running_leave(void)
{
    if (open_book == NULL)
        return;
    open_book->depth--;
    if (open_book->depth == 0)
        clients_look_at_scripts(open_book->host);
}

/* A protocol's calls are of no interest here, and no clock runs. */
void running_enter_briefly(const char *instance, const char *callback)
{
    (void)instance;
    (void)callback;
}

void running_leave_briefly(void)
{
}

void running_watch(const struct log *log, uint64_t limit_ms)
{
    (void)log;
    (void)limit_ms;
}

/* A thread of the pool: no book is open there. */
void running_begin_thread(const struct log *log)
{
    (void)log;
}

void running_end_thread(void)
{
}

static bool is_meant(const struct call *call, const bobbin_test_client *client, const char *name)
{
    return (client == NULL || call->client == client) &&
           (name == NULL || strcmp(call->name, name) == 0);
}

size_t calls_count(const struct calls *calls, const bobbin_test_client *client, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < calls->count; i++)
        count += is_meant(&calls->items[i], client, name);
    return count;
}

const char *calls_text(struct calls *calls, const bobbin_test_client *client)
{
    char *text = memory_take(calls->count * (CALLS_NAME_BYTES + 2) + 1), *end = text;
    for (size_t i = 0; i < calls->count; i++) {
        if (!is_meant(&calls->items[i], client, NULL))
            continue;
        if (end > text)
            end = stpcpy(end, ", ");
        end = stpcpy(end, calls->items[i].name);
    }
    free(calls->text);
    return calls->text = text;
}
