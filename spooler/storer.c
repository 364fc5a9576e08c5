#include "spooler/storer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "spooler/writer.h"

/* What somebody wants stored, until it is told how that went. */
struct storing {
    struct put put;
    struct storer *storer;
    jobsport_on_stored *on_stored;           /* of one */
    jobsport_on_stored_many *on_stored_many; /* of many */
    void *arg;
    size_t count;              /* of the jobs asked for */
    char *texts;               /* owned, of many: room for their ids */
    bobbin_str *ids;           /* owned, of many */
    struct room_share *shares; /* owned, of many; else the one below */
    struct room_share share;
    size_t share_count; /* taken */
    uv_timer_t refusal; /* what fails before it begins is answered like everything else: later */
    char queue[];       /* of one */
};

void storer_init(struct storer *storer, uv_loop_t *loop, const struct spool_directory *directory,
                 const struct spool_settings *spool, const struct queue_table *queues,
                 const struct log *log)
{
    *storer = (struct storer){.loop = loop, .directory = directory, .log = log};
    scribe_init(&storer->scribe, spool, queues);
    rooms_init(&storer->rooms, directory, queues);
}

/* ------------------------------------------------------------------ telling */

static void tell_one(const struct storing *storing)
{
    const struct put *put = &storing->put;
    char id[ID_TEXT_BYTES + 1] = "";
    struct bobbin_stored stored = {
        .size = sizeof stored, .outcome = put->outcome, .queue = storing->queue, .sentence = ""};
    if (put->outcome == BOBBIN_STORED) {
        id_format(&put->group.first->address, id);
        stored.id = (bobbin_str){id, ID_TEXT_BYTES};
    } else {
        stored.sentence = put->error.text;
    }
    storing->on_stored(storing->arg, &stored);
}

static const bobbin_str *format_ids(const struct storing *storing)
{
    size_t i = 0;
    for (const struct draft *draft = storing->put.group.first; draft != NULL; draft = draft->next) {
        char *text = storing->texts + i * (ID_TEXT_BYTES + 1);
        id_format(&draft->address, text);
        storing->ids[i++] = (bobbin_str){text, ID_TEXT_BYTES};
    }
    return storing->ids;
}

static void tell_many(const struct storing *storing)
{
    const struct put *put = &storing->put;
    bool is_stored = put->outcome == BOBBIN_STORED;
    const struct bobbin_stored_many stored = {.size = sizeof stored,
                                              .outcome = put->outcome,
                                              .ids = is_stored ? format_ids(storing) : NULL,
                                              .count = storing->count,
                                              .sentence = is_stored ? "" : put->error.text};
    storing->on_stored_many(storing->arg, &stored);
}

static void give_back(const struct storing *storing)
{
    for (size_t i = 0; i < storing->share_count; i++)
        rooms_give_back(&storing->shares[i]);
}

static void on_written(struct put *put)
{
    struct storing *storing = (struct storing *)((char *)put - offsetof(struct storing, put));
    if (storing->on_stored != NULL)
        tell_one(storing);
    else
        tell_many(storing);
    group_finish(&put->group);
    if (put->outcome != BOBBIN_STORED)
        give_back(storing);
    if (storing->shares != &storing->share)
        free(storing->shares);
    free(storing->texts);
    free(storing->ids);
    free(storing);
}

/* ------------------------------------------------------------------ putting */

static struct storing *begin(struct storer *storer, size_t count, const char *queue, void *arg)
{
    size_t queue_bytes = strlen(queue) + 1;
    struct storing *storing = calloc(1, sizeof *storing + queue_bytes);
    if (storing == NULL)
        abort(); /* a small block: nothing that follows could work either */
    storing->put.on_written = on_written;
    storing->put.outcome = BOBBIN_FAILED; /* until it is known better */
    storing->storer = storer;
    storing->arg = arg;
    storing->count = count;
    storing->shares = &storing->share;
    memcpy(storing->queue, queue, queue_bytes);
    return storing;
}

static bool ready_writer(struct storer *storer, bobbin_error *error)
{
    if (storer->writer == NULL)
        storer->writer = writer_open(storer->loop, storer->directory, storer->log, error);
    return storer->writer != NULL;
}

static bool add(struct storing *storing, const struct jobsport_job *job, bobbin_error *error)
{
    struct storer *storer = storing->storer;
    struct room_share *share = &storing->shares[storing->share_count];
    if (!rooms_take(&storer->rooms, job, share, &storing->put.outcome, error))
        return false;
    storing->share_count++;
    storing->put.outcome = BOBBIN_FAILED;
    return scribe_add(&storer->scribe, &storing->put.group, job, NULL, error);
}

static bool fill(struct storing *storing, const struct jobsport_job *jobs, bobbin_error *error)
{
    for (size_t i = 0; i < storing->count; i++)
        if (!add(storing, &jobs[i], error)) {
            if (storing->count > 1)
                error_prefix(error, "job %zu of %zu: ", i + 1, storing->count);
            return false;
        }
    return true;
}

static void check_closed(struct storer *storer)
{
    if (storer->is_closing && storer->writer == NULL && storer->refusals == 0)
        storer->on_closed(storer->on_closed_arg);
}

static void on_refused(uv_handle_t *handle)
{
    struct storing *storing = handle->data;
    struct storer *storer = storing->storer;
    on_written(&storing->put);
    storer->refusals--;
    check_closed(storer);
}

static void refuse_later(struct storing *storing)
{
    struct storer *storer = storing->storer;
    storer->refusals++;
    uv_timer_init(storer->loop, &storing->refusal);
    storing->refusal.data = storing;
    uv_close((uv_handle_t *)&storing->refusal, on_refused);
}

static void send_off(struct storing *storing, const struct jobsport_job *jobs)
{
    bobbin_error *error = &storing->put.error;
    if (ready_writer(storing->storer, error) && fill(storing, jobs, error))
        writer_put(storing->storer->writer, &storing->put);
    else
        refuse_later(storing);
}

void storer_put(struct storer *storer, const struct jobsport_job *job,
                jobsport_on_stored *on_stored, void *arg)
{
    struct storing *storing = begin(storer, 1, job->spec.queue, arg);
    storing->on_stored = on_stored;
    send_off(storing, job);
}

void storer_put_many(struct storer *storer, const struct jobsport_job *jobs, size_t count,
                     jobsport_on_stored_many *on_stored, void *arg)
{
    struct storing *storing = begin(storer, count, "", arg);
    storing->on_stored_many = on_stored;
    storing->texts = malloc(count * (ID_TEXT_BYTES + 1));
    storing->ids = malloc(count * sizeof *storing->ids);
    storing->shares = calloc(count, sizeof *storing->shares);
    if (storing->texts != NULL && storing->ids != NULL && storing->shares != NULL) {
        send_off(storing, jobs);
        return;
    }
    bobbin_fail(&storing->put.error, "there is no memory for %zu jobs", count);
    refuse_later(storing);
}

/* ------------------------------------------------------------------ life */

static void on_writer_closed(void *arg)
{
    struct storer *storer = arg;
    storer->writer = NULL;
    check_closed(storer);
}

void storer_close(struct storer *storer, void (*on_closed)(void *arg), void *arg)
{
    storer->is_closing = true;
    storer->on_closed = on_closed;
    storer->on_closed_arg = arg;
    if (storer->writer != NULL)
        writer_close(storer->writer, on_writer_closed, storer);
    else
        check_closed(storer);
}
