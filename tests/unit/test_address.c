#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/un.h>

#include "core/net/address.h"

static struct address parsed(const char *text)
{
    struct address address;
    bobbin_error error;
    if (!address_parse(&address, text, &error))
        fail_msg("%s", error.text);
    return address;
}

static void assert_refused(const char *text, const char *sentence)
{
    struct address address;
    bobbin_error error;
    assert_false(address_parse(&address, text, &error));
    assert_string_equal(error.text, sentence);
}

static void an_ipv4_address_has_host_and_port(void **state)
{
    (void)state;
    struct address address = parsed("http://127.0.0.1:8080");
    const struct sockaddr_in *socket = (const struct sockaddr_in *)&address.socket;
    assert_string_equal(address.scheme, "http");
    assert_string_equal(address.text, "http://127.0.0.1:8080");
    assert_int_equal(socket->sin_family, AF_INET);
    assert_int_equal(ntohl(socket->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(ntohs(socket->sin_port), 8080);
    assert_null(address_path(&address));
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
    (void)state;
    struct address address = parsed("http://[::1]:80");
    const struct sockaddr_in6 *socket = (const struct sockaddr_in6 *)&address.socket;
    assert_int_equal(socket->sin6_family, AF_INET6);
    assert_true(IN6_IS_ADDR_LOOPBACK(&socket->sin6_addr));
    assert_int_equal(ntohs(socket->sin6_port), 80);
    assert_false(address.is_dual_stack);
}

static void no_host_is_every_address_of_both_families(void **state)
{
    (void)state;
    struct address address = parsed("http://:8080");
    const struct sockaddr_in6 *socket = (const struct sockaddr_in6 *)&address.socket;
    assert_true(IN6_IS_ADDR_UNSPECIFIED(&socket->sin6_addr));
    assert_true(address.is_dual_stack);
    assert_false(parsed("http://[::]:8080").is_dual_stack);
}

static void localhost_is_the_one_name_that_is_known(void **state)
{
    (void)state;
    struct address address = parsed("http://localhost:1");
    const struct sockaddr_in *socket = (const struct sockaddr_in *)&address.socket;
    assert_int_equal(ntohl(socket->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_refused("http://example:80",
                   "\"example\" is not an address such as 127.0.0.1, [::1] or localhost");
}

static void a_unix_socket_has_a_path(void **state)
{
    (void)state;
    struct address address = parsed("http://unix:/run/a:b.sock");
    const struct sockaddr_un *socket = (const struct sockaddr_un *)&address.socket;
    assert_int_equal(socket->sun_family, AF_UNIX);
    assert_string_equal(socket->sun_path, "/run/a:b.sock");
    assert_string_equal(address_path(&address), "/run/a:b.sock");
    assert_refused("http://unix:run/app.sock", "\"run/app.sock\" is not an absolute path");
}

static void a_path_that_the_kernel_would_cut_is_refused(void **state)
{
    (void)state;
    char text[140] = "http://unix:/";
    memset(text + 13, 'x', 107);
    text[119] = '\0'; /* 107 bytes behind "http://unix:" */
    parsed(text);
    text[119] = 'x';
    text[120] = '\0';
    struct address address;
    bobbin_error error;
    assert_false(address_parse(&address, text, &error));
    assert_non_null(strstr(error.text, "is longer than the 107 bytes"));
}

static void a_scheme_is_a_plugins_name_that_begins_with_a_letter(void **state)
{
    (void)state;
    assert_string_equal(parsed("http2-x://127.0.0.1:80").scheme, "http2-x");
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    assert_refused("8080", "\"8080\" is not an address such as http://127.0.0.1:8080");
    assert_refused("://127.0.0.1:80", "\"\" is not a scheme such as http");
    assert_refused("HTTP://127.0.0.1:80", "\"HTTP\" is not a scheme such as http");
    assert_refused("2http://:1", "\"2http\" is not a scheme such as http");
    assert_refused("ht tp://:1", "\"ht tp\" is not a scheme such as http");
    assert_refused("abcdefghijklmnop://:1", "\"abcdefghijklmnop\" is not a scheme such as http");
    assert_refused("http://127.0.0.1", "\"http://127.0.0.1\" has no port, as in "
                                       "http://127.0.0.1:8080");
    assert_refused("http://[::1]", "\"http://[::1]\" has no port, as in http://127.0.0.1:8080");
    assert_refused("http://[::1", "\"http://[::1\" has no port, as in http://127.0.0.1:8080");
    assert_refused("http://[]:80", "\"[]\" is not an IPv6 address");
    assert_refused("http://[127.0.0.1]:80", "\"127.0.0.1\" is not an IPv6 address");
    assert_refused("http://:", "\"\" is not a port from 0 to 65535");
    assert_refused("http://:65536", "\"65536\" is not a port from 0 to 65535");
    assert_refused("http://:80x", "\"80x\" is not a port from 0 to 65535");
    assert_refused("http://:-1", "\"-1\" is not a port from 0 to 65535");
    assert_refused("http://:99999999999999999999",
                   "\"99999999999999999999\" is not a port from 0 to 65535");
    assert_refused("http://127.1:80",
                   "\"127.1\" is not an address such as 127.0.0.1, [::1] or localhost");
    assert_refused("http://::1:80",
                   "\"::1\" is not an address such as 127.0.0.1, [::1] or localhost");
}

static void a_text_without_end_is_refused(void **state)
{
    (void)state;
    char text[400];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text, "http://", 7);
    assert_refused(text, "\"http://xxxxxxxxxxxxx...\" is longer than 159 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_has_host_and_port),
        cmocka_unit_test(an_ipv6_address_stands_in_brackets),
        cmocka_unit_test(no_host_is_every_address_of_both_families),
        cmocka_unit_test(localhost_is_the_one_name_that_is_known),
        cmocka_unit_test(a_unix_socket_has_a_path),
        cmocka_unit_test(a_path_that_the_kernel_would_cut_is_refused),
        cmocka_unit_test(a_scheme_is_a_plugins_name_that_begins_with_a_letter),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(a_text_without_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
