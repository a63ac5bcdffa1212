/*
 * Dropout: in training each value is zeroed with probability `rate` and the others are divided by
 * 1 - rate; otherwise y = x.
 *
 * A value's fate is a function of (seed, step, row id, layer, its place in the row).
 */
#include "worker/engine/layer/layer.h"

#include <math.h>
#include <string.h>

#include "common/random.h"

struct dropout_config {
    double rate;
};

static const struct setting dropout_settings[] = {
    SETTING_REAL(struct dropout_config, rate, 0.5, 0, 1, SETTING_OPEN_HIGH, "",
                 "Share of the values that is zeroed in training."),
    {0},
};

enum { MASK };

struct dropout {
    uint32_t purpose;
    uint32_t threshold; /* words below it are dropped */
    real keep;          /* 1 / (1 - rate) */
    int64_t steps, width;
};

static bool dropout_build(struct layer *layer, const struct shape *in, int n_in,
                          struct shape *ret_out, struct error *error)
{
    const struct dropout_config *config = layer->config;
    struct dropout *dropout = layer->memory;

    (void)n_in, (void)error;
    *dropout = (struct dropout){
        .purpose = random_purpose("dropout", layer->name),
        .threshold = (uint32_t)fmin(config->rate * 4294967296.0, 4294967295.0),
        .keep = (real)(1 / (1 - config->rate)),
        .steps = in->steps,
        .width = in->width,
    };
    layer_add_buffer(layer, BUFFER_SAVED, in->width, 0);
    *ret_out = *in;
    return true;
}

/* Drawn anew on the way back: a mask of all steps would take as much memory as the values. */
static void multiply_by_mask(const struct layer *layer, const struct pass *pass, const real *from,
                             real *to)
{
    const struct dropout *dropout = layer->memory;
    uint32_t blocks =
        (uint32_t)((dropout->width + MASK_GROUP - 1) / MASK_GROUP) * MASK_GROUP_BLOCKS;
    struct mask_draw draw = {.seed = pass->seed,
                             .step = pass->step,
                             .threshold = dropout->threshold,
                             .keep = dropout->keep};
    int64_t width = dropout->width, n = pass->rows * width;
    real *mask = pass->buffer[MASK];

    for (int64_t step = 0; step < dropout->steps; step++, from += n, to += n) {
        draw.purpose = dropout->purpose + (uint32_t)step * blocks;
        for (int64_t row = 0; row < pass->rows; row++) {
            draw.row_id = pass->row_id[row];
            pass->kernel->dropout_mask(mask + row * width, width, &draw);
        }
        pass->kernel->multiply(to, from, mask, n);
    }
}

static void dropout_forward(const struct layer *layer, struct pass *pass,
                            const struct tensor *const x[], struct tensor *y)
{
    if (pass->training)
        multiply_by_mask(layer, pass, x[0]->data, y->data);
    else
        memcpy(y->data, x[0]->data,
               (size_t)(x[0]->steps * x[0]->rows * x[0]->width) * sizeof(real));
}

static void dropout_backward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], const struct tensor *y,
                             const struct tensor *dy, struct tensor *const dx[])
{
    (void)x;
    if (!dx[0])
        return;
    if (pass->training)
        multiply_by_mask(layer, pass, dy->data, dx[0]->data);
    else if (dx[0]->data != dy->data)
        memcpy(dx[0]->data, dy->data, (size_t)(y->steps * y->rows * y->width) * sizeof(real));
}

const struct layer_kind layer_dropout = {
    .kind = {.name = "dropout",
             .help = "Zeroes a random share of the values in training.",
             .config_size = sizeof(struct dropout_config),
             .settings = dropout_settings},
    .memory = sizeof(struct dropout),
    .in_place = true,
    .draws = true,
    .build = dropout_build,
    .forward = dropout_forward,
    .backward = dropout_backward,
};
