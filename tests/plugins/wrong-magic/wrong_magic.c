/* Has the symbol, but it is something else. */
#include "bobbin.h"

extern const struct bobbin_plugin BOBBIN_DESCRIPTOR;
BOBBIN_EXPORT const struct bobbin_plugin BOBBIN_DESCRIPTOR = {.magic = 0x12345678};
