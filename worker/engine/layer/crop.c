#include "worker/engine/layer/crop.h"

#include <inttypes.h>

#include "common/random.h"

bool crop_build(struct layer *layer, const struct shape *in, const struct setting_integers *size,
                int64_t channels, struct crop *ret_crop, struct shape *ret_out, struct error *error)
{
    struct crop crop = {.purpose = random_purpose("crop", layer->name),
                        .in_height = in->steps,
                        .in_width = in->width / channels,
                        .channels = channels};

    if (in->width % channels != 0)
        return error_set_at(error, ERROR_INVALID, layer->path,
                            "the %" PRId64 " values of a step are no pixels of %" PRId64
                            " channels",
                            in->width, channels);
    if (size && size->n == 1)
        return error_set_at(error, ERROR_INVALID, layer->path,
                            "size: expected two numbers, [lines, pixels of a line]");
    crop.height = size && size->n == 2 ? size->item[0] : crop.in_height;
    crop.width = size && size->n == 2 ? size->item[1] : crop.in_width;
    *ret_crop = crop;
    *ret_out = (struct shape){.steps = crop.height, .width = crop.width * channels};
    return true;
}

double crop_draw(const struct crop *crop, const struct pass *pass, int64_t row, uint32_t which)
{
    return random_uniform(pass->seed, pass->row_id[row], pass->step, crop->purpose + which);
}

int64_t crop_place(double draw, int64_t length, int64_t all)
{
    return (int64_t)(draw * (double)(all - length + 1));
}

struct crop_area crop_center(const struct crop *crop, int64_t height, int64_t width)
{
    return (struct crop_area){.top = (crop->in_height - height) / 2,
                              .left = (crop->in_width - width) / 2,
                              .height = height,
                              .width = width};
}

/* ---- bilinear ---- */

struct between { /* two neighbours, and how much of the second */
    int64_t low, high;
    double share;
};

/* Pixels are areas: the middle of the first of `out` is that of the first of `in`, scaled. */
static struct between between(int64_t i, int64_t out, int64_t in)
{
    double at = ((double)i + 0.5) * ((double)in / (double)out) - 0.5;
    struct between place;

    at = at > 0 ? at : 0;
    place.low = (int64_t)at < in - 1 ? (int64_t)at : in - 1;
    place.high = place.low + (place.low < in - 1);
    place.share = at - (double)place.low;
    return place;
}

/* The first value of a pixel. */
static int64_t place_of(const struct tensor *tensor, int64_t line, int64_t row, int64_t pixel,
                        int64_t channels)
{
    return (line * tensor->rows + row) * tensor->width + pixel * channels;
}

void crop_resize(const struct crop *crop, const struct crop_area *area, int64_t row,
                 const struct tensor *x, struct tensor *y)
{
    int64_t channels = crop->channels;

    for (int64_t i = 0; i < crop->height; i++) {
        struct between v = between(i, crop->height, area->height);
        const real *above = x->data + place_of(x, area->top + v.low, row, area->left, channels);
        const real *below = x->data + place_of(x, area->top + v.high, row, area->left, channels);
        real *to = y->data + place_of(y, i, row, 0, channels);

        for (int64_t j = 0; j < crop->width; j++) {
            struct between h = between(j, crop->width, area->width);

            for (int64_t c = 0; c < channels; c++) {
                int64_t low = h.low * channels + c, high = h.high * channels + c;
                double upper = (1 - h.share) * (double)above[low] + h.share * (double)above[high];
                double lower = (1 - h.share) * (double)below[low] + h.share * (double)below[high];

                *to++ = (real)((1 - v.share) * upper + v.share * lower);
            }
        }
    }
}

void crop_resize_back(const struct crop *crop, const struct crop_area *area, int64_t row,
                      const struct tensor *dy, struct tensor *dx)
{
    int64_t channels = crop->channels;

    for (int64_t i = 0; i < crop->height; i++) {
        struct between v = between(i, crop->height, area->height);
        real *above = dx->data + place_of(dx, area->top + v.low, row, area->left, channels);
        real *below = dx->data + place_of(dx, area->top + v.high, row, area->left, channels);
        const real *from = dy->data + place_of(dy, i, row, 0, channels);

        for (int64_t j = 0; j < crop->width; j++) {
            struct between h = between(j, crop->width, area->width);

            for (int64_t c = 0; c < channels; c++) {
                int64_t low = h.low * channels + c, high = h.high * channels + c;
                double gradient = (double)*from++;

                above[low] += (real)((1 - v.share) * (1 - h.share) * gradient);
                above[high] += (real)((1 - v.share) * h.share * gradient);
                below[low] += (real)(v.share * (1 - h.share) * gradient);
                below[high] += (real)(v.share * h.share * gradient);
            }
        }
    }
}
