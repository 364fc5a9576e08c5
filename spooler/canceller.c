#include "spooler/canceller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "spooler/link.h"

enum { CANCEL_TIMEOUT_MS = 2000 };

/* A cancel that the leader has not answered yet. */
struct cancelling {
    struct cancelling *next;
    uint64_t ticket;
    char id[ID_TEXT_BYTES + 1];
    jobsport_on_job *on_job;
    void *arg;
};

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void disconnect(struct canceller *canceller)
{
    if (canceller->leader_poll != NULL)
        uv_close((uv_handle_t *)canceller->leader_poll, free_handle);
    if (canceller->leader_fd >= 0)
        close(canceller->leader_fd);
    if (canceller->timeout != NULL)
        uv_close((uv_handle_t *)canceller->timeout, free_handle);
    canceller->leader_poll = NULL;
    canceller->timeout = NULL;
    canceller->leader_fd = -1;
}

/* Tells the asker how the job is now; sentence is why nothing could be done, or NULL. */
static void answer(struct canceller *canceller, struct cancelling *cancelling, const char *sentence)
{
    struct bobbin_job_info info;
    lookup_find(canceller->lookup, bobbin_text(cancelling->id), 0, &info);
    if (sentence != NULL)
        info.error = bobbin_text(sentence);
    cancelling->on_job(cancelling->arg, &info);
    free(cancelling);
}

static void answer_all(struct canceller *canceller, const char *sentence)
{
    struct cancelling *list = canceller->cancelling;
    canceller->cancelling = NULL;
    disconnect(canceller);
    while (list != NULL) {
        struct cancelling *next = list->next;
        answer(canceller, list, sentence);
        list = next;
    }
}

static const char nobody[] = "no spooler leads this spool now, so nobody could cancel the job";

static void on_cancel_timeout(uv_timer_t *timer)
{
    answer_all(timer->data, "the spooler did not answer in time");
}

static void on_leader(uv_poll_t *poll, int status, int events)
{
    struct canceller *canceller = poll->data;
    struct door_message message;
    (void)events;
    ssize_t got = status == 0 ? recv(canceller->leader_fd, &message, sizeof message, 0) : 0;
    if (got < 0 && errno == EAGAIN)
        return;
    if (got != (ssize_t)sizeof message || message.kind != DOOR_ANSWER) {
        answer_all(canceller, nobody);
        return;
    }
    for (struct cancelling **at = &canceller->cancelling; *at != NULL; at = &(*at)->next)
        if ((*at)->ticket == message.ticket) {
            struct cancelling *found = *at;
            *at = found->next;
            if (canceller->cancelling == NULL)
                disconnect(canceller);
            answer(canceller, found, NULL);
            return;
        }
}

static bool connect_leader(struct canceller *canceller)
{
    if (canceller->leader_fd >= 0)
        return true;
    int fd = link_connect(canceller->directory);
    uv_poll_t *poll = fd >= 0 ? malloc(sizeof *poll) : NULL;
    uv_timer_t *timeout = poll != NULL ? malloc(sizeof *timeout) : NULL;
    if (timeout == NULL) {
        free(poll);
        if (fd >= 0)
            close(fd);
        return false;
    }
    canceller->leader_fd = fd;
    canceller->leader_poll = poll;
    canceller->timeout = timeout;
    uv_poll_init(canceller->loop, poll, fd);
    uv_timer_init(canceller->loop, timeout);
    poll->data = timeout->data = canceller;
    uv_poll_start(poll, UV_READABLE, on_leader);
    uv_timer_start(timeout, on_cancel_timeout, CANCEL_TIMEOUT_MS, 0);
    return true;
}

void canceller_cancel(struct canceller *canceller, bobbin_str id, jobsport_on_job *on_job,
                      void *arg)
{
    struct bobbin_job_info info;
    struct door_message message = {.kind = DOOR_CANCEL};
    lookup_find(canceller->lookup, id, 0, &info);
    bool is_over = info.state != BOBBIN_STATE_READY && info.state != BOBBIN_STATE_RUNNING;
    struct cancelling *cancelling = is_over ? NULL : calloc(1, sizeof *cancelling);
    if (cancelling == NULL) {
        on_job(arg, &info);
        return;
    }
    id_parse(id.data, id.length, &message.address);
    memcpy(cancelling->id, id.data, ID_TEXT_BYTES);
    cancelling->ticket = message.ticket = ++canceller->last_ticket;
    cancelling->on_job = on_job;
    cancelling->arg = arg;
    if (!connect_leader(canceller) || send(canceller->leader_fd, &message, sizeof message,
                                           MSG_NOSIGNAL) != (ssize_t)sizeof message) {
        answer(canceller, cancelling, nobody);
        return;
    }
    cancelling->next = canceller->cancelling;
    canceller->cancelling = cancelling;
}

void canceller_init(struct canceller *canceller, uv_loop_t *loop,
                    const struct spool_directory *directory, struct lookup *lookup)
{
    *canceller =
        (struct canceller){.loop = loop, .directory = directory, .lookup = lookup, .leader_fd = -1};
}

void canceller_finish(struct canceller *canceller)
{
    answer_all(canceller, nobody);
}
