/*
 * random_flip: in training samples, seen as images of steps by values, are turned over from left to
 * right, and from top to bottom, each with a probability; otherwise y = x.
 *
 * Whether a row is turned over is a function of (seed, step, row id, layer).
 */
#include "worker/engine/layer/crop.h"

#include <string.h>

struct random_flip_config {
    double horizontal, vertical;
    int64_t channels;
};

static const struct setting random_flip_settings[] = {
    SETTING_REAL(struct random_flip_config, horizontal, 0.5, 0, 1, 0, "",
                 "Probability that the values of each step come in reverse."),
    SETTING_REAL(struct random_flip_config, vertical, 0, 0, 1, 0, "",
                 "Probability that the steps do."),
    SETTING_INTEGER(struct random_flip_config, channels, 1, 1, 1 << 20, "values",
                    "Values of a pixel, which lie beside one another in a step and stay so."),
    {0},
};

enum { DRAW_HORIZONTAL, DRAW_VERTICAL };

static bool random_flip_build(struct layer *layer, const struct shape *in, int n_in,
                              struct shape *ret_out, struct error *error)
{
    const struct random_flip_config *config = layer->config;

    (void)n_in;
    return crop_build(layer, in, NULL, config->channels, layer->memory, ret_out, error);
}

/* There and back are the same. `length`: of rows that have fewer lines, NULL: none; they are turned
 * over about their own middle. */
static void turn(const struct layer *layer, const struct pass *pass, const int32_t *length,
                 const struct tensor *from, struct tensor *to)
{
    const struct random_flip_config *config = layer->config;
    const struct crop *crop = layer->memory;
    size_t pixel = (size_t)crop->channels * sizeof(real);

    for (int64_t row = 0; row < to->rows; row++) {
        bool over =
            pass->training && crop_draw(crop, pass, row, DRAW_HORIZONTAL) < config->horizontal;
        int64_t lines = length ? length[row] : to->steps;
        bool down = pass->training && crop_draw(crop, pass, row, DRAW_VERTICAL) < config->vertical;

        for (int64_t step = 0; step < to->steps; step++) {
            int64_t line = down && step < lines ? lines - 1 - step : step;
            const real *x = from->data + (line * from->rows + row) * from->width;
            real *y = to->data + (step * to->rows + row) * to->width;

            if (!over)
                memcpy(y, x, (size_t)to->width * sizeof(real));
            for (int64_t i = 0; over && i < crop->width; i++)
                memcpy(y + i * crop->channels, x + (crop->width - 1 - i) * crop->channels, pixel);
        }
    }
}

static void random_flip_forward(const struct layer *layer, struct pass *pass,
                                const struct tensor *const x[], struct tensor *y)
{
    turn(layer, pass, x[0]->length, x[0], y);
}

static void random_flip_backward(const struct layer *layer, struct pass *pass,
                                 const struct tensor *const x[], const struct tensor *y,
                                 const struct tensor *dy, struct tensor *const dx[])
{
    (void)y;
    if (dx[0])
        turn(layer, pass, x[0]->length, dy, dx[0]);
}

const struct layer_kind layer_random_flip = {
    .kind = {.name = "random_flip",
             .help = "Turns samples over at random in training, steps or their values in reverse.",
             .config_size = sizeof(struct random_flip_config),
             .settings = random_flip_settings},
    .memory = sizeof(struct crop),
    .draws = true,
    .build = random_flip_build,
    .forward = random_flip_forward,
    .backward = random_flip_backward,
};
