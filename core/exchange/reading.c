/* The calls of plugins/bobbin.h that read a request. */
#include <string.h>

#include "core/exchange/request.h"
#include "core/exchange/route.h"
#include "core/plugin/plugin.h"

enum { ALLOCATE_MAX_BYTES = 1024 * 1024 };

bobbin_host *bobbin_host_of(bobbin_request *request)
{
    return &request->app->host;
}

bobbin_str bobbin_method(bobbin_request *request)
{
    return request->head.method;
}

bobbin_str bobbin_path(bobbin_request *request)
{
    return request->target.path;
}

bobbin_str bobbin_route(bobbin_request *request)
{
    return request->route->prefix;
}

bobbin_str bobbin_path_rest(bobbin_request *request)
{
    bobbin_str path = request->target.path;
    size_t skip = request->route->prefix.length;
    return (bobbin_str){path.data + skip, path.length - skip};
}

bobbin_str bobbin_target(bobbin_request *request)
{
    return request->head.target;
}

bobbin_str bobbin_query_string(bobbin_request *request)
{
    return request->target.query;
}

bobbin_str bobbin_query(bobbin_request *request, const char *name)
{
    bobbin_str query = request->target.query;
    if (query.length == 0)
        return (bobbin_str){NULL, 0};
    char *room = arena_take(&request->arena, query.length);
    return room != NULL ? target_parameter(query, name, room) : (bobbin_str){NULL, 0};
}

bobbin_str bobbin_get_header(bobbin_request *request, const char *name)
{
    return request_field(request, name);
}

const bobbin_field *bobbin_headers(bobbin_request *request, size_t *count)
{
    *count = request->head.field_count;
    return request->head.fields;
}

bobbin_str bobbin_client_address(bobbin_request *request)
{
    return request->client_address;
}

bobbin_str bobbin_scheme(bobbin_request *request)
{
    return bobbin_text(request->scheme);
}

bobbin_str bobbin_authority(bobbin_request *request)
{
    bobbin_str authority = request->head.authority;
    return authority.data != NULL ? authority : (bobbin_str){"", 0};
}

bobbin_str bobbin_request_id(bobbin_request *request)
{
    return request_id(request);
}

uint64_t bobbin_body_length(bobbin_request *request)
{
    return request->body.length;
}

bobbin_str bobbin_body(bobbin_request *request)
{
    const struct body *body = &request->body;
    if (body->place == BODY_SPILLED || (body->place == BODY_NONE && body->length > 0))
        return (bobbin_str){NULL, 0};
    return (bobbin_str){body->memory != NULL ? body->memory : "", body->length};
}

int bobbin_body_fd(bobbin_request *request)
{
    return request->body.fd;
}

int64_t bobbin_body_read(bobbin_request *request, uint64_t offset, void *buffer, size_t size)
{
    return body_read(&request->body, offset, buffer, size);
}

void bobbin_set_data(bobbin_request *request, void *data)
{
    request->data = data;
}

void *bobbin_data(bobbin_request *request)
{
    return request->data;
}

void *bobbin_allocate(bobbin_request *request, size_t size)
{
    return size <= ALLOCATE_MAX_BYTES ? arena_take(&request->arena, size) : NULL;
}
