#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/net/listener.h"

static struct listener opened(const char *text)
{
    struct address address;
    struct listener listener = {.fd = -1};
    bobbin_error error;
    if (!address_parse(&address, text, &error) || !listener_open(&listener, &address, &error))
        fail_msg("%s", error.text);
    return listener;
}

static bool can_connect(const char *text)
{
    struct address address;
    assert_true(address_parse(&address, text, NULL));
    int fd = socket(address.socket.ss_family, SOCK_STREAM, 0);
    int result = connect(fd, (struct sockaddr *)&address.socket, address.socket_bytes);
    close(fd);
    return result == 0;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

static void port_0_becomes_the_port_that_the_kernel_chose(void **state)
{
    (void)state;
    struct listener listener = opened("http://127.0.0.1:0");
    assert_string_not_equal(listener.text, "http://127.0.0.1:0");
    assert_true(listener_listen(&listener, 1, NULL));
    assert_true(can_connect(listener.text));
    listener_close(&listener);
}

static void nobody_gets_in_before_it_listens(void **state)
{
    (void)state;
    struct listener listener = opened("http://127.0.0.1:0");
    assert_false(can_connect(listener.text));
    listener_close(&listener);
}

static void what_is_accepted_is_without_delay(void **state)
{
    (void)state;
    struct listener listener = opened("http://127.0.0.1:0");
    assert_int_equal(option(listener.fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(listener.fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    listener_close(&listener);
}

static void an_address_that_is_taken_is_a_sentence(void **state)
{
    (void)state;
    struct listener first = opened("http://127.0.0.1:0");
    struct listener second;
    struct address address;
    bobbin_error error;
    char sentence[200];
    assert_true(listener_listen(&first, 1, NULL));
    assert_true(address_parse(&address, first.text, NULL));
    assert_false(listener_open(&second, &address, &error));
    snprintf(sentence, sizeof sentence, "%s cannot be bound: Address already in use", first.text);
    assert_string_equal(error.text, sentence);
    assert_int_equal(second.fd, -1);
    listener_close(&first);
}

static void every_address_takes_ipv4_clients_too(void **state)
{
    (void)state;
    char text[64];
    struct listener listener = opened("http://:0");
    assert_true(listener_listen(&listener, 1, NULL));
    snprintf(text, sizeof text, "http://127.0.0.1%s", strrchr(listener.text, ':'));
    assert_true(can_connect(text));
    listener_close(&listener);
}

static int make_folder(void **state)
{
    static char folder[32];
    strcpy(folder, "/tmp/bobbin-test-XXXXXX");
    *state = mkdtemp(folder);
    return *state == NULL;
}

static int remove_folder(void **state)
{
    return rmdir(*state);
}

static const char *socket_text(void **state)
{
    static char text[64];
    snprintf(text, sizeof text, "http://unix:%s/app.sock", (char *)*state);
    return text;
}

static void a_unix_socket_goes_away_with_the_master(void **state)
{
    const char *text = socket_text(state);
    struct listener listener = opened(text);
    assert_true(listener.is_unix);
    assert_true(listener_listen(&listener, 1, NULL));
    assert_true(can_connect(text));
    listener_remove(&listener);
    assert_int_equal(access(strchr(text, ':') + 8, F_OK), -1);
}

static void the_umask_decides_who_may_connect(void **state)
{
    struct stat status;
    const char *text = socket_text(state);
    mode_t before = umask(0007);
    struct listener listener = opened(text);
    umask(before);
    assert_int_equal(stat(strchr(text, ':') + 8, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    listener_remove(&listener);
}

static void a_socket_whose_owner_is_gone_is_replaced(void **state)
{
    const char *text = socket_text(state);
    struct listener dead = opened(text);
    assert_true(listener_listen(&dead, 1, NULL));
    listener_close(&dead); /* the file stays, as after kill -9 */
    struct listener listener = opened(text);
    assert_true(listener_listen(&listener, 1, NULL));
    assert_true(can_connect(text));
    listener_remove(&listener);
}

static void a_socket_that_answers_is_left_alone(void **state)
{
    const char *text = socket_text(state);
    struct listener first = opened(text);
    struct listener second;
    struct address address;
    assert_true(listener_listen(&first, 1, NULL));
    assert_true(address_parse(&address, text, NULL));
    assert_false(listener_open(&second, &address, NULL));
    assert_true(can_connect(text));
    listener_remove(&first);
}

static void an_ordinary_file_is_never_removed(void **state)
{
    struct address address;
    struct listener listener;
    bobbin_error error;
    const char *text = socket_text(state);
    const char *path = strchr(text, ':') + 8;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_true(address_parse(&address, text, NULL));
    assert_false(listener_open(&listener, &address, &error));
    assert_non_null(strstr(error.text, "Address already in use"));
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_0_becomes_the_port_that_the_kernel_chose),
        cmocka_unit_test(nobody_gets_in_before_it_listens),
        cmocka_unit_test(what_is_accepted_is_without_delay),
        cmocka_unit_test(an_address_that_is_taken_is_a_sentence),
        cmocka_unit_test(every_address_takes_ipv4_clients_too),
        cmocka_unit_test_setup_teardown(a_unix_socket_goes_away_with_the_master, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(the_umask_decides_who_may_connect, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_socket_whose_owner_is_gone_is_replaced, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_socket_that_answers_is_left_alone, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(an_ordinary_file_is_never_removed, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
