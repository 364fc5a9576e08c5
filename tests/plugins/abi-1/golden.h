/* The parts of the golden plugin. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "bobbin.h"

/* What the options fill, and what start adds: the state of the instance. */
struct golden {
    bobbin_host *host;
    uint64_t count, automatic, size, time, choice;
    bool flag;
    const char *text, *secret, *path, *needed;
    bobbin_list list;
};

/* Of one request: bobbin_data. */
struct visit {
    bobbin_request *request;
    bobbin_timer *timer;
    uint64_t received, written;
    bool is_blocked, is_paused;
};

bool rest_is(bobbin_request *request, const char *path);

/* Each answers, or lets answer, a path of its own; false: it is none of theirs. */
bool reading_handle(const struct golden *golden, bobbin_request *request);
bool streaming_handle(const struct golden *golden, bobbin_request *request);
bool later_handle(bobbin_request *request);
bool asking_handle(bobbin_request *request);
bool storing_handle(bobbin_request *request);

/* Inside on_body and on_writable. */
void reading_body(bobbin_request *request);
void streaming_body(bobbin_request *request, bobbin_str piece, bool is_last);
void streaming_write(bobbin_request *request);

enum bobbin_job_result job_run(void *state, bobbin_job *job);

extern const struct bobbin_protocol line_protocol;

#endif
