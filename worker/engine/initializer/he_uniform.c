/* He et al. 2015: uniform with variance 2 / fan_in. */
#include "worker/engine/initializer/variance.h"

static bool he_uniform_fill(const void *config, const struct initializer_target *target)
{
    (void)config;
    return initializer_fill_uniform(target, 2.0 / (double)target->fan_in);
}

const struct initializer_kind initializer_he_uniform = {
    .kind = {.name = "he_uniform", .help = "Uniform, variance 2 / inputs: for relu."},
    .fill = he_uniform_fill,
};
