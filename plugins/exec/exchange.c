#include "exchange.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* TICK: a signal may have gone to another thread of this process, and does not wake us. */
enum { GRACE_MS = 1000, TICK_MS = 500, TICK_WITHOUT_PIDFD_MS = 20, PIECE_BYTES = 65536 };

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ in and out */

/* A program that closes its stdin wants no more: that is no failure. */
static void feed(struct exchange *exchange)
{
    bobbin_str *payload = &exchange->payload;
    ssize_t sent = 0;
    if (payload->length > 0)
        sent = write(exchange->program->input, payload->data, payload->length);
    if (sent > 0)
        *payload = (bobbin_str){payload->data + sent, payload->length - (size_t)sent};
    if (payload->length == 0 || (sent < 0 && errno != EAGAIN && errno != EINTR))
        program_close(&exchange->program->input);
}

/* 0: nothing now, or its end, and then *fd is closed. */
static size_t take(int *fd, char piece[PIECE_BYTES])
{
    ssize_t got = read(*fd, piece, PIECE_BYTES);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        program_close(fd);
    return got > 0 ? (size_t)got : 0;
}

static void take_output(struct exchange *exchange)
{
    char piece[PIECE_BYTES];
    size_t got = take(&exchange->program->output, piece);
    exchange->output_bytes += got;
    if (exchange->output_bytes > exchange->most_output) {
        exchange->is_too_long = true;
        program_close(&exchange->program->output);
        program_signal(exchange->program, SIGKILL);
    } else if (got > 0) {
        /* When there is no space the core has said so, and the job is done without a result. */
        bobbin_job_result_append(exchange->job, piece, got, exchange->content_type);
    }
}

static void take_errors(struct exchange *exchange)
{
    char piece[PIECE_BYTES];
    size_t got = take(&exchange->program->errors, piece);
    complaint_add(&exchange->complaint, piece, got);
}

/* ------------------------------------------------------------------ waiting */

/* A signal that waits while something can be read does not end ppoll(2): let it in here. */
static void look_for_stop(struct exchange *exchange)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    if (exchange->is_told || !bobbin_job_stopping(exchange->job))
        return;
    exchange->is_told = exchange->end_ms == 0; /* else it has been quicker, and its status counts */
    exchange->end_ms = exchange->is_told ? 0 : now_ms();
    program_signal(exchange->program, SIGTERM);
}

static void look_for_end(struct exchange *exchange)
{
    if (exchange->end_ms != 0 || !program_has_ended(exchange->program))
        return;
    exchange->end_ms = now_ms() + (exchange->is_told || exchange->is_too_long ? 0 : GRACE_MS);
    program_close(&exchange->program->input);
    program_close(&exchange->program->pid_fd); /* it would always be readable */
}

static int time_to_wait(const struct exchange *exchange)
{
    uint64_t now = now_ms();
    if (exchange->end_ms == 0)
        return exchange->program->pid_fd >= 0 ? TICK_MS : TICK_WITHOUT_PIDFD_MS;
    return exchange->end_ms > now ? (int)(exchange->end_ms - now) : 0;
}

static void turn(struct exchange *exchange)
{
    const struct program *program = exchange->program;
    int wait_ms = time_to_wait(exchange);
    const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000L};
    struct pollfd waits[] = {{.fd = program->input, .events = POLLOUT},
                             {.fd = program->output, .events = POLLIN},
                             {.fd = program->errors, .events = POLLIN},
                             {.fd = program->pid_fd, .events = POLLIN}};
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    sigdelset(&mask, SIGTERM);
    if (ppoll(waits, sizeof waits / sizeof *waits, &wait, &mask) <= 0)
        return;
    if (waits[0].revents != 0)
        feed(exchange);
    if (waits[1].revents != 0)
        take_output(exchange);
    if (waits[2].revents != 0)
        take_errors(exchange);
}

static bool is_over(const struct exchange *exchange)
{
    const struct program *program = exchange->program;
    return exchange->end_ms != 0 &&
           ((program->output < 0 && program->errors < 0) || now_ms() >= exchange->end_ms);
}

void exchange_run(struct exchange *exchange)
{
    complaint_init(&exchange->complaint, exchange->job);
    do {
        look_for_stop(exchange);
        turn(exchange);
        look_for_end(exchange);
    } while (!is_over(exchange));
    complaint_finish(&exchange->complaint);
}
