#include "core/net/clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/log.h"
#include "core/net/connection.h"
#include "core/net/listener.h"
#include "core/plugin/plugin.h"

enum {
    ACCEPT_BATCH = 16,     /* others want to be served too */
    ACCEPT_PAUSE_MS = 100, /* out of descriptors: somebody may leave meanwhile */
    DRAIN_IDLE_MS = 5000,  /* a request may be on its way on an idle connection */
    LINGER_MS = 2000,
    KEPT_BUFFERS = 256,
    KEPT_CONNECTIONS = 1024
};

static void on_waiting(uv_poll_t *poll, int status, int events);

static void watch(struct doorway *doorway)
{
    if (doorway->is_watched)
        return;
    doorway->is_watched = true;
    uv_poll_start(&doorway->poll, UV_READABLE, on_waiting);
}

static void unwatch(struct doorway *doorway)
{
    doorway->is_watched = false;
    uv_poll_stop(&doorway->poll);
}

static bool has_room(const struct clients *clients)
{
    return clients->count < clients->settings->max_connections;
}

void clients_serve(struct clients *clients)
{
    if (clients->is_draining || !has_room(clients))
        return;
    for (size_t i = 0; i < clients->doorway_count; i++)
        watch(&clients->doorways[i]);
}

static void on_pause_over(uv_timer_t *timer)
{
    clients_serve(timer->data);
}

/* EMFILE and its like: the client stays in the kernel's queue, and we try again in a moment. */
static void pause_accepting(struct clients *clients)
{
    if (uv_is_active((uv_handle_t *)&clients->pause))
        return;
    log_write(clients->exchange->log, BOBBIN_WARNING, NULL, "no client can be accepted now: %m");
    for (size_t i = 0; i < clients->doorway_count; i++)
        unwatch(&clients->doorways[i]);
    uv_timer_start(&clients->pause, on_pause_over, ACCEPT_PAUSE_MS, 0);
}

/* False when nobody waits any more, or nobody can be taken. */
static bool accept_one(struct doorway *doorway)
{
    struct clients *clients = doorway->clients;
    struct transport transport;
    char address[TRANSPORT_ADDRESS_BYTES] = "";
    if (!transport_accept(&transport, doorway->listener->fd, address)) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            pause_accepting(clients);
        return false;
    }
    connection_open(clients, doorway, transport, address);
    return true;
}

static void on_waiting(uv_poll_t *poll, int status, int events)
{
    struct doorway *doorway = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPT_BATCH && has_room(doorway->clients); i++)
        if (!accept_one(doorway))
            return;
    if (!has_room(doorway->clients))
        for (size_t i = 0; i < doorway->clients->doorway_count; i++)
            unwatch(&doorway->clients->doorways[i]);
}

static bool open_doorway(struct clients *clients, const struct listener *listener,
                         const struct plugin_instance *protocol, bobbin_error *error)
{
    struct doorway *doorway = &clients->doorways[clients->doorway_count];
    doorway->clients = clients;
    doorway->listener = listener;
    doorway->protocol = protocol->plugin->protocol;
    doorway->protocol_name = protocol->name;
    pool_init(&doorway->connections, sizeof(struct connection) + doorway->protocol->connection_size,
              KEPT_CONNECTIONS);
    int status = uv_poll_init_socket(clients->loop, &doorway->poll, listener->fd);
    if (status != 0)
        return bobbin_fail(error, "%s cannot be watched: %s", listener->text, uv_strerror(status));
    doorway->poll.data = doorway;
    clients->doorway_count++;
    return true;
}

static void set_deadlines(struct deadlines *deadlines, const struct settings *settings)
{
    deadlines->after_ms[DEADLINE_KEEPALIVE] = settings->keepalive_timeout_ms;
    deadlines->after_ms[DEADLINE_HEAD] = settings->head_timeout_ms;
    deadlines->after_ms[DEADLINE_BODY] = settings->body_timeout_ms;
    deadlines->after_ms[DEADLINE_REQUEST] = settings->request_timeout_ms;
    deadlines->after_ms[DEADLINE_WRITE] = settings->write_timeout_ms;
    deadlines->after_ms[DEADLINE_LINGER] = LINGER_MS;
}

