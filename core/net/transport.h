/*
 * Bytes in and out of one client's socket. All calls are non-blocking and answer as read(2) and
 * write(2) do: -1 with errno EAGAIN when they would block. TLS takes its place here.
 */
#ifndef CORE_NET_TRANSPORT_H
#define CORE_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport {
    int fd; /* owned; -1: closed */
};

enum { TRANSPORT_ADDRESS_BYTES = 48 };

/* accept4(2), close-on-exec and non-blocking; address gets the peer as text without its port. False
 * with errno. Errors of the connection itself (accept(2), "Error handling") are EAGAIN here. */
bool transport_accept(struct transport *transport, int listener_fd,
                      char address[TRANSPORT_ADDRESS_BYTES]);
void transport_close(struct transport *transport);

ssize_t transport_read(struct transport *transport, void *buffer, size_t size);
ssize_t transport_write(struct transport *transport, const struct iovec *vector, int count,
                        bool more_follows);
/* sendfile(2); 0 means that the file has ended early. */
ssize_t transport_send_file(struct transport *transport, int fd, uint64_t offset, uint64_t length);

/* The close that follows is a reset: the client learns that not all has come. */
void transport_reset(struct transport *transport);

/* Half-closes: nothing more will be sent. */
void transport_shut(struct transport *transport);

enum transport_peek { PEER_QUIET, PEER_SENT, PEER_HALF_CLOSED, PEER_GONE };

/* What the peer has done, without reading it. */
enum transport_peek transport_peek(struct transport *transport);

#endif
