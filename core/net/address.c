#include "core/net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const char unix_prefix[] = "unix:";

static bool parse_port(const char *text, in_port_t *port, bobbin_error *error)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long number = digits > 0 && digits < 6 ? strtoul(text, NULL, 10) : 65536;
    if (text[digits] != '\0' || number > 65535)
        return bobbin_fail(error, "\"%s\" is not a port from 0 to 65535", text);
    *port = htons((in_port_t)number);
    return true;
}

static bool parse_ipv6(struct address *address, const char *host, const char *port,
                       bobbin_error *error)
{
    struct sockaddr_in6 socket = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    if (*host != '\0' && inet_pton(AF_INET6, host, &socket.sin6_addr) != 1)
        return bobbin_fail(error, "\"%s\" is not an IPv6 address", host);
    if (!parse_port(port, &socket.sin6_port, error))
        return false;
    memcpy(&address->socket, &socket, sizeof socket);
    address->socket_bytes = sizeof socket;
    address->is_dual_stack = *host == '\0';
    return true;
}

static bool parse_ipv4(struct address *address, const char *host, const char *port,
                       bobbin_error *error)
{
    struct sockaddr_in socket = {.sin_family = AF_INET};
    const char *numbers = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, numbers, &socket.sin_addr) != 1)
        return bobbin_fail(error, "\"%s\" is not an address such as 127.0.0.1, [::1] or localhost",
                           host);
    if (!parse_port(port, &socket.sin_port, error))
        return false;
    memcpy(&address->socket, &socket, sizeof socket);
    address->socket_bytes = sizeof socket;
    return true;
}

static bool parse_unix(struct address *address, const char *path, bobbin_error *error)
{
    struct sockaddr_un socket = {.sun_family = AF_UNIX};
    if (*path != '/')
        return bobbin_fail(error, "\"%s\" is not an absolute path", path);
    if (strlen(path) >= sizeof socket.sun_path)
        return bobbin_fail(error, "\"%s\" is longer than the %zu bytes that a unix socket may have",
                           path, sizeof socket.sun_path - 1);
    strcpy(socket.sun_path, path);
    memcpy(&address->socket, &socket, sizeof socket);
    address->socket_bytes = sizeof socket;
    return true;
}

static bool parse_host_and_port(struct address *address, const char *place, bobbin_error *error)
{
    char host[ADDRESS_TEXT_BYTES];
    bool has_brackets = *place == '[';
    const char *end = has_brackets ? strchr(place, ']') : strrchr(place, ':');
    const char *colon = has_brackets && end != NULL ? end + 1 : end;
    if (colon == NULL || *colon != ':')
        return bobbin_fail(error, "\"%s\" has no port, as in http://127.0.0.1:8080", address->text);
    const char *start = place + has_brackets;
    snprintf(host, sizeof host, "%.*s", (int)(end - start), start);
    if (has_brackets && *host == '\0')
        return bobbin_fail(error, "\"[]\" is not an IPv6 address");
    if (has_brackets || *host == '\0')
        return parse_ipv6(address, host, colon + 1, error);
    return parse_ipv4(address, host, colon + 1, error);
}

static bool parse_scheme(struct address *address, const char *text, size_t length,
                         bobbin_error *error)
{
    if (length == 0 || length >= sizeof address->scheme || text[0] < 'a' || text[0] > 'z' ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
        return bobbin_fail(error, "\"%.*s\" is not a scheme such as http", (int)length, text);
    memcpy(address->scheme, text, length);
    return true;
}

bool address_parse(struct address *address, const char *text, bobbin_error *error)
{
    *address = (struct address){0};
    const char *slashes = strstr(text, "://");
    if (slashes == NULL)
        return bobbin_fail(error, "\"%s\" is not an address such as http://127.0.0.1:8080", text);
    if (strlen(text) >= sizeof address->text)
        return bobbin_fail(error, "\"%.20s...\" is longer than %d bytes", text,
                           ADDRESS_TEXT_BYTES - 1);
    strcpy(address->text, text);
    if (!parse_scheme(address, text, (size_t)(slashes - text), error))
        return false;
    const char *place = slashes + strlen("://");
    if (strncmp(place, unix_prefix, strlen(unix_prefix)) == 0)
        return parse_unix(address, place + strlen(unix_prefix), error);
    return parse_host_and_port(address, place, error);
}

const char *address_path(const struct address *address)
{
    if (address->socket.ss_family != AF_UNIX)
        return NULL;
    return strstr(address->text, "://") + strlen("://") + strlen(unix_prefix);
}

void address_set_port(struct address *address, unsigned port)
{
    char *colon = strrchr(address->text, ':');
    snprintf(colon, (size_t)(address->text + sizeof address->text - colon), ":%u", port);
}
