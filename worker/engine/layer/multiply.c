/* multiply: y = product of x_i     dx_i = dy times the product of the others
 * Where an input has ended it counts as 1. */
#include "worker/engine/layer/join.h"

#include <string.h>

static void multiply_by(struct pass *pass, bool differs, const struct tensor *x, real *y)
{
    if (!differs) {
        pass->kernel->multiply(y, y, x->data, join_size(x));
        return;
    }
    for (int64_t step = 0, at = 0; step < x->steps; step++)
        for (int64_t row = 0; row < x->rows; row++, at += x->width)
            if (join_has(x, step, row))
                pass->kernel->multiply(y + at, y + at, x->data + at, x->width);
}

static void begin_with(const struct tensor *x, bool differs, struct tensor *y)
{
    memcpy(y->data, x->data, (size_t)join_size(y) * sizeof(real));
    for (int64_t step = 0, at = 0; differs && step < x->steps; step++)
        for (int64_t row = 0; row < x->rows; row++, at += x->width)
            for (int64_t k = 0; !join_has(x, step, row) && k < x->width; k++)
                y->data[at + k] = 1;
}

static void multiply_forward(const struct layer *layer, struct pass *pass,
                             const struct tensor *const x[], struct tensor *y)
{
    const struct join *join = layer->memory;
    bool differs = join_differs(join, x);

    begin_with(x[0], differs, y);
    for (int i = 1; i < join->n; i++)
        multiply_by(pass, differs, x[i], y->data);
}

static void multiply_backward(const struct layer *layer, struct pass *pass,
                              const struct tensor *const x[], const struct tensor *y,
                              const struct tensor *dy, struct tensor *const dx[])
{
    const struct join *join = layer->memory;
    bool differs = join_differs(join, x);

    (void)y;
    for (int i = 0; i < join->n; i++) {
        join_give(dy, dx[i]);
        for (int k = 0; dx[i] && k < join->n; k++)
            if (k != i)
                multiply_by(pass, differs, x[k], dx[i]->data);
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
