/*
 * One attempt to run one job, inside its process: what the bobbin_job_* functions of
 * plugins/bobbin.h look at and write into.
 */
#ifndef SPOOLER_RUN_JOB_H
#define SPOOLER_RUN_JOB_H

#include "core/base/log.h"
#include "core/plugin/plugin.h"
#include "spooler/files/journal.h"
#include "spooler/files/result.h"
#include "spooler/files/slotpage.h"
#include "spooler/message.h"
#include "spooler/run/children.h"

struct bobbin_job {
    const struct spool_directory *directory; /* borrowed */
    struct slotpage *page;                   /* borrowed */
    const struct log *log;                   /* borrowed */
    struct children *children;               /* borrowed: what it spools */
    struct plugin_instance *handler;         /* borrowed: who runs it */
    struct job_address address;
    char id[ID_TEXT_BYTES + 1];
    uint32_t attempt;
    uint32_t attempts;
    bool needs_sync; /* of its result */
    struct record record;
    void *payload;
    bool payload_is_mapped;
    uint32_t has_result;         /* as in struct job_message */
    struct result_stream stream; /* of a result that is being appended to */
    uint64_t retry_after_ms;
    bobbin_error sentence;
    unsigned char head[RECORD_HEAD_MAX];
};

/* Reads record and payload. False with a sentence: the job can never run. */
bool job_load(struct bobbin_job *job, const struct journal_reader *reader,
              const struct job_message *order, bobbin_error *error);
void job_unload(struct bobbin_job *job);

/* After .run: a result that was appended to becomes whole. */
void job_finish_result(struct bobbin_job *job);

/* Told by SIGTERM, for the present job: see bobbin_job_stopping. */
void job_install_stop_signal(void);
void job_clear_stop(void);

#endif
