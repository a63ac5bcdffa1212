#include "worker/engine/transform/element.h"
#include "worker/engine/transform/kinds.h"

#include <math.h>

struct log_config {
    struct transform_config base;
    double offset;
};

static const struct setting log_settings[] = {
    TRANSFORM_SETTINGS(struct log_config),
    TRANSFORM_FIT_ON(struct log_config),
    SETTING_REAL(struct log_config, offset, 0, -1e30, 1e30, 0, "", "Added to the value before."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct log_config *config = fitting->config;

    return element_fit(fitting, config->offset, 0, true, error);
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = log(element_argument(state, x[i]));
}

static void unmap(const double *state, int64_t n_state, double *x, int64_t n)
{
    (void)n_state;
    for (int64_t i = 0; i < n; i++)
        x[i] = exp(x[i]) - state[0];
}

const struct transform_kind transform_log = {
    .kind = {.name = "log",
             .help = "The logarithm of value and offset; what is lower than in any training row "
                     "counts as the least of those. Has an inverse.",
             .config_size = sizeof(struct log_config),
             .settings = log_settings},
    .n_state = ELEMENT_STATE,
    .fit = fit,
    .map = map,
    .unmap = unmap,
};
