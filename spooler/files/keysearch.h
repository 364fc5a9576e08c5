/* Looks through all journals for a job with a unique key, ended or not: for the rare question
 * whether a job was stored that somebody meant to store before he died. Reads every record's head.
 */
#ifndef SPOOLER_FILES_KEYSEARCH_H
#define SPOOLER_FILES_KEYSEARCH_H

#include "spooler/files/directory.h"
#include "spooler/files/id.h"

/* The first that is found. False: there is none, or (error->text is not empty) a journal could not
 * be read. */
bool keysearch_find(const struct spool_directory *directory, const char *queue, const char *key,
                    struct job_address *found, bobbin_error *error);

#endif
