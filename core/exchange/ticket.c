#include "core/exchange/ticket.h"

#include <stdlib.h>

#include "core/exchange/request.h"
#include "core/plugin/plugin.h"
#include "core/plugin/running.h"
#include "core/process/worker.h"

struct post {
    struct post *next;
    bobbin_ticket ticket;
    void (*on_loop)(bobbin_request *request, void *arg);
    void *arg;
};

static struct post *take_all(struct postbox *postbox, bool and_close)
{
    pthread_mutex_lock(&postbox->lock);
    struct post *posts = postbox->first;
    postbox->first = postbox->last = NULL;
    postbox->is_closed |= and_close;
    pthread_mutex_unlock(&postbox->lock);
    return posts;
}

static void deliver(struct postbox *postbox, struct post *posts)
{
    while (posts != NULL) {
        struct post *post = posts;
        posts = post->next;
        const bobbin_ticket *ticket = &post->ticket;
        running_enter(ticket->host->instance, "a posted call");
        post->on_loop(request_at(postbox->exchange, ticket->slot, ticket->generation), post->arg);
        running_leave();
        free(post);
    }
}

static void on_posts(uv_async_t *async)
{
    struct postbox *postbox = async->data;
    deliver(postbox, take_all(postbox, false));
}

bool postbox_open(struct postbox *postbox, uv_loop_t *loop, struct exchange *exchange,
                  bobbin_error *error)
{
    *postbox = (struct postbox){.exchange = exchange};
    pthread_mutex_init(&postbox->lock, NULL);
    int status = uv_async_init(loop, &postbox->async, on_posts);
    if (status != 0)
        return bobbin_fail(error, "the loop has no wake-up: %s", uv_strerror(status));
    postbox->async.data = postbox;
    uv_unref((uv_handle_t *)&postbox->async);
    return true;
}

void postbox_close(struct postbox *postbox)
{
    deliver(postbox, take_all(postbox, true));
    uv_close((uv_handle_t *)&postbox->async, NULL);
}

bobbin_ticket bobbin_ticket_for(bobbin_request *request)
{
    return (bobbin_ticket){&request->app->host, request->slot, request->generation};
}

bool bobbin_post(bobbin_ticket ticket, void (*on_loop)(bobbin_request *request, void *arg),
                 void *arg)
{
    if (ticket.host == NULL || ticket.host->worker == NULL)
        return false;
    struct postbox *postbox = &ticket.host->worker->postbox;
    struct post *post = malloc(sizeof *post);
    if (post == NULL)
        return false;
    *post = (struct post){.ticket = ticket, .on_loop = on_loop, .arg = arg};
    pthread_mutex_lock(&postbox->lock);
    bool is_open = !postbox->is_closed;
    if (is_open) {
        if (postbox->last != NULL)
            postbox->last->next = post;
        else
            postbox->first = post;
        postbox->last = post;
        /* Under the lock: once it is closed nobody may touch the handle. */
        uv_async_send(&postbox->async);
    }
    pthread_mutex_unlock(&postbox->lock);
    if (!is_open)
        free(post);
    return is_open;
}
