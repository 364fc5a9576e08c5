/* Answers and bodies in pieces. */
#include "golden.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { STREAM_BYTES = 4 * 1024 * 1024, PIECE_BYTES = 64 * 1024, TICK_MS = 1 };

static const char piece[PIECE_BYTES];

void streaming_write(bobbin_request *request)
{
    struct visit *visit = bobbin_data(request);
    enum bobbin_flow flow = BOBBIN_FLOWING;
    while (visit->written < STREAM_BYTES && flow == BOBBIN_FLOWING) {
        flow = bobbin_write(request, piece, sizeof piece);
        visit->written += sizeof piece;
    }
    visit->is_blocked |= flow == BOBBIN_BLOCKED;
    if (visit->written < STREAM_BYTES || flow == BOBBIN_GONE)
        return;
    bobbin_trailer(request, "x-flow", visit->is_blocked ? "blocked" : "flowing");
    bobbin_end(request);
}

static void send_file(const struct golden *golden, bobbin_request *request)
{
    int fd = open(golden->needed, O_RDONLY | O_CLOEXEC);
    if (!bobbin_send_file(request, fd, 2, 3))
        bobbin_print(request, "it cannot be sent");
    bobbin_end(request);
}

static void send_hints(bobbin_request *request)
{
    const bobbin_field link = {bobbin_text("link"), bobbin_text("</a.css>; rel=preload")};
    bool told = bobbin_interim(request, 103, &link, 1);
    bobbin_begin(request, 2);
    bobbin_write(request, told ? "yo" : "no", 2);
    bobbin_end(request);
}

bool streaming_handle(const struct golden *golden, bobbin_request *request)
{
    if (rest_is(request, "/stream")) {
        bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
        streaming_write(request);
    } else if (rest_is(request, "/file")) {
        send_file(golden, request);
    } else if (rest_is(request, "/hints")) {
        send_hints(request);
    } else if (rest_is(request, "/cut")) {
        bobbin_begin(request, 100);
        bobbin_cut(request);
    } else {
        return rest_is(request, "/upload");
    }
    return true;
}

static void go_on(void *arg)
{
    struct visit *visit = arg;
    visit->timer = NULL;
    visit->is_paused = false;
    bobbin_resume(visit->request);
}

void streaming_body(bobbin_request *request, bobbin_str body, bool is_last)
{
    struct visit *visit = bobbin_data(request);
    visit->received += visit->is_paused ? UINT32_MAX : body.length;
    if (is_last) {
        bobbin_print(request, "%" PRIu64 " bytes\n", visit->received);
        bobbin_end(request);
    } else if (visit->timer == NULL) {
        bobbin_pause(request);
        visit->is_paused = true;
        visit->timer = bobbin_timer_start(bobbin_host_of(request), TICK_MS, 0, go_on, visit);
    }
}
