/* What people write behind "listen =": scheme://address. */
#ifndef CORE_NET_ADDRESS_H
#define CORE_NET_ADDRESS_H

#include <sys/socket.h>

#include "plugins/bobbin.h"

struct address {
    char scheme[16];
    struct sockaddr_storage socket;
    socklen_t length;
    bool is_dual_stack; /* ":8080": every IPv6 and IPv4 address */
};

/*
 * http://127.0.0.1:8080, http://[::1]:8080, http://:8080 (dual-stack), http://localhost:8080 (the
 * one name that is known), http://unix:/run/app.sock. Sentences quote the text.
 */
bool address_parse(struct address *address, const char *text, bobbin_error *error);

#endif
