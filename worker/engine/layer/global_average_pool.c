/* global_average_pool: the mean of all steps that a row has */
#include "worker/engine/layer/pool.h"

#include <string.h>

static void global_average_forward(const struct layer *layer, struct pass *pass,
                                   const struct tensor *const x[], struct tensor *y)
{
    int64_t step_size = y->rows * y->width, width = y->width;

    (void)layer;
    memcpy(y->data, x[0]->data, (size_t)step_size * sizeof(real));
    for (int64_t row = 0; row < y->rows; row++) {
        int64_t steps = pool_steps_of(x[0], row);

        for (int64_t step = 1; step < steps; step++)
            pass->kernel->add(y->data + row * width, x[0]->data + step * step_size + row * width,
                              width);
        pass->kernel->scale(y->data + row * width, (real)1 / (real)steps, width);
    }
}

static void global_average_backward(const struct layer *layer, struct pass *pass,
                                    const struct tensor *const x[], const struct tensor *y,
                                    const struct tensor *dy, struct tensor *const dx[])
{
    int64_t step_size = y->rows * y->width, width = y->width;

    (void)layer;
    if (!dx[0])
        return;
    memset(dx[0]->data, 0, (size_t)(x[0]->steps * step_size) * sizeof(real));
    for (int64_t row = 0; row < y->rows; row++) {
        int64_t steps = pool_steps_of(x[0], row);

        pass->kernel->scale(dy->data + row * width, (real)1 / (real)steps, width);
        for (int64_t step = 0; step < steps; step++)
            memcpy(dx[0]->data + step * step_size + row * width, dy->data + row * width,
                   (size_t)width * sizeof(real));
    }
}

const struct layer_kind layer_global_average_pool = {
    .kind = {.name = "global_average_pool", .help = "The mean of all steps."},
    .build = pool_build_global,
    .forward = global_average_forward,
    .backward = global_average_backward,
};
