#include "worker/engine/initializer/variance.h"

static const struct setting uniform_settings[] = {
    SETTING_REAL(struct initializer_uniform_config, bound, 0.05, 0, 1e30, 0, "",
                 "The largest value; the least is its negative."),
    {0},
};

static bool uniform_fill(const void *config, const struct initializer_target *target)
{
    double bound = ((const struct initializer_uniform_config *)config)->bound;

    return initializer_fill_uniform(target, bound * bound / 3);
}

const struct initializer_kind initializer_uniform = {
    .kind = {.name = "uniform",
             .help = "Uniform round 0.",
             .config_size = sizeof(struct initializer_uniform_config),
             .settings = uniform_settings},
    .fill = uniform_fill,
};
