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
    layer_add_buffer(layer, BUFFER_SAVED, in->steps * in->width, 0);
    *ret_out = *in;
    return true;
}

static void dropout_prepare(const struct layer *layer, struct pass *pass)
{
    const struct dropout *dropout = layer->memory;
    uint32_t blocks =
        (uint32_t)((dropout->width + MASK_GROUP - 1) / MASK_GROUP) * MASK_GROUP_BLOCKS;
    struct mask_draw draw = {.seed = pass->seed,
                             .step = pass->step,
                             .threshold = dropout->threshold,
                             .keep = dropout->keep};
    real *mask = pass->buffer[MASK];

    if (!pass->training)
        return;
    for (int64_t step = 0; step < dropout->steps; step++) {
        draw.purpose = dropout->purpose + (uint32_t)step * blocks;
        for (int64_t row = 0; row < pass->rows; row++, mask += dropout->width) {
            draw.row_id = pass->row_id[row];
            pass->kernel->dropout_mask(mask, dropout->width, &draw);
        }
    }
}

static void dropout_forward(const struct layer *layer, struct pass *pass,
                            const struct tensor *const x[], struct tensor *y)
{
    int64_t n = x[0]->steps * x[0]->rows * x[0]->width;

    (void)layer;
    if (pass->training)
        pass->kernel->multiply(y->data, x[0]->data, pass->buffer[MASK], n);
    else
        memcpy(y->data, x[0]->data, (size_t)n * sizeof(real));
}

static void dropout_backward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], const struct tensor *y,
                             const struct tensor *dy, struct tensor *const dx[])
{
    int64_t n = y->steps * y->rows * y->width;

    (void)layer, (void)x;
    if (!dx[0])
        return;
    if (pass->training)
        pass->kernel->multiply(dx[0]->data, dy->data, pass->buffer[MASK], n);
    else
        memcpy(dx[0]->data, dy->data, (size_t)n * sizeof(real));
}

const struct layer_kind layer_dropout = {
    .kind = {.name = "dropout",
             .help = "Zeroes a random share of the values in training.",
             .config_size = sizeof(struct dropout_config),
             .settings = dropout_settings},
    .memory = sizeof(struct dropout),
    .build = dropout_build,
    .prepare = dropout_prepare,
    .forward = dropout_forward,
    .backward = dropout_backward,
};
