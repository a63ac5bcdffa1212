/*
 * AdaDelta (Zeiler 2012).
 *
 *   v = decay v + (1 - decay) g^2      d = sqrt(a + e) / sqrt(v + e) g
 *   a = decay a + (1 - decay) d^2      w -= rate d
 */
#include "worker/engine/optimizer/optimizer.h"

#include <tgmath.h>

struct adadelta_config {
    double rate, decay, epsilon;
};

static const struct setting adadelta_settings[] = {
    SETTING_REAL(struct adadelta_config, rate, 1, 0, 100, SETTING_OPEN_LOW, "",
                 "Factor of the steps that it finds by itself."),
    SETTING_REAL(struct adadelta_config, decay, 0.9, 0, 1, SETTING_OPEN_HIGH, "",
                 "Decay of the means of squared gradients and steps."),
    SETTING_REAL(struct adadelta_config, epsilon, 1e-6, 0, 1, SETTING_OPEN_LOW, "",
                 "Size of the first steps."),
    {0},
};

static int adadelta_moments(const void *config)
{
    (void)config;
    return 2;
}

static void adadelta_step(const void *config, const struct optimizer_step *step)
{
    const struct adadelta_config *adadelta = config;
    real rate = (real)(adadelta->rate * step->rate_scale), epsilon = (real)adadelta->epsilon;
    real decay = (real)adadelta->decay, rest = (real)(1 - adadelta->decay);
    real *value = step->value, *gradient = step->gradient;
    real *square = step->moment[0], *moved = step->moment[1];

    for (int64_t i = 0; i < step->n; i++) {
        real g = gradient[i], d;

        square[i] = decay * square[i] + rest * (g * g);
        d = sqrt(moved[i] + epsilon) / sqrt(square[i] + epsilon) * g;
        moved[i] = decay * moved[i] + rest * (d * d);
        value[i] -= rate * d;
        gradient[i] = 0;
    }
}

const struct optimizer_kind optimizer_adadelta = {
    .kind = {.name = "adadelta",
             .help = "Steps sized by the root mean squares of gradients and of earlier steps.",
             .config_size = sizeof(struct adadelta_config),
             .settings = adadelta_settings},
    .moments = adadelta_moments,
    .step = adadelta_step,
};
