#include "core/plugin/running.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

static _Thread_local struct {
    const char *plugin;
    const char *callback;
} running;

/* A signal handler is handed nothing: what it needs has to lie somewhere it can find it. */
static const struct log *crash_log;

void running_enter(const char *plugin, const char *callback)
{
    running.plugin = plugin;
    running.callback = callback;
}

void running_leave(void)
{
    running.plugin = NULL;
}

static const char *name_of(int number)
{
    switch (number) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGILL:
        return "SIGILL";
    default:
        return "SIGABRT";
    }
}

/* SA_RESETHAND has put the default action back: returning from here lets the signal take its course. */
static void on_crash(int number)
{
    if (running.plugin != NULL) {
        const char *pieces[] = {crash_log->role, ": ", name_of(number), " in ", running.callback,
                                " of the plugin ", running.plugin};
        log_signal_safe(crash_log, pieces, sizeof pieces / sizeof *pieces);
    } else {
        const char *pieces[] = {crash_log->role, ": ", name_of(number), " outside of any plugin"};
        log_signal_safe(crash_log, pieces, sizeof pieces / sizeof *pieces);
    }
    raise(number);
}

void running_catch_crashes(const struct log *log)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    enum { STACK_BYTES = 64 * 1024 };
    stack_t stack = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};
    crash_log = log;
    if (stack.ss_sp != NULL)
        sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_RESETHAND | SA_ONSTACK};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}
