/* Answers a POST or PUT with its own body: when all of it is there, or as it comes. */
#include <unistd.h>

#include "bobbin.h"

struct config {
    bool stream;
};

static const struct bobbin_option options[] = {
    BOBBIN_FLAG(struct config, stream, "stream", "off", "send each piece back as it comes"),
    BOBBIN_OPTIONS_END,
};

static void handle(void *state, bobbin_request *request)
{
    bobbin_str type = bobbin_get_header(request, "content-type");
    if (!bobbin_is(bobbin_method(request), "POST") && !bobbin_is(bobbin_method(request), "PUT")) {
        bobbin_header(request, "allow", "POST, PUT");
        bobbin_refuse(request, 405, "echo answers POST and PUT");
        return;
    }
    if (type.data != NULL)
        bobbin_headerf(request, "content-type", "%.*s", BOBBIN_ARG(type));
    if (((const struct config *)state)->stream)
        bobbin_begin(request, bobbin_body_expected(request)); /* unknown stays unknown */
    else
        bobbin_collect_body(request);
}

static bool write_body(bobbin_request *request)
{
    bobbin_str body = bobbin_body(request);
    if (body.data != NULL)
        return bobbin_write(request, body.data, body.length) != BOBBIN_GONE;
    /* A copy: the core closes its own, and what it sends. */
    return bobbin_send_file(request, dup(bobbin_body_fd(request)), 0, bobbin_body_length(request));
}

static void on_body(void *state, bobbin_request *request, bobbin_str piece, bool is_last)
{
    const struct config *config = state;
    if (config->stream && bobbin_write(request, piece.data, piece.length) == BOBBIN_BLOCKED)
        bobbin_pause(request); /* the client sends faster than it reads */
    if (is_last && (config->stream || write_body(request)))
        bobbin_end(request);
    else if (is_last)
        bobbin_refuse(request, 503, "there are no descriptors left");
}

static void on_writable(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_resume(request);
}

BOBBIN_PLUGIN(.name = "echo", .about = "answers a body with itself", .options = options,
              .config_size = sizeof(struct config), .handle = handle, .on_body = on_body,
              .on_writable = on_writable);
