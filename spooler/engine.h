/*
 * The table that a way of keeping jobs fills in: the directory of journals (door.c) is the first,
 * others may follow for several machines. Its functions are those of struct jobsport, without the
 * places that only a directory has; an id is an opaque text to everybody else.
 */
#ifndef SPOOLER_ENGINE_H
#define SPOOLER_ENGINE_H

#include <uv.h>

#include "core/plugin/jobsport.h"

struct door_options;

struct engine {
    const char *name;
    bool (*open)(const struct door_options *options, uv_loop_t *loop, struct jobsport *port,
                 bobbin_error *error);
    void (*close)(struct jobsport *port, void (*on_closed)(void *arg), void *arg);
};

/* The directory of journals. */
extern const struct engine engine_files;

#endif
