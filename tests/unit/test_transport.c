#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/net/listener.h"
#include "core/net/transport.h"

static void what_the_peer_did_is_seen_without_reading_it(void **state)
{
    (void)state;
    int pair[2];
    char bytes[8];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct transport transport = {pair[0]};
    assert_int_equal(transport_peek(&transport), PEER_QUIET);
    assert_int_equal(write(pair[1], "ab", 2), 2);
    assert_int_equal(transport_peek(&transport), PEER_SENT);
    assert_int_equal(transport_read(&transport, bytes, sizeof bytes), 2);
    assert_int_equal(transport_read(&transport, bytes, sizeof bytes), -1);
    assert_int_equal(errno, EAGAIN);
    shutdown(pair[1], SHUT_WR);
    assert_int_equal(transport_peek(&transport), PEER_HALF_CLOSED);
    close(pair[1]);
    transport_close(&transport);
    assert_int_equal(transport.fd, -1);
    transport_close(&transport);
}

static void a_client_is_accepted_with_its_address(void **state)
{
    (void)state;
    struct address address;
    struct listener listener;
    struct transport transport;
    bobbin_error error;
    char peer[TRANSPORT_ADDRESS_BYTES] = "";
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    assert_true(address_parse(&address, "http://127.0.0.1:0", &error));
    assert_true(listener_open(&listener, &address, &error));
    assert_true(listener_listen(&listener, 8, &error));
    assert_false(transport_accept(&transport, listener.fd, peer));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(getsockname(listener.fd, (struct sockaddr *)&name, &length), 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&name, length), 0);
    assert_true(transport_accept(&transport, listener.fd, peer));
    assert_string_equal(peer, "127.0.0.1");
    transport_close(&transport);
    close(client);
    listener_close(&listener);
}

static void a_range_of_a_file_is_sent_and_its_end_is_told(void **state)
{
    (void)state;
    int pair[2];
    char bytes[8] = "";
    FILE *file = tmpfile();
    fputs("0123456789", file);
    fflush(file);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct transport transport = {pair[0]};
    assert_int_equal(transport_send_file(&transport, fileno(file), 3, 4), 4);
    assert_int_equal(read(pair[1], bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "3456", 4);
    assert_int_equal(transport_send_file(&transport, fileno(file), 10, 4), 0);
    fclose(file);
    close(pair[1]);
    transport_close(&transport);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_peer_did_is_seen_without_reading_it),
        cmocka_unit_test(a_client_is_accepted_with_its_address),
        cmocka_unit_test(a_range_of_a_file_is_sent_and_its_end_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
