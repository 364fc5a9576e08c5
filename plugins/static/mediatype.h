/* What a file is, by the end of its name. */
#ifndef STATIC_MEDIATYPE_H
#define STATIC_MEDIATYPE_H

/* Never NULL: "application/octet-stream" for what is not known. Case does not matter. */
const char *mediatype_of(const char *path);

#endif
