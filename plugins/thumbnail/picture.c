#include "picture.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

void picture_finish(struct picture *picture)
{
    free(picture->pixels);
    *picture = (struct picture){0};
}

bool picture_make(struct picture *picture, unsigned width, unsigned height)
{
    *picture = (struct picture){.width = width, .height = height};
    picture->pixels = malloc((size_t)3 * width * height);
    return picture->pixels != NULL;
}

static bool fail(tjhandle codec, const char *what, bobbin_error *error)
{
    return bobbin_fail(error, "%s: %s", what,
                       codec != NULL ? tjGetErrorStr2(codec) : "there is no memory");
}

static bool read_header(tjhandle codec, bobbin_str jpeg, struct picture_size *size, int *space,
                        bobbin_error *error)
{
    int width = 0, height = 0, sampling = 0;
    if (codec == NULL || tjDecompressHeader3(codec, (const unsigned char *)jpeg.data, jpeg.length,
                                             &width, &height, &sampling, space) != 0)
        return fail(codec, "the photo cannot be read", error);
    /* A file that ends before its frame begins is read "successfully", and nothing is filled in. */
    if (width <= 0 || height <= 0)
        return bobbin_fail(error, "the photo cannot be read: it ends before the picture begins");
    *size = (struct picture_size){(unsigned)width, (unsigned)height};
    return true;
}

bool picture_measure(bobbin_str jpeg, struct picture_size *size, bobbin_error *error)
{
    int space;
    tjhandle codec = tjInitDecompress();
    bool done = read_header(codec, jpeg, size, &space, error);
    if (codec != NULL)
        tjDestroy(codec);
    return done;
}

/* Among what the decoder can do (1/8 to 1): the smallest that is large enough, else full size. */
static tjscalingfactor choose_scale(const struct picture_size *size, unsigned least_width,
                                    unsigned least_height)
{
    int count;
    tjscalingfactor best = {1, 1};
    const tjscalingfactor *factors = tjGetScalingFactors(&count);
    for (int i = 0; factors != NULL && i < count; i++) {
        tjscalingfactor factor = factors[i];
        bool is_smaller = factor.num * best.denom < best.num * factor.denom;
        if (is_smaller && TJSCALED((int)size->width, factor) >= (int)least_width &&
            TJSCALED((int)size->height, factor) >= (int)least_height)
            best = factor;
    }
    return best;
}

/* Adobe's CMYK, as photographs have it, is stored inverted. */
static void convert_cmyk(struct picture *picture, const unsigned char *cmyk)
{
    size_t count = (size_t)picture->width * picture->height;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 3; k++)
            picture->pixels[3 * i + k] = (unsigned char)(cmyk[4 * i + k] * cmyk[4 * i + 3] / 255);
}

static bool decode_into(tjhandle codec, struct picture *picture, bobbin_str jpeg, int format,
                        unsigned char *out, bobbin_error *error)
{
    if (out == NULL)
        return bobbin_fail(error, "there is no memory for a picture of %u x %u", picture->width,
                           picture->height);
    if (tjDecompress2(codec, (const unsigned char *)jpeg.data, jpeg.length, out,
                      (int)picture->width, 0, (int)picture->height, format,
                      TJFLAG_STOPONWARNING | TJFLAG_FASTUPSAMPLE) != 0)
        return fail(codec, "the photo cannot be read", error);
    return true;
}

static bool decode(tjhandle codec, struct picture *picture, bobbin_str jpeg, bool is_cmyk,
                   bobbin_error *error)
{
    if (!is_cmyk)
        return decode_into(codec, picture, jpeg, TJPF_RGB, picture->pixels, error);
    unsigned char *cmyk = malloc((size_t)4 * picture->width * picture->height);
    bool done = decode_into(codec, picture, jpeg, TJPF_CMYK, cmyk, error);
    if (done)
        convert_cmyk(picture, cmyk);
    free(cmyk);
    return done;
}

bool picture_decode(struct picture *picture, bobbin_str jpeg, unsigned least_width,
                    unsigned least_height, bobbin_error *error)
{
    struct picture_size size = {0};
    int space = 0;
    tjhandle codec = tjInitDecompress();
    *picture = (struct picture){0};
    bool done = read_header(codec, jpeg, &size, &space, error);
    if (done) {
        tjscalingfactor scale = choose_scale(&size, least_width, least_height);
        done = picture_make(picture, (unsigned)TJSCALED((int)size.width, scale),
                            (unsigned)TJSCALED((int)size.height, scale)) ||
               bobbin_fail(error, "there is no memory for a picture of %u x %u", picture->width,
                           picture->height);
    }
    done = done && decode(codec, picture, jpeg, space == TJCS_CMYK || space == TJCS_YCCK, error);
    if (!done)
        picture_finish(picture);
    if (codec != NULL)
        tjDestroy(codec);
    return done;
}

bool picture_encode(const struct picture *picture, int quality, unsigned char **jpeg,
                    size_t *length, bobbin_error *error)
{
    unsigned char *made = NULL;
    unsigned long bytes = 0;
    tjhandle codec = tjInitCompress();
    bool done = codec != NULL &&
                tjCompress2(codec, picture->pixels, (int)picture->width, 0, (int)picture->height,
                            TJPF_RGB, &made, &bytes, TJSAMP_420, quality, 0) == 0;
    if (!done)
        fail(codec, "the thumbnail cannot be written", error);
    *jpeg = done ? malloc(bytes) : NULL;
    if (*jpeg != NULL) {
        memcpy(*jpeg, made, bytes);
        *length = bytes;
    } else if (done) {
        done = bobbin_fail(error, "there is no memory for the thumbnail");
    }
    tjFree(made);
    if (codec != NULL)
        tjDestroy(codec);
    return done;
}
