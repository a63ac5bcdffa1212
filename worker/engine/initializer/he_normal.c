/* He et al. 2015: normal with variance 2 / fan_in. */
#include "worker/engine/initializer/variance.h"

static bool he_normal_fill(const void *config, const struct initializer_target *target)
{
    (void)config;
    return initializer_fill_normal(target, 2.0 / (double)target->fan_in);
}

const struct initializer_kind initializer_he_normal = {
    .kind = {.name = "he_normal", .help = "Normal, variance 2 / inputs: for relu."},
    .fill = he_normal_fill,
};
