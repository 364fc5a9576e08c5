#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/child.h"

static int status_of(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void a_child_has_its_name_its_group_and_only_the_descriptors_it_keeps(void **state)
{
    (void)state;
    int kept = open("/dev/null", O_RDONLY), other = open("/dev/null", O_RDONLY);
    pid_t pid = child_fork("bobbin-test", &kept, 1);
    if (pid == 0) {
        char name[16] = "";
        prctl(PR_GET_NAME, name);
        bool right = strcmp(name, "bobbin-test") == 0 && getpgrp() == getpid() &&
                     fcntl(kept, F_GETFD) >= 0 && fcntl(other, F_GETFD) < 0 &&
                     fcntl(STDERR_FILENO, F_GETFD) >= 0;
        _exit(right ? 0 : 1);
    }
    assert_int_equal(status_of(pid), 0);
    close(kept);
    close(other);
}

static void a_child_dies_with_its_parent(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    pid_t parent = fork();
    if (parent == 0) {
        if (child_fork("bobbin-test", &pair[1], 1) == 0)
            for (;;)
                pause(); /* holds the pipe open until it is killed */
        _exit(0);
    }
    close(pair[1]);
    status_of(parent);
    struct pollfd end = {.fd = pair[0], .events = POLLIN};
    assert_int_equal(poll(&end, 1, 10000), 1);
    assert_true(end.revents & POLLHUP);
    close(pair[0]);
}

static void a_signal_that_comes_at_any_moment_is_read_later(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        child_block_signals();
        raise(SIGTERM); /* before there is a descriptor to read it from */
        int fd = child_signal_fd();
        bool right = child_next_signal(fd) == SIGTERM && child_next_signal(fd) == 0;
        child_before_exec();
        _exit(right ? 0 : 1);
    }
    assert_int_equal(status_of(pid), 0);
}

static void a_status_is_described_in_words(void **state)
{
    (void)state;
    char text[64];
    pid_t pid = fork();
    if (pid == 0)
        _exit(3);
    child_describe_status(status_of(pid), text, sizeof text);
    assert_string_equal(text, "exit status 3");
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    kill(pid, SIGKILL);
    child_describe_status(status_of(pid), text, sizeof text);
    assert_string_equal(text, "signal 9 (Killed)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_has_its_name_its_group_and_only_the_descriptors_it_keeps),
        cmocka_unit_test(a_child_dies_with_its_parent),
        cmocka_unit_test(a_signal_that_comes_at_any_moment_is_read_later),
        cmocka_unit_test(a_status_is_described_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
