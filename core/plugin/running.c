#include "core/plugin/running.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"

enum { DEEPEST = 4, CRASH_STACK_BYTES = 64 * 1024, QUIET_MS = 1000 };

struct running_call {
    const char *instance;
    const char *callback;
};

/* volatile: the handler must see what was stored before the call that crashed. */
static _Thread_local struct {
    volatile struct running_call calls[DEEPEST];
    volatile unsigned depth;
    const struct log *volatile log;
    void *crash_stack;

    const struct log *watch_log;
    uint64_t limit_ms; /* 0: nobody watches */
    uint64_t since_ms; /* when the innermost call began, or one inside it returned */
    uint64_t told_ms;  /* when somebody was last told of */
    uint64_t untold;
} running;

/* 5 ns, against 22 ns for the exact one: this is read twice a call. */
static uint64_t coarse_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void tell_of_holder(const volatile struct running_call *call, uint64_t now_ms)
{
    uint64_t held_ms = now_ms - running.since_ms;
    if (running.told_ms != 0 && now_ms - running.told_ms < QUIET_MS) {
        running.untold++;
        return;
    }
    log_write(running.watch_log, BOBBIN_WARNING, call->instance,
              "%s held the loop for %llu ms, and all other clients waited: what takes long belongs "
              "into a job or bobbin_offload (%llu more since the last such line)",
              call->callback, (unsigned long long)held_ms, (unsigned long long)running.untold);
    running.told_ms = now_ms;
    running.untold = 0;
}

/* The innermost call has had the loop since since_ms. */
static void judge(unsigned depth)
{
    uint64_t now_ms = coarse_ms();
    if (depth > 0 && depth <= DEEPEST && now_ms - running.since_ms > running.limit_ms)
        tell_of_holder(&running.calls[depth - 1], now_ms);
    running.since_ms = now_ms;
}

void running_enter_briefly(const char *instance, const char *callback)
{
    unsigned depth = running.depth;
    if (depth < DEEPEST) {
        running.calls[depth].instance = instance;
        running.calls[depth].callback = callback;
    }
    running.depth = depth + 1;
}

void running_leave_briefly(void)
{
    running.depth--;
}

void running_enter(const char *instance, const char *callback)
{
    if (running.limit_ms > 0)
        judge(running.depth);
    running_enter_briefly(instance, callback);
}

void running_leave(void)
{
    if (running.limit_ms > 0)
        judge(running.depth);
    running.depth--;
}

void running_watch(const struct log *log, uint64_t limit_ms)
{
    running.watch_log = log;
    running.limit_ms = limit_ms;
    running.since_ms = coarse_ms();
}

static const char *signal_words(int number)
{
    switch (number) {
    case SIGSEGV:
        return "crashed: signal 11 (Segmentation fault)";
    case SIGBUS:
        return "crashed: signal 7 (Bus error)";
    case SIGFPE:
        return "crashed: signal 8 (Floating point exception)";
    case SIGILL:
        return "crashed: signal 4 (Illegal instruction)";
    default:
        return "crashed: signal 6 (Aborted)";
    }
}

static void log_crash(const struct log *log, int number)
{
    bool is_json = log->format == LOG_JSON;
    unsigned depth = running.depth < DEEPEST ? running.depth : DEEPEST;
    bool is_blamed = depth > 0;
    const char *const pieces[] = {
        is_json ? "{\"level\": \"error\", \"role\": \"" : "",
        log->role,
        is_json ? "\", \"message\": \"" : ": ",
        signal_words(number),
        is_blamed ? " in " : " outside of any plugin",
        is_blamed ? running.calls[depth - 1].callback : "",
        is_blamed ? " of " : "",
        is_blamed ? running.calls[depth - 1].instance : "",
        is_json ? "\"}" : "",
    };
    log_signal_safe(log, pieces, sizeof pieces / sizeof *pieces);
}

static void on_crash(int number)
{
    const struct log to_stderr = {.fd = STDERR_FILENO, .format = LOG_TEXT, .role = "a thread"};
    log_crash(running.log != NULL ? running.log : &to_stderr, number);
    raise(number); /* SA_RESETHAND: this one kills, once the handler returns and unblocks it */
}

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

void running_begin_thread(const struct log *log)
{
    sigset_t set;
    running.log = log;
    /* A fault while its signal is blocked kills without a handler (sigaction(2)). */
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigaddset(&set, crashes[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    /* A stack of its own, so that a stack that overflowed is told about too. */
    stack_t stack = {.ss_size = CRASH_STACK_BYTES};
    stack.ss_sp =
        mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED)
        return;
    running.crash_stack = stack.ss_sp;
    sigaltstack(&stack, NULL);
}

void running_end_thread(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    if (running.crash_stack == NULL)
        return;
    sigaltstack(&none, NULL);
    munmap(running.crash_stack, CRASH_STACK_BYTES);
    running.crash_stack = NULL;
}

void running_catch_crashes(const struct log *log)
{
    running_begin_thread(log); /* never ended: the process may crash at its very end */
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigaction(crashes[i], &action, NULL);
}
