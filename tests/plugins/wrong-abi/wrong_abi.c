/* Speaks a contract of another time. */
#include "bobbin.h"

extern const struct bobbin_plugin BOBBIN_DESCRIPTOR;
BOBBIN_EXPORT const struct bobbin_plugin BOBBIN_DESCRIPTOR = {
    .magic = BOBBIN_MAGIC, .abi = 7, .size = sizeof(struct bobbin_plugin), .name = "wrong-abi"};
