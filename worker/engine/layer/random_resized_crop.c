/*
 * random_resized_crop: in training a part of each sample, of a size, a shape and a place of its
 * own, made as large as `size`; otherwise the middle.
 *
 *   area = least .. most of the sample's   r = 1/stretch .. stretch, its logarithm evenly
 *   height = sqrt(area r) lines' share, width = sqrt(area / r), neither more than all
 *
 * A row's part is a function of (seed, step, row id, layer).
 */
#include "worker/engine/layer/crop.h"

#include <math.h>
#include <string.h>

struct random_resized_crop_config {
    struct setting_integers size;
    double least, most, stretch, center;
    int64_t channels;
};

static const struct setting random_resized_crop_settings[] = {
    SETTING_INTEGERS(struct random_resized_crop_config, size, 1, 1 << 20, 0, 2,
                     "What comes out: lines (steps) and pixels of a line, as in [224, 224]; left "
                     "out: as many as come in."),
    SETTING_REAL(struct random_resized_crop_config, least, 0.08, 0, 1, SETTING_OPEN_LOW, "",
                 "Least share of a sample's area that is taken."),
    SETTING_REAL(struct random_resized_crop_config, most, 1, 0, 1, SETTING_OPEN_LOW, "",
                 "Largest share of it."),
    SETTING_REAL(struct random_resized_crop_config, stretch, 1.3333333333333333, 1, 1000, 0, "",
                 "How much more of the lines than of a line's pixels may be taken, or less; 1: the "
                 "sample's own shape."),
    SETTING_REAL(struct random_resized_crop_config, center, 1, 0, 1, SETTING_OPEN_LOW, "",
                 "Share of the lines and of their pixels that is taken from the middle where "
                 "nothing is trained."),
    SETTING_INTEGER(struct random_resized_crop_config, channels, 1, 1, 1 << 20, "values",
                    "Values of a pixel, which lie beside one another in a step."),
    {0},
};

enum { DRAW_AREA, DRAW_SHAPE, DRAW_TOP, DRAW_LEFT };

static bool random_resized_crop_check(const void *settings, const char *path, struct error *error)
{
    const struct random_resized_crop_config *config = settings;

    return config->least <= config->most ||
           error_set_at(error, ERROR_INVALID, path, "least: %g is more than most, %g",
                        config->least, config->most);
}

static bool random_resized_crop_build(struct layer *layer, const struct shape *in, int n_in,
                                      struct shape *ret_out, struct error *error)
{
    const struct random_resized_crop_config *config = layer->config;

    (void)n_in;
    return crop_build(layer, in, &config->size, config->channels, layer->memory, ret_out, error);
}

static int64_t part_of(double share, int64_t all)
{
    int64_t part = (int64_t)(share * (double)all + 0.5);

    return part < 1 ? 1 : part > all ? all : part;
}

/* Of a row's own lines, whose parts all become as many. */
static struct crop_area area_of(const struct layer *layer, const struct pass *pass,
                                const struct tensor *x, int64_t row)
{
    const struct random_resized_crop_config *config = layer->config;
    const struct crop *crop = layer->memory;
    int64_t lines = x->length ? x->length[row] : crop->in_height;
    struct crop_area area;
    double share, shape;

    if (!pass->training) {
        area = crop_center(crop, part_of(config->center, lines),
                           part_of(config->center, crop->in_width));
        area.top = (lines - area.height) / 2;
        return area;
    }
    share = config->least + (config->most - config->least) * crop_draw(crop, pass, row, DRAW_AREA);
    shape = exp(log(config->stretch) * (2 * crop_draw(crop, pass, row, DRAW_SHAPE) - 1));
    area.height = part_of(sqrt(share * shape), lines);
    area.width = part_of(sqrt(share / shape), crop->in_width);
    area.top = crop_place(crop_draw(crop, pass, row, DRAW_TOP), area.height, lines);
    area.left = crop_place(crop_draw(crop, pass, row, DRAW_LEFT), area.width, crop->in_width);
    return area;
}

static void random_resized_crop_forward(const struct layer *layer, struct pass *pass,
                                        const struct tensor *const x[], struct tensor *y)
{
    for (int64_t row = 0; row < y->rows; row++) {
        struct crop_area area = area_of(layer, pass, x[0], row);

        crop_resize(layer->memory, &area, row, x[0], y);
    }
}

static void random_resized_crop_backward(const struct layer *layer, struct pass *pass,
                                         const struct tensor *const x[], const struct tensor *y,
                                         const struct tensor *dy, struct tensor *const dx[])
{
    (void)y;
    if (!dx[0])
        return;
    memset(dx[0]->data, 0, (size_t)(x[0]->steps * x[0]->rows * x[0]->width) * sizeof(real));
    for (int64_t row = 0; row < dy->rows; row++) {
        struct crop_area area = area_of(layer, pass, x[0], row);

        crop_resize_back(layer->memory, &area, row, dy, dx[0]);
    }
}

static int64_t random_resized_crop_length(const struct layer *layer, int64_t length)
{
    const struct crop *crop = layer->memory;

    return length > 0 ? crop->height : 0;
}

const struct layer_kind layer_random_resized_crop = {
    .kind = {.name = "random_resized_crop",
             .help = "A random part of each sample, seen as an image of steps by values, resized; "
                     "the middle where nothing is trained.",
             .config_size = sizeof(struct random_resized_crop_config),
             .settings = random_resized_crop_settings,
             .check = random_resized_crop_check},
    .memory = sizeof(struct crop),
    .draws = true,
    .build = random_resized_crop_build,
    .length = random_resized_crop_length,
    .forward = random_resized_crop_forward,
    .backward = random_resized_crop_backward,
};
