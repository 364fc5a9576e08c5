/*
 * The command line.
 */
#ifndef CORE_CONFIG_ARGUMENTS_H
#define CORE_CONFIG_ARGUMENTS_H

#include <stdio.h>

#include "plugins/bobbin.h"

enum arguments_command {
    COMMAND_RUN,        /* bobbin FILE */
    COMMAND_CHECK,      /* bobbin check FILE */
    COMMAND_CONFIG,     /* bobbin config FILE */
    COMMAND_OPTIONS,    /* bobbin options [SECTION] */
    COMMAND_PLUGIN,     /* bobbin --plugin FILE */
    COMMAND_HELP,       /* bobbin --help */
    COMMAND_VERSION,    /* bobbin --version */
    COMMAND_GENERATION, /* bobbin --generation FD FILE: only by the master */
};

struct arguments {
    enum arguments_command command;
    const char *operand; /* FILE or SECTION, borrowed from argv; NULL: not given */
    int fd;              /* GENERATION: its end of the pair with the master */
};

/* Sentences for wrong use; the caller exits with 2. */
bool arguments_parse(struct arguments *arguments, int count, char *const *texts,
                     bobbin_error *error);

void arguments_print_help(FILE *out);

#endif
