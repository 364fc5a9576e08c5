/*
 * What stands behind "listen =": a scheme and a place, "http://127.0.0.1:8080". A plain value.
 *
 *   http://HOST:PORT   HOST is an IPv4 address, an IPv6 address in brackets, or localhost
 *   http://:PORT       every address of the machine, IPv4 and IPv6
 *   http://unix:PATH   a unix socket; PATH is absolute
 *
 * PORT 0 lets the kernel choose. Names are not resolved: a server that waits for a resolver before
 * it binds does not start when it should.
 */
#ifndef CORE_NET_ADDRESS_H
#define CORE_NET_ADDRESS_H

#include <sys/socket.h>

#include "plugins/bobbin.h"

enum { ADDRESS_SCHEME_BYTES = 16, ADDRESS_TEXT_BYTES = 160 };

struct address {
    char scheme[ADDRESS_SCHEME_BYTES]; /* "http" */
    char text[ADDRESS_TEXT_BYTES];     /* all of it, as it was written */
    struct sockaddr_storage socket;
    socklen_t socket_bytes;
    bool is_dual_stack; /* an IPv6 address that takes IPv4 too */
};

bool address_parse(struct address *address, const char *text, bobbin_error *error);

/* The path of a unix socket, NULL for the others. */
const char *address_path(const struct address *address);

/* Puts the port into the text that the kernel chose for port 0. */
void address_set_port(struct address *address, unsigned port);

#endif
