/* Answers a POST or PUT with its own body, unmodified: from memory, or from the file it was put in.
 */
#include <fcntl.h>

#include "bobbin.h"

static void echo(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_str method = bobbin_method(request);
    if (!bobbin_is(method, "POST") && !bobbin_is(method, "PUT")) {
        bobbin_header(request, "allow", "POST, PUT");
        bobbin_refuse(request, 405, "echo answers POST and PUT");
        return;
    }
    bobbin_str type = bobbin_get_header(request, "content-type");
    if (type.data != NULL)
        bobbin_headerf(request, "content-type", "%.*s", BOBBIN_ARG(type));
    int fd = bobbin_body_fd(request);
    if (fd < 0) {
        bobbin_str body = bobbin_body(request);
        bobbin_write(request, body.data, body.length);
    } else {
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the body's own descriptor stays the core's */
        if (own < 0) {
            bobbin_refuse(request, 503, "there are no descriptors left");
            return;
        }
        bobbin_send_file(request, own, 0, bobbin_body_length(request));
    }
    bobbin_end(request);
}

BOBBIN_PLUGIN(.name = "echo", .about = "answers a body with itself", .handle = echo);
