/* add: y = sum of x_i */
#include "worker/engine/layer/join.h"

#include <string.h>

static void add_forward(const struct layer *layer, struct pass *pass,
                        const struct tensor *const x[], struct tensor *y)
{
    const struct join *join = layer->memory;

    memcpy(y->data, x[0]->data, (size_t)join_size(y) * sizeof(real));
    for (int i = 1; i < join->n; i++)
        pass->kernel->add(y->data, x[i]->data, join_size(y));
}

static void add_backward(const struct layer *layer, struct pass *pass,
                         const struct tensor *const x[], const struct tensor *y,
                         const struct tensor *dy, struct tensor *const dx[])
{
    const struct join *join = layer->memory;

    (void)pass, (void)x, (void)y;
    for (int i = 0; i < join->n; i++)
        join_give(dy, dx[i]);
}

const struct layer_kind layer_add = {
    .kind = {.name = "add",
             .help = "Joins branches: the sum of their outputs.",
             .config_size = sizeof(struct layer_join_config),
             .settings = join_settings},
    .role = LAYER_JOINS,
    .memory = sizeof(struct join),
    .build = join_build,
    .forward = add_forward,
    .backward = add_backward,
};
