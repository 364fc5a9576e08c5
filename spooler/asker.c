#include "spooler/asker.h"

#include <stdlib.h>
#include <string.h>

enum {
    CANCEL_TIMEOUT_MS = 2000,
    LOOK_MS = 250,
    LOOKS_A_TURN = 1000, /* a look costs some microseconds, and the loop has more to do */
    FIRST_PLACES = 64,
    NO_PLACE = UINT32_MAX
};

/* What the leader has not answered yet. */
struct question {
    uv_timer_t limit;
    struct asker *asker;
    struct question_list *list; /* where it is */
    struct question *next;
    struct question **link;
    struct door_message message;
    char id[ID_TEXT_BYTES + 1];
    unsigned flags;
    jobsport_on_job *on_job;
    void *arg;
};

struct question_place {
    struct question *question; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

static const char nobody[] = "no spooler leads this spool now, so nobody could cancel the job";
static const char too_late[] = "the spooler did not answer in time";

/* ------------------------------------------------------------------ where questions are */

static void list_add(struct question_list *list, struct question *question)
{
    question->list = list;
    question->next = NULL;
    question->link = list->end;
    *list->end = question;
    list->end = &question->next;
}

static void list_remove(struct question *question)
{
    *question->link = question->next;
    if (question->next != NULL)
        question->next->link = question->link;
    else
        question->list->end = question->link;
}

static void move(struct question *question, struct question_list *list)
{
    list_remove(question);
    list_add(list, question);
}

static bool add_places(struct asker *asker)
{
    uint32_t count = asker->place_count > 0 ? asker->place_count * 2 : FIRST_PLACES;
    struct question_place *places =
        count <= DOOR_WAITS_MAX ? realloc(asker->places, count * sizeof *places) : NULL;
    if (places == NULL)
        return false;
    asker->places = places;
    for (uint32_t i = asker->place_count; i < count; i++) {
        places[i] = (struct question_place){.next_free = asker->free_place};
        asker->free_place = i;
    }
    asker->place_count = count;
    return true;
}

/* The ticket of a place that is the question's from now on; 0: there is none. */
static uint64_t take_place(struct asker *asker, struct question *question)
{
    if (asker->free_place == NO_PLACE && !add_places(asker))
        return 0;
    uint32_t number = asker->free_place;
    struct question_place *place = &asker->places[number];
    asker->free_place = place->next_free;
    place->question = question;
    place->generation++;
    return (uint64_t)place->generation << 32 | number;
}

static void give_place(struct asker *asker, uint64_t ticket)
{
    uint32_t number = (uint32_t)ticket;
    asker->places[number].question = NULL;
    asker->places[number].next_free = asker->free_place;
    asker->free_place = number;
}

static struct question *find(const struct asker *asker, uint64_t ticket)
{
    uint32_t number = (uint32_t)ticket;
    if (number >= asker->place_count || asker->places[number].generation != ticket >> 32)
        return NULL;
    return asker->places[number].question;
}

/* ------------------------------------------------------------------ telling */

static bool is_wait(const struct question *question)
{
    return question->message.kind == DOOR_WAIT;
}

static bool has_ended(const struct bobbin_job_info *info)
{
    return info->state != BOBBIN_STATE_READY && info->state != BOBBIN_STATE_RUNNING &&
           info->state != BOBBIN_STATE_CANCELLING;
}

static void free_question(uv_handle_t *handle)
{
    free(handle->data);
}

static void look_up(struct question *question, struct bobbin_job_info *info)
{
    struct lookup *lookup = question->asker->lookup;
    lookup_find(lookup, (bobbin_str){question->id, ID_TEXT_BYTES}, question->flags, info);
    if (info->state != BOBBIN_STATE_UNKNOWN)
        lookup_address(lookup, &question->message.address);
}

/* The last that is heard of the question. */
static void tell(struct question *question, const struct bobbin_job_info *info)
{
    list_remove(question);
    give_place(question->asker, question->message.ticket);
    question->on_job(question->arg, info);
    uv_close((uv_handle_t *)&question->limit, free_question);
}

/* As it is now; sentence is why nothing could be done, or NULL. */
static void tell_now(struct question *question, const char *sentence)
{
    struct bobbin_job_info info;
    look_up(question, &info);
    if (sentence != NULL && !is_wait(question))
        info.error = bobbin_text(sentence);
    tell(question, &info);
}

/* False: it has not ended, and still waits. */
static bool tell_if_ended(struct question *question)
{
    struct bobbin_job_info info;
    look_up(question, &info);
    if (!has_ended(&info))
        return false;
    tell(question, &info);
    return true;
}

/* The leader need not remember it. That it may not hear of this does no harm: see waits.h. */
static void forget(struct question *question)
{
    struct asker *asker = question->asker;
    struct door_message message = question->message;
    message.kind = DOOR_FORGET;
    if (is_wait(question) && question->list == &asker->sent)
        leaderline_send(&asker->line, &message);
}

/* ------------------------------------------------------------------ sending and looking */

static void on_look(uv_timer_t *timer);

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

/* A timer runs while something has not been sent. */
static void set_look(struct asker *asker)
{
    if (asker->unsent.first == NULL && asker->look != NULL) {
        uv_close((uv_handle_t *)asker->look, free_timer);
        asker->look = NULL;
    }
    if (asker->unsent.first == NULL || asker->look != NULL)
        return;
    asker->look = malloc(sizeof *asker->look);
    if (asker->look == NULL)
        return; /* the limits of the waits are still there */
    uv_timer_init(asker->loop, asker->look);
    asker->look->data = asker;
    uv_timer_start(asker->look, on_look, LOOK_MS, LOOK_MS);
}

static void refuse_cancels(struct question_list *list)
{
    struct question_list refused = {.end = &refused.first};
    for (struct question *question = list->first, *next; question != NULL; question = next) {
        next = question->next;
        if (!is_wait(question))
            move(question, &refused);
    }
    while (refused.first != NULL)
        tell_now(refused.first, nobody);
}

/* Sends what can be sent. */
static void push(struct asker *asker)
{
    enum leaderline_flow flow = LEADERLINE_SENT;
    while (asker->unsent.first != NULL && flow == LEADERLINE_SENT) {
        flow = leaderline_send(&asker->line, &asker->unsent.first->message);
        if (flow == LEADERLINE_SENT)
            move(asker->unsent.first, &asker->sent);
    }
    if (flow == LEADERLINE_NOBODY)
        refuse_cancels(&asker->unsent);
    set_look(asker);
}

/* Some are looked at, and go to the end: the others have their turn next time. */
static void on_look(uv_timer_t *timer)
{
    struct asker *asker = timer->data;
    struct question_list looked = {.end = &looked.first};
    push(asker);
    for (int i = 0; i < LOOKS_A_TURN && asker->unsent.first != NULL; i++) {
        struct question *question = asker->unsent.first;
        if (!is_wait(question) || !tell_if_ended(question))
            move(question, &looked);
    }
    while (looked.first != NULL)
        move(looked.first, &asker->unsent);
    set_look(asker);
}

static void on_room(void *context)
{
    push(context);
}

static void on_gone(void *context)
{
    struct asker *asker = context;
    refuse_cancels(&asker->sent);
    while (asker->sent.first != NULL)
        move(asker->sent.first, &asker->unsent);
    push(asker);
}

static void on_answer(void *context, const struct door_message *message)
{
    struct asker *asker = context;
    struct question *question = find(asker, message->ticket);
    if (question == NULL)
        return; /* it was told meanwhile */
    if (!is_wait(question)) {
        tell_now(question, NULL);
    } else if (!tell_if_ended(question)) {
        move(question, &asker->unsent); /* asked again at the next look */
        set_look(asker);
    }
}

/* ------------------------------------------------------------------ asking */

static void on_limit(uv_timer_t *timer)
{
    struct question *question = timer->data;
    forget(question);
    tell_now(question, too_late);
}

/* NULL: no memory, or no place. The id was looked up just now. */
static struct question *make(struct asker *asker, uint32_t kind, bobbin_str id, uint64_t limit_ms)
{
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL)
        return NULL;
    question->message.ticket = take_place(asker, question);
    if (question->message.ticket == 0) {
        free(question);
        return NULL;
    }
    question->asker = asker;
    question->message.kind = kind;
    lookup_address(asker->lookup, &question->message.address);
    memcpy(question->id, id.data, ID_TEXT_BYTES);
    uv_timer_init(asker->loop, &question->limit);
    question->limit.data = question;
    uv_timer_start(&question->limit, on_limit, limit_ms, 0);
    list_add(&asker->unsent, question);
    return question;
}

