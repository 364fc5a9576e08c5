#include "spooler/burial.h"

#include <stdlib.h>

#include "core/base/clock.h"
#include "spooler/followed.h"
#include "spooler/files/letter.h"

void burial_write(struct ledger *ledger, const struct waiting *job, const char *reason)
{
    struct followed *journal = ledger->journals[job->journal];
    unsigned char head[RECORD_HEAD_MAX];
    struct record record;
    struct job_address address;
    bobbin_error error;
    if (!followed_record(journal, job->block, job->index, head, &record)) {
        log_write(ledger->log, BOBBIN_ERROR, NULL,
                  "there is no dead letter of a job: its record cannot be read again");
        return;
    }
    void *payload = NULL;
    if (!(record.flags & RECORD_FLAG_BLOB) &&
        (payload = followed_payload(journal, &record, &error)) == NULL)
        log_write(ledger->log, BOBBIN_ERROR, NULL, "in a dead letter: %s", error.text);
    ledger_address(ledger, job, &address);
    address.nonce = record.nonce;
    const struct letter letter = {.address = &address,
                                  .record = &record,
                                  .payload = payload,
                                  .attempt = job->attempt,
                                  .attempts = job->attempts,
                                  .ended_us = clock_us(),
                                  .reason = reason};
    if (letter_write(ledger->directory, &letter, &error))
        census_buried(ledger->census, job->queue);
    else
        log_write(ledger->log, BOBBIN_ERROR, NULL, "%s", error.text);
    free(payload);
}

void burial_undo(struct ledger *ledger, const struct waiting *job, const struct record *record)
{
    struct job_address address;
    ledger_address(ledger, job, &address);
    address.nonce = record->nonce;
    letter_remove(ledger->directory, record->queue, &address);
}

static uint64_t ttl_of(void *context, bobbin_str queue)
{
    const struct ledger *ledger = context;
    return queuenames_find(ledger->queues, queue)->dead_ttl_ms * 1000;
}

static void on_counted(void *context, bobbin_str queue, uint64_t letters)
{
    struct ledger *ledger = context;
    census_letters(ledger->census, queuenames_number(ledger->queues, queue), letters);
}

void burial_sweep(struct ledger *ledger, uint64_t now_us)
{
    const struct letter_sweep sweep = {ledger, ttl_of, on_counted};
    letter_sweep(ledger->directory, now_us, &sweep);
}
