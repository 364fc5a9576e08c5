/*
 * What master and generation say to each other, over a pair of sockets (AF_UNIX, SOCK_SEQPACKET: a
 * message is a packet).
 *
 *   generation                          master
 *       reads app.ini, loads plugins
 *       ---------- CHECKED ------------>    binds, if it has not yet
 *       <--------- LISTENER ------------    one for each, with its descriptor
 *       <--------- NO_MORE -------------
 *       forks; a worker is ready; listen(2)
 *       ---------- READY -------------->    says so in the log
 *
 * After that they are silent; an end of file means that the other one is gone.
 */
#ifndef CORE_PROCESS_HANDOVER_H
#define CORE_PROCESS_HANDOVER_H

#include "core/net/listener.h"

enum handover_kind {
    HANDOVER_NOTHING = 0, /* only as an answer: there was no message */
    HANDOVER_CHECKED,
    HANDOVER_LISTENER,
    HANDOVER_NO_MORE,
    HANDOVER_READY
};

enum { HANDOVER_WORDS_BYTES = 256 };

/* All listeners of a generation. */
struct handover_listeners {
    struct listener *items; /* owned */
    size_t count;
};

/* For the generation. words: what was started, "2 workers, spool build/spool"; cut at their size.
 */
bool handover_say(int fd, enum handover_kind kind, const char *words, bobbin_error *error);

/* For the master: does not wait. words may be NULL. */
enum handover_kind handover_hear(int fd, char words[HANDOVER_WORDS_BYTES]);

/* For the master. */
bool handover_send(int fd, const struct listener *listeners, size_t count, bobbin_error *error);

/* For the generation: waits for all of them. The descriptors are close-on-exec. */
bool handover_receive(int fd, struct handover_listeners *listeners, bobbin_error *error);

/* Closes the descriptors. */
void handover_finish(struct handover_listeners *listeners);

#endif
