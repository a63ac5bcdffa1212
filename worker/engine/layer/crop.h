/*
 * Samples as images: steps are lines from the top, a step's values pixels from the left, each of
 * `channels` values beside one another. What crops and flips have in common.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_LAYER_CROP_H
#define NIGHTJAR_WORKER_ENGINE_LAYER_CROP_H

#include "worker/engine/layer/layer.h"

struct crop_area { /* in whole pixels of what comes in */
    int64_t top, left, height, width;
};

struct crop {
    uint32_t purpose;
    int64_t in_height, in_width, channels;
    int64_t height, width; /* of what comes out */
};

/* The image that comes in. `size` (none: as large as that) is what comes out: [lines, pixels].
 * INVALID at the layer's place where values do not make pixels of so many channels. */
bool crop_build(struct layer *layer, const struct shape *in, const struct setting_integers *size,
                int64_t channels, struct crop *ret_crop, struct shape *ret_out,
                struct error *error);

/* A number in [0, 1) that belongs to the row and the step, whichever place the row has. `which`:
 * one of several. */
double crop_draw(const struct crop *crop, const struct pass *pass, int64_t row, uint32_t which);
/* Where a part of `length` begins: 0 .. all - length. */
int64_t crop_place(double draw, int64_t length, int64_t all);
/* The middle one of that size. */
struct crop_area crop_center(const struct crop *crop, int64_t height, int64_t width);

/* The area of row `row` as large as what comes out: between pixels by their distance (bilinear, the
 * corners' outer edges on one another). */
void crop_resize(const struct crop *crop, const struct crop_area *area, int64_t row,
                 const struct tensor *x, struct tensor *y);
/* Adds to dx what dy means for it. */
void crop_resize_back(const struct crop *crop, const struct crop_area *area, int64_t row,
                      const struct tensor *dy, struct tensor *dx);

#endif
