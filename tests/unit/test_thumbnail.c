/* hosts: plugins/thumbnail */
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "hosted.h"

#define ROUTE .route = "/thumbnail"
#define JOBS .is_job_process = true

/* A photo of one colour, by the library itself. */
static bobbin_str make_photo(int width, int height)
{
    unsigned char *pixels = malloc((size_t)3 * (size_t)width * (size_t)height), *jpeg = NULL;
    unsigned long bytes = 0;
    memset(pixels, 99, (size_t)3 * (size_t)width * (size_t)height);
    tjhandle codec = tjInitCompress();
    assert_int_equal(
        tjCompress2(codec, pixels, width, 0, height, TJPF_RGB, &jpeg, &bytes, TJSAMP_420, 90, 0),
        0);
    tjDestroy(codec);
    free(pixels);
    return (bobbin_str){(char *)jpeg, bytes};
}

static void free_photo(bobbin_str photo)
{
    tjFree((unsigned char *)(uintptr_t)photo.data);
}

static void expect_size(bobbin_str jpeg, int width, int height)
{
    int found_width = 0, found_height = 0;
    tjhandle codec = tjInitDecompress();
    assert_int_equal(tjDecompressHeader(codec, (unsigned char *)(uintptr_t)jpeg.data, jpeg.length,
                                        &found_width, &found_height),
                     0);
    tjDestroy(codec);
    assert_int_equal(found_width, width);
    assert_int_equal(found_height, height);
}

/* ------------------------------------------------------------------ the handler */

static void a_photo_is_stored_and_accepted(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    bobbin_str photo = make_photo(8, 8);
    bobbin_test_next_stored(host, BOBBIN_STORED, "abc1");
    bobbin_test_client *client =
        bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.target = "/thumbnail?width=32", .body = photo));
    assert_int_equal(bobbin_test_status(client), 202);
    assert_string_equal(bobbin_test_header(client, "location"), "/jobs/abc1");
    assert_int_equal(bobbin_test_spooled_count(host), 1);
    const struct bobbin_job_spec *job = bobbin_test_spooled(host, 0);
    assert_string_equal(job->queue, "thumbnail");
    assert_string_equal(job->content_type, "image/jpeg");
    assert_string_equal(bobbin_test_spooled_header(host, 0, "width"), "32");
    assert_int_equal(job->payload.length, photo.length);
    assert_memory_equal(job->payload.data, photo.data, photo.length);
    assert_string_equal(bobbin_test_calls(host), "handle, on_stored");
    free_photo(photo);
    close_host(host);
}

static void a_large_photo_is_stored_from_its_file(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_host(BOBBIN_TEST_SETUP(ROUTE, .settings = BOBBIN_TEST_PAIRS("body-memory", "100")));
    bobbin_str photo = make_photo(64, 64);
    bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.body = photo, .piece_bytes = 50));
    assert_int_equal(bobbin_test_spooled(host, 0)->payload.length, photo.length);
    assert_memory_equal(bobbin_test_spooled(host, 0)->payload.data, photo.data, photo.length);
    assert_string_equal(bobbin_test_spooled_header(host, 0, "width"), "256");
    free_photo(photo);
    close_host(host);
}

static void a_width_out_of_its_limits_is_400(void **state)
{
    (void)state;
    static const char *const widths[] = {"",     "0",   "-1",    "+1",         "1x",  " 1",
                                         "4097", "1e3", "99999", "4294967297", "0x10"};
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        char target[64] = "/thumbnail?width=";
        strcat(target, widths[i]);
        bobbin_test_client *client = bobbin_test_ask(
            host, BOBBIN_TEST_REQUEST(.target = target, .body = bobbin_text("\xff\xd8\xff")));
        if (bobbin_test_status(client) != 400)
            fail_msg("%s was answered %d", target, bobbin_test_status(client));
    }
    assert_int_equal(bobbin_test_spooled_count(host), 0);
    close_host(host);
}

static void what_is_no_photo_is_415_and_no_post_is_405(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "\xff", "\xff\xd8", "GIF89a", "\x89PNG\r\n"};
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_int_equal(bobbin_test_status(bobbin_test_ask(
                             host, BOBBIN_TEST_REQUEST(.body = bobbin_text(bodies[i])))),
                         415);
    assert_int_equal(bobbin_test_status(bobbin_test_get(host, "/thumbnail")), 405);
    close_host(host);
}

