#include "worker/engine/initializer/variance.h"

struct normal_config {
    double deviation;
};

static const struct setting normal_settings[] = {
    SETTING_REAL(struct normal_config, deviation, 0.05, 0, 1e30, 0, "", "Standard deviation."),
    {0},
};

static bool normal_fill(const void *config, const struct initializer_target *target)
{
    double deviation = ((const struct normal_config *)config)->deviation;

    return initializer_fill_normal(target, deviation * deviation);
}

const struct initializer_kind initializer_normal = {
    .kind = {.name = "normal",
             .help = "Normal with mean 0.",
             .config_size = sizeof(struct normal_config),
             .settings = normal_settings},
    .fill = normal_fill,
};
