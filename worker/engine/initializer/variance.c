#include "worker/engine/initializer/variance.h"

#include <math.h>

#include "common/random.h"

bool initializer_fill_uniform(const struct initializer_target *target, double variance)
{
    double bound = sqrt(3 * variance);

    for (int64_t i = 0; i < target->n; i++)
        target->value[i] =
            (real)(bound * (2 * random_uniform(target->seed, (uint64_t)i, 0, target->purpose) - 1));
    return true;
}

bool initializer_fill_normal(const struct initializer_target *target, double variance)
{
    double deviation = sqrt(variance);

    for (int64_t i = 0; i < target->n; i++)
        target->value[i] =
            (real)(deviation * random_normal(target->seed, (uint64_t)i, 0, target->purpose));
    return true;
}
