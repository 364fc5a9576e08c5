/*
 * Answers with what it sees of its request, a line each; as a job, its result is what it sees of
 * its job. POST stores such a job, with a header and a content type.
 */
#include <stdio.h>

#include "bobbin.h"

static void show(bobbin_request *request, const char *name, bobbin_str value)
{
    if (value.data == NULL)
        bobbin_print(request, "%s absent\n", name);
    else
        bobbin_print(request, "%s \"%.*s\"\n", name, BOBBIN_ARG(value));
}

static void show_body(bobbin_request *request)
{
    char piece[4] = "";
    int64_t got = bobbin_body_read(request, 1, piece, 3);
    bobbin_print(request, "body_length %llu\n", (unsigned long long)bobbin_body_length(request));
    bobbin_print(request, "body_expected %lld\n", (long long)bobbin_body_expected(request));
    bobbin_print(request, "body_fd %s\n", bobbin_body_fd(request) >= 0 ? "a file" : "none");
    bobbin_print(request, "body_read %lld \"%s\"\n", (long long)got, piece);
    show(request, "body", bobbin_body(request));
}

static void show_all(bobbin_request *request)
{
    size_t count = 0;
    const bobbin_field *fields = bobbin_headers(request, &count);
    show(request, "method", bobbin_method(request));
    show(request, "target", bobbin_target(request));
    show(request, "path", bobbin_path(request));
    show(request, "path_rest", bobbin_path_rest(request));
    show(request, "route", bobbin_route(request));
    show(request, "query_string", bobbin_query_string(request));
    show(request, "query", bobbin_query(request, "q"));
    show(request, "header", bobbin_get_header(request, "X-One"));
    for (size_t i = 0; i < count; i++)
        bobbin_print(request, "field %.*s: %.*s\n", BOBBIN_ARG(fields[i].name),
                     BOBBIN_ARG(fields[i].value));
    show(request, "client_address", bobbin_client_address(request));
    show(request, "scheme", bobbin_scheme(request));
    show(request, "authority", bobbin_authority(request));
    show(request, "request_id", bobbin_request_id(request));
    show(request, "instance", bobbin_text(bobbin_instance(bobbin_host_of(request))));
    show_body(request);
}

static void handle(void *state, bobbin_request *request)
{
    const bobbin_field field = {bobbin_text("x-one"), bobbin_text("1")};
    (void)state;
    if (bobbin_query(request, "spool").data != NULL) {
        bobbin_spool_and_accept(request, BOBBIN_JOB(.payload_is_body = true, .headers = &field,
                                                    .header_count = 1, .attempts = 7));
        return;
    }
    show_all(request);
    bobbin_end(request);
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    char text[1024];
    (void)state;
    int length = snprintf(
        text, sizeof text,
        "id \"%.*s\"\nqueue \"%.*s\"\npayload \"%.*s\"\ncontent_type \"%.*s\"\nheader \"%.*s\"\n"
        "other header %s\nattempt %u of %u\nstopping %d\n",
        BOBBIN_ARG(bobbin_job_id(job)), BOBBIN_ARG(bobbin_job_queue(job)),
        BOBBIN_ARG(bobbin_job_payload(job)), BOBBIN_ARG(bobbin_job_content_type(job)),
        BOBBIN_ARG(bobbin_job_header(job, "X-One")),
        bobbin_job_header(job, "x-two").data == NULL ? "absent" : "present",
        bobbin_job_attempt(job), bobbin_job_attempts(job), bobbin_job_stopping(job));
    bobbin_log(bobbin_host_of_job(job), BOBBIN_INFO, "looked at %.*s",
               BOBBIN_ARG(bobbin_job_id(job)));
    bobbin_job_result(job, text, (size_t)length, NULL);
    return BOBBIN_JOB_DONE;
}

BOBBIN_PLUGIN(.name = "mirror", .about = "shows what it sees", .handle = handle, .run = run);
