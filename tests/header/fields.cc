// The form of bobbin.h for C++ that is older than 20: fields are set one by one.
#include "bobbin.h"

struct config {
    uint64_t count;
    const char *text;
};

static const bobbin_option options[] = {
    BOBBIN_COUNT(config, count, "count", "1", 1, 10, "a number"),
    BOBBIN_TEXT(config, text, "text", nullptr, "words"),
    BOBBIN_OPTIONS_END,
};

static void handle(void *, bobbin_request *request)
{
    bobbin_job_spec spec = bobbin_job_fields();
    spec.payload_is_body = true;
    spec.priority = BOBBIN_PRIORITY(0);
    bobbin_spool_and_accept(request, &spec);
}

static enum bobbin_job_result run(void *, bobbin_job *job)
{
    bobbin_job_progress(job, 100, nullptr);
    return BOBBIN_JOB_DONE;
}

BOBBIN_PLUGIN_FIELDS(plugin)
{
    plugin.name = "fields";
    plugin.about = "sets them one by one";
    plugin.options = options;
    plugin.config_size = sizeof(config);
    plugin.handle = handle;
    plugin.run = run;
}
