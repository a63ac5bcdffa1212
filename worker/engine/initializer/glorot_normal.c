/* Glorot, Bengio 2010: normal with variance 2 / (fan_in + fan_out). */
#include "worker/engine/initializer/variance.h"

static bool glorot_normal_fill(const void *config, const struct initializer_target *target)
{
    (void)config;
    return initializer_fill_normal(target, 2.0 / (double)(target->fan_in + target->fan_out));
}

const struct initializer_kind initializer_glorot_normal = {
    .kind = {.name = "glorot_normal", .help = "Normal, variance 2 / (inputs + outputs)."},
    .fill = glorot_normal_fill,
};
