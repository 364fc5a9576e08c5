/*
 * What the two halves of the ledger share: ledger.c follows journals and finds jobs, ledgerstate.c
 * changes their states. For nobody else.
 */
#ifndef SPOOLER_LEDGERSTATE_H
#define SPOOLER_LEDGERSTATE_H

#include "spooler/census.h"
#include "spooler/files/state.h"
#include "spooler/keys.h"
#include "spooler/ledger.h"
#include "spooler/parents.h"
#include "spooler/queuenames.h"

struct followed;

struct ledger {
    const struct spool_directory *directory;
    const struct spool_settings *spool;
    const struct log *log;
    struct ledger_events events;
    struct followed **journals; /* owned; a number stays the same for ever, removed ones are NULL */
    uint32_t journal_count;
    struct queuenames *queues; /* owned */
    struct census *census;     /* owned */
    struct keys keys;
    struct parents parents; /* whose children were found, while a journal is followed */
};

/* The job will never run again: an ended state, with what else its entry says. */
bool ledger_end_as(struct ledger *ledger, const struct waiting *job, struct state_entry *now,
                   enum bobbin_job_state state);

#endif
