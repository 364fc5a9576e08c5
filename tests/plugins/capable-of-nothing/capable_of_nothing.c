/* Right in everything, but it can do nothing. */
#include "bobbin.h"

BOBBIN_PLUGIN(.name = "capable-of-nothing");
