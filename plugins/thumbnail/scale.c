#include "scale.h"

#include <stdlib.h>
#include <string.h>

enum { ONE = 1 << 12 };

/*
 * Which pixels of a line of `from` make up pixel `at` of a line of `to`, and with which weights (of
 * ONE in all). The result's pixel covers [at, at + 1) * from / to; when that is less than a pixel,
 * the two neighbours of its middle are mixed.
 */
struct share {
    unsigned first;
    unsigned count;
    const uint32_t *weights;
};

static unsigned weigh_area(uint32_t *weights, unsigned from, unsigned to, unsigned at,
                           unsigned *first)
{
    uint64_t start = (uint64_t)at * from, end = start + from; /* in units of 1 / to */
    unsigned from_pixel = (unsigned)(start / to), to_pixel = (unsigned)((end + to - 1) / to);
    uint32_t left = ONE;
    *first = from_pixel;
    for (unsigned pixel = from_pixel; pixel < to_pixel; pixel++) {
        uint64_t low = (uint64_t)pixel * to, high = low + to;
        uint64_t covered = (high < end ? high : end) - (low > start ? low : start);
        uint32_t weight = (uint32_t)(covered * ONE / from);
        weights[pixel - from_pixel] = weight;
        left -= weight;
    }
    weights[(to_pixel - from_pixel) / 2] += left; /* what rounding lost */
    return to_pixel - from_pixel;
}

static unsigned weigh_neighbours(uint32_t *weights, unsigned from, unsigned to, unsigned at,
                                 unsigned *first)
{
    /* The middle of the result's pixel, minus the half pixel to the middle of the source's. */
    int64_t middle = ((int64_t)(2 * (uint64_t)at + 1) * from * ONE) / (2 * (int64_t)to) - ONE / 2;
    if (middle < 0)
        middle = 0;
    *first = (unsigned)(middle / ONE);
    if (*first + 1 >= from) {
        *first = from - 1;
        weights[0] = ONE;
        return 1;
    }
    weights[1] = (uint32_t)(middle % ONE);
    weights[0] = ONE - weights[1];
    return 2;
}

/* All shares of one direction, in one block of memory. */
static struct share *make_shares(unsigned from, unsigned to)
{
    size_t most = (size_t)from / to + 3;
    struct share *shares = malloc(to * (sizeof *shares + most * sizeof(uint32_t)));
    if (shares == NULL)
        return NULL;
    uint32_t *weights = (uint32_t *)(shares + to);
    for (unsigned i = 0; i < to; i++, weights += most) {
        shares[i].weights = weights;
        shares[i].count = from >= to ? weigh_area(weights, from, to, i, &shares[i].first)
                                     : weigh_neighbours(weights, from, to, i, &shares[i].first);
    }
    return shares;
}

static void mix_columns(const unsigned char *row, const struct share *columns, unsigned width,
                        uint32_t *sums, uint32_t row_weight)
{
    for (unsigned x = 0; x < width; x++) {
        uint32_t mean[3] = {0, 0, 0};
        const unsigned char *pixel = row + (size_t)3 * columns[x].first;
        for (unsigned i = 0; i < columns[x].count; i++, pixel += 3)
            for (int k = 0; k < 3; k++)
                mean[k] += columns[x].weights[i] * pixel[k];
        for (int k = 0; k < 3; k++)
            sums[3 * x + (unsigned)k] += (mean[k] >> 4) * row_weight >> 8;
    }
}

static void mix_rows(const struct picture *from, struct picture *to, const struct share *columns,
                     const struct share *rows, uint32_t *sums)
{
    for (unsigned y = 0; y < to->height; y++) {
        unsigned char *out = to->pixels + (size_t)3 * to->width * y;
        memset(sums, 0, (size_t)3 * to->width * sizeof *sums);
        for (unsigned i = 0; i < rows[y].count; i++)
            mix_columns(from->pixels + (size_t)3 * from->width * (rows[y].first + i), columns,
                        to->width, sums, rows[y].weights[i]);
        for (unsigned x = 0; x < 3 * to->width; x++) {
            uint32_t value = (sums[x] + ONE / 2) / ONE;
            out[x] = value > 255 ? 255 : (unsigned char)value;
        }
    }
}

bool scale_picture(const struct picture *from, struct picture *to, unsigned width, unsigned height)
{
    *to = (struct picture){0};
    struct share *columns = make_shares(from->width, width);
    struct share *rows = make_shares(from->height, height);
    uint32_t *sums = malloc((size_t)3 * width * sizeof *sums);
    bool done = columns != NULL && rows != NULL && sums != NULL && picture_make(to, width, height);
    if (done)
        mix_rows(from, to, columns, rows, sums);
    free(columns);
    free(rows);
    free(sums);
    return done;
}
