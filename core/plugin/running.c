#include "core/plugin/running.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/log.h"

enum { DEEPEST = 4, CRASH_STACK_BYTES = 64 * 1024 };

struct running_call {
    const char *instance;
    const char *callback;
};

/* volatile: the handler must see what was stored before the call that crashed. */
static _Thread_local struct {
    volatile struct running_call calls[DEEPEST];
    volatile unsigned depth;
    const struct log *volatile log;
} running;

void running_enter(const char *instance, const char *callback)
{
    unsigned depth = running.depth;
    if (depth < DEEPEST) {
        running.calls[depth].instance = instance;
        running.calls[depth].callback = callback;
    }
    running.depth = depth + 1;
}

void running_leave(void)
{
    running.depth--;
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

void running_catch_crashes(const struct log *log)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    running.log = log;
    /* A stack of its own, so that a stack that overflowed is told about too. It is never freed:
     * the process may crash at its very end. */
    stack_t stack = {.ss_size = CRASH_STACK_BYTES};
    stack.ss_sp =
        mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp != MAP_FAILED)
        sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigaction(crashes[i], &action, NULL);
}
