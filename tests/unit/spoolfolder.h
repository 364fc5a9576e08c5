/* A spool in a folder of its own, for the units of spooler/. Included by one test each. */
#ifndef TESTS_UNIT_SPOOLFOLDER_H
#define TESTS_UNIT_SPOOLFOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spooler/files/directory.h"

struct spoolfolder {
    char path[64];
    struct spool_directory directory;
};

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static inline int spoolfolder_open(void **state)
{
    struct spoolfolder *folder = calloc(1, sizeof *folder);
    bobbin_error error;
    strcpy(folder->path, "/tmp/bobbin-unit-XXXXXX");
    if (mkdtemp(folder->path) == NULL ||
        !directory_open(&folder->directory, folder->path, NULL, &error))
        return -1;
    *state = folder;
    return 0;
}

static inline int spoolfolder_close(void **state)
{
    struct spoolfolder *folder = *state;
    directory_close(&folder->directory);
    nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
    return 0;
}

#define WITH_SPOOL(test) cmocka_unit_test_setup_teardown(test, spoolfolder_open, spoolfolder_close)

#endif
