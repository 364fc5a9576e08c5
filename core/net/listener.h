/*
 * Listening sockets: bound by the master, inherited by everybody else.
 */
#ifndef CORE_NET_LISTENER_H
#define CORE_NET_LISTENER_H

#include "core/net/address.h"

enum { LISTENER_TEXT_BYTES = 160, LISTENERS_MAX = 16 };

struct listener {
    int fd;
    char text[LISTENER_TEXT_BYTES]; /* as it was configured */
    char scheme[16];
    bool is_unix;
    bool is_bound_here; /* whose close removes a unix socket's name */
};

/*
 * Binds, without listen(2). TCP: SO_REUSEADDR, TCP_NODELAY and SO_KEEPALIVE are set here and
 * inherited by what is accepted (tcp(7)). A unix socket's name is taken over only when nobody
 * answers behind it.
 */
bool listener_open(struct listener *listener, const char *text, bobbin_error *error);
void listener_close(struct listener *listener); /* accepts fd -1 */

/* Describes a descriptor that was bound elsewhere and handed over. */
bool listener_adopt(struct listener *listener, int fd, const char *text, bobbin_error *error);

/* listen(2). May be called again. */
bool listener_start(const struct listener *listener, int backlog, bobbin_error *error);

#endif
