/* A shared object, but no plugin. */
#include "bobbin.h"

BOBBIN_EXPORT int an_ordinary_function(void);

int an_ordinary_function(void)
{
    return 1;
}
