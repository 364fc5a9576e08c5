#include "orientation.h"

#include <libexif/exif-data.h>
#include <limits.h>
#include <string.h>

int orientation_read(bobbin_str jpeg)
{
    int orientation = 1;
    unsigned length = jpeg.length < UINT_MAX ? (unsigned)jpeg.length : UINT_MAX;
    ExifData *data = exif_data_new_from_data((const unsigned char *)jpeg.data, length);
    if (data == NULL)
        return orientation;
    const ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (entry != NULL && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
        orientation = exif_get_short(entry->data, exif_data_get_byte_order(data));
    exif_data_unref(data);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

bool orientation_swaps(int orientation)
{
    return orientation >= 5;
}

/* Where the upright picture's pixel (x, y) lies in the stored one of width x height. */
static size_t source_of(int orientation, unsigned x, unsigned y, unsigned width, unsigned height)
{
    switch (orientation) {
    case 2: /* mirrored */
        return (size_t)y * width + (width - 1 - x);
    case 3: /* upside down */
        return (size_t)(height - 1 - y) * width + (width - 1 - x);
    case 4: /* upside down, mirrored */
        return (size_t)(height - 1 - y) * width + x;
    case 5: /* mirrored along the diagonal */
        return (size_t)x * width + y;
    case 6: /* its right side is up: turn clockwise */
        return (size_t)(height - 1 - x) * width + y;
    case 7:
        return (size_t)(height - 1 - x) * width + (width - 1 - y);
    case 8: /* turn counter-clockwise */
        return (size_t)x * width + (width - 1 - y);
    default:
        return (size_t)y * width + x;
    }
}

bool orientation_apply(struct picture *picture, int orientation)
{
    struct picture upright;
    bool swaps = orientation_swaps(orientation);
    if (orientation == 1)
        return true;
    if (!picture_make(&upright, swaps ? picture->height : picture->width,
                      swaps ? picture->width : picture->height))
        return false;
    unsigned char *out = upright.pixels;
    for (unsigned y = 0; y < upright.height; y++)
        for (unsigned x = 0; x < upright.width; x++, out += 3)
            memcpy(out,
                   picture->pixels +
                       3 * source_of(orientation, x, y, picture->width, picture->height),
                   3);
    picture_finish(picture);
    *picture = upright;
    return true;
}
