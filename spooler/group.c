#include "spooler/group.h"

#include <stdlib.h>
#include <unistd.h>

struct draft *draft_create(size_t record_bytes)
{
    struct draft *draft = malloc(sizeof *draft + record_bytes);
    if (draft == NULL)
        return NULL;
    *draft = (struct draft){.blob_fd = -1, .record_bytes = record_bytes};
    return draft;
}

void draft_destroy(struct draft *draft)
{
    if (draft == NULL)
        return;
    if (draft->blob_fd >= 0)
        close(draft->blob_fd);
    free(draft->blob);
    free(draft);
}

bool group_takes(const struct group *group, size_t record_bytes, bobbin_error *error)
{
    if (group->count >= GROUP_MAX)
        return bobbin_fail(error, "at most %d jobs are stored at once", GROUP_MAX);
    if (group->bytes + record_bytes > GROUP_MAX_BYTES)
        return bobbin_fail(error, "jobs that are stored at once have at most %d MiB in all",
                           GROUP_MAX_BYTES / (1024 * 1024));
    return true;
}

void group_add(struct group *group, struct draft *draft, bool needs_sync)
{
    draft->next = NULL;
    if (group->last != NULL)
        group->last->next = draft;
    else
        group->first = draft;
    group->last = draft;
    group->count++;
    group->bytes += draft->record_bytes;
    group->needs_sync |= needs_sync;
}

void group_finish(struct group *group)
{
    for (struct draft *draft = group->first, *next; draft != NULL; draft = next) {
        next = draft->next;
        draft_destroy(draft);
    }
    *group = (struct group){0};
}
