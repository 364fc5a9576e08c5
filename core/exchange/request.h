/*
 * One request and its answer, from the first byte of its body to the last byte of its answer.
 *
 *           begin             dispatch              end
 *   FREE ----------> READING ----------> HANDLING -------> ENDED ----> ANSWERED --+
 *    ^                  |                 |    |                                   |
 *    |                  |   deadline, bad |    | client left:                      | the last
 * pending |   client left    |     body: abort |    | abort                             | call was
 * made |                  |                 v    v                                   |
 *    +------------------+             TAKEN -> LEFT -------------------------------+---> FREE
 *
 * TAKEN: the core answers in place of the app (504, 408, 413). ENDED and TAKEN are over: their
 * answer can go out, of which the client hears through exchange->client. What the app began and
 * has still to call back (a job being stored, a question, offloaded work) keeps the request, but
 * not the answer: in ANSWERED the answer is out, in LEFT the client is gone or was answered by the
 * core. Without anything pending both are passed at once. FINISHED: on_finish was called; what that
 * began, though nothing may be begun there, calls back before the memory goes.
 */
#ifndef CORE_EXCHANGE_REQUEST_H
#define CORE_EXCHANGE_REQUEST_H

#include "core/base/arena.h"
#include "core/exchange/answer.h"
#include "core/exchange/body.h"
#include "core/exchange/exchange.h"
#include "core/exchange/target.h"

struct connection;
struct plugin_instance;
struct route;

enum request_state {
    REQUEST_FREE,
    REQUEST_READING,
    REQUEST_HANDLING,
    REQUEST_ENDED,
    REQUEST_TAKEN,
    REQUEST_ANSWERED,
    REQUEST_LEFT,
    REQUEST_FINISHED
};

struct bobbin_request {
    struct exchange *exchange;
    struct bobbin_request *next_free;
    uint32_t slot;
    uint32_t generation;
    enum request_state state;
    unsigned pending;           /* stores, questions, waits and works that will still call back */
    struct request_wait *waits; /* those of them that can be ended early: see waiting.h */
    struct deferral ending;     /* of the waits */
    bool is_ending_waits;       /* the deferral is under way */

    struct connection *connection; /* NULL: the client is gone */
    bobbin_str client_address;     /* of the connection: gone with it */
    const char *scheme;

    struct bobbin_head head; /* its spans lie in the connection's input */
    struct target target;
    const struct route *route;   /* NULL: no app takes it */
    struct plugin_instance *app; /* whose handle was called; NULL before */
    struct body body;
    bool streams_body; /* its pieces go to on_body */
    bool is_paused;    /* the app wants no more pieces now */
    struct answer answer;
    struct arena arena;
    bobbin_str id;
    void *data; /* the app's */
    uint64_t began_ns;

    bobbin_field fields[]; /* head.fields: settings.max_fields of them; then the arena's memory */
};

/* READING, with an empty head that is ready for the protocol. NULL without memory. */
bobbin_request *request_begin(struct exchange *exchange);

/*
 * The head is complete: reads the target and finds the route. When no app can take it, its answer
 * is ready (400, 404, 413, 204 for "OPTIONS *") and it is ENDED; what comes of its body is for
 * nobody. An app with on_body is called at once.
 */
void request_route(bobbin_request *request);

/* Another piece of the body: to the app, or kept for it. When it cannot be kept the request is
 * TAKEN (413, 507). */
void request_take_piece(bobbin_request *request, bobbin_str piece);

/* The body is complete: calls the app. */
void request_take_end(bobbin_request *request);

/* Whether more of the body is wanted: by the app, or because nobody wants it at all. */
bool request_reads(const bobbin_request *request);

/* Answers in place of the app, which is aborted when it has the request; an answer that has begun
 * is cut. */
void request_take(bobbin_request *request, int status, const char *sentence);

/* Whether the app can still write: it has the request, and the answer was not cut. */
static inline bool request_is_open(const bobbin_request *request)
{
    return request->state == REQUEST_HANDLING && request->answer.stage != ANSWER_CUT;
}

/* Whether the answer can go out. */
static inline bool request_is_over(const bobbin_request *request)
{
    return request->state == REQUEST_ENDED || request->state == REQUEST_TAKEN;
}

/* The app was silent until its deadline: 504. */
void request_time_out(bobbin_request *request);

/* The answer can never be whole: its connection is closed soon, and then the app aborted. The
 * sentence, which says why, is logged. */
void request_cut(bobbin_request *request, const char *sentence);

/* A line in the log about what the app did, under its name. */
void request_complain(const bobbin_request *request, const char *what);

/* The client is gone. In any state; the request is freed as soon as nothing is pending. */
void request_leave(bobbin_request *request);

/* The answer is out or on its way, and the client needs no memory of the request any more. It is
 * freed, after on_finish, as soon as nothing is pending. */
void request_finish(bobbin_request *request);

/* One of the pending calls has been made: maybe the request can be freed now. */
void request_settle(bobbin_request *request);

/* The request of a slot from handle to on_finish, else NULL. */
bobbin_request *request_at(struct exchange *exchange, uint32_t slot, uint32_t generation);

/* 32 hex digits, or the client's own X-Request-Id of 1..128 safe characters. Made when first asked.
 */
bobbin_str request_id(bobbin_request *request);

/* The first header field of that name, or absent. */
bobbin_str request_field(const bobbin_request *request, const char *name);

#endif
