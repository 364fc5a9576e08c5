/*
 * The main job of bobbin: POST a photo, get 202 and the place to ask; a spooler process makes the
 * thumbnail. The handler looks at three bytes of the photo, the job does all the work. With
 * ?wait=SECONDS the answer is the thumbnail itself, when it is made in that time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bobbin.h"
#include "orientation.h"
#include "picture.h"
#include "scale.h"

enum { MAX_WAIT_S = 30 };

struct config {
    uint64_t default_width;
    uint64_t max_width;
    uint64_t max_pixels;
    uint64_t quality;
};

static const struct bobbin_option options[] = {
    BOBBIN_COUNT(struct config, default_width, "default-width", "256", 1, 16384,
                 "the width when the request names none"),
    BOBBIN_COUNT(struct config, max_width, "max-width", "4096", 1, 16384,
                 "the largest width that may be asked for"),
    BOBBIN_COUNT(struct config, max_pixels, "max-pixels", "100000000", 1, 4000000000u,
                 "the largest photo that is decoded, width times height"),
    BOBBIN_COUNT(struct config, quality, "quality", "85", 1, 100, "of the JPEG that is made"),
    BOBBIN_OPTIONS_END,
};

/* ------------------------------------------------------------------ the request */

/* A decimal number from 1 to most; 0 for anything else. */
static unsigned parse_number(bobbin_str text, uint64_t most)
{
    uint64_t width = 0;
    if (text.length == 0 || text.length > 5)
        return 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        width = width * 10 + (uint64_t)(text.data[i] - '0');
    }
    return width <= most ? (unsigned)width : 0;
}

static bool is_jpeg(bobbin_request *request)
{
    unsigned char start[3];
    return bobbin_body_read(request, 0, start, sizeof start) == 3 && start[0] == 0xff &&
           start[1] == 0xd8 && start[2] == 0xff;
}

static void on_job(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    (void)arg;
    if (info->result_fd >= 0) {
        bobbin_headerf(request, "content-type", "%.*s", BOBBIN_ARG(info->result_type));
        bobbin_send_file(request, info->result_fd, info->result_offset, info->result_length);
        bobbin_end(request);
    } else {
        const struct bobbin_stored stored = {
            .size = sizeof stored, .id = info->id, .queue = "thumbnail", .sentence = ""};
        bobbin_accept(request, &stored); /* it is there, and may be asked for later */
    }
}

static void on_stored(bobbin_request *request, const struct bobbin_stored *stored, void *arg)
{
    uint64_t wait_ms = (uint64_t)(uintptr_t)arg * 1000;
    if (stored->outcome == BOBBIN_STORED && wait_ms > 0)
        bobbin_job_wait(request, stored->id, BOBBIN_WITH_RESULT, wait_ms, on_job, NULL);
    else
        bobbin_accept(request, stored);
}

/* "2s", or absent, which is 0. */
static bool read_wait(bobbin_str text, unsigned *seconds)
{
    bobbin_str number = {text.data, text.length > 0 ? text.length - 1 : 0};
    *seconds = parse_number(number, MAX_WAIT_S);
    return text.data == NULL || (*seconds > 0 && text.data[number.length] == 's');
}