bool clients_open(struct clients *clients, uv_loop_t *loop, struct exchange *exchange,
                  struct accesslog *accesslog, const struct listener *listeners,
                  struct plugin_instance *const *protocols, size_t count, bobbin_error *error)
{
    const struct settings *settings = exchange->settings;
    *clients = (struct clients){
        .loop = loop, .exchange = exchange, .settings = settings, .accesslog = accesslog};
    clients->limits = (struct bobbin_limits){.request_line_bytes = settings->max_request_line_bytes,
                                             .head_bytes = settings->max_head_bytes,
                                             .fields = settings->max_fields};
    exchange->client = &connection_client;
    pool_init(&clients->inputs, INPUT_BYTES, KEPT_BUFFERS);
    pool_init(&clients->outputs, OUTPUT_BYTES, KEPT_BUFFERS);
    deadlines_open(&clients->deadlines, loop, connection_on_due);
    set_deadlines(&clients->deadlines, settings);
    uv_timer_init(loop, &clients->pause);
    clients->pause.data = clients;
    clients->doorways = calloc(count > 0 ? count : 1, sizeof *clients->doorways);
    if (clients->doorways == NULL)
        return bobbin_fail(error, "no memory for %zu listeners", count);
    for (size_t i = 0; i < count; i++)
        if (!open_doorway(clients, &listeners[i], protocols[i], error))
            return false;
    return true;
}

static void report_empty(struct clients *clients)
{
    void (*on_empty)(void *arg) = clients->on_empty;
    if (clients->count > 0 || on_empty == NULL)
        return;
    clients->on_empty = NULL;
    on_empty(clients->on_empty_arg);
}

void clients_drain(struct clients *clients, void (*on_empty)(void *arg), void *arg)
{
    clients->is_draining = true;
    clients->on_empty = on_empty;
    clients->on_empty_arg = arg;
    uv_timer_stop(&clients->pause);
    for (size_t i = 0; i < clients->doorway_count; i++) {
        unwatch(&clients->doorways[i]);
        while (has_room(clients) && accept_one(&clients->doorways[i]))
            ;
    }
    uv_timer_stop(&clients->pause);
    if (clients->settings->keepalive_timeout_ms > DRAIN_IDLE_MS)
        deadlines_change(&clients->deadlines, DEADLINE_KEEPALIVE, DRAIN_IDLE_MS);
    report_empty(clients);
}

void clients_left(struct clients *clients)
{
    clients->count--;
    if (!clients->is_draining && !uv_is_active((uv_handle_t *)&clients->pause))
        clients_serve(clients);
    report_empty(clients);
}

void clients_close(struct clients *clients)
{
    clients->is_draining = true;
    clients->on_empty = NULL;
    while (clients->first != NULL)
        connection_close(clients->first);
    for (size_t i = 0; i < clients->doorway_count; i++)
        uv_close((uv_handle_t *)&clients->doorways[i].poll, NULL);
    uv_close((uv_handle_t *)&clients->pause, NULL);
    deadlines_close(&clients->deadlines);
}

void clients_finish(struct clients *clients)
{
    for (size_t i = 0; i < clients->doorway_count; i++)
        pool_finish(&clients->doorways[i].connections);
    free(clients->doorways);
    clients->doorways = NULL;
    clients->doorway_count = 0;
    pool_finish(&clients->inputs);
    pool_finish(&clients->outputs);
}

bobbin_str clients_date(struct clients *clients)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if ((uint64_t)now.tv_sec != clients->date_s) {
        struct tm utc;
        clients->date_s = (uint64_t)now.tv_sec;
        gmtime_r(&now.tv_sec, &utc);
        snprintf(clients->date, sizeof clients->date, "%s, %02u %s %04u %02u:%02u:%02u GMT",
                 days[utc.tm_wday], (unsigned)utc.tm_mday % 100, months[utc.tm_mon],
                 (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)utc.tm_hour % 100,
                 (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100);
    }
    return (bobbin_str){clients->date, 29};
}
