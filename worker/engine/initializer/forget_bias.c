/* Jozefowicz et al. 2015: an LSTM that forgets little at first. The gates' quarters are i, f, g, o.
 */
#include "worker/engine/initializer/initializer.h"

static bool forget_bias_fill(const void *config, const struct initializer_target *target)
{
    (void)config;
    for (int64_t i = 0; i < target->n; i++)
        target->value[i] = i * 4 / target->n == 1 ? 1 : 0;
    return true;
}

const struct initializer_kind initializer_forget_bias = {
    .kind = {.name = "forget_bias",
             .help = "For the bias of an LSTM: 1 for its forget gate, else 0."},
    .fill = forget_bias_fill,
};
