/*
 * One bound socket. The master opens it and keeps it for all generations; workers accept from it.
 * A plain value: it is sent to the generation as it is, beside its descriptor.
 */
#ifndef CORE_NET_LISTENER_H
#define CORE_NET_LISTENER_H

#include "core/net/address.h"

enum { LISTENERS_MAX = 16 }; /* of one container */

struct listener {
    int fd; /* owned by the process that has it; -1: closed */
    bool is_unix;
    char scheme[ADDRESS_SCHEME_BYTES];
    char text[ADDRESS_TEXT_BYTES]; /* "http://127.0.0.1:8080", with the port that it really has */
};

/*
 * Binds, but does not listen yet: a client that comes before a worker is ready is refused rather
 * than left waiting. A unix socket whose owner is gone is replaced, one that answers is not.
 * Accepted connections inherit TCP_NODELAY and SO_KEEPALIVE (tcp(7)).
 */
bool listener_open(struct listener *listener, const struct address *address, bobbin_error *error);

/* Clients may come. Once or more often: listen(2) on a listening socket only changes its backlog.
 */
bool listener_listen(const struct listener *listener, int backlog, bobbin_error *error);

void listener_close(struct listener *listener);

/* Closes it, and removes the file of a unix socket: for the master, at its end. */
void listener_remove(struct listener *listener);

#endif
