/*
 * All clients of one worker, the doorways they come through, and what they share: buffers,
 * deadlines, the date. A plain value inside the worker.
 */
#ifndef CORE_NET_CLIENTS_H
#define CORE_NET_CLIENTS_H

#include <uv.h>

#include "core/base/accesslog.h"
#include "core/base/pool.h"
#include "core/exchange/exchange.h"
#include "core/net/deadline.h"

struct connection;
struct listener;
struct plugin_instance;

/* One listening socket and the protocol that is spoken behind it. */
struct doorway {
    uv_poll_t poll;
    struct clients *clients;
    const struct listener *listener;        /* borrowed */
    const struct bobbin_protocol *protocol; /* borrowed from its plugin */
    const char *protocol_name;
    struct pool connections; /* their size is the protocol's choice */
    bool is_watched;
};

struct clients {
    uv_loop_t *loop;
    struct exchange *exchange;       /* borrowed */
    const struct settings *settings; /* borrowed */
    struct accesslog *accesslog;     /* borrowed; NULL: off */
    struct bobbin_limits limits;
    struct deadlines deadlines;
    struct pool inputs;
    struct pool outputs;
    struct doorway *doorways; /* owned */
    size_t doorway_count;
    struct connection *first;
    size_t count;
    bool is_draining;
    uv_timer_t pause;            /* after accept(2) ran out of descriptors */
    void (*on_empty)(void *arg); /* once, when draining has closed the last one */
    void *on_empty_arg;
    uint64_t date_s; /* the second that date shows */
    char date[32];   /* IMF-fixdate, RFC 9110 section 5.6.7 */
};

enum { INPUT_BYTES = 16 * 1024, OUTPUT_BYTES = 16 * 1024 };

/* The doorways are not watched yet. protocols[i] speaks behind listeners[i]. */
bool clients_open(struct clients *clients, uv_loop_t *loop, struct exchange *exchange,
                  struct accesslog *accesslog, const struct listener *listeners,
                  struct plugin_instance *const *protocols, size_t count, bobbin_error *error);

/* Begins to accept. */
void clients_serve(struct clients *clients);

/*
 * Takes who already waits at the doorways, then no one any more; answers carry Connection: close;
 * who is idle for 5 s is closed. on_empty(arg) is called when nobody is left, maybe at once.
 */
void clients_drain(struct clients *clients, void (*on_empty)(void *arg), void *arg);

/* Closes everybody at once and all handles: the loop has to turn once more before clients_finish.
 */
void clients_close(struct clients *clients);
void clients_finish(struct clients *clients);

/* For connections: one of them is gone. */
void clients_left(struct clients *clients);

/* The date as of now, cached for a second. */
bobbin_str clients_date(struct clients *clients);

#endif
