#include "worker/engine/transform/kinds.h"

#include <math.h>

#define HIGHEST 88.0 /* beyond, no float32 holds the result */

struct exp_config {
    struct transform_config base;
    double offset;
};

static const struct setting exp_settings[] = {
    TRANSFORM_SETTINGS(struct exp_config),
    SETTING_REAL(struct exp_config, offset, 0, -1e30, 1e30, 0, "", "Added to the value before."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct exp_config *config = fitting->config;

    if (!transform_give_state(fitting->transform, 1, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++)
        transform_state(fitting->transform, i)[0] = config->offset;
    return true;
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = exp(x[i] + state[0] > HIGHEST ? HIGHEST : x[i] + state[0]);
}

static void unmap(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = log(x[i]) - state[0];
}

const struct transform_kind transform_exp = {
    .kind =
        {.name = "exp",
         .help =
             "The exponential of value and offset, which may come to at most 88. Has an inverse.",
         .config_size = sizeof(struct exp_config),
         .settings = exp_settings},
    .n_state = 1,
    .grows = true,
    .fit = fit,
    .map = map,
    .unmap = unmap,
};
