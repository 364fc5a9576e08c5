/* What can be asked about a request: an answer of lines "name value". */
#include "golden.h"

#include <inttypes.h>

static void tell(bobbin_request *request, const char *name, bobbin_str value)
{
    bobbin_print(request, "%s %.*s\n", name, BOBBIN_ARG(value));
}

static void tell_options(const struct golden *golden, bobbin_request *request)
{
    bobbin_print(request, "count %" PRIu64 "\nautomatic %d\nsize %" PRIu64 "\ntime %" PRIu64 "\n",
                 golden->count, golden->automatic == UINT64_MAX, golden->size, golden->time);
    bobbin_print(request, "choice %" PRIu64 "\nflag %d\ntext %s\nsecret %s\npath %s\n",
                 golden->choice, golden->flag, golden->text, golden->secret, golden->path);
    for (size_t i = 0; i < golden->list.count; i++)
        bobbin_print(request, "list %s\n", golden->list.items[i]);
    bobbin_end(request);
}

bool reading_handle(const struct golden *golden, bobbin_request *request)
{
    if (rest_is(request, "/options"))
        tell_options(golden, request);
    else if (rest_is(request, "/about"))
        bobbin_collect_body(request);
    else
        return false;
    return true;
}

void reading_body(bobbin_request *request)
{
    char last[4] = "";
    size_t count = 0;
    const bobbin_field *fields = bobbin_headers(request, &count);
    uint64_t length = bobbin_body_length(request);
    tell(request, "method", bobbin_method(request));
    tell(request, "path", bobbin_path(request));
    tell(request, "route", bobbin_route(request));
    tell(request, "target", bobbin_target(request));
    tell(request, "query", bobbin_query_string(request));
    tell(request, "a", bobbin_query(request, "a"));
    tell(request, "header", bobbin_get_header(request, "X-Golden"));
    tell(request, "first", count > 0 ? fields[0].name : bobbin_text("none"));
    tell(request, "address", bobbin_client_address(request));
    tell(request, "scheme", bobbin_scheme(request));
    tell(request, "authority", bobbin_authority(request));
    tell(request, "id", bobbin_request_id(request));
    bobbin_print(request, "body %" PRIu64 " of %" PRIu64 " %s\n", length,
                 bobbin_body_expected(request),
                 bobbin_body_fd(request) >= 0        ? "in a file"
                 : bobbin_body(request).data != NULL ? "in memory"
                                                     : "nowhere");
    bobbin_body_read(request, length > 3 ? length - 3 : 0, last, 3);
    bobbin_print(request, "last %s\n", last);
    bobbin_write(request, "json \"", 6);
    bobbin_write_json(request, bobbin_text("\"\n"));
    bobbin_write(request, "\"\n", 2);
    bobbin_status(request, 203);
    bobbin_header(request, "x-one", "1");
    bobbin_headerf(request, "x-two", "%d", 2);
    if (bobbin_header(request, "x-bad", "a\nb"))
        bobbin_print(request, "a bad header was taken\n");
    bobbin_end(request);
}
