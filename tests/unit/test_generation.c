#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/process/generation.h"
#include "core/process/handover.h"

enum { PATIENCE_MS = 10000 };

/* A generation in a process of its own, as the master would have it. */
struct running {
    pid_t pid;
    int fd;      /* our end of the pair */
    int reports; /* what its members write */
};

static struct running start(const struct generation_kind *kinds, size_t count,
                            uint64_t shutdown_timeout_ms)
{
    int pair[2], reports[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe(reports), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct log log;
        close(pair[0]);
        log_init(&log, STDERR_FILENO, "generation");
        log.level = BOBBIN_ERROR + 1;    /* what it logs is not the matter here */
        dup2(reports[1], STDOUT_FILENO); /* members keep only these three */
        _exit(
            generation_run(&(struct generation_options){.kinds = kinds,
                                                        .kind_count = count,
                                                        .shutdown_timeout_ms = shutdown_timeout_ms,
                                                        .master_fd = pair[1],
                                                        .words = "all are here",
                                                        .log = &log}));
    }
    close(pair[1]);
    close(reports[1]);
    return (struct running){.pid = pid, .fd = pair[0], .reports = reports[0]};
}

static void wait_readable(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    if (poll(&poller, 1, PATIENCE_MS) != 1)
        fail_msg("nothing came");
}

static void assert_ready(const struct running *running)
{
    char words[HANDOVER_WORDS_BYTES];
    wait_readable(running->fd);
    assert_int_equal(handover_hear(running->fd, words), HANDOVER_READY);
    assert_string_equal(words, "all are here");
}

/* The pid of a member that says it lives. */
static pid_t next_report(const struct running *running)
{
    pid_t pid = 0;
    wait_readable(running->reports);
    assert_int_equal(read(running->reports, &pid, sizeof pid), sizeof pid);
    return pid;
}

static void assert_ends(const struct running *running, int expected)
{
    int status;
    wait_readable(running->fd); /* its end of file */
    assert_int_equal(waitpid(running->pid, &status, 0), running->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected);
    close(running->fd);
    close(running->reports);
}

static bool is_alive(pid_t pid)
{
    return kill(pid, 0) == 0;
}

static void say(int fd, const void *data, size_t length)
{
    if (write(fd, data, length) != (ssize_t)length)
        _exit(9);
}

static void report(void)
{
    pid_t pid = getpid();
    say(STDOUT_FILENO, &pid, sizeof pid);
}

/* Ready, and ends when it is told to. */
static int run_obedient(void *context, const struct log *log, int control_fd)
{
    (void)context;
    (void)log;
    int signals = child_signal_fd();
    report();
    say(control_fd, "R", 1);
    struct pollfd poller = {.fd = signals, .events = POLLIN};
    poll(&poller, 1, PATIENCE_MS);
    return 0;
}

/* Tells when it may serve. */
static int run_serving(void *context, const struct log *log, int control_fd)
{
    char letter = 0;
    (void)context;
    (void)log;
    say(control_fd, "R", 1);
    if (read(control_fd, &letter, 1) != 1 || letter != 'S')
        return 1;
    report();
    pause();
    return 0;
}

_Noreturn static int run_deaf(void *context, const struct log *log, int control_fd)
{
    (void)context;
    (void)log;
    report();
    say(control_fd, "R", 1);
    for (;;)
        pause();
}

static int run_silent(void *context, const struct log *log, int control_fd)
{
    (void)context;
    (void)log;
    (void)control_fd;
    report();
    pause();
    return 0;
}

static int run_failing(void *context, const struct log *log, int control_fd)
{
    (void)context;
    (void)log;
    (void)control_fd;
    return 3;
}

