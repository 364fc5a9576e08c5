#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/files/slotpage.h"
#include "tests/unit/spoolfolder.h"

static const struct job_address address = {.writer = 1, .sequence = 2, .index = 3};

static void a_slot_is_held_while_its_descriptor_lives_in_any_process(void **state)
{
    struct spoolfolder *folder = *state;
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    int fd = slotpage_lock(&folder->directory, 4);
    assert_true(fd >= 0);
    assert_true(slotpage_is_held(&folder->directory, 4));
    assert_int_equal(slotpage_lock(&folder->directory, 4), -1);
    pid_t pid = fork();
    if (pid == 0) { /* inherits the lock and waits for the gate to close */
        char byte;
        close(gate[1]);
        _exit((int)read(gate[0], &byte, 1));
    }
    close(fd);
    assert_true(slotpage_is_held(&folder->directory, 4));
    close(gate[1]);
    waitpid(pid, NULL, 0);
    assert_false(slotpage_is_held(&folder->directory, 4));
    close(gate[0]);
}

static void a_slot_that_never_was_is_free(void **state)
{
    struct spoolfolder *folder = *state;
    assert_false(slotpage_is_held(&folder->directory, 77));
}

static void progress_is_read_while_the_job_runs_and_only_for_it(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    struct slot_progress progress;
    struct job_address other = address;
    int fd = slotpage_lock(&folder->directory, 0);
    struct slotpage *page = slotpage_map(fd, &error);
    assert_non_null(page);
    assert_false(slotpage_read(&folder->directory, 0, &address, 1, &progress));
    slotpage_begin(page, &address, 1);
    assert_true(slotpage_read(&folder->directory, 0, &address, 1, &progress));
    assert_int_equal(progress.percent, -1);
    slotpage_progress(page, 40, "words", 5);
    assert_true(slotpage_read(&folder->directory, 0, &address, 1, &progress));
    assert_int_equal(progress.percent, 40);
    assert_string_equal(progress.words, "words");
    assert_false(slotpage_read(&folder->directory, 0, &address, 2, &progress));
    other.index++;
    assert_false(slotpage_read(&folder->directory, 0, &other, 1, &progress));
    slotpage_end(page);
    assert_false(slotpage_read(&folder->directory, 0, &address, 1, &progress));
    slotpage_unmap(page);
    close(fd);
}

static void words_are_cut_at_127_bytes(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    struct slot_progress progress;
    char words[300];
    memset(words, 'w', sizeof words);
    int fd = slotpage_lock(&folder->directory, 0);
    struct slotpage *page = slotpage_map(fd, &error);
    slotpage_begin(page, &address, 1);
    slotpage_progress(page, 1, words, sizeof words);
    assert_true(slotpage_read(&folder->directory, 0, &address, 1, &progress));
    assert_int_equal(strlen(progress.words), 127);
    slotpage_unmap(page);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_slot_is_held_while_its_descriptor_lives_in_any_process),
        WITH_SPOOL(a_slot_that_never_was_is_free),
        WITH_SPOOL(progress_is_read_while_the_job_runs_and_only_for_it),
        WITH_SPOOL(words_are_cut_at_127_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
