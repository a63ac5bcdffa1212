/*
 * Adam (Kingma, Ba 2015), with the bias of both moments corrected.
 *
 *   m = b1 m + (1 - b1) g      v = b2 v + (1 - b2) g^2
 *   w -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + epsilon)
 */
#include "worker/engine/optimizer/optimizer.h"

#include <math.h>

struct adam_config {
    double rate, beta1, beta2, epsilon;
};

static const struct setting adam_settings[] = {
    SETTING_REAL(struct adam_config, rate, 1e-3, 0, 10, SETTING_OPEN_LOW, "", "Learning rate."),
    SETTING_REAL(struct adam_config, beta1, 0.9, 0, 1, SETTING_OPEN_HIGH, "",
                 "Decay of the mean of gradients."),
    SETTING_REAL(struct adam_config, beta2, 0.999, 0, 1, SETTING_OPEN_HIGH, "",
                 "Decay of the mean of their squares."),
    SETTING_REAL(struct adam_config, epsilon, 1e-8, 0, 1, SETTING_OPEN_LOW, "",
                 "Keeps the division finite."),
    {0},
};

static int adam_moments(const void *config)
{
    (void)config;
    return 2;
}

static void adam_step(const void *config, const struct optimizer_step *step)
{
    const struct adam_config *adam = config;
    double t = (double)step->step;
    struct adam_step constants = {
        .rate = (real)(adam->rate * step->rate_scale / (1 - pow(adam->beta1, t))),
        .beta1 = (real)adam->beta1,
        .beta2 = (real)adam->beta2,
        .rest1 = (real)(1 - adam->beta1),
        .rest2 = (real)(1 - adam->beta2),
        .epsilon = (real)adam->epsilon,
        .root = (real)(1 / sqrt(1 - pow(adam->beta2, t))),
    };

    step->kernel->adam(step->value, step->gradient, step->moment[0], step->moment[1], step->n,
                       &constants);
}

const struct optimizer_kind optimizer_adam = {
    .kind = {.name = "adam",
             .help = "Steps of similar size for every weight, from running means of gradients.",
             .config_size = sizeof(struct adam_config),
             .settings = adam_settings},
    .moments = adam_moments,
    .step = adam_step,
};
