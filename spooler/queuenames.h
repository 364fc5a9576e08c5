/*
 * The queues that jobs name, by a small number each: what a waiting job keeps of its queue. A queue
 * that nobody configured has the defaults.
 */
#ifndef SPOOLER_QUEUENAMES_H
#define SPOOLER_QUEUENAMES_H

#include "spooler/settings.h"

struct queuenames;

/* The table is borrowed. NULL without memory. */
struct queuenames *queuenames_create(const struct queue_table *table);
void queuenames_destroy(struct queuenames *names);

/* The number of a queue's name. The last number stands for all that are one too many
 * (QUEUE_NUMBERS). */
uint16_t queuenames_number(struct queuenames *names, bobbin_str name);

/* The settings of a name without giving it a number; the name is missing when nobody configured
 * it. */
const struct queue_settings *queuenames_find(const struct queuenames *names, bobbin_str name);

/* Its settings, name included. */
const struct queue_settings *queuenames_settings(const struct queuenames *names, uint16_t number);

#endif
