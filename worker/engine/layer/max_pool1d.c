/* max_pool1d: the largest of each window; its gradient goes to the first that is as large. */
#include "worker/engine/layer/pool.h"

#include <string.h>

/* Zeros behind a row's end are no values of it. */
static void take_short_rows(const struct pool *pool, struct pass *pass, const struct tensor *x,
                            struct tensor *y)
{
    for (int64_t row = 0; x->length && row < x->rows; row++) {
        int64_t width = x->width, at = row * width;

        if (x->length[row] >= pool->size)
            continue;
        memcpy(y->data + at, x->data + at, (size_t)width * sizeof(real));
        for (int64_t step = 1; step < x->length[row]; step++)
            pass->kernel->most(y->data + at, x->data + step * x->rows * width + at, width);
    }
}

static void max_forward(const struct layer *layer, struct pass *pass,
                        const struct tensor *const x[], struct tensor *y)
{
    const struct pool *pool = layer->memory;
    int64_t step_size = y->rows * y->width;

    for (int64_t step = 0; step < y->steps; step++) {
        const real *from = x[0]->data + step * pool->stride * step_size;
        real *to = y->data + step * step_size;

        memcpy(to, from, (size_t)step_size * sizeof(real));
        for (int64_t k = 1; k < pool->size; k++)
            pass->kernel->most(to, from + k * step_size, step_size);
    }
    take_short_rows(pool, pass, x[0], y);
}

static void max_backward(const struct layer *layer, struct pass *pass,
                         const struct tensor *const x[], const struct tensor *y,
                         const struct tensor *dy, struct tensor *const dx[])
{
    const struct pool *pool = layer->memory;
    int64_t step_size = y->rows * y->width;

    if (!dx[0])
        return;
    memset(dx[0]->data, 0, (size_t)(x[0]->steps * step_size) * sizeof(real));
    for (int64_t step = 0; step < y->steps; step++) {
        int64_t first = step * pool->stride * step_size;
        real *left = dy->data + step * step_size; /* what no value has taken yet */

        for (int64_t k = 0; k < pool->size; k++)
            pass->kernel->give_most(dx[0]->data + first + k * step_size, left,
                                    x[0]->data + first + k * step_size, y->data + step * step_size,
                                    step_size);
    }
}

const struct layer_kind layer_max_pool1d = {
    .kind = {.name = "max_pool1d",
             .help = "The largest value of each window of steps.",
             .config_size = sizeof(struct pool_config),
             .settings = pool_settings},
    .memory = sizeof(struct pool),
    .build = pool_build,
    .length = pool_length,
    .forward = max_forward,
    .backward = max_backward,
};