void asker_cancel(struct asker *asker, bobbin_str id, jobsport_on_job *on_job, void *arg)
{
    struct bobbin_job_info info;
    lookup_find(asker->lookup, id, 0, &info);
    bool is_over = info.state != BOBBIN_STATE_READY && info.state != BOBBIN_STATE_RUNNING;
    struct question *question = is_over ? NULL : make(asker, DOOR_CANCEL, id, CANCEL_TIMEOUT_MS);
    if (question == NULL) {
        on_job(arg, &info);
        return;
    }
    question->on_job = on_job;
    question->arg = arg;
    push(asker);
}

uint64_t asker_wait(struct asker *asker, bobbin_str id, unsigned flags, uint64_t limit_ms,
                    jobsport_on_job *on_job, void *arg)
{
    struct bobbin_job_info info;
    lookup_find(asker->lookup, id, flags, &info);
    struct question *question =
        has_ended(&info) || limit_ms == 0 ? NULL : make(asker, DOOR_WAIT, id, limit_ms);
    if (question == NULL) {
        on_job(arg, &info);
        return 0;
    }
    uint64_t ticket = question->message.ticket;
    question->flags = flags;
    question->on_job = on_job;
    question->arg = arg;
    push(asker);
    return ticket;
}

void asker_end_wait(struct asker *asker, uint64_t ticket)
{
    struct question *question = find(asker, ticket);
    if (question == NULL)
        return;
    forget(question);
    tell_now(question, NULL);
    set_look(asker);
}

/* ------------------------------------------------------------------ life */

void asker_init(struct asker *asker, uv_loop_t *loop, const struct spool_directory *directory,
                struct lookup *lookup)
{
    *asker = (struct asker){
        .loop = loop,
        .lookup = lookup,
        .line = {.loop = loop,
                 .directory = directory,
                 .fd = -1,
                 .context = asker,
                 .on_answer = on_answer,
                 .on_room = on_room,
                 .on_gone = on_gone},
        .free_place = NO_PLACE,
    };
    asker->unsent.end = &asker->unsent.first;
    asker->sent.end = &asker->sent.first;
}

void asker_finish(struct asker *asker)
{
    while (asker->sent.first != NULL || asker->unsent.first != NULL)
        tell_now(asker->sent.first != NULL ? asker->sent.first : asker->unsent.first, nobody);
    leaderline_close(&asker->line);
    set_look(asker);
    free(asker->places);
}
