/* Opening files that lie beneath a folder, whatever the path says. */
#ifndef STATIC_BENEATH_H
#define STATIC_BENEATH_H

/*
 * Opens a path (without a leading slash, "" is the folder itself) for reading. Nothing outside of
 * the folder is ever reached: not by "..", not by a link that leads out (openat2(2),
 * RESOLVE_BENEATH, Linux 5.6). Where openat2 is not known or forbidden, links are not followed at
 * all. Opened non-blocking, so that a FIFO cannot hold the loop. -1 with errno.
 */
int beneath_open(int folder, const char *path);

#endif
