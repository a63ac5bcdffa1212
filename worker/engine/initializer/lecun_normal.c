/* LeCun et al. 1998: normal with variance 1 / fan_in. */
#include "worker/engine/initializer/variance.h"

static bool lecun_normal_fill(const void *config, const struct initializer_target *target)
{
    (void)config;
    return initializer_fill_normal(target, 1.0 / (double)target->fan_in);
}

const struct initializer_kind initializer_lecun_normal = {
    .kind = {.name = "lecun_normal", .help = "Normal, variance 1 / inputs."},
    .fill = lecun_normal_fill,
};
