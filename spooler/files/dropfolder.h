/*
 * drop/<queue>/: any program renames a file into it, and it becomes a job. The leader alone takes
 * files out. A name with a leading dot is one that is still being written, or one of ours:
 *
 *   drop/<queue>/<name> --take--> drop/.claimed/<queue>/<name> --done--> it is a job
 *            ^                            |          |
 *            +--- give_back, recover -----+          +-- set_aside --> drop/.aside/<name>
 *                                                                      and <name>.why
 *
 * So a name that is renamed into drop/ once more while its file becomes a job is another file. What
 * a dead leader left in .claimed is given back by the next one: it becomes a job, maybe once more.
 */
#ifndef SPOOLER_FILES_DROPFOLDER_H
#define SPOOLER_FILES_DROPFOLDER_H

#include "spooler/files/directory.h"

struct dropfolder {
    int drop; /* -1: not open */
    int claimed;
    int aside;
};

/* Makes what is missing, mode 0700. A closed one has -1 everywhere and may be closed again. */
bool dropfolder_open(struct dropfolder *folder, const struct spool_directory *directory,
                     bobbin_error *error);
void dropfolder_close(struct dropfolder *folder);

bool dropfolder_make_queue(const struct dropfolder *folder, const char *queue, bobbin_error *error);

enum dropfolder_verdict {
    DROPFOLDER_TAKEN,
    DROPFOLDER_GONE,  /* somebody else was faster */
    DROPFOLDER_UNFIT, /* claimed, but never a job, as the sentence says: set_aside must follow */
    DROPFOLDER_FAILED /* the system failed, the sentence says how: give_back must follow */
};

/* Claims a file and opens it for reading: *fd (the caller's) and *bytes when TAKEN. When one of its
 * name is claimed already, that one is taken; it must not be one that the caller has in hand. */
enum dropfolder_verdict dropfolder_take(const struct dropfolder *folder, const char *queue,
                                        const char *name, int *fd, uint64_t *bytes,
                                        bobbin_error *error);

/* It is a job, its record is on disk. */
bool dropfolder_done(const struct dropfolder *folder, const char *queue, const char *name,
                     bobbin_error *error);

/* It goes back to where it lay; where a newer one lies it stays claimed, and is taken first. */
bool dropfolder_give_back(const struct dropfolder *folder, const char *queue, const char *name,
                          bobbin_error *error);

/* Gives back all that is claimed. Nothing may be in the caller's hands. */
bool dropfolder_recover(const struct dropfolder *folder, bobbin_error *error);

/* Moves a claimed one, or drop/<queue> itself (name NULL), to .aside, with the sentence beside it.
 * When something of that name lies there, a number is added. */
bool dropfolder_set_aside(const struct dropfolder *folder, const char *queue, const char *name,
                          const char *sentence, bobbin_error *error);

#endif
