/* mean: y = sum of x_i / n */
#include "worker/engine/layer/join.h"

#include <string.h>

static void mean_forward(const struct layer *layer, struct pass *pass,
                         const struct tensor *const x[], struct tensor *y)
{
    const struct join *join = layer->memory;

    memcpy(y->data, x[0]->data, (size_t)join_size(y) * sizeof(real));
    for (int i = 1; i < join->n; i++)
        pass->kernel->add(y->data, x[i]->data, join_size(y));
    pass->kernel->scale(y->data, (real)1 / (real)join->n, join_size(y));
}

static void mean_backward(const struct layer *layer, struct pass *pass,
                          const struct tensor *const x[], const struct tensor *y,
                          const struct tensor *dy, struct tensor *const dx[])
{
    const struct join *join = layer->memory;

    (void)x, (void)y;
    for (int i = 0; i < join->n; i++)
        join_give(pass, dy, dx[i], (real)1 / (real)join->n);
}

const struct layer_kind layer_mean = {
    .kind = {.name = "mean",
             .help = "Joins branches: the mean of their outputs.",
             .config_size = sizeof(struct layer_join_config),
             .settings = join_settings},
    .role = LAYER_JOINS,
    .memory = sizeof(struct join),
    .build = join_build,
    .forward = mean_forward,
    .backward = mean_backward,
};
