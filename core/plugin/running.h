/*
 * Which plugin's callback is running on this thread: so that a crash can be blamed. The one
 * thread-local of the program.
 */
#ifndef CORE_PLUGIN_RUNNING_H
#define CORE_PLUGIN_RUNNING_H

#include "core/base/log.h"

/* Both texts are borrowed until running_leave. Calls may nest: leave restores nothing, it clears. */
void running_enter(const char *plugin, const char *callback);
void running_leave(void);

/*
 * From here on SEGV, BUS, FPE, ILL and ABRT log one line that names plugin and callback before they
 * take their course. The log must live as long as the process. Uses an alternate stack, so that a
 * stack overflow is logged too.
 */
void running_catch_crashes(const struct log *log);

#endif
