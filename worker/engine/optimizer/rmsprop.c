/*
 * RMSProp (Hinton 2012; centred: Graves 2013).
 *
 *   v = decay v + (1 - decay) g^2      centered: a = decay a + (1 - decay) g, v - a^2 for v
 *   step = g / (sqrt(v) + epsilon)      w -= rate step      (momentum: u = momentum u + step)
 */
#include "worker/engine/optimizer/optimizer.h"

#include <stdbool.h>
#include <tgmath.h>

struct rmsprop_config {
    double rate, decay, epsilon, momentum;
    bool centered;
};

static const struct setting rmsprop_settings[] = {
    SETTING_REAL(struct rmsprop_config, rate, 0.01, 0, 10, SETTING_OPEN_LOW, "", "Learning rate."),
    SETTING_REAL(struct rmsprop_config, decay, 0.99, 0, 1, SETTING_OPEN_HIGH, "",
                 "Decay of the mean of squared gradients."),
    SETTING_REAL(struct rmsprop_config, epsilon, 1e-8, 0, 1, SETTING_OPEN_LOW, "",
                 "Keeps the division finite."),
    SETTING_REAL(struct rmsprop_config, momentum, 0, 0, 1, SETTING_OPEN_HIGH, "",
                 "Share of the last step that is kept."),
    SETTING_BOOLEAN(struct rmsprop_config, centered, false,
                    "Divide by the standard deviation of gradients instead of their root mean "
                    "square."),
    {0},
};

/* The squares, then those of the options that are on. */
static int rmsprop_moments(const void *config)
{
    const struct rmsprop_config *rmsprop = config;

    return 1 + rmsprop->centered + (rmsprop->momentum > 0);
}

static void rmsprop_step(const void *config, const struct optimizer_step *step)
{
    const struct rmsprop_config *rmsprop = config;
    real rate = (real)(rmsprop->rate * step->rate_scale), epsilon = (real)rmsprop->epsilon;
    real decay = (real)rmsprop->decay, rest = (real)(1 - rmsprop->decay);
    real momentum = (real)rmsprop->momentum;
    real *value = step->value, *gradient = step->gradient, *square = step->moment[0];
    real *mean = rmsprop->centered ? step->moment[1] : NULL;
    real *velocity = rmsprop->momentum > 0 ? step->moment[1 + rmsprop->centered] : NULL;

    for (int64_t i = 0; i < step->n; i++) {
        real g = gradient[i], v;

        v = square[i] = decay * square[i] + rest * (g * g);
        if (mean) {
            mean[i] = decay * mean[i] + rest * g;
            /* rounding may leave less than nothing of gradients that are all the same */
            v = v > mean[i] * mean[i] ? v - mean[i] * mean[i] : 0;
        }
        g /= sqrt(v) + epsilon;
        if (velocity)
            g = velocity[i] = momentum * velocity[i] + g;
        value[i] -= rate * g;
        gradient[i] = 0;
    }
}

const struct optimizer_kind optimizer_rmsprop = {
    .kind = {.name = "rmsprop",
             .help = "Gradients divided by their root mean square.",
             .config_size = sizeof(struct rmsprop_config),
             .settings = rmsprop_settings},
    .moments = rmsprop_moments,
    .step = rmsprop_step,
};
