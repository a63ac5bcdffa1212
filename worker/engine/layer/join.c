#include "worker/engine/layer/join.h"

#include <inttypes.h>
#include <string.h>

const struct setting join_settings[] = {JOIN_SETTINGS, {0}};

bool join_check_steps(const struct layer *layer, const struct shape *in, int n_in,
                      struct error *error)
{
    for (int i = 1; i < n_in; i++)
        if (in[i].steps != in[0].steps)
            return error_set_at(error, ERROR_INVALID, layer->path,
                                "joins a branch of %" PRId64 " steps and one of %" PRId64,
                                in[0].steps, in[i].steps);
    return true;
}

bool join_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                struct error *error)
{
    struct join *join = layer->memory;

    if (!join_check_steps(layer, in, n_in, error))
        return false;
    for (int i = 1; i < n_in; i++)
        if (in[i].width != in[0].width)
            return error_set_at(error, ERROR_INVALID, layer->path,
                                "joins a branch of width %" PRId64 " and one of %" PRId64,
                                in[0].width, in[i].width);
    join->n = n_in;
    *ret_out = in[0];
    return true;
}

int64_t join_size(const struct tensor *tensor)
{
    return tensor->steps * tensor->rows * tensor->width;
}

bool join_differs(const struct join *join, const struct tensor *const x[])
{
    for (int i = 1; i < join->n; i++) {
        if (x[i]->length == x[0]->length)
            continue;
        if (!x[i]->length || !x[0]->length ||
            memcmp(x[i]->length, x[0]->length, (size_t)x[0]->rows * sizeof(*x[0]->length)) != 0)
            return true;
    }
    return false;
}

bool join_has(const struct tensor *x, int64_t step, int64_t row)
{
    return !x->length || step < x->length[row];
}

void join_give(const struct tensor *dy, struct tensor *dx)
{
    if (dx)
        memcpy(dx->data, dy->data, (size_t)join_size(dy) * sizeof(real));
}
