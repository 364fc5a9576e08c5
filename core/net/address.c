#include "core/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static bool parse_port(const char *text, uint16_t *port)
{
    unsigned number = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return false;
    for (; *text != '\0'; text++)
        number = number * 10 + (unsigned)(*text - '0');
    *port = (uint16_t)number;
    return number > 0 && number <= 65535;
}

static bool parse_unix(struct address *address, const char *path, const char *text,
                       bobbin_error *error)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&address->socket;
    if (*path == '\0' || strlen(path) >= sizeof un->sun_path)
        return bobbin_fail(error, "\"%s\": the path of a unix socket has 1 to %zu bytes", text,
                           sizeof un->sun_path - 1);
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    address->length = sizeof *un;
    return true;
}

static void set_six(struct address *address, const struct in6_addr *host, uint16_t port)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address->socket;
    six->sin6_family = AF_INET6;
    six->sin6_addr = *host;
    six->sin6_port = htons(port);
    address->length = sizeof *six;
}

static bool set_host(struct address *address, const char *host, uint16_t port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&address->socket;
    struct in6_addr six;
    size_t length = strlen(host);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        address->length = sizeof *four;
        return true;
    }
    if (length < 2 || host[0] != '[' || host[length - 1] != ']')
        return false;
    char inside[64];
    snprintf(inside, sizeof inside, "%.*s", (int)length - 2, host + 1);
    if (inet_pton(AF_INET6, inside, &six) != 1)
        return false;
    set_six(address, &six, port);
    return true;
}

bool address_parse(struct address *address, const char *text, bobbin_error *error)
{
    *address = (struct address){0};
    const char *mark = strstr(text, "://");
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    if (mark == NULL || scheme == 0 || text + scheme != mark || scheme >= sizeof address->scheme)
        return bobbin_fail(error, "\"%s\" does not begin with a scheme, such as http://", text);
    memcpy(address->scheme, text, scheme);
    const char *rest = mark + 3;
    if (strncmp(rest, "unix:", 5) == 0)
        return parse_unix(address, rest + 5, text, error);
    const char *colon = strrchr(rest, ':');
    uint16_t port;
    char host[64];
    if (colon == NULL || !parse_port(colon + 1, &port))
        return bobbin_fail(error, "\"%s\" does not end with a port from 1 to 65535", text);
    if (colon == rest) {
        address->is_dual_stack = true;
        set_six(address, &in6addr_any, port);
        return true;
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - rest), rest);
    if ((size_t)(colon - rest) >= sizeof host || !set_host(address, host, port))
        return bobbin_fail(error,
                           "\"%s\": the host is not an IPv4 address, an [IPv6 address] or empty",
                           text);
    return true;
}
