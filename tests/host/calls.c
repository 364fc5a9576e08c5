#include "tests/host/calls.h"

#include <stdlib.h>
#include <string.h>

#include "core/plugin/running.h"
#include "tests/host/client.h"
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

void calls_note(struct calls *calls, const char *name)
{
    calls->items = memory_grow(calls->items, calls->count, sizeof *calls->items);
    struct call *call = &calls->items[calls->count++];
    *call = (struct call){.client = is_of_no_request(name) ? NULL : calls->present};
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
