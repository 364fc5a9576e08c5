/* A picture in memory: 8-bit RGB, rows without padding. */
#ifndef THUMBNAIL_PICTURE_H
#define THUMBNAIL_PICTURE_H

#include "bobbin.h"

struct picture {
    unsigned width;
    unsigned height;
    unsigned char *pixels; /* owned (malloc), 3 * width * height */
};

void picture_finish(struct picture *picture); /* accepts an empty one */

/* Allocates the pixels; false without memory. */
bool picture_make(struct picture *picture, unsigned width, unsigned height);

/* What a JPEG says about itself, without decoding it. */
struct picture_size {
    unsigned width;
    unsigned height;
};
bool picture_measure(bobbin_str jpeg, struct picture_size *size, bobbin_error *error);

/*
 * Decodes a JPEG of any colour space (grey, YCbCr, RGB, CMYK, YCCK), scaled down by the decoder to
 * the smallest size that is still at least least_width x least_height. Damage of any kind is an
 * error: half a photo is none.
 */
bool picture_decode(struct picture *picture, bobbin_str jpeg, unsigned least_width,
                    unsigned least_height, bobbin_error *error);

/* quality 1..100. *jpeg is malloc'ed memory of *length bytes, the caller's. */
bool picture_encode(const struct picture *picture, int quality, unsigned char **jpeg,
                    size_t *length, bobbin_error *error);

#endif
