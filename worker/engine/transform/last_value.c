#include "worker/engine/transform/kinds.h"

#include <math.h>

struct last_value_config {
    struct transform_config base;
};

static const struct setting last_value_settings[] = {
    TRANSFORM_SETTINGS(struct last_value_config),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    return transform_give_state(fitting->transform, 0, error);
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)state;
    (void)n_state;
    for (int64_t i = 1; i < n; i++)
        x[i] = isnan(x[i]) ? x[i - 1] : x[i];
}

const struct transform_kind transform_last_value = {
    .kind = {.name = "last_value",
             .help =
                 "A missing value becomes the last one before it; before the first one it stays "
                 "missing, for impute.",
             .config_size = sizeof(struct last_value_config),
             .settings = last_value_settings},
    .along = true,
    .n_state = 0,
    .fit = fit,
    .map = map,
};
