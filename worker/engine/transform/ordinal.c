#include "worker/engine/transform/kinds.h"

#include <math.h>

struct ordinal_config {
    struct transform_config base;
    double unknown;
};

static const struct setting ordinal_settings[] = {
    TRANSFORM_SETTINGS(struct ordinal_config),
    SETTING_REAL(struct ordinal_config, unknown, -1, -1e30, 1e30, 0, "",
                 "The number of a category that is missing or was never seen."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct ordinal_config *config = fitting->config;

    if (!transform_give_state(fitting->transform, 1, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++) {
        transform_state(fitting->transform, i)[0] = config->unknown;
        fitting->layout->column[fitting->transform->column[i]].categorical = false;
    }
    return true;
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] >= 0 ? x[i] : state[0]; /* NAN: missing */
}

const struct transform_kind transform_ordinal = {
    .kind = {.name = "ordinal",
             .help = "A category becomes its number, from 0, in the order of the categories: by "
                     "value where all are numbers, else as texts sort.",
             .config_size = sizeof(struct ordinal_config),
             .settings = ordinal_settings},
    .sort = LAYOUT_CATEGORIES,
    .n_state = 1,
    .fit = fit,
    .map = map,
};
