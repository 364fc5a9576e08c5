/*
 * One request and its answer, from the first byte of its body to the last byte of its answer.
 *
 *           begin             dispatch              end
 *   FREE ----------> READING ----------> HANDLING -------> ENDED --+
 *    ^                  |                    |               |     | finish, once the answer is
 *    |   client left    |     client left or |               |     | on its way
 *    +------------------+     deadline: abort+---> LEFT -----+-----+---> FREE
 *
 * LEFT is a state of its own: the client is gone or got its 504, and something that the app began
 * (a job being stored, a question) has still to call back. An answer is over when the app ended it
 * and nothing is pending; the client hears of that through exchange->on_over.
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

enum request_state { REQUEST_FREE, REQUEST_READING, REQUEST_HANDLING, REQUEST_ENDED, REQUEST_LEFT };

struct bobbin_request {
    struct exchange *exchange;
    struct bobbin_request *next_free;
    uint32_t slot;
    uint32_t generation;
    enum request_state state;
    unsigned pending; /* stores and questions that will still call back */

    struct connection *connection; /* NULL: the client is gone */
    bobbin_str client_address;     /* of the connection: gone with it */
    const char *scheme;

    struct bobbin_head head; /* its spans lie in the connection's input */
    struct target target;
    const struct route *route;   /* NULL: no app takes it */
    struct plugin_instance *app; /* whose handle was called; NULL before */
    struct body body;
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
 * The head is complete: reads the target and finds the route. When no app can take it, the answer
 * (400, 404, 204 for "OPTIONS *") is ready and false is returned; the body still has to be read.
 */
bool request_route(bobbin_request *request);

/* Head and body are complete: calls the app, unless the answer is ready or too many are running. */
void request_dispatch(bobbin_request *request);

/* Puts an error of the core's own in place of the answer. While READING it keeps apps out. */
void request_refuse(bobbin_request *request, int status, const char *sentence);

/* Whether the answer can go out: ENDED, nothing pending. */
bool request_is_over(const bobbin_request *request);

/* The app has not ended it by its deadline: it is aborted, and the answer is 504. */
void request_time_out(bobbin_request *request);

/* The client is gone. In any state; the request is freed as soon as nothing is pending. */
void request_leave(bobbin_request *request);

/* The answer is out or on its way, and no memory of the request is needed: on_finish, FREE. */
void request_finish(bobbin_request *request);

/* One of the pending calls has been made: maybe the request is over now, or can be freed. */
void request_settle(bobbin_request *request);

/* The request of a slot while the app has it (HANDLING, ENDED or LEFT), else NULL. */
bobbin_request *request_at(struct exchange *exchange, uint32_t slot, uint32_t generation);

/* 32 hex digits, or the client's own X-Request-Id of 1..128 safe characters. Made when first asked.
 */
bobbin_str request_id(bobbin_request *request);

/* The first header field of that name, or absent. */
bobbin_str request_field(const bobbin_request *request, const char *name);

#endif
