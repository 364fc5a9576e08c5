/* How the camera was held (EXIF tag 0x0112, values 1 to 8), and turning a picture upright. */
#ifndef THUMBNAIL_ORIENTATION_H
#define THUMBNAIL_ORIENTATION_H

#include "picture.h"

/* 1 (upright) when the JPEG says nothing, or nonsense. */
int orientation_read(bobbin_str jpeg);

/* Whether width and height change places when it is turned upright. */
bool orientation_swaps(int orientation);

/* Turns the picture in its place. False without memory: it is then unchanged. */
bool orientation_apply(struct picture *picture, int orientation);

#endif
