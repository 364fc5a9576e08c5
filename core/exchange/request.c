#include "core/exchange/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "core/exchange/offload.h"
#include "core/exchange/route.h"
#include "core/exchange/streaming.h"
#include "core/exchange/waiting.h"
#include "core/plugin/plugin.h"
#include "core/plugin/running.h"

enum { FIRST_ARENA_BYTES = 4096, FIRST_SLOTS = 64, ID_MAX_BYTES = 128, KEPT_CHUNKS = 256 };

bool exchange_init(struct exchange *exchange, const struct settings *settings,
                   const struct routes *routes, const struct log *log, bobbin_error *error)
{
    *exchange = (struct exchange){.settings = settings, .routes = routes, .log = log};
    exchange->deferred_end = &exchange->deferred;
    pool_init(&exchange->chunks, ARENA_CHUNK_BYTES, KEPT_CHUNKS);
    exchange->body_limits =
        (struct body_limits){settings->body_memory_bytes, settings->temporary_directory};
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return bobbin_fail(error, "the kernel gave no random numbers");
    snprintf(exchange->id_prefix, sizeof exchange->id_prefix, "%016" PRIx64, random);
    return true;
}

void exchange_finish(struct exchange *exchange)
{
    for (uint32_t i = 0; i < exchange->slot_count; i++)
        free(exchange->slots[i]);
    free(exchange->slots);
    pool_finish(&exchange->chunks);
    *exchange = (struct exchange){0};
}

static size_t request_bytes(const struct exchange *exchange)
{
    return sizeof(bobbin_request) + exchange->settings->max_fields * sizeof(bobbin_field);
}

static bobbin_request *make(struct exchange *exchange)
{
    if (exchange->slot_count == exchange->slot_capacity) {
        uint32_t capacity = exchange->slot_capacity > 0 ? exchange->slot_capacity * 2 : FIRST_SLOTS;
        bobbin_request **slots = realloc(exchange->slots, capacity * sizeof(bobbin_request *));
        if (slots == NULL)
            return NULL;
        exchange->slots = slots;
        exchange->slot_capacity = capacity;
    }
    bobbin_request *request = malloc(request_bytes(exchange) + FIRST_ARENA_BYTES);
    if (request == NULL)
        return NULL;
    request->slot = exchange->slot_count;
    request->generation = 0;
    exchange->slots[exchange->slot_count++] = request;
    return request;
}

bobbin_request *request_begin(struct exchange *exchange)
{
    bobbin_request *request = exchange->free;
    if (request != NULL)
        exchange->free = request->next_free;
    else if ((request = make(exchange)) == NULL)
        return NULL;
    request->exchange = exchange;
    request->generation++;
    request->state = REQUEST_READING;
    request->pending = 0;
    request->waits = NULL;
    request->is_ending_waits = false;
    request->connection = NULL;
    request->head = (struct bobbin_head){.size = sizeof request->head,
                                         .fields = request->fields,
                                         .field_capacity = exchange->settings->max_fields};
    request->target = (struct target){0};
    request->route = NULL;
    request->app = NULL;
    body_init(&request->body);
    answer_init(&request->answer);
    arena_init(&request->arena, (char *)request + request_bytes(exchange), FIRST_ARENA_BYTES,
               &exchange->chunks);
    request->id = (bobbin_str){NULL, 0};
    request->data = NULL;
    request->streams_body = request->is_paused = false;
    return request;
}

void exchange_defer(struct exchange *exchange, struct deferral *deferral)
{
    deferral->next = NULL;
    *exchange->deferred_end = deferral;
    exchange->deferred_end = &deferral->next;
}

void exchange_run_deferred(struct exchange *exchange)
{
    while (exchange->deferred != NULL) {
        struct deferral *deferral = exchange->deferred;
        exchange->deferred = deferral->next;
        if (exchange->deferred == NULL)
            exchange->deferred_end = &exchange->deferred;
        deferral->run(deferral);
    }
}

static void release(bobbin_request *request)
{
    struct exchange *exchange = request->exchange;
    body_finish(&request->body);
    answer_finish(&request->answer);
    arena_finish(&request->arena);
    request->state = REQUEST_FREE;
    request->target = (struct target){0}; /* who ends it once more is told so with its path */
    request->next_free = exchange->free;
    exchange->free = request;
}

/* ------------------------------------------------------------------ to the app */

