/* Made with a bobbin.h that has one member more, and uses it. */
#include "bobbin.h"

struct newer_plugin {
    struct bobbin_plugin known;
    const void *later;
};

static void answer(void *state, bobbin_request *request)
{
    (void)state;
    (void)request;
}

static const int something = 1;

extern const struct newer_plugin BOBBIN_DESCRIPTOR;
BOBBIN_EXPORT const struct newer_plugin BOBBIN_DESCRIPTOR = {
    .known = {.magic = BOBBIN_MAGIC,
              .abi = BOBBIN_ABI,
              .size = sizeof(struct newer_plugin),
              .name = "newer",
              .handle = answer},
    .later = &something};
