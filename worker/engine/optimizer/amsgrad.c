/*
 * AMSGrad (Reddi, Kale, Kumar 2018): Adam whose steps never grow again where gradients were large.
 *
 *   m, v as Adam      u = max(u, v)      w -= rate / (1 - b1^t) * m / (sqrt(u / (1 - b2^t)) + e)
 */
#include "worker/engine/optimizer/adam.h"

#include <tgmath.h>

static int amsgrad_moments(const void *config)
{
    (void)config;
    return 3;
}

static void amsgrad_step(const void *config, const struct optimizer_step *step)
{
    const struct adam_step c = adam_constants(config, step);
    real *value = step->value, *gradient = step->gradient;
    real *first = step->moment[0], *second = step->moment[1], *most = step->moment[2];

    for (int64_t i = 0; i < step->n; i++) {
        real g = gradient[i];

        first[i] = c.beta1 * first[i] + c.rest1 * g;
        second[i] = c.beta2 * second[i] + c.rest2 * (g * g);
        most[i] = most[i] > second[i] ? most[i] : second[i];
        value[i] -= c.rate * first[i] / (sqrt(most[i]) * c.root + c.epsilon);
        gradient[i] = 0;
    }
}

const struct optimizer_kind optimizer_amsgrad = {
    .kind = {.name = "amsgrad",
             .help = "Adam whose steps never grow again where gradients were large.",
             .config_size = sizeof(struct adam_config),
             .settings = adam_settings},
    .moments = amsgrad_moments,
    .step = amsgrad_step,
};
