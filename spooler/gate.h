/*
 * dispatcher.sock, the leader's side: whoever uses this spool connects here to wake the leader, to
 * ask it to cancel jobs, and to wait for their ends (message.h). What comes is not trusted in
 * shape: a packet of another size or kind ends its connection, as does one wait too many. A guest
 * that does not read its answers holds up nobody.
 */
#ifndef SPOOLER_GATE_H
#define SPOOLER_GATE_H

#include <uv.h>

#include "spooler/files/directory.h"
#include "spooler/message.h"

struct gate;

struct gate_events {
    void *context;
    void (*on_wake)(void *context, uint64_t writer, uint32_t sequence);
    /* Returns the state afterwards. */
    uint32_t (*on_cancel)(void *context, const struct job_address *address);
    /* Returns the state for the answer (message.h). */
    uint32_t (*on_pause)(void *context, bobbin_str queue, bool is_paused);
    /* Whether that job has ended (or is none). For another name of a job *address becomes the one
     * that gate_end will be called with. */
    bool (*has_ended)(void *context, struct job_address *address);
};

/* Takes the place of a socket that an earlier leader left. */
struct gate *gate_open(uv_loop_t *loop, const struct spool_directory *directory,
                       const struct gate_events *events, bobbin_error *error);
void gate_close(struct gate *gate); /* removes the socket; the loop must turn. NULL is fine */

/* That job has ended: who waits for it is told by the next gate_tell, which is called once the
 * files say so too. */
void gate_end(struct gate *gate, const struct job_address *address);
void gate_tell(struct gate *gate);

#endif
