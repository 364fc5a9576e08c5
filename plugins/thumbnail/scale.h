/* Resizing by area: every pixel of the result is the mean of what it covers. */
#ifndef THUMBNAIL_SCALE_H
#define THUMBNAIL_SCALE_H

#include "picture.h"

/*
 * Makes to of width x height from from. Smaller: the exact mean of the covered area, in fixed
 * point. Larger: each pixel is interpolated between its neighbours. False without memory.
 */
bool scale_picture(const struct picture *from, struct picture *to, unsigned width, unsigned height);

#endif
