#include "core/exchange/offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "core/exchange/request.h"
#include "core/plugin/plugin.h"
#include "core/plugin/running.h"

struct offload_list {
    bobbin_work *first;
    bobbin_work **end;
};

struct offload {
    size_t most_threads;
    size_t most_waiting;
    const struct log *log; /* borrowed */
    uv_async_t async;
    pthread_t *threads; /* owned; most_threads of them */
    size_t thread_count;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    struct offload_list queued;
    struct offload_list running;
    struct offload_list over;
    size_t busy; /* queued and running */
    bool is_closing;
};

struct bobbin_work {
    bobbin_work *next;
    bobbin_work **link; /* in one of the pool's lists */
    bobbin_request *request;
    const char
        *instance; /* borrowed from the plugin's instance: a thread must not ask the request */
    void (*work)(bobbin_work *work, void *arg);
    void (*done)(bobbin_request *request, bool ran, void *arg);
    void *arg;
    bool has_run;
    atomic_bool is_stopping;
};

/* ------------------------------------------------------------------ lists, under the lock */

static void list_init(struct offload_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct offload_list *list, bobbin_work *work)
{
    work->next = NULL;
    work->link = list->end;
    *list->end = work;
    list->end = &work->next;
}

static void list_remove(struct offload_list *list, bobbin_work *work)
{
    *work->link = work->next;
    if (work->next != NULL)
        work->next->link = work->link;
    else
        list->end = work->link;
}

/* RUNNING or QUEUED becomes OVER. */
static void finish(struct offload *offload, struct offload_list *from, bobbin_work *work)
{
    list_remove(from, work);
    list_add(&offload->over, work);
    offload->busy--;
    uv_async_send(&offload->async);
}

/* ------------------------------------------------------------------ the threads */

/* The next call to work on; NULL when the pool closes. */
static bobbin_work *take(struct offload *offload)
{
    while (offload->queued.first == NULL && !offload->is_closing)
        pthread_cond_wait(&offload->wake, &offload->lock);
    bobbin_work *work = offload->queued.first;
    if (work == NULL)
        return NULL;
    list_remove(&offload->queued, work);
    list_add(&offload->running, work);
    return work;
}

static void *run(void *arg)
{
    struct offload *offload = arg;
    bobbin_work *work;
    running_begin_thread(offload->log);
    pthread_mutex_lock(&offload->lock);
    while ((work = take(offload)) != NULL) {
        pthread_mutex_unlock(&offload->lock);
        running_enter(work->instance, "work");
        work->work(work, work->arg);
        running_leave();
        work->has_run = true;
        pthread_mutex_lock(&offload->lock);
        finish(offload, &offload->running, work);
    }
    pthread_mutex_unlock(&offload->lock);
    running_end_thread();
    return NULL;
}

/* One more thread when none is free. False: there is none at all. */
static bool ready_thread(struct offload *offload)
{
    sigset_t all, before;
    if (offload->busy < offload->thread_count || offload->thread_count == offload->most_threads)
        return true;
    /* Signals are the loop's: a new thread inherits the mask of its maker (pthread_sigmask(3)). */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&offload->threads[offload->thread_count], NULL, run, offload) == 0)
        offload->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return offload->thread_count > 0;
}

/* ------------------------------------------------------------------ the loop */

static void tell(bobbin_work *work)
{
    bobbin_request *request = work->request;
    running_enter(work->instance, "done");
    work->done(request, work->has_run, work->arg);
    running_leave();
    request_settle(request);
}

static void deliver(struct offload *offload)
{
    struct offload_list over;
    pthread_mutex_lock(&offload->lock);
    over = offload->over;
    list_init(&offload->over);
    pthread_mutex_unlock(&offload->lock);
    for (bobbin_work *work = over.first, *next; work != NULL; work = next) {
        next = work->next; /* the request goes, and the work with it */
        tell(work);
    }
}

static void on_over(uv_async_t *async)
{
    deliver(async->data);
}

