/* The smallest app: GET /hello?name=you. Copy it, rename it, change handle. */
#include "bobbin.h"

struct hello {
    const char *greeting;
};

static const struct bobbin_option options[] = {
    BOBBIN_TEXT(struct hello, greeting, "greeting", "Hello", "the word before the name"),
    BOBBIN_OPTIONS_END,
};

static void greet(void *state, bobbin_request *request)
{
    const struct hello *hello = state;
    bobbin_str name = bobbin_query(request, "name");
    if (name.length == 0)
        name = bobbin_text("world");
    bobbin_header(request, "content-type", "text/plain; charset=utf-8");
    bobbin_print(request, "%s, %.*s!\n", hello->greeting, BOBBIN_ARG(name));
    bobbin_end(request);
}

BOBBIN_PLUGIN(.name = "hello", .about = "greets", .options = options,
              .config_size = sizeof(struct hello), .handle = greet);
