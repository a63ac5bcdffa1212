/* Glorot, Bengio 2010: uniform with variance 2 / (fan_in + fan_out). */
#include "worker/engine/initializer/variance.h"

static bool glorot_uniform_fill(const void *config, const struct initializer_target *target)
{
    (void)config;
    return initializer_fill_uniform(target, 2.0 / (double)(target->fan_in + target->fan_out));
}

const struct initializer_kind initializer_glorot_uniform = {
    .kind = {.name = "glorot_uniform", .help = "Uniform, variance 2 / (inputs + outputs)."},
    .fill = glorot_uniform_fill,
};
