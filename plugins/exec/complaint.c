#include "complaint.h"

#include <string.h>

void complaint_init(struct complaint *complaint, bobbin_job *job)
{
    complaint->job = job;
    complaint->line_bytes = complaint->end_bytes = complaint->logged_bytes = 0;
}

static void log_line(struct complaint *complaint)
{
    bobbin_str id = bobbin_job_id(complaint->job);
    bobbin_host *host = bobbin_host_of_job(complaint->job);
    size_t before = complaint->logged_bytes;
    complaint->logged_bytes += complaint->line_bytes + 1;
    if (complaint->logged_bytes <= COMPLAINT_LOGGED_BYTES)
        bobbin_log(host, BOBBIN_INFO, "job %.*s: %.*s", BOBBIN_ARG(id), (int)complaint->line_bytes,
                   complaint->line);
    else if (before <= COMPLAINT_LOGGED_BYTES)
        bobbin_log(host, BOBBIN_WARNING, "job %.*s: says more than is logged", BOBBIN_ARG(id));
    complaint->line_bytes = 0;
}

static void keep_end(struct complaint *complaint, const char *data, size_t length)
{
    size_t most = sizeof complaint->end;
    size_t taken = length < most ? length : most;
    size_t kept = complaint->end_bytes < most - taken ? complaint->end_bytes : most - taken;
    memmove(complaint->end, complaint->end + complaint->end_bytes - kept, kept);
    memcpy(complaint->end + kept, data + length - taken, taken);
    complaint->end_bytes = kept + taken;
}

void complaint_add(struct complaint *complaint, const char *data, size_t length)
{
    keep_end(complaint, data, length);
    for (size_t i = 0; i < length; i++) {
        if (data[i] != '\n')
            complaint->line[complaint->line_bytes++] = data[i];
        if ((data[i] == '\n' && complaint->line_bytes > 0) ||
            complaint->line_bytes == sizeof complaint->line)
            log_line(complaint);
    }
}

void complaint_finish(struct complaint *complaint)
{
    if (complaint->line_bytes > 0)
        log_line(complaint);
}

static bool is_control(char letter)
{
    return (unsigned char)letter < ' ' || letter == 0x7f;
}

/* Where the text begins: not within a character of UTF-8 that was cut. */
static size_t find_start(const struct complaint *complaint)
{
    size_t start = 0;
    if (complaint->end_bytes == sizeof complaint->end)
        while (start < 3 && ((unsigned char)complaint->end[start] & 0xc0) == 0x80)
            start++;
    while (start < complaint->end_bytes && (unsigned char)complaint->end[start] <= ' ')
        start++;
    return start;
}

void complaint_reason(const struct complaint *complaint, char out[COMPLAINT_REASON_BYTES + 1])
{
    size_t bytes = 0;
    for (size_t i = find_start(complaint); i < complaint->end_bytes; i++)
        out[bytes++] = is_control(complaint->end[i]) ? ' ' : complaint->end[i];
    while (bytes > 0 && out[bytes - 1] == ' ')
        bytes--;
    out[bytes] = '\0';
}
