/*
 * Jobs that come over HTTP: POST /jobs/<queue>.
 *
 *   begin   the head is there: what is asked for is read, what is not legal refused
 *   finish  the body is there too, and is stored
 */
#ifndef JOBS_STORING_H
#define JOBS_STORING_H

#include "config.h"

/* Fails for an open queue whose name none can have. */
bool storing_check(const struct config *config, bobbin_error *error);

/* The open queue of this name (not empty), as long as the config; NULL when none is. */
const char *storing_find_open(const struct config *config, bobbin_str name);

/* In handle; queue as found. */
void storing_begin(const struct config *config, bobbin_request *request, const char *queue);

/* In on_body; does nothing for a request that storing_begin has not taken. */
void storing_finish(bobbin_request *request);

#endif
