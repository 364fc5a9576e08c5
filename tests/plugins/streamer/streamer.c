/*
 * A job whose result comes in pieces: POST /?do=WORD&mb=N. The result is N MiB, each of a letter.
 *   append    that                      replaced  bobbin_job_result after it
 *   anew      appended after a result   retry     the first attempt leaves one piece and is retried
 *   die       as retry, by a crash
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bobbin.h"

enum { PIECE_BYTES = 64 * 1024, PIECES_A_MIB = 16 };

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    const bobbin_field headers[] = {{bobbin_text("do"), bobbin_query(request, "do")},
                                    {bobbin_text("mb"), bobbin_query(request, "mb")}};
    bobbin_spool_and_accept(request, BOBBIN_JOB(.headers = headers, .header_count = 2));
}

static bool append(bobbin_job *job, long mib)
{
    static char piece[PIECE_BYTES];
    for (long i = 0; i < mib * PIECES_A_MIB; i++) {
        memset(piece, 'a' + (int)(i / PIECES_A_MIB % 26), sizeof piece);
        if (!bobbin_job_result_append(job, piece, sizeof piece, i == 0 ? "text/a" : "text/b"))
            return false;
    }
    return true;
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    (void)state;
    bobbin_str what = bobbin_job_header(job, "do");
    bool is_first = bobbin_job_attempt(job) == 1;
    char number[16];
    snprintf(number, sizeof number, "%.*s", BOBBIN_ARG(bobbin_job_header(job, "mb")));
    if (is_first && (bobbin_is(what, "retry") || bobbin_is(what, "die"))) {
        bobbin_job_result_append(job, "wrong", 5, "text/wrong");
        if (bobbin_is(what, "die"))
            abort();
        return bobbin_job_retry_after(job, 1, "the first attempt");
    }
    if (bobbin_is(what, "anew"))
        bobbin_job_result(job, "wrong", 5, "text/wrong");
    bool done = append(job, atol(number));
    if (!done && bobbin_job_result_append(job, "tail", 4, NULL))
        return bobbin_job_fail(job, "a tail was taken without its head");
    if (bobbin_is(what, "replaced"))
        bobbin_job_result(job, "short", 5, "text/plain");
    return BOBBIN_JOB_DONE;
}

BOBBIN_PLUGIN(.name = "streamer", .about = "results in pieces", .handle = handle, .run = run);
