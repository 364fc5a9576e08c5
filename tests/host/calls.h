/*
 * The book of calls: which callbacks of the plugin were called, for which client, in which order.
 * The core has running_enter and running_leave (core/plugin/running.h) around every call into a
 * plugin, and request_settle behind those that a request waited for; build.sh links the test host
 * such that calls.c hears of them first.
 */
#ifndef HOST_CALLS_H
#define HOST_CALLS_H

#include "tests/host/bobbin-test.h"

enum { CALLS_NAME_BYTES = 32 };

struct call {
    const bobbin_test_client *client; /* NULL: for no request. May be gone: never looked into */
    char name[CALLS_NAME_BYTES];
};

struct calls {
    struct call *items; /* owned, as is text */
    size_t count;
    unsigned depth;                    /* calls under way */
    const bobbin_test_client *present; /* whose request the core works on */
    bobbin_test_host *host;
    char *text;
};

void calls_init(struct calls *calls, bobbin_test_host *host);
void calls_finish(struct calls *calls);

/* From here on what this thread calls is written into this book (NULL: into none), as for this
 * client. Returns the book that was open before. */
struct calls *calls_open_book(struct calls *calls, const bobbin_test_client *present);

/* client NULL: all. */
size_t calls_count(const struct calls *calls, const bobbin_test_client *client, const char *name);
const char *calls_text(struct calls *calls, const bobbin_test_client *client);

#endif
