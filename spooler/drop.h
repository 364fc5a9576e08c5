/*
 * Makes jobs of the files that other programs rename into drop/<queue>/ (files/dropfolder.h). For
 * the leader alone, on its loop: woken by inotify(7), and by a look now and then in case that is
 * not to be had. At most so many files are in hand at once; their records are written and synced by
 * a writer thread and a journal of its own, which are made with the first file.
 *
 * What is wrong with a file is said and it goes aside; what is wrong with the disk is said once a
 * minute, and the file stays where it is until it can be taken.
 */
#ifndef SPOOLER_DROP_H
#define SPOOLER_DROP_H

#include <uv.h>

#include "core/base/log.h"
#include "spooler/files/directory.h"
#include "spooler/settings.h"

struct drop;

/* All borrowed. Makes the folders of all queues and takes what lies there; what of that fails is
 * tried again by drop_look. NULL without memory. */
struct drop *drop_create(uv_loop_t *loop, const struct spool_directory *directory,
                         const struct spool_settings *spool, const struct queue_table *queues,
                         const struct log *log);

/* To be called every now and then. */
void drop_look(struct drop *drop);

/* Takes nothing more; files in hand become jobs before it returns. NULL is fine, here and below. */
void drop_stop(struct drop *drop);

/* Its loop has been run until all handles were closed. */
void drop_destroy(struct drop *drop);

#endif
