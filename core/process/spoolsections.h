/*
 * The sections of one INI file that describe the spool: [spool], [queue:NAME] and [cron:NAME], with
 * the queues that plugins have without a section. For container.c alone, which owns what they fill.
 */
#ifndef CORE_PROCESS_SPOOLSECTIONS_H
#define CORE_PROCESS_SPOOLSECTIONS_H

#include "core/process/container.h"

/* Whether a section of this name describes the spool, and so is no plugin's. */
bool spoolsections_have(const char *section);

/*
 * Reads and checks them all, into the container's spool, queues and crons, and loads the plugins
 * that queues name. Called once, when all plugins that routes and sections name are loaded. After a
 * false with a sentence spoolsections_close still frees what was read.
 */
bool spoolsections_load(struct container *container, const struct container_tables *tables,
                        bobbin_error *error);

/* Frees what was loaded; a zeroed container is fine. */
void spoolsections_close(struct container *container);

/* Prints them as they were understood, for container_print. */
void spoolsections_print(const struct container *container, const struct container_tables *tables,
                         FILE *out);

#endif
