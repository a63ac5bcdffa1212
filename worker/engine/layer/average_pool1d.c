/* average_pool1d: the mean of each window */
#include "worker/engine/layer/pool.h"

#include <string.h>

/* Of a row that is shorter than the window there are fewer steps to the mean. */
static void divide(const struct pool *pool, struct pass *pass, const struct tensor *x, int64_t step,
                   real *sum)
{
    if (step > 0 || !x->length) {
        pass->kernel->scale(sum, (real)1 / (real)pool->size, x->rows * x->width);
        return;
    }
    for (int64_t row = 0; row < x->rows; row++, sum += x->width) {
        int64_t steps = x->length[row] < pool->size ? x->length[row] : pool->size;

        pass->kernel->scale(sum, (real)1 / (real)(steps > 0 ? steps : 1), x->width);
    }
}

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
        divide(pool, pass, x[0], step, to);
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
    for (int64_t step = 0; step < y->steps; step++) {
        real *from = dy->data + step * step_size;

        divide(pool, pass, x[0], step, from);
        for (int64_t k = 0; k < pool->size; k++)
            pass->kernel->add(dx[0]->data + (step * pool->stride + k) * step_size, from, step_size);
    }
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
