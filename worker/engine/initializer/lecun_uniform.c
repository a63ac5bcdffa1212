/* LeCun et al. 1998: uniform with variance 1 / fan_in. */
#include "worker/engine/initializer/variance.h"

static bool lecun_uniform_fill(const void *config, const struct initializer_target *target)
{
    (void)config;
    return initializer_fill_uniform(target, 1.0 / (double)target->fan_in);
}

const struct initializer_kind initializer_lecun_uniform = {
    .kind = {.name = "lecun_uniform", .help = "Uniform, variance 1 / inputs."},
    .fill = lecun_uniform_fill,
};
