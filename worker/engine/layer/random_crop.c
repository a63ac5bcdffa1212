/*
 * random_crop: in training a part of each sample from a place of its own, otherwise the middle; of
 * so many lines and pixels as it is, none resized.
 *
 * A row's place is a function of (seed, step, row id, layer).
 */
#include "worker/engine/layer/crop.h"

#include <inttypes.h>
#include <string.h>

struct random_crop_config {
    struct setting_integers size;
    int64_t channels;
};

static const struct setting random_crop_settings[] = {
    SETTING_INTEGERS(struct random_crop_config, size, 1, 1 << 20, 0, 2,
                     "Lines (steps) and pixels of a line that are cut out, as in [224, 224]; left "
                     "out: all."),
    SETTING_INTEGER(struct random_crop_config, channels, 1, 1, 1 << 20, "values",
                    "Values of a pixel, which lie beside one another in a step."),
    {0},
};

enum { DRAW_TOP, DRAW_LEFT };

static bool random_crop_build(struct layer *layer, const struct shape *in, int n_in,
                              struct shape *ret_out, struct error *error)
{
    const struct random_crop_config *config = layer->config;
    const struct crop *crop = layer->memory;

    (void)n_in;
    if (!crop_build(layer, in, &config->size, config->channels, layer->memory, ret_out, error))
        return false;
    return (crop->height <= crop->in_height && crop->width <= crop->in_width) ||
           error_set_at(error, ERROR_INVALID, layer->path,
                        "size: [%" PRId64 ", %" PRId64 "] is no part of %" PRId64
                        " lines of %" PRId64 " pixels",
                        crop->height, crop->width, crop->in_height, crop->in_width);
}

/* Of a row's own lines; one that has fewer than are cut out gives them all. */
static struct crop_area area_of(const struct layer *layer, const struct pass *pass,
                                const struct tensor *x, int64_t row)
{
    const struct crop *crop = layer->memory;
    struct crop_area area = crop_center(crop, crop->height, crop->width);
    int64_t lines = x->length ? x->length[row] : crop->in_height;

    lines = lines < crop->height ? crop->height : lines;
    area.top = (lines - crop->height) / 2;
    if (!pass->training)
        return area;
    area.top = crop_place(crop_draw(crop, pass, row, DRAW_TOP), crop->height, lines);
    area.left = crop_place(crop_draw(crop, pass, row, DRAW_LEFT), crop->width, crop->in_width);
    return area;
}

/* A line of what is cut out, in what it is cut from. */
static int64_t line_at(const struct crop *crop, const struct crop_area *area, int64_t line,
                       int64_t row, const struct tensor *whole)
{
    return ((area->top + line) * whole->rows + row) * whole->width + area->left * crop->channels;
}

static void random_crop_forward(const struct layer *layer, struct pass *pass,
                                const struct tensor *const x[], struct tensor *y)
{
    const struct crop *crop = layer->memory;

    for (int64_t row = 0; row < y->rows; row++) {
        struct crop_area area = area_of(layer, pass, x[0], row);

        for (int64_t line = 0; line < y->steps; line++)
            memcpy(y->data + (line * y->rows + row) * y->width,
                   x[0]->data + line_at(crop, &area, line, row, x[0]),
                   (size_t)y->width * sizeof(real));
    }
}

static void random_crop_backward(const struct layer *layer, struct pass *pass,
                                 const struct tensor *const x[], const struct tensor *y,
                                 const struct tensor *dy, struct tensor *const dx[])
{
    const struct crop *crop = layer->memory;

    (void)y;
    if (!dx[0])
        return;
    memset(dx[0]->data, 0, (size_t)(x[0]->steps * x[0]->rows * x[0]->width) * sizeof(real));
    for (int64_t row = 0; row < dy->rows; row++) {
        struct crop_area area = area_of(layer, pass, x[0], row);

        for (int64_t line = 0; line < dy->steps; line++)
            memcpy(dx[0]->data + line_at(crop, &area, line, row, dx[0]),
                   dy->data + (line * dy->rows + row) * dy->width,
                   (size_t)dy->width * sizeof(real));
    }
}

/* The network cuts it to the lines that are cut out. */
static int64_t random_crop_length(const struct layer *layer, int64_t length)
{
    (void)layer;
    return length;
}

const struct layer_kind layer_random_crop = {
    .kind = {.name = "random_crop",
             .help = "A random part of a size that is said of each sample, seen as an image of "
                     "steps by values; the middle where nothing is trained.",
             .config_size = sizeof(struct random_crop_config),
             .settings = random_crop_settings},
    .memory = sizeof(struct crop),
    .draws = true,
    .build = random_crop_build,
    .length = random_crop_length,
    .forward = random_crop_forward,
    .backward = random_crop_backward,
};
