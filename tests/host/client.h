/*
 * A client that a test plays: it sends one request, and gets its answer. It does for a request what
 * core/net/connection.c does, without a socket and without a protocol:
 *
 *   NEW --send--> SENDING --the app ended it--> TAKING --all is taken--> WHOLE
 *                    |                             |
 *                    +------- leave, or a cut -----+-------> LEFT, CUT
 *
 * SENDING: its request is with the core; body and streamed answer go on side by side. TAKING: the
 * request is finished, and the rest of its answer waits for a client that takes it slowly.
 */
#ifndef HOST_CLIENT_H
#define HOST_CLIENT_H

#include "core/exchange/exchange.h"
#include "tests/host/bobbin-test.h"
#include "tests/host/outgoing.h"
#include "tests/host/received.h"
#include "tests/host/script.h"

enum client_state {
    CLIENT_NEW,
    CLIENT_SENDING,
    CLIENT_TAKING,
    CLIENT_WHOLE,
    CLIENT_CUT,
    CLIENT_LEFT
};

struct body_piece;

struct bobbin_test_client {
    bobbin_test_host *host;   /* borrowed */
    bobbin_test_client *next; /* of the host */
    enum client_state state;
    size_t first_call; /* how many calls there were when it connected */
    bool needs_drive;
    struct script *scripts;  /* owned */
    enum script_action due;  /* what the test wants done now */
    bobbin_request *request; /* NULL before it is routed, and when it is finished */
    uint32_t slot;           /* of the request, also when it is gone */
    uint32_t generation;     /* 0: it was not routed */
    struct bobbin_head head; /* its texts are owned: memory of their own, gone with the client */
    bobbin_field *fields;    /* owned */
    char *address;           /* owned */
    struct body_piece *body; /* owned: pieces that the core has not taken */
    struct body_piece **body_end;
    uint64_t body_bytes;   /* of all pieces so far */
    char *place;           /* owned: a small body of known length lies here as a whole */
    bool body_is_complete; /* no piece follows those */
    bool end_is_told;      /* and the core knows */
    bool is_streamed;
    bool has_timed_out;
    struct outgoing outgoing;
    struct received received;
};

/* The client's end of every request of a host: see reply.c. */
extern const struct exchange_client client_table;

/* Its request is over, and was not cut: what of the answer is not on its way yet. */
void client_receive_end(bobbin_test_client *client);

/* Drives those that something happened to; false: to nobody. */
bool clients_drive(bobbin_test_host *host);

/* Whose request it is, or was until the client left; NULL: nobody's. */
const bobbin_test_client *clients_find(const bobbin_test_host *host, const bobbin_request *request);

/* The client's end goes away, at once. The loop may do that, never a call of the app's. */
void client_leave(bobbin_test_client *client);

/* A call of that name is due for the client's request: does what a script wants done before. True
 * when it wanted something: the call may not be due any more. */
bool client_act_before(bobbin_test_client *client, const char *callback);

/* At the end: whether nobody has a request that was not ended; everybody leaves; nobody is left. */
bool clients_check_ended(bobbin_test_host *host, bobbin_error *error);
void clients_leave(bobbin_test_host *host);
void clients_destroy(bobbin_test_host *host);

/* Forgets what it has sent: the core has no request that points there. */
void client_forget_input(bobbin_test_client *client);

/* The next piece of its body, unlinked, or NULL; body_piece_free frees it. */
struct body_piece *client_next_piece(bobbin_test_client *client);
bobbin_str body_piece_bytes(const struct body_piece *piece);
void body_piece_free(struct body_piece *piece);

#endif
