#include "tests/host/calls.h"

#include <stdlib.h>
#include <string.h>

#include "core/plugin/running.h"
#include "tests/host/client.h"
#include "tests/host/host.h"
#include "tests/host/memory.h"

enum { HOLDING_MS = 50 }; /* as a worker has it */

/* As in core/plugin/running.c: the core tells who is called to nobody but the thread. */
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
    running_watch(calls != NULL ? &calls->host->log : NULL, calls != NULL ? HOLDING_MS : 0);
    if (calls != NULL)
        calls->present = present;
    return before;
}

static bool is_of_no_request(const char *name)
{
    return strncmp(name, "a ", 2) == 0; /* "a timer", "a posted call" */
}

static void note(struct calls *calls, const char *name)
{
    calls->items = memory_grow(calls->items, calls->count, sizeof *calls->items);
    struct call *call = &calls->items[calls->count++];
    *call = (struct call){.client = is_of_no_request(name) ? NULL : calls->present};
    strncpy(call->name, name, sizeof call->name - 1);
}

/* ld(1), --wrap: who calls running_enter gets the first of these, and __real_ is the core's own. */
void __real_running_enter(const char *instance, const char *callback);
void __real_running_leave(void);
void __wrap_running_enter(const char *instance, const char *callback);
void __wrap_running_leave(void);
void __real_request_settle(bobbin_request *request);
void __wrap_request_settle(bobbin_request *request);

void __wrap_running_enter(const char *instance, const char *callback)
{
    __real_running_enter(instance, callback);
    if (open_book == NULL)
        return;
    note(open_book, callback);
    open_book->depth++;
}

void __wrap_running_leave(void)
{
    __real_running_leave();
    if (open_book != NULL)
        open_book->depth--;
}

/* A call that was pending for a request has been made, maybe from the loop, where nobody knew for
 * whom; and on_finish may follow. */
void __wrap_request_settle(bobbin_request *request)
{
    struct calls *calls = open_book;
    if (calls == NULL) {
        __real_request_settle(request);
        return;
    }
    const bobbin_test_client *before = calls->present;
    struct call *last = &calls->items[calls->count - 1];
    calls->present = clients_find(calls->host, request);
    if (last->client == NULL && !is_of_no_request(last->name))
        last->client = calls->present;
    __real_request_settle(request);
    calls->present = before;
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