static void handle(void *state, bobbin_request *request)
{
    const struct config *config = state;
    bobbin_str asked = bobbin_query(request, "width"), wait = bobbin_query(request, "wait");
    unsigned width = asked.data != NULL ? parse_number(asked, config->max_width)
                                        : (unsigned)config->default_width;
    unsigned seconds;
    char text[16];
    if (!bobbin_is(bobbin_method(request), "POST")) {
        bobbin_header(request, "allow", "POST");
        bobbin_refuse(request, 405, "send a photo with POST");
        return;
    }
    if (width == 0) {
        bobbin_refuse(request, 400, "width is a number from 1 to %llu, not \"%.*s\"",
                      (unsigned long long)config->max_width,
                      asked.length < 40 ? (int)asked.length : 40, asked.data);
        return;
    }
    if (!is_jpeg(request)) {
        bobbin_refuse(request, 415, "the body is not a JPEG photo");
        return;
    }
    if (!read_wait(wait, &seconds)) {
        bobbin_refuse(request, 400, "wait is a time from 1s to %ds, not \"%.*s\"", MAX_WAIT_S,
                      wait.length < 40 ? (int)wait.length : 40, wait.data);
        return;
    }
    snprintf(text, sizeof text, "%u", width);
    const bobbin_field headers[] = {{bobbin_text("width"), bobbin_text(text)}};
    bobbin_spool(request,
                 BOBBIN_JOB(.payload_is_body = true, .headers = headers, .header_count = 1,
                            .content_type = "image/jpeg"),
                 on_stored, (void *)(uintptr_t)seconds);
}

/* ------------------------------------------------------------------ the job */

/* Width and height of the upright thumbnail; the ratio is kept, and no side is 0. */
static void fit(const struct picture_size *upright, unsigned width, struct picture_size *out)
{
    uint64_t height = ((uint64_t)upright->height * width + upright->width / 2) / upright->width;
    out->width = width;
    out->height = height == 0 ? 1 : height > 65500 ? 65500 : (unsigned)height;
}

static bool make(bobbin_job *job, const struct config *config, struct picture *thumbnail,
                 bobbin_error *error)
{
    bobbin_str photo = bobbin_job_payload(job);
    unsigned width = parse_number(bobbin_job_header(job, "width"), 16384);
    struct picture_size stored, upright, wanted;
    struct picture decoded;
    if (!picture_measure(photo, &stored, error))
        return false;
    if ((uint64_t)stored.width * stored.height > config->max_pixels)
        return bobbin_fail(error, "the photo has %u x %u pixels, at most %llu are decoded",
                           stored.width, stored.height, (unsigned long long)config->max_pixels);
    int orientation = orientation_read(photo);
    bool swaps = orientation_swaps(orientation);
    upright = swaps ? (struct picture_size){stored.height, stored.width} : stored;
    fit(&upright, width > 0 ? width : (unsigned)config->default_width, &wanted);
    if ((uint64_t)wanted.width * wanted.height > config->max_pixels)
        return bobbin_fail(error, "the thumbnail would have %u x %u pixels, at most %llu are made",
                           wanted.width, wanted.height, (unsigned long long)config->max_pixels);
    bobbin_job_progress(job, 10, "reading the photo");
    unsigned across = swaps ? wanted.height : wanted.width;
    unsigned down = swaps ? wanted.width : wanted.height;
    if (!picture_decode(&decoded, photo, across, down, error))
        return false;
    bobbin_job_progress(job, 60, "making it smaller");
    bool done = scale_picture(&decoded, thumbnail, across, down) &&
                orientation_apply(thumbnail, orientation);
    picture_finish(&decoded);
    return done || bobbin_fail(error, "there is no memory for the thumbnail");
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    const struct config *config = state;
    struct picture thumbnail = {0};
    unsigned char *jpeg = NULL;
    size_t length = 0;
    bobbin_error error;
    bool done = make(job, config, &thumbnail, &error);
    if (done) {
        bobbin_job_progress(job, 90, "writing the thumbnail");
        done = picture_encode(&thumbnail, (int)config->quality, &jpeg, &length, &error);
    }
    picture_finish(&thumbnail);
    if (!done)
        return bobbin_job_fail(job, "%s", error.text);
    bool is_kept = bobbin_job_result(job, jpeg, length, "image/jpeg");
    free(jpeg);
    return is_kept ? BOBBIN_JOB_DONE
                   : bobbin_job_retry_after(job, 10000, "there was no space for the thumbnail");
}

BOBBIN_PLUGIN(.name = "thumbnail", .about = "makes thumbnails of photos, in the background",
              .options = options, .config_size = sizeof(struct config), .handle = handle,
              .run = run);
