/*
 * What goes between a job and its program until the program has ended: the payload to its stdin,
 * its stdout into the result, its stderr into the log, all at once, so that neither side waits for
 * the other for ever. Nothing is kept in memory but a piece.
 */
#ifndef EXEC_EXCHANGE_H
#define EXEC_EXCHANGE_H

#include "bobbin.h"
#include "complaint.h"
#include "program.h"

struct exchange {
    bobbin_job *job; /* these are borrowed */
    struct program *program;
    const char *content_type; /* of the result */
    uint64_t most_output;     /* bytes */
    struct complaint complaint;
    bobbin_str payload; /* what its stdin has not taken yet */
    uint64_t output_bytes;
    bool is_told;     /* to stop: the job is to come to an end, and the program got SIGTERM */
    bool is_too_long; /* its stdout: it was killed for that */
    uint64_t end_ms;  /* when its output is waited for no longer; 0: it still runs */
};

/*
 * Returns when the program has ended and its stdout and stderr are read to their end, or a second
 * after it has ended (at once when it was told to stop, or killed): what it left behind may hold
 * them. SIGTERM and SIGPIPE are to be blocked by
 * the caller.
 */
void exchange_run(struct exchange *exchange);

#endif
