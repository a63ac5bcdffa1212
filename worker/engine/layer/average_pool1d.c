/* average_pool1d: the mean of each window */
#include "worker/engine/layer/pool.h"

#include <string.h>

static void average_forward(const struct layer *layer, struct pass *pass,
                            const struct tensor *const x[], struct tensor *y)
{
    const struct pool *pool = layer->memory;
    int64_t step_size = y->rows * y->width;

    for (int64_t step = 0; step < y->steps; step++) {
        const real *from = x[0]->data + step * pool->stride * step_size;
        real *to = y->data + step * step_size;

        memcpy(to, from, (size_t)step_size * sizeof(real));
        for (int64_t k = 1; k < pool->size; k++)
            pass->kernel->add(to, from + k * step_size, step_size);
        pass->kernel->scale(to, (real)1 / (real)pool->size, step_size);
    }
}

static void average_backward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], const struct tensor *y,
                             const struct tensor *dy, struct tensor *const dx[])
{
    const struct pool *pool = layer->memory;
    int64_t step_size = y->rows * y->width;

    if (!dx[0])
        return;
    memset(dx[0]->data, 0, (size_t)(x[0]->steps * step_size) * sizeof(real));
    pass->kernel->scale(dy->data, (real)1 / (real)pool->size, y->steps * step_size);
    for (int64_t step = 0; step < y->steps; step++)
        for (int64_t k = 0; k < pool->size; k++)
            pass->kernel->add(dx[0]->data + (step * pool->stride + k) * step_size,
                              dy->data + step * step_size, step_size);
}

const struct layer_kind layer_average_pool1d = {
    .kind = {.name = "average_pool1d",
             .help = "The mean of each window of steps.",
             .config_size = sizeof(struct pool_config),
             .settings = pool_settings},
    .memory = sizeof(struct pool),
    .build = pool_build,
    .length = pool_length,
    .forward = average_forward,
    .backward = average_backward,
};
