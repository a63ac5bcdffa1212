/* flatten: a sequence as one row: the values of the first step, of the second, ... */
#include "worker/engine/layer/layer.h"

#include <string.h>

static bool flatten_build(struct layer *layer, const struct shape *in, int n_in,
                          struct shape *ret_out, struct error *error)
{
    (void)layer, (void)n_in, (void)error;
    *ret_out = (struct shape){.steps = 1, .width = in->steps * in->width};
    return true;
}

static void flatten_forward(const struct layer *layer, struct pass *pass,
                            const struct tensor *const x[], struct tensor *y)
{
    (void)layer, (void)pass;
    layer_rows_of_steps(x[0], y->data);
}

static void flatten_backward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], const struct tensor *y,
                             const struct tensor *dy, struct tensor *const dx[])
{
    (void)layer, (void)pass, (void)x, (void)y;
    if (dx[0])
        layer_steps_of_rows(dy->data, dx[0]);
}

const struct layer_kind layer_flatten = {
    .kind = {.name = "flatten", .help = "A sequence as one row of all its steps."},
    .build = flatten_build,
    .forward = flatten_forward,
    .backward = flatten_backward,
};
