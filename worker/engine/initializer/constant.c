#include "worker/engine/initializer/initializer.h"

static const struct setting constant_settings[] = {
    SETTING_REAL(struct initializer_constant_config, value, 0, -1e30, 1e30, 0, "",
                 "The value of all."),
    {0},
};

static bool constant_fill(const void *config, const struct initializer_target *target)
{
    for (int64_t i = 0; i < target->n; i++)
        target->value[i] = (real)((const struct initializer_constant_config *)config)->value;
    return true;
}

const struct initializer_kind initializer_constant = {
    .kind = {.name = "constant",
             .help = "One value for all.",
             .config_size = sizeof(struct initializer_constant_config),
             .settings = constant_settings},
    .fill = constant_fill,
};
