#include "worker/engine/layer/pool.h"

#include <inttypes.h>

const struct setting pool_settings[] = {
    SETTING_INTEGER(struct pool_config, size, 2, 1, 1 << 20, "steps", "Steps of a window."),
    SETTING_INTEGER(struct pool_config, stride, 0, 0, 1 << 20, "steps",
                    "From one window to the next; 0: the size."),
    {0},
};

bool pool_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                struct error *error)
{
    const struct pool_config *config = layer->config;
    struct pool *pool = layer->memory;

    (void)n_in;
    *pool = (struct pool){.size = config->size,
                          .stride = config->stride > 0 ? config->stride : config->size};
    if (pool->size > in->steps)
        return error_set_at(error, ERROR_INVALID, layer->path,
                            "a window of %" PRId64 " steps is longer than the sequence of %" PRId64,
                            pool->size, in->steps);
    *ret_out =
        (struct shape){.steps = (in->steps - pool->size) / pool->stride + 1, .width = in->width};
    return true;
}

int64_t pool_length(const struct layer *layer, int64_t length)
{
    const struct pool *pool = layer->memory;

    return length < pool->size ? 1 : (length - pool->size) / pool->stride + 1;
}

bool pool_build_global(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                       struct error *error)
{
    (void)layer, (void)n_in, (void)error;
    *ret_out = (struct shape){.steps = 1, .width = in->width};
    return true;
}

int64_t pool_steps_of(const struct tensor *x, int64_t row)
{
    return x->length ? x->length[row] : x->steps;
}