void request_complain(const bobbin_request *request, const char *what)
{
    const char *name = request->app != NULL ? request->app->name : NULL;
    log_write(request->exchange->log, BOBBIN_ERROR, name, "%s (path %.*s)", what,
              BOBBIN_ARG(request->target.path));
}

/* The answer is an error of the core's own. */
static void refuse(bobbin_request *request, int status, const char *sentence)
{
    answer_reset(&request->answer);
    answer_refusal(&request->answer, &request->arena, status, sentence);
    request->state = REQUEST_ENDED;
}

static void find_route(bobbin_request *request)
{
    bobbin_str target = request->head.target;
    char *room = arena_take(&request->arena, target.length + 1);
    const char *sentence = NULL;
    if (room == NULL) {
        refuse(request, 503, "there is no memory for this request");
    } else if (!target_read(&request->target, target, room, &sentence)) {
        refuse(request, 400, sentence);
    } else if (bobbin_is(request->target.path, "*")) {
        request->answer.status = 204;
        request->state = REQUEST_ENDED;
    } else {
        request->route = routes_find(request->exchange->routes, request->target.path);
        if (request->route == NULL)
            refuse(request, 404, "there is nothing at this path");
    }
}

static void dispatch(bobbin_request *request)
{
    struct exchange *exchange = request->exchange;
    if (exchange->handling >= exchange->settings->max_requests) {
        refuse(request, 503, "the server is busy, try again in a second");
        answer_add_field(&request->answer, &request->arena, bobbin_text("retry-after"),
                         bobbin_text("1"));
        return;
    }
    request->state = REQUEST_HANDLING;
    exchange->handling++;
    request->app = request->route->app;
    running_enter(request->app->name, "handle");
    request->app->plugin->handle(request->app->state, request);
    running_leave();
}

/* UINT64_MAX is not known yet. */
static bool is_too_long(const bobbin_request *request, uint64_t body_bytes)
{
    return body_bytes != UINT64_MAX && body_bytes > request->exchange->settings->max_body_bytes;
}

static const char too_large[] = "the body is too large";

void request_route(bobbin_request *request)
{
    find_route(request);
    if (request->route == NULL)
        return;
    request->streams_body = request->route->app->plugin->on_body != NULL;
    if (request->streams_body)
        dispatch(request);
    else if (request->head.has_body && is_too_long(request, request->head.content_length))
        refuse(request, 413, too_large);
}

static void keep_piece(bobbin_request *request, bobbin_str piece)
{
    uint64_t total = request->body.length + piece.length;
    if (is_too_long(request, total)) {
        request_take(request, 413, too_large);
    } else if (!body_append(&request->body, &request->exchange->body_limits, &request->arena, piece,
                            request->head.content_length)) {
        log_write(request->exchange->log, BOBBIN_ERROR, NULL,
                  "a body of %llu bytes was not kept: %m", (unsigned long long)total);
        request_take(request, 507, "there is no space for the body of the request");
    }
}

void request_take_piece(bobbin_request *request, bobbin_str piece)
{
    bool is_wanted = request->state == REQUEST_READING || request_is_open(request);
    if (is_wanted && !request->streams_body) {
        keep_piece(request, piece);
        return;
    }
    request->body.length += piece.length;
    if (is_wanted)
        streaming_take_piece(request, piece, false);
}

void request_take_end(bobbin_request *request)
{
    if (request->state == REQUEST_READING)
        dispatch(request);
    else if (request->app != NULL)
        streaming_take_piece(request, (bobbin_str){"", 0}, true);
}

bool request_reads(const bobbin_request *request)
{
    if (request->state == REQUEST_HANDLING)
        return !request->is_paused;
    return request->state == REQUEST_READING || request_is_over(request);
}

/* ------------------------------------------------------------------ from the app */

static void abort_app(bobbin_request *request)
{
    const struct plugin_instance *app = request->app;
    request->state = REQUEST_LEFT;
    if (request->pending > 0)
        offload_abandon(request->exchange->offload, request);
    waiting_end_soon(request);
    if (app->plugin->on_abort == NULL)
        return;
    request->pending++; /* a question that is answered at once must not be its end */
    running_enter(app->name, "on_abort");
    app->plugin->on_abort(app->state, request);
    running_leave();
    request->pending--;
}

