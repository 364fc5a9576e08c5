/*
 * One client. The connection reads bytes for its protocol, has requests called, and sends answers.
 *
 *                    +------------------- after the answer, or when all of it is copied ----------+
 *                    v                                                                            |
 *   accept -> IDLE -----> HEAD -----> BODY -----> HANDLING -----> (the answer is queued) ---------+
 *               first     head is     body is     the app ended        |
 *               byte      complete    complete    the request          +-> SENDING -> (as above)
 *                                      |                               |     large or last answer
 *                                      | an early answer               +-> LINGERING -> CLOSED
 *                                      +-> DISCARDING the rest -> (as above)
 *
 * In BODY an app with on_body has the request already. A streamed answer goes out in BODY and in
 * HANDLING.
 *
 * Anything can become CLOSED: the client left, a deadline passed, a write failed. A request that an
 * app still holds then lives on alone (REQUEST_LEFT in core/exchange/request.h).
 *
 * Bytes that come together are handled together: all complete requests of one read are parsed and
 * answered in a loop, and their answers leave in one write.
 */
#ifndef CORE_NET_CONNECTION_H
#define CORE_NET_CONNECTION_H

#include <stdalign.h>
#include <uv.h>

#include "core/exchange/exchange.h"
#include "core/net/clients.h"
#include "core/net/deadline.h"
#include "core/net/output.h"
#include "core/net/transport.h"

enum connection_state {
    CONNECTION_IDLE,       /* no byte of a request is here */
    CONNECTION_HEAD,       /* part of a head */
    CONNECTION_BODY,       /* the head, and maybe part of the body */
    CONNECTION_HANDLING,   /* the app has the request */
    CONNECTION_DISCARDING, /* the answer is queued, and the rest of the body is for nobody */
    CONNECTION_SENDING,    /* the answer must be out before anything else happens */
    CONNECTION_LINGERING, /* half-closed; what still comes is thrown away (RFC 9112, section 9.6) */
    CONNECTION_CLOSED
};

struct connection {
    uv_poll_t poll;
    struct transport transport;
    struct clients *clients;       /* borrowed */
    const struct doorway *doorway; /* borrowed: which listener, which protocol */
    enum connection_state state;
    int interest;        /* what poll watches now */
    bool is_driving;     /* connection_drive is on the stack */
    bool is_waking;      /* wake waits to be run */
    bool is_half_closed; /* the client will send nothing more */
    bool has_hung_up;    /* the same, seen while nobody reads: what it sent may still be there */
    bool owes_continue;  /* the client waits for 100 before it sends the body */
    bool closes;         /* after the answer under way */
    struct deferral wake;
    struct deadline deadline;

    char *input; /* NULL while IDLE */
    size_t input_capacity;
    size_t consumed; /* input[consumed..filled) is not parsed yet */
    size_t filled;
    size_t body_start; /* BODY: nothing before it may move */
    char *head;        /* the buffer of a head that left no room for a body; usually NULL */
    size_t head_capacity;

    struct output output;
    bobbin_request *request; /* NULL while IDLE */
    struct connection *next; /* in clients->first */
    struct connection **link;
    char address[TRANSPORT_ADDRESS_BYTES];
    alignas(max_align_t) char protocol_state[];
};

/* For the doorway: takes an accepted transport. False without memory (it is closed then). */
bool connection_open(struct clients *clients, const struct doorway *doorway,
                     struct transport transport, const char *address);

/* What connections do for the requests of their exchange. */
extern const struct exchange_client connection_client;

/* Has the connection look at its request again, soon. */
void connection_wake(bobbin_request *request);

/* clients->deadlines.on_due. */
void connection_on_due(struct deadline *deadline);

/* Closes at once, whatever happens on it. */
void connection_close(struct connection *connection);

/* ---- intake.c: bytes into requests */

/* One step: parse what is there. False when more bytes, or room in the output, are needed.
 * intake_body is for BODY and DISCARDING. */
bool intake_head(struct connection *connection);
bool intake_body(struct connection *connection);

/* What comes cannot be taken (bad syntax, too late): the request gets this answer, unless it has
 * one already, and the connection closes behind it. */
void intake_refuse(struct connection *connection, int status, const char *sentence);

/* Makes sure that there is input with room for a read. False without memory. */
bool intake_room(struct connection *connection);
void intake_release(struct connection *connection);
/* The request is finished: nothing points into its head any more. */
void intake_release_head(struct connection *connection);

/* ---- reply.c: answers into bytes */

/* Queues the answer of a request that is over, or the end of one that has begun. False: it was cut,
 * or there is no memory: the connection is to be closed. */
bool reply_send(struct connection *connection);

/* exchange_client: an answer that goes out while the app writes it. */
bool reply_begin(bobbin_request *request);
bool reply_piece(bobbin_request *request, const void *data, size_t length);
bool reply_file(bobbin_request *request, int fd, uint64_t offset, uint64_t length);
bool reply_interim(bobbin_request *request, int status, const bobbin_field *fields, size_t count);

/* A line in the access log, if there is one. */
void reply_log(const struct connection *connection);

#endif
