/* Its descriptor ends too early. */
#include "bobbin.h"

extern const struct bobbin_plugin BOBBIN_DESCRIPTOR;
BOBBIN_EXPORT const struct bobbin_plugin BOBBIN_DESCRIPTOR = {
    .magic = BOBBIN_MAGIC, .abi = BOBBIN_ABI, .size = 32, .name = "short"};
