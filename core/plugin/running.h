/*
 * Which function of which plugin this thread is in: what a crash is blamed on. Kept in a
 * thread-local, the one writable global of bobbin, because a signal handler is handed nothing.
 */
#ifndef CORE_PLUGIN_RUNNING_H
#define CORE_PLUGIN_RUNNING_H

struct log;

/*
 * Around every call into a plugin: running_enter("thumbnail", "handle"). They nest: a call of the
 * core from inside "handle" may call the plugin back. Both texts are borrowed until the leave.
 */
void running_enter(const char *instance, const char *callback);
void running_leave(void);

/*
 * From here on a crash (SEGV BUS FPE ILL ABRT) of this process is one line in the log before it
 * dies of the same signal. Called after fork, by processes that call plugins. The log is borrowed
 * for ever; a crash in another thread than the caller's is logged to stderr as text.
 */
void running_catch_crashes(const struct log *log);

#endif