/* False: as many wait as may, or no thread can be made. */
static bool put(struct offload *offload, bobbin_work *work)
{
    pthread_mutex_lock(&offload->lock);
    bool has_room = offload->busy < offload->most_threads + offload->most_waiting;
    bool is_taken = has_room && !offload->is_closing && ready_thread(offload);
    if (is_taken) {
        list_add(&offload->queued, work);
        offload->busy++;
        pthread_cond_signal(&offload->wake);
    }
    pthread_mutex_unlock(&offload->lock);
    return is_taken;
}

static bool refuse(bobbin_request *request, const char *sentence)
{
    bobbin_header(request, "retry-after", "1");
    bobbin_refuse(request, 503, "%s", sentence);
    return false;
}

bool bobbin_offload(bobbin_request *request, void (*work)(bobbin_work *work, void *arg),
                    void (*done)(bobbin_request *request, bool ran, void *arg), void *arg)
{
    struct offload *offload = request->exchange->offload;
    if (!request_is_open(request)) {
        request_complain(request, "a request that has ended cannot offload work");
        return false;
    }
    bobbin_work *made = arena_take(&request->arena, sizeof *made);
    if (made == NULL || offload == NULL)
        return refuse(request, "there is no memory or no pool for blocking work");
    *made = (bobbin_work){
        .request = request, .instance = request->app->name, .work = work, .done = done, .arg = arg};
    if (!put(offload, made))
        return refuse(request, "too much blocking work waits already: offload-queue is full");
    request->pending++;
    return true;
}

bool bobbin_work_stopping(const bobbin_work *work)
{
    return atomic_load_explicit(&work->is_stopping, memory_order_relaxed);
}

void offload_abandon(struct offload *offload, const bobbin_request *request)
{
    if (offload == NULL)
        return;
    pthread_mutex_lock(&offload->lock);
    for (bobbin_work *work = offload->queued.first, *next; work != NULL; work = next) {
        next = work->next;
        if (work->request == request)
            finish(offload, &offload->queued, work);
    }
    for (bobbin_work *work = offload->running.first; work != NULL; work = work->next)
        if (work->request == request)
            atomic_store_explicit(&work->is_stopping, true, memory_order_relaxed);
    pthread_mutex_unlock(&offload->lock);
}

/* ------------------------------------------------------------------ life */

static void on_closed(uv_handle_t *handle)
{
    struct offload *offload = handle->data;
    free(offload->threads);
    free(offload);
}

struct offload *offload_open(struct uv_loop_s *loop, const struct log *log, size_t threads,
                             size_t waiting, bobbin_error *error)
{
    struct offload *offload = calloc(1, sizeof *offload);
    if (offload == NULL || (offload->threads = calloc(threads, sizeof *offload->threads)) == NULL ||
        uv_async_init(loop, &offload->async, on_over) != 0) {
        bobbin_fail(error, "there is no memory for a pool of %zu threads", threads);
        if (offload != NULL)
            free(offload->threads);
        free(offload);
        return NULL;
    }
    offload->most_threads = threads;
    offload->most_waiting = waiting;
    offload->log = log;
    list_init(&offload->queued);
    list_init(&offload->running);
    list_init(&offload->over);
    offload->async.data = offload;
    uv_unref((uv_handle_t *)&offload->async);
    pthread_mutex_init(&offload->lock, NULL);
    pthread_cond_init(&offload->wake, NULL);
    return offload;
}

static void drop_all(struct offload *offload)
{
    pthread_mutex_lock(&offload->lock);
    offload->is_closing = true;
    while (offload->queued.first != NULL)
        finish(offload, &offload->queued, offload->queued.first);
    for (bobbin_work *work = offload->running.first; work != NULL; work = work->next)
        atomic_store_explicit(&work->is_stopping, true, memory_order_relaxed);
    pthread_cond_broadcast(&offload->wake);
    pthread_mutex_unlock(&offload->lock);
}

void offload_close(struct offload *offload)
{
    if (offload == NULL)
        return;
    drop_all(offload);
    for (size_t i = 0; i < offload->thread_count; i++)
        pthread_join(offload->threads[i], NULL);
    deliver(offload);
    pthread_mutex_destroy(&offload->lock);
    pthread_cond_destroy(&offload->wake);
    uv_close((uv_handle_t *)&offload->async, on_closed);
}
