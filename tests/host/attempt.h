/*
 * One attempt at a job: the server's own struct bobbin_job (spooler/run/job.h) with a record and a
 * payload that were never in a journal, and a results folder of its own. attempt.c also stands in
 * the place of spooler/files/slotpage.c, where a job's progress goes.
 */
#ifndef HOST_ATTEMPT_H
#define HOST_ATTEMPT_H

struct attempt;

void attempt_destroy(struct attempt *attempt); /* NULL is fine */

#endif
