#include "validator.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char imf_fixdate[] = "%a, %d %b %Y %H:%M:%S GMT";

void validator_read(struct validator *validator, const struct stat *status)
{
    struct tm utc;
    validator->mtime = status->st_mtim.tv_sec;
    snprintf(validator->etag, sizeof validator->etag, "\"%llx-%llx\"",
             (unsigned long long)status->st_size,
             (unsigned long long)status->st_mtim.tv_sec * 1000000000u +
                 (unsigned long long)status->st_mtim.tv_nsec);
    gmtime_r(&validator->mtime, &utc);
    strftime(validator->modified, sizeof validator->modified, imf_fixdate, &utc);
}

/* A list of tags, W/ ignored (weak comparison, section 8.8.3.2), or "*". */
static bool list_has(bobbin_str list, const char *etag)
{
    size_t length = strlen(etag);
    if (bobbin_is(list, "*"))
        return true;
    for (size_t i = 0; i + length <= list.length; i++)
        if (memcmp(list.data + i, etag, length) == 0)
            return true;
    return false;
}

bool validator_is_fresh(const struct validator *validator, bobbin_request *request)
{
    bobbin_str tags = bobbin_get_header(request, "if-none-match");
    bobbin_str since = bobbin_get_header(request, "if-modified-since");
    char text[64];
    struct tm utc = {0};
    if (tags.data != NULL)
        return list_has(tags, validator->etag);
    if (since.length == 0 || since.length >= sizeof text)
        return false;
    memcpy(text, since.data, since.length);
    text[since.length] = '\0';
    const char *end = strptime(text, imf_fixdate, &utc);
    return end != NULL && *end == '\0' && validator->mtime <= timegm(&utc);
}
