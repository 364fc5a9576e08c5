#include "tests/host/children.h"

#include <stdlib.h>

#include "core/plugin/jobspec.h"
#include "spooler/run/children.h"
#include "tests/host/memory.h"
#include "tests/host/spool.h"

bool children_add(struct children *given, const struct bobbin_job_spec *spec, const char *queue,
                  const struct job_address *parent, bobbin_error *error)
{
    struct hosted_children *children = (struct hosted_children *)given;
    const struct jobsport_job job = {.spec = jobspec_whole(spec, queue), .payload_fd = -1};
    (void)parent;
    if (job.spec.payload_is_body)
        return bobbin_fail(error, "payload_is_body is not for jobs: there is no request");
    if (!jobspec_check(&job.spec, error))
        return false;
    children->items = memory_grow(children->items, children->count, sizeof(struct spooled_job *));
    children->items[children->count++] = spooled_create(&job);
    return true;
}

bool hosted_children_store(struct hosted_children *children, struct spool *spool,
                           bobbin_error *error)
{
    bool is_stored =
        children->count == 0 || spool_store_all(spool, children->items, children->count, error);
    if (is_stored)
        children->count = 0; /* the spool's now */
    hosted_children_forget(children);
    return is_stored;
}

void hosted_children_forget(struct hosted_children *children)
{
    for (size_t i = 0; i < children->count; i++)
        spooled_destroy(children->items[i]);
    free(children->items);
    *children = (struct hosted_children){0};
}
