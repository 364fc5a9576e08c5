/*
 * What is left of a job that died: its dead letter (files/letter.h), made from its record, its
 * payload and its history. The leader's.
 */
#ifndef SPOOLER_BURIAL_H
#define SPOOLER_BURIAL_H

#include "spooler/ledgerstate.h"

/* Writes the letter, before the state of the job says DEAD. Without space or memory there is none,
 * only a line in the log: settling goes on. */
void burial_write(struct ledger *ledger, const struct waiting *job, const char *reason);

/* The letter of a job that is not dead yet: its leader died before the state said so. */
void burial_undo(struct ledger *ledger, const struct waiting *job, const struct record *record);

/* Removes letters whose queue's dead-ttl is over. */
void burial_sweep(struct ledger *ledger, uint64_t now_us);

#endif
