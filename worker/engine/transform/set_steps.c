#include "worker/engine/transform/kinds.h"

struct set_steps_config {
    struct transform_config base;
    int64_t steps;
    double value;
};

static const struct setting set_steps_settings[] = {
    TRANSFORM_SETTINGS(struct set_steps_config),
    SETTING_INTEGER(struct set_steps_config, steps, 30, 1, 1000000, "steps",
                    "How many of a window's first steps are set."),
    SETTING_REAL(struct set_steps_config, value, 1, -1e30, 1e30, 0, "", "To what."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct set_steps_config *config = fitting->config;

    if (!transform_give_state(fitting->transform, 2, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++) {
        transform_state(fitting->transform, i)[0] = (double)config->steps;
        transform_state(fitting->transform, i)[1] = config->value;
    }
    return true;
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n && (double)i < state[0]; i++)
        x[i] = state[1];
}

const struct transform_kind transform_set_steps = {
    .kind = {.name = "set_steps",
             .help = "The first steps of a window become a constant: what an instrument does while "
                     "it settles says nothing.",
             .config_size = sizeof(struct set_steps_config),
             .settings = set_steps_settings},
    .along = true,
    .n_state = 2,
    .fit = fit,
    .map = map,
};
