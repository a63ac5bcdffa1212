#include "worker/engine/transform/element.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>

struct log1p_config {
    struct transform_config base;
    double offset;
};

static const struct setting log1p_settings[] = {
    TRANSFORM_SETTINGS(struct log1p_config),
    TRANSFORM_FIT_ON(struct log1p_config),
    SETTING_REAL(struct log1p_config, offset, 0, -1e30, 1e30, 0, "", "Added to the value before."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct log1p_config *config = fitting->config;

    if (!element_fit(fitting, config->offset, -1, true, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++)
        transform_state(fitting->transform, i)[1] = (double)nextafterf(-1, 0);
    return true;
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = log1p(element_argument(state, x[i]));
}

static void unmap(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = expm1(x[i]) - state[0];
}

const struct transform_kind transform_log1p = {
    .kind =
        {.name = "log1p",
         .help =
             "The logarithm of 1 and the value, exact near 0; what is not above -1 counts as the "
             "least float that is. Has an inverse.",
         .config_size = sizeof(struct log1p_config),
         .settings = log1p_settings},
    .n_state = ELEMENT_STATE,
    .fit = fit,
    .map = map,
    .unmap = unmap,
};
