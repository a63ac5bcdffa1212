/* mean: y = sum of x_i / n     n: of a step, the inputs that have it */
#include "worker/engine/layer/join.h"

#include <string.h>

static int count(const struct join *join, const struct tensor *const x[], int64_t step, int64_t row)
{
    int n = 0;

    for (int i = 0; i < join->n; i++)
        n += join_has(x[i], step, row);
    return n;
}

/* Steps that no input has are looked at by nobody. */
static void divide(const struct join *join, struct pass *pass, const struct tensor *const x[],
                   const struct tensor *sum)
{
    real *at = sum->data;

    if (!join_differs(join, x)) {
        pass->kernel->scale(at, (real)1 / (real)join->n, join_size(sum));
        return;
    }
    for (int64_t step = 0; step < sum->steps; step++)
        for (int64_t row = 0; row < sum->rows; row++, at += sum->width) {
            int n = count(join, x, step, row);

            pass->kernel->scale(at, (real)1 / (real)(n > 0 ? n : 1), sum->width);
        }
}

static void mean_forward(const struct layer *layer, struct pass *pass,
                         const struct tensor *const x[], struct tensor *y)
{
    const struct join *join = layer->memory;

    memcpy(y->data, x[0]->data, (size_t)join_size(y) * sizeof(real));
    for (int i = 1; i < join->n; i++)
        pass->kernel->add(y->data, x[i]->data, join_size(y));
    divide(join, pass, x, y);
}

static void mean_backward(const struct layer *layer, struct pass *pass,
                          const struct tensor *const x[], const struct tensor *y,
                          const struct tensor *dy, struct tensor *const dx[])
{
    const struct join *join = layer->memory;

    (void)y;
    divide(join, pass, x, dy);
    for (int i = 0; i < join->n; i++)
        join_give(dy, dx[i]);
}

const struct layer_kind layer_mean = {
    .kind = {.name = "mean",
             .help = "Joins branches: the mean of their outputs.",
             .config_size = sizeof(struct layer_join_config),
             .settings = join_settings},
    .role = LAYER_JOINS,
    .memory = sizeof(struct join),
    .build = join_build,
    .forward = mean_forward,
    .backward = mean_backward,
};
