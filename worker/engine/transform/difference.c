#include "worker/engine/transform/kinds.h"

struct difference_config {
    struct transform_config base;
    int64_t lag;
};

static const struct setting difference_settings[] = {
    TRANSFORM_SETTINGS(struct difference_config),
    SETTING_INTEGER(struct difference_config, lag, 1, 1, 1000000, "steps", "From which step."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct difference_config *config = fitting->config;

    if (!transform_give_state(fitting->transform, 1, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++)
        transform_state(fitting->transform, i)[0] = (double)config->lag;
    return true;
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    int64_t lag = (int64_t)state[0];

    (void)n_state;
    for (int64_t i = n - 1; i >= 0; i--)
        x[i] = i >= lag ? x[i] - x[i - lag] : 0;
}

const struct transform_kind transform_difference = {
    .kind = {.name = "difference",
             .help = "Each step becomes its distance from an earlier one; 0 where there is none.",
             .config_size = sizeof(struct difference_config),
             .settings = difference_settings},
    .along = true,
    .n_state = 1,
    .fit = fit,
    .map = map,
};
