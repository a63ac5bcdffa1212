/* multiply: y = product of x_i     dx_i = dy times the product of the others */
#include "worker/engine/layer/join.h"

#include <string.h>

static void multiply_forward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], struct tensor *y)
{
    const struct join *join = layer->memory;

    memcpy(y->data, x[0]->data, (size_t)join_size(y) * sizeof(real));
    for (int i = 1; i < join->n; i++)
        pass->kernel->multiply(y->data, y->data, x[i]->data, join_size(y));
}

static void multiply_backward(const struct layer *layer, struct pass *pass,
                              const struct tensor *const x[], const struct tensor *y,
                              const struct tensor *dy, struct tensor *const dx[])
{
    const struct join *join = layer->memory;

    (void)y;
    for (int i = 0; i < join->n; i++) {
        join_give(pass, dy, dx[i], 1);
        for (int k = 0; dx[i] && k < join->n; k++)
            if (k != i)
                pass->kernel->multiply(dx[i]->data, dx[i]->data, x[k]->data, join_size(dy));
    }
}

const struct layer_kind layer_multiply = {
    .kind = {.name = "multiply",
             .help = "Joins branches: the product of their outputs, value by value.",
             .config_size = sizeof(struct layer_join_config),
             .settings = join_settings},
    .role = LAYER_JOINS,
    .memory = sizeof(struct join),
    .build = join_build,
    .forward = multiply_forward,
    .backward = multiply_backward,
};
