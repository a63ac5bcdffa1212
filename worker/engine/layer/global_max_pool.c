/* global_max_pool: the largest value of all steps that a row has */
#include "worker/engine/layer/pool.h"

#include <string.h>

static void global_max_forward(const struct layer *layer, struct pass *pass,
                               const struct tensor *const x[], struct tensor *y)
{
    int64_t step_size = y->rows * y->width, width = y->width;

    (void)layer;
    memcpy(y->data, x[0]->data, (size_t)step_size * sizeof(real));
    for (int64_t row = 0; row < y->rows; row++)
        for (int64_t step = 1; step < pool_steps_of(x[0], row); step++)
            pass->kernel->most(y->data + row * width, x[0]->data + step * step_size + row * width,
                               width);
}

static void global_max_backward(const struct layer *layer, struct pass *pass,
                                const struct tensor *const x[], const struct tensor *y,
                                const struct tensor *dy, struct tensor *const dx[])
{
    int64_t step_size = y->rows * y->width, width = y->width;

    (void)layer;
    if (!dx[0])
        return;
    memset(dx[0]->data, 0, (size_t)(x[0]->steps * step_size) * sizeof(real));
    for (int64_t row = 0; row < y->rows; row++)
        for (int64_t step = 0; step < pool_steps_of(x[0], row); step++) {
            int64_t at = step * step_size + row * width;

            pass->kernel->give_most(dx[0]->data + at, dy->data + row * width, x[0]->data + at,
                                    y->data + row * width, width);
        }
}

const struct layer_kind layer_global_max_pool = {
    .kind = {.name = "global_max_pool", .help = "The largest value of all steps."},
    .build = pool_build_global,
    .forward = global_max_forward,
    .backward = global_max_backward,
};
