#include "tests/host/script.h"

#include <stdlib.h>
#include <string.h>

#include "tests/host/host.h"
#include "tests/host/client.h"
#include "tests/host/memory.h"

struct script {
    struct script *next; /* in the order of the test */
    enum script_action action;
    enum bobbin_test_when when;
    char *callback; /* owned */
    unsigned nth;
    bool is_done;
};

void scripts_free(struct script *scripts)
{
    for (struct script *next; scripts != NULL; scripts = next) {
        next = scripts->next;
        free(scripts->callback);
        free(scripts);
    }
}

static void add(bobbin_test_client *client, enum script_action action, enum bobbin_test_when when,
                const char *callback, unsigned nth)
{
    struct script **end = &client->scripts;
    if (nth == 0)
        memory_misuse("the calls of %s are counted from 1", callback);
    while (*end != NULL)
        end = &(*end)->next;
    *end = memory_take(sizeof **end);
    **end = (struct script){
        .action = action, .when = when, .callback = memory_text(bobbin_text(callback)), .nth = nth};
}

void bobbin_test_leave_at(bobbin_test_client *client, enum bobbin_test_when when,
                          const char *callback, unsigned nth)
{
    add(client, SCRIPT_LEAVE, when, callback, nth);
}

void bobbin_test_time_out_at(bobbin_test_client *client, enum bobbin_test_when when,
                             const char *callback, unsigned nth)
{
    add(client, SCRIPT_TIME_OUT, when, callback, nth);
}

/* The calls for this client, and those for no request since it connected. */
static size_t calls_so_far(const bobbin_test_client *client, const char *callback)
{
    const struct calls *calls = &client->host->calls;
    size_t count = 0;
    for (size_t i = client->first_call; i < calls->count; i++)
        if (strcmp(calls->items[i].name, callback) == 0 &&
            (calls->items[i].client == client || calls->items[i].client == NULL))
            count++;
    return count;
}

static struct script *find_before(const bobbin_test_client *client, const char *callback)
{
    for (struct script *script = client->scripts; script != NULL; script = script->next)
        if (!script->is_done && script->when == BOBBIN_TEST_BEFORE &&
            strcmp(script->callback, callback) == 0 &&
            calls_so_far(client, callback) + 1 == script->nth)
            return script;
    return NULL;
}

bool script_waits_before(const bobbin_test_client *client, const char *callback)
{
    return find_before(client, callback) != NULL;
}

enum script_action script_before(bobbin_test_client *client, const char *callback)
{
    struct script *script = find_before(client, callback);
    if (script == NULL)
        return SCRIPT_NOTHING;
    script->is_done = true;
    return script->action;
}

static struct script *find_after(const bobbin_test_client *client)
{
    for (struct script *script = client->scripts; script != NULL; script = script->next)
        if (!script->is_done && script->when == BOBBIN_TEST_AFTER &&
            calls_so_far(client, script->callback) >= script->nth)
            return script;
    return NULL;
}

bool script_is_due(const bobbin_test_client *client)
{
    return find_after(client) != NULL;
}

enum script_action script_after(bobbin_test_client *client)
{
    struct script *script = find_after(client);
    if (script == NULL)
        return SCRIPT_NOTHING;
    script->is_done = true;
    return script->action;
}
