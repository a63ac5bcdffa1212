#include "worker/engine/transform/kinds.h"

struct square_config {
    struct transform_config base;
};

static const struct setting square_settings[] = {
    TRANSFORM_SETTINGS(struct square_config),
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
    for (int64_t i = 0; i < n; i++)
        x[i] *= x[i];
}

const struct transform_kind transform_square = {
    .kind = {.name = "square",
             .help = "The square of the value; which sign it had is lost.",
             .config_size = sizeof(struct square_config),
             .settings = square_settings},
    .n_state = 0,
    .grows = true,
    .fit = fit,
    .map = map,
};