void request_take(bobbin_request *request, int status, const char *sentence)
{
    bool has_begun = request->answer.stage != ANSWER_BUILT;
    if (request->state == REQUEST_HANDLING)
        abort_app(request);
    if (has_begun)
        request->answer.stage = ANSWER_CUT;
    else
        refuse(request, status, sentence);
    request->state = REQUEST_TAKEN;
}

void request_time_out(bobbin_request *request)
{
    bool has_begun = request->answer.stage != ANSWER_BUILT;
    if (request->state != REQUEST_HANDLING)
        return;
    log_write(request->exchange->log, BOBBIN_WARNING, request->app->name,
              has_begun ? "an answer to %.*s was not continued in time: its connection is cut"
                        : "a request to %.*s was not ended in time: 504",
              BOBBIN_ARG(request->target.path));
    request_take(request, 504, "the application did not answer in time");
}

void request_cut(bobbin_request *request, const char *sentence)
{
    if (request->answer.stage == ANSWER_CUT)
        return;
    log_write(request->exchange->log, BOBBIN_ERROR, request->app->name,
              "an answer to %.*s was cut: %s", BOBBIN_ARG(request->target.path), sentence);
    request->answer.stage = ANSWER_CUT;
    request->exchange->client->wake(request);
}

/* The connection's input goes with it, and what was read from there reads as empty from now on. */
static void forget_input(bobbin_request *request)
{
    const bobbin_str empty = {"", 0};
    request->connection = NULL;
    request->client_address = empty;
    request->head.method = request->head.target = request->head.authority = empty;
    request->head.field_count = 0;
    request->target =
        (struct target){.path = request->route != NULL ? request->route->prefix : empty};
    if (request->id.data != NULL)
        request->id = empty;
    if (request->body.place == BODY_IN_PLACE)
        body_init(&request->body);
}

static void finish(bobbin_request *request)
{
    const struct plugin_instance *app = request->app;
    if (app != NULL)
        request->exchange->handling--;
    request->state = REQUEST_FINISHED;
    if (app != NULL && app->plugin->on_finish != NULL) {
        request->pending++;
        running_enter(app->name, "on_finish");
        app->plugin->on_finish(app->state, request);
        running_leave();
        request->pending--;
    }
    if (request->pending == 0)
        release(request);
    else
        forget_input(request);
}

void request_leave(bobbin_request *request)
{
    if (request->state == REQUEST_HANDLING)
        abort_app(request);
    request->state = REQUEST_LEFT;
    forget_input(request);
    if (request->pending == 0)
        finish(request);
}

void request_finish(bobbin_request *request)
{
    if (request->pending == 0) {
        finish(request);
        return;
    }
    request->state = request->state == REQUEST_ENDED ? REQUEST_ANSWERED : REQUEST_LEFT;
    forget_input(request);
}

void request_settle(bobbin_request *request)
{
    request->pending--;
    if (request->pending > 0)
        return;
    if (request->state == REQUEST_LEFT || request->state == REQUEST_ANSWERED)
        finish(request);
    else if (request->state == REQUEST_FINISHED)
        release(request);
}

bobbin_request *request_at(struct exchange *exchange, uint32_t slot, uint32_t generation)
{
    if (slot >= exchange->slot_count)
        return NULL;
    bobbin_request *request = exchange->slots[slot];
    bool is_live = request->generation == generation && request->state != REQUEST_FREE &&
                   request->state != REQUEST_FINISHED && request->app != NULL;
    return is_live ? request : NULL;
}

bobbin_str request_field(const bobbin_request *request, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < request->head.field_count; i++) {
        const bobbin_field *field = &request->head.fields[i];
        if (field->name.length == length && strncasecmp(field->name.data, name, length) == 0)
            return field->value;
    }
    return (bobbin_str){NULL, 0};
}

static bool is_sane_id(bobbin_str id)
{
    for (size_t i = 0; i < id.length; i++) {
        char c = id.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return id.length > 0 && id.length <= ID_MAX_BYTES;
}

bobbin_str request_id(bobbin_request *request)
{
    if (request->id.data != NULL)
        return request->id;
    bobbin_str given = request_field(request, "x-request-id");
    if (is_sane_id(given))
        return request->id = given;
    char *made = arena_take(&request->arena, 33);
    if (made == NULL)
        return (bobbin_str){"", 0};
    struct exchange *exchange = request->exchange;
    snprintf(made, 33, "%s%016" PRIx64, exchange->id_prefix, exchange->id_count++);
    return request->id = (bobbin_str){made, 32};
}
