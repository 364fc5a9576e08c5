#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/files/history.h"
#include "spooler/files/result.h"
#include "tests/unit/spoolfolder.h"

static const struct job_address address = {.writer = 1, .sequence = 2, .index = 3};

static void write_result(const struct spoolfolder *folder, uint32_t attempt, const char *text)
{
    bobbin_error error;
    assert_true(result_write(&folder->directory, &address, attempt, text, strlen(text),
                             "text/plain", true, &error));
}

static void a_result_has_no_name_until_it_is_committed(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    struct result_info info;
    char bytes[16] = "";
    write_result(folder, 1, "hello");
    assert_int_equal(result_open(&folder->directory, &address, &info), -1);
    assert_true(result_commit(&folder->directory, &address, 1, &error));
    int fd = result_open(&folder->directory, &address, &info);
    assert_true(fd >= 0);
    assert_int_equal(info.length, 5);
    assert_string_equal(info.content_type, "text/plain");
    assert_int_equal(pread(fd, bytes, sizeof bytes, (off_t)info.offset), 5);
    assert_string_equal(bytes, "hello");
    close(fd);
}

static void a_late_attempt_cannot_take_the_place_of_another(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    struct result_info info;
    write_result(folder, 2, "second");
    assert_true(result_commit(&folder->directory, &address, 2, &error));
    write_result(folder, 1, "late");
    result_discard(&folder->directory, &address, 1);
    int fd = result_open(&folder->directory, &address, &info);
    assert_int_equal(info.length, 6);
    close(fd);
    assert_false(result_commit(&folder->directory, &address, 1, &error));
}

static void a_result_in_pieces_is_none_until_its_end(void **state)
{
    struct spoolfolder *folder = *state;
    const struct spool_directory *directory = &folder->directory;
    bobbin_error error;
    struct result_info info;
    struct result_stream stream;
    unsigned char whole[2][RESULT_HEAD_BYTES + 11];
    char path[128];
    write_result(folder, 1, "hello world"); /* replaced by the stream */
    assert_true(result_begin(&stream, directory, &address, 1, "text/plain", &error));
    assert_true(result_append(&stream, "hello", 5, &error));
    assert_true(result_append(&stream, "", 0, &error));
    assert_true(result_append(&stream, " world", 6, &error));
    snprintf(path, sizeof path, "%s/results/0000000000000001.00000002/3", folder->path);
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            assert_true(result_end(&stream, true, &error));
        else
            write_result(folder, 1, "hello world");
        assert_int_equal(stream.fd, -1);
        assert_true(result_commit(directory, &address, 1, &error));
        int fd = result_open(directory, &address, &info);
        assert_int_equal(info.length, 11);
        assert_int_equal(pread(fd, whole[i], sizeof whole[i], 0), sizeof whole[i]);
        close(fd);
    }
    assert_memory_equal(whole[0], whole[1], sizeof whole[0]); /* as if it had come at once */
    assert_true(result_begin(&stream, directory, &address, 1, "text/plain", &error));
    assert_true(result_append(&stream, "hello", 5, &error));
    result_abandon(&stream);
    assert_true(result_commit(directory, &address, 1, &error));
    assert_int_equal(result_open(directory, &address, &info), -1);
}

static void a_result_that_was_cut_is_none(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    struct result_info info;
    char path[128];
    write_result(folder, 1, "hello");
    assert_true(result_commit(&folder->directory, &address, 1, &error));
    snprintf(path, sizeof path, "%s/results/0000000000000001.00000002/3", folder->path);
    assert_int_equal(truncate(path, RESULT_HEAD_BYTES + 4), 0);
    assert_int_equal(result_open(&folder->directory, &address, &info), -1);
}

static void the_last_sentence_of_a_history_is_read_back(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    char sentence[512];
    history_last(&folder->directory, &address, sentence, sizeof sentence);
    assert_string_equal(sentence, "");
    assert_true(history_append(&folder->directory, &address, 1, 5, 6, "first", &error));
    assert_true(history_append(&folder->directory, &address, 2, 7, 8,
                               "a \"quoted\" \\ line\nand \x01 \xc3\xa4", &error));
    history_last(&folder->directory, &address, sentence, sizeof sentence);
    assert_string_equal(sentence, "a \"quoted\" \\ line\nand \x01 \xc3\xa4");
}

static void all_that_belongs_to_a_journal_is_removed(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    char path[128];
    write_result(folder, 1, "x");
    assert_true(result_commit(&folder->directory, &address, 1, &error));
    write_result(folder, 2, "y");
    result_remove_all(folder->directory.results, 1, 2);
    snprintf(path, sizeof path, "%s/results/0000000000000001.00000002", folder->path);
    assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_result_has_no_name_until_it_is_committed),
        WITH_SPOOL(a_late_attempt_cannot_take_the_place_of_another),
        WITH_SPOOL(a_result_in_pieces_is_none_until_its_end),
        WITH_SPOOL(a_result_that_was_cut_is_none),
        WITH_SPOOL(the_last_sentence_of_a_history_is_read_back),
        WITH_SPOOL(all_that_belongs_to_a_journal_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