static void a_full_spool_is_503_and_a_broken_one_500(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    const struct bobbin_test_request *request =
        BOBBIN_TEST_REQUEST(.body = bobbin_text("\xff\xd8\xff"));
    bobbin_test_next_stored(host, BOBBIN_FULL, "no space is left");
    bobbin_test_next_stored(host, BOBBIN_FAILED, "the disk is broken");
    bobbin_test_client *client = bobbin_test_ask(host, request);
    assert_int_equal(bobbin_test_status(client), 503);
    assert_string_equal(bobbin_test_header(client, "retry-after"), "5");
    assert_string_equal(bobbin_test_text(client),
                        "{\"error\": \"the job was not stored: no space is left\"}\n");
    client = bobbin_test_ask(host, request);
    assert_int_equal(bobbin_test_status(client), 500);
    assert_true(bobbin_test_logged(host, "the disk is broken"));
    assert_int_equal(bobbin_test_status(bobbin_test_ask(host, request)), 202);
    close_host(host);
}

/* ------------------------------------------------------------------ the job */

static void a_picture_is_made_and_its_progress_told(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(JOBS));
    bobbin_str photo = make_photo(400, 200);
    const struct bobbin_test_ran *ran =
        bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = photo, .content_type = "image/jpeg",
                                              .headers = BOBBIN_TEST_PAIRS("width", "100")));
    assert_string_equal(ran->sentence, "");
    assert_int_equal(ran->result, BOBBIN_JOB_DONE);
    assert_string_equal(ran->output_type, "image/jpeg");
    expect_size(ran->output, 100, 50);
    assert_int_equal(ran->progress_count, 3);
    assert_int_equal(ran->progress[1].percent, 60);
    assert_string_equal(ran->progress[1].words, "making it smaller");
    free_photo(photo);
    close_host(host);
}

static void a_hostile_photo_is_a_dead_letter_with_a_sentence(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(JOBS));
    bobbin_str photo = make_photo(64, 64);
    for (size_t length = 0; length < photo.length; length++) {
        bobbin_str half = {photo.data, length};
        const struct bobbin_test_ran *ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = half));
        assert_int_equal(ran->result, BOBBIN_JOB_FAILED);
        assert_string_not_equal(ran->sentence, "");
        assert_false(ran->has_output);
    }
    free_photo(photo);
    close_host(host);
}

static void a_photo_with_too_many_pixels_is_not_decoded(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_host(BOBBIN_TEST_SETUP(JOBS, .options = BOBBIN_TEST_PAIRS("max-pixels", "1000")));
    bobbin_str photo = make_photo(40, 40);
    const struct bobbin_test_ran *ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = photo));
    assert_int_equal(ran->result, BOBBIN_JOB_FAILED);
    assert_string_equal(ran->sentence, "the photo has 40 x 40 pixels, at most 1000 are decoded");
    assert_int_equal(ran->progress_count, 0);
    free_photo(photo);
    close_host(host);
}

static void without_space_for_the_picture_it_is_tried_again(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(JOBS));
    bobbin_str photo = make_photo(40, 40);
    const struct bobbin_test_ran *ran =
        bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = photo, .has_no_space = true));
    assert_int_equal(ran->result, BOBBIN_JOB_RETRY);
    assert_int_equal(ran->retry_after_ms, 10000);
    assert_string_equal(ran->sentence, "there was no space for the thumbnail");
    assert_true(bobbin_test_logged(host, "the result cannot be written"));
    free_photo(photo);
    close_host(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_photo_is_stored_and_accepted),
        cmocka_unit_test(a_large_photo_is_stored_from_its_file),
        cmocka_unit_test(a_width_out_of_its_limits_is_400),
        cmocka_unit_test(what_is_no_photo_is_415_and_no_post_is_405),
        cmocka_unit_test(a_full_spool_is_503_and_a_broken_one_500),
        cmocka_unit_test(a_picture_is_made_and_its_progress_told),
        cmocka_unit_test(a_hostile_photo_is_a_dead_letter_with_a_sentence),
        cmocka_unit_test(a_photo_with_too_many_pixels_is_not_decoded),
        cmocka_unit_test(without_space_for_the_picture_it_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
