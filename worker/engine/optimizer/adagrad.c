/*
 * Adagrad (Duchi, Hazan, Singer 2011).
 *
 *   s += g^2      w -= rate / (1 + (t - 1) decay) * g / (sqrt(s) + epsilon)
 */
#include "worker/engine/optimizer/optimizer.h"

#include <tgmath.h>

struct adagrad_config {
    double rate, decay, epsilon;
};

static const struct setting adagrad_settings[] = {
    SETTING_REAL(struct adagrad_config, rate, 0.01, 0, 10, SETTING_OPEN_LOW, "", "Learning rate."),
    SETTING_REAL(struct adagrad_config, decay, 0, 0, 1, 0, "",
                 "How fast the rate falls with the number of steps."),
    SETTING_REAL(struct adagrad_config, epsilon, 1e-10, 0, 1, SETTING_OPEN_LOW, "",
                 "Keeps the division finite."),
    {0},
};

static int adagrad_moments(const void *config)
{
    (void)config;
    return 1;
}

static void adagrad_step(const void *config, const struct optimizer_step *step)
{
    const struct adagrad_config *adagrad = config;
    double slower = 1 + (double)(step->memory->updates - 1) * adagrad->decay;
    real rate = (real)(adagrad->rate * step->rate_scale / slower);
    real epsilon = (real)adagrad->epsilon;
    real *value = step->value, *gradient = step->gradient, *sum = step->moment[0];

    for (int64_t i = 0; i < step->n; i++) {
        real g = gradient[i];

        sum[i] += g * g;
        value[i] -= rate * g / (sqrt(sum[i]) + epsilon);
        gradient[i] = 0;
    }
}

const struct optimizer_kind optimizer_adagrad = {
    .kind = {.name = "adagrad",
             .help = "Steps that shrink with all squared gradients so far.",
             .config_size = sizeof(struct adagrad_config),
             .settings = adagrad_settings},
    .moments = adagrad_moments,
    .step = adagrad_step,
};
