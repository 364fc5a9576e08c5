#include "spooler/waits.h"

#include <stdlib.h>

#include "spooler/message.h"

enum { FIRST_BUCKETS = 64, FIRST_PLACES = 16 };

/* In a bucket while its job has not ended, then in its party's list: next and link are of that. */
struct waiter {
    struct waiter *next;
    struct waiter **link;
    struct party *party;
    uint64_t ticket;
    uint64_t writer; /* the job */
    uint32_t sequence;
    uint32_t index;
    bool has_ended;
};

void waits_init(struct waits *waits)
{
    *waits = (struct waits){0};
}

void waits_finish(struct waits *waits)
{
    free(waits->buckets);
    waits_init(waits);
}

void party_init(struct party *party)
{
    *party = (struct party){0};
    party->ended_end = &party->ended;
}

/* ------------------------------------------------------------------ buckets */

static struct waiter **bucket_of(const struct waits *waits, uint64_t writer, uint32_t sequence,
                                 uint32_t index)
{
    uint64_t mixed = (writer ^ ((uint64_t)sequence << 32 | index)) * 0x9e3779b97f4a7c15u;
    return &waits->buckets[(mixed >> 32) & (waits->bucket_count - 1)];
}

static void hang(struct waiter *waiter, struct waiter **place)
{
    waiter->next = *place;
    waiter->link = place;
    if (waiter->next != NULL)
        waiter->next->link = &waiter->next;
    *place = waiter;
}

static bool grow_buckets(struct waits *waits)
{
    struct waits grown = {.bucket_count =
                              waits->bucket_count > 0 ? waits->bucket_count * 2 : FIRST_BUCKETS,
                          .count = waits->count};
    grown.buckets = calloc(grown.bucket_count, sizeof(struct waiter *));
    if (grown.buckets == NULL)
        return waits->bucket_count > 0; /* long chains, then */
    for (size_t i = 0; i < waits->bucket_count; i++)
        for (struct waiter *waiter = waits->buckets[i], *next; waiter != NULL; waiter = next) {
            next = waiter->next;
            hang(waiter, bucket_of(&grown, waiter->writer, waiter->sequence, waiter->index));
        }
    free(waits->buckets);
    *waits = grown;
    return true;
}

static void unhang(struct waits *waits, struct waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    else if (waiter->has_ended)
        waiter->party->ended_end = waiter->link;
    waits->count -= !waiter->has_ended;
}

static void become_ended(struct waiter *waiter)
{
    struct party *party = waiter->party;
    waiter->has_ended = true;
    waiter->next = NULL;
    waiter->link = party->ended_end;
    *party->ended_end = waiter;
    party->ended_end = &waiter->next;
}

void waits_end(struct waits *waits, const struct job_address *address)
{
    if (waits->count == 0)
        return;
    struct waiter *next,
        *waiter = *bucket_of(waits, address->writer, address->sequence, address->index);
    for (; waiter != NULL; waiter = next) {
        next = waiter->next;
        if (waiter->writer != address->writer || waiter->sequence != address->sequence ||
            waiter->index != address->index)
            continue;
        unhang(waits, waiter);
        become_ended(waiter);
    }
}

/* ------------------------------------------------------------------ parties */

static void drop(struct waits *waits, struct waiter *waiter)
{
    unhang(waits, waiter);
    waiter->party->places[(uint32_t)waiter->ticket] = NULL;
    free(waiter);
}

static bool has_place(struct party *party, uint32_t number)
{
    uint32_t count = party->place_count > 0 ? party->place_count : FIRST_PLACES;
    if (number >= DOOR_WAITS_MAX)
        return false;
    while (count <= number)
        count *= 2;
    if (count == party->place_count)
        return true;
    struct waiter **places = realloc(party->places, count * sizeof(struct waiter *));
    if (places == NULL)
        return false;
    for (uint32_t i = party->place_count; i < count; i++)
        places[i] = NULL;
    party->places = places;
    party->place_count = count;
    return true;
}

/* NULL as waits_add's false. */
static struct waiter *place(struct waits *waits, struct party *party, uint64_t ticket)
{
    uint32_t number = (uint32_t)ticket;
    if (!has_place(party, number))
        return NULL;
    if (party->places[number] != NULL)
        drop(waits, party->places[number]);
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter == NULL)
        return NULL;
    waiter->party = party;
    waiter->ticket = ticket;
    party->places[number] = waiter;
    return waiter;
}

bool waits_add(struct waits *waits, struct party *party, uint64_t ticket,
               const struct job_address *address)
{
    if (waits->count >= waits->bucket_count && !grow_buckets(waits))
        return false;
    struct waiter *waiter = place(waits, party, ticket);
    if (waiter == NULL)
        return false;
    waiter->writer = address->writer;
    waiter->sequence = address->sequence;
    waiter->index = address->index;
    hang(waiter, bucket_of(waits, address->writer, address->sequence, address->index));
    waits->count++;
    return true;
}

bool waits_add_ended(struct waits *waits, struct party *party, uint64_t ticket)
{
    struct waiter *waiter = place(waits, party, ticket);
    if (waiter == NULL)
        return false;
    become_ended(waiter);
    return true;
}

bool waits_next(const struct party *party, uint64_t *ticket)
{
    if (party->ended == NULL)
        return false;
    *ticket = party->ended->ticket;
    return true;
}

void waits_take(struct waits *waits, struct party *party)
{
    drop(waits, party->ended);
}

void waits_forget(struct waits *waits, struct party *party, uint64_t ticket)
{
    uint32_t number = (uint32_t)ticket;
    struct waiter *waiter = number < party->place_count ? party->places[number] : NULL;
    if (waiter != NULL && waiter->ticket == ticket)
        drop(waits, waiter);
}

void waits_leave(struct waits *waits, struct party *party)
{
    for (uint32_t i = 0; i < party->place_count; i++)
        if (party->places[i] != NULL)
            drop(waits, party->places[i]);
    free(party->places);
    party_init(party);
}