static void it_is_ready_when_somebody_of_every_kind_is(void **state)
{
    (void)state;
    const struct generation_kind kinds[] = {
        {.name = "a", .count = 2, .run = run_obedient},
        {.name = "b", .count = 1, .run = run_silent},
        {.name = "none", .count = 0, .run = run_failing},
    };
    struct running waiting = start(kinds, 2, 60000);
    for (int i = 0; i < 3; i++)
        next_report(&waiting);
    assert_int_equal(handover_hear(waiting.fd, NULL), HANDOVER_NOTHING);
    kill(waiting.pid, SIGKILL);
    waitpid(waiting.pid, NULL, 0);
    close(waiting.fd);
    close(waiting.reports);

    const struct generation_kind ready[] = {kinds[0], kinds[2]};
    struct running running = start(ready, 2, 60000);
    assert_ready(&running);
    kill(running.pid, SIGTERM);
    assert_ends(&running, 0);
}

static void members_serve_when_it_is_ready(void **state)
{
    (void)state;
    const struct generation_kind kinds[] = {
        {.name = "a", .count = 2, .accepts = true, .run = run_serving}};
    struct running running = start(kinds, 1, 60000);
    assert_ready(&running);
    next_report(&running);
    next_report(&running);
    kill(running.pid, SIGQUIT);
    assert_ends(&running, 0);
}

static void one_that_dies_is_replaced(void **state)
{
    (void)state;
    const struct generation_kind kinds[] = {
        {.name = "a", .count = 1, .accepts = true, .run = run_serving}};
    struct running running = start(kinds, 1, 60000);
    pid_t first = next_report(&running);
    kill(first, SIGKILL);
    pid_t second = next_report(&running); /* which serves at once */
    assert_int_not_equal(first, second);
    assert_true(is_alive(second));
    kill(running.pid, SIGQUIT);
    assert_ends(&running, 0);
}

static void one_that_dies_before_it_is_ready_is_the_end(void **state)
{
    (void)state;
    const struct generation_kind kinds[] = {
        {.name = "a", .count = 1, .run = run_obedient},
        {.name = "b", .count = 1, .run = run_failing},
    };
    struct running running = start(kinds, 2, 60000);
    pid_t other = next_report(&running);
    assert_ends(&running, 1);
    assert_false(is_alive(other));
}

static void one_that_does_not_drain_is_killed_at_the_deadline(void **state)
{
    (void)state;
    const struct generation_kind kinds[] = {{.name = "a", .count = 1, .run = run_deaf}};
    struct running running = start(kinds, 1, 50);
    pid_t deaf = next_report(&running);
    assert_ready(&running);
    kill(running.pid, SIGTERM);
    assert_ends(&running, 0);
    assert_false(is_alive(deaf));
}

static void members_die_with_it(void **state)
{
    (void)state;
    const struct generation_kind kinds[] = {{.name = "a", .count = 1, .run = run_deaf}};
    struct running running = start(kinds, 1, 60000);
    next_report(&running);
    assert_ready(&running);
    kill(running.pid, SIGKILL);
    waitpid(running.pid, NULL, 0);
    pid_t nobody;
    wait_readable(running.reports); /* the end of file: nobody holds the other end */
    assert_int_equal(read(running.reports, &nobody, sizeof nobody), 0);
    close(running.fd);
    close(running.reports);
}

static void it_leaves_when_the_master_is_gone(void **state)
{
    (void)state;
    int status;
    const struct generation_kind kinds[] = {{.name = "a", .count = 1, .run = run_obedient}};
    struct running running = start(kinds, 1, 60000);
    assert_ready(&running);
    close(running.fd);
    assert_int_equal(waitpid(running.pid, &status, 0), running.pid);
    assert_int_equal(status, 0);
    close(running.reports);
}

int main(void)
{
    child_block_signals();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_ready_when_somebody_of_every_kind_is),
        cmocka_unit_test(members_serve_when_it_is_ready),
        cmocka_unit_test(one_that_dies_is_replaced),
        cmocka_unit_test(one_that_dies_before_it_is_ready_is_the_end),
        cmocka_unit_test(one_that_does_not_drain_is_killed_at_the_deadline),
        cmocka_unit_test(members_die_with_it),
        cmocka_unit_test(it_leaves_when_the_master_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
