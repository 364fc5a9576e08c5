#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/child.h"
#include "spooler/dispatcher.h"
#include "tests/unit/spoolfolder.h"

/* A dispatcher in a process of its own, with nursery and job processes, and no plugins. */
struct rig {
    pid_t pid;
    int control; /* our end */
};

static struct rig start(const struct spoolfolder *folder)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct rig rig = {fork(), pair[0]};
    if (rig.pid == 0) {
        static struct queue_table queues;
        const struct spool_settings spool = {.directory = folder->path, .result_ttl_ms = 1000};
        const struct log log = {.fd = -1, .level = BOBBIN_ERROR + 1, .role = "test"};
        child_block_signals();
        close(pair[0]);
        const struct dispatcher_options options = {.spool = &spool,
                                                   .queues = &queues,
                                                   .plugins = plugin_set_create("/nowhere"),
                                                   .log = &log,
                                                   .processes = 2,
                                                   .shutdown_timeout_ms = 5000,
                                                   .control_fd = pair[1]};
        _exit(dispatcher_run(&options));
    }
    close(pair[1]);
    return rig;
}

static void wait_ready(const struct rig *rig)
{
    struct pollfd ready = {.fd = rig->control, .events = POLLIN};
    char byte = 0;
    assert_int_equal(poll(&ready, 1, 20000), 1);
    assert_int_equal(read(rig->control, &byte, 1), 1);
    assert_int_equal(byte, 'R');
}

static int end(struct rig *rig)
{
    int status = -1;
    assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
    close(rig->control);
    return status;
}

static bool socket_is_there(const struct spoolfolder *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/dispatcher.sock", folder->path);
    return access(path, F_OK) == 0;
}

static void it_leads_when_it_says_so_and_leaves_with_0_on_term(void **state)
{
    struct spoolfolder *folder = *state;
    struct rig rig = start(folder);
    wait_ready(&rig);
    assert_true(socket_is_there(folder));
    kill(rig.pid, SIGTERM);
    assert_int_equal(end(&rig), 0);
    assert_false(socket_is_there(folder));
}

static void it_leaves_when_its_parent_is_gone(void **state)
{
    struct spoolfolder *folder = *state;
    struct rig rig = start(folder);
    wait_ready(&rig);
    shutdown(rig.control, SHUT_RDWR);
    assert_int_equal(end(&rig), 0);
}

static void a_second_one_stands_by_and_leads_when_the_first_is_killed(void **state)
{
    struct spoolfolder *folder = *state;
    struct rig first = start(folder);
    wait_ready(&first);
    struct rig second = start(folder);
    wait_ready(&second); /* it stands by */
    kill(first.pid, SIGKILL);
    assert_true(WIFSIGNALED(end(&first)));
    wait_ready(&second); /* it leads */
    kill(second.pid, SIGQUIT);
    assert_int_equal(end(&second), 0);
}

static void one_that_stands_by_leaves_at_once_when_told_to(void **state)
{
    struct spoolfolder *folder = *state;
    struct rig first = start(folder), second;
    wait_ready(&first);
    second = start(folder);
    wait_ready(&second);
    kill(second.pid, SIGTERM);
    assert_int_equal(end(&second), 0);
    kill(first.pid, SIGTERM);
    assert_int_equal(end(&first), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(it_leads_when_it_says_so_and_leaves_with_0_on_term),
        WITH_SPOOL(it_leaves_when_its_parent_is_gone),
        WITH_SPOOL(a_second_one_stands_by_and_leads_when_the_first_is_killed),
        WITH_SPOOL(one_that_stands_by_leaves_at_once_when_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
