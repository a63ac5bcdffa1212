/*
 * Adam (Kingma, Ba 2015), with the bias of both moments corrected.
 *
 *   m = b1 m + (1 - b1) g      v = b2 v + (1 - b2) g^2
 *   w -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + epsilon)
 */
#include "worker/engine/optimizer/adam.h"

#include <math.h>

const struct setting adam_settings[] = {
    ADAM_SETTINGS(struct adam_config, 1e-3),
    {0},
};

int adam_moments(const void *config)
{
    (void)config;
    return 2;
}

struct adam_step adam_constants(const struct adam_config *adam, const struct optimizer_step *step)
{
    double t = (double)step->memory->updates;

    return (struct adam_step){
        .rate = (real)(adam->rate * step->rate_scale / (1 - pow(adam->beta1, t))),
        .beta1 = (real)adam->beta1,
        .beta2 = (real)adam->beta2,
        .rest1 = (real)(1 - adam->beta1),
        .rest2 = (real)(1 - adam->beta2),
        .epsilon = (real)adam->epsilon,
        .root = (real)(1 / sqrt(1 - pow(adam->beta2, t))),
    };
}

void adam_step(const void *config, const struct optimizer_step *step)
{
    const struct adam_step constants = adam_constants(config, step);

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
