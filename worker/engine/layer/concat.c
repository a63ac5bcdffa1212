/* concat: the values of each step beside one another */
#include "worker/engine/layer/join.h"

#include <string.h>

static bool concat_build(struct layer *layer, const struct shape *in, int n_in,
                         struct shape *ret_out, struct error *error)
{
    struct join *join = layer->memory;
    struct shape out = {.steps = in[0].steps};

    if (!join_check_steps(layer, in, n_in, error))
        return false;
    join->n = n_in;
    for (int i = 0; i < n_in; i++)
        out.width += join->width[i] = in[i].width;
    *ret_out = out;
    return true;
}

static void concat_forward(const struct layer *layer, struct pass *pass,
                           const struct tensor *const x[], struct tensor *y)
{
    const struct join *join = layer->memory;
    real *to = y->data;

    (void)pass;
    for (int64_t row = 0; row < y->steps * y->rows; row++)
        for (int i = 0; i < join->n; to += join->width[i], i++)
            memcpy(to, x[i]->data + row * join->width[i], (size_t)join->width[i] * sizeof(real));
}

static void concat_backward(const struct layer *layer, struct pass *pass,
                            const struct tensor *const x[], const struct tensor *y,
                            const struct tensor *dy, struct tensor *const dx[])
{
    const struct join *join = layer->memory;
    const real *from = dy->data;

    (void)pass, (void)x;
    for (int64_t row = 0; row < y->steps * y->rows; row++)
        for (int i = 0; i < join->n; from += join->width[i], i++)
            if (dx[i])
                memcpy(dx[i]->data + row * join->width[i], from,
                       (size_t)join->width[i] * sizeof(real));
}

const struct layer_kind layer_concat = {
    .kind = {.name = "concat",
             .help = "Joins branches: their outputs one after the other.",
             .config_size = sizeof(struct layer_join_config),
             .settings = join_settings},
    .role = LAYER_JOINS,
    .memory = sizeof(struct join),
    .build = concat_build,
    .forward = concat_forward,
    .backward = concat_backward,
};
