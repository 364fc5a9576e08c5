/* POST /into/QUEUE stores the body as a job of that queue, with the client's X-Width as header. */
#include <stdio.h>

#include "bobbin.h"

static void handle(void *state, bobbin_request *request)
{
    char queue[65], type[128];
    bobbin_str rest = bobbin_path_rest(request), width = bobbin_get_header(request, "x-width");
    const bobbin_field header = {bobbin_text("x-width"), width};
    (void)state;
    snprintf(queue, sizeof queue, "%.*s", BOBBIN_ARG(rest));
    snprintf(type, sizeof type, "%.*s", BOBBIN_ARG(bobbin_get_header(request, "content-type")));
    bobbin_spool_and_accept(request, BOBBIN_JOB(.queue = *queue == '/' ? queue + 1 : queue,
                                                .payload_is_body = true, .content_type = type,
                                                .headers = &header,
                                                .header_count = width.data != NULL));
}

BOBBIN_PLUGIN(.name = "into", .about = "stores jobs of any queue", .handle = handle);
