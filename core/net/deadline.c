#include "core/net/deadline.h"

/* Deadlines are kept late by at most this, so that a thousand of them do not wake us a thousand
 * times. */
enum { GRAIN_MS = 10 };

static void on_timer(uv_timer_t *timer);

static void arm(struct deadlines *deadlines, uint64_t due_ms)
{
    uint64_t now_ms = uv_now(deadlines->timer.loop);
    uint64_t wait_ms = due_ms > now_ms + GRAIN_MS ? due_ms - now_ms : GRAIN_MS;
    deadlines->armed_ms = now_ms + wait_ms;
    uv_timer_start(&deadlines->timer, on_timer, wait_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct deadlines *deadlines = timer->data;
    uint64_t now_ms = uv_now(timer->loop), earliest_ms = UINT64_MAX;
    deadlines->armed_ms = UINT64_MAX;
    for (int kind = 0; kind < DEADLINE_KINDS; kind++) {
        struct deadline *list = &deadlines->lists[kind];
        while (list->next != list && list->next->due_ms <= now_ms) {
            struct deadline *due = list->next;
            deadline_set(deadlines, due, DEADLINE_NONE);
            deadlines->on_due(due);
        }
        if (list->next != list && list->next->due_ms < earliest_ms)
            earliest_ms = list->next->due_ms;
    }
    if (earliest_ms < deadlines->armed_ms)
        arm(deadlines, earliest_ms);
}

void deadlines_open(struct deadlines *deadlines, uv_loop_t *loop,
                    void (*on_due)(struct deadline *deadline))
{
    *deadlines = (struct deadlines){.on_due = on_due, .armed_ms = UINT64_MAX};
    uv_timer_init(loop, &deadlines->timer);
    deadlines->timer.data = deadlines;
    for (int kind = 0; kind < DEADLINE_KINDS; kind++)
        deadlines->lists[kind].next = deadlines->lists[kind].previous = &deadlines->lists[kind];
}

void deadlines_close(struct deadlines *deadlines)
{
    uv_close((uv_handle_t *)&deadlines->timer, NULL);
}

void deadlines_change(struct deadlines *deadlines, enum deadline_kind kind, uint64_t after_ms)
{
    struct deadline *list = &deadlines->lists[kind];
    for (struct deadline *at = list->next; at != list; at = at->next)
        at->due_ms = at->due_ms - deadlines->after_ms[kind] + after_ms;
    deadlines->after_ms[kind] = after_ms;
    if (list->next != list && list->next->due_ms < deadlines->armed_ms)
        arm(deadlines, list->next->due_ms);
}

void deadline_init(struct deadline *deadline)
{
    deadline->next = deadline->previous = deadline;
    deadline->kind = DEADLINE_NONE;
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, enum deadline_kind kind)
{
    deadline->previous->next = deadline->next;
    deadline->next->previous = deadline->previous;
    deadline_init(deadline);
    if (kind == DEADLINE_NONE)
        return;
    struct deadline *list = &deadlines->lists[kind];
    deadline->kind = kind;
    deadline->due_ms = uv_now(deadlines->timer.loop) + deadlines->after_ms[kind];
    deadline->previous = list->previous;
    deadline->next = list;
    list->previous->next = deadline;
    list->previous = deadline;
    if (deadline->due_ms < deadlines->armed_ms)
        arm(deadlines, deadline->due_ms);
}
