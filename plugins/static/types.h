/* What a file is, by the end of its name. */
#ifndef STATIC_TYPES_H
#define STATIC_TYPES_H

/* Never NULL: "application/octet-stream" for what is not known. Case does not matter. */
const char *types_of(const char *path);

#endif
