/*
 * The ceiling: epoll, read, one fixed answer for each empty line, write. No parsing, no features.
 * usage: rawepoll PORT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n"
                             "Content-Length: 14\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\r\n"
                             "Hello, world!\n";

static void serve(int fd)
{
    static char in[16384], out[sizeof answer * 512];
    ssize_t got = read(fd, in, sizeof in);
    size_t length = 0;
    if (got <= 0) {
        close(fd);
        return;
    }
    for (char *at = in; (at = memmem(at, (size_t)(in + got - at), "\r\n\r\n", 4)) != NULL;
         at += 4) {
        memcpy(out + length, answer, sizeof answer - 1);
        length += sizeof answer - 1;
    }
    if (length > 0 && write(fd, out, length) < 0)
        close(fd);
}

int main(int count, char **arguments)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0), loop = epoll_create1(0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)(count > 1 ? atoi(arguments[1]) : 0)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 1024) != 0) {
        perror("rawepoll");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(loop, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd != listener) {
                serve(events[i].data.fd);
                continue;
            }
            event.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            epoll_ctl(loop, EPOLL_CTL_ADD, event.data.fd, &event);
        }
    }
}
