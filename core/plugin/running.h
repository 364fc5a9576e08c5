/*
 * Which function of which plugin this thread is in: what a crash is blamed on, and who held the
 * loop. Kept in a thread-local, the one writable global of bobbin, because a signal handler is
 * handed nothing.
 */
#ifndef CORE_PLUGIN_RUNNING_H
#define CORE_PLUGIN_RUNNING_H

#include <stdint.h>

struct log;

/*
 * Around every call into a plugin: running_enter("thumbnail", "handle"). They nest: a call of the
 * core from inside "handle" may call the plugin back. Both texts are borrowed until the leave.
 */
void running_enter(const char *instance, const char *callback);
void running_leave(void);

/* The same without the clock, for calls that come several times a request and are short: blamed for
 * crashes, not for time. */
void running_enter_briefly(const char *instance, const char *callback);
void running_leave_briefly(void);

/*
 * From here on a call of this thread that takes longer than limit_ms (as the kernel's coarse clock
 * sees it: some milliseconds more or less, clock_gettime(2)) is logged as a warning that names
 * plugin and callback; at most one line a second, which counts those it stands for. 0 ends that.
 * What a nested call took is not held against the one around it.
 */
void running_watch(const struct log *log, uint64_t limit_ms);

/*
 * From here on a crash (SEGV BUS FPE ILL ABRT) of this process is one line in the log before it
 * dies of the same signal. Called after fork, by processes that call plugins. The log is borrowed
 * for ever; a crash in another thread than the caller's is logged to stderr as text.
 */
void running_catch_crashes(const struct log *log);

/* In a thread that calls plugins, once running_catch_crashes was called: its crashes are logged the
 * same way. The log is borrowed until the end of the thread. */
void running_begin_thread(const struct log *log);
void running_end_thread(void);

#endif
