/*
 * Nadam (Dozat 2016): Adam that looks ahead along its momentum, which grows over the first steps.
 *
 *   u(t) = b1 (1 - 0.96^(t decay) / 2)      U = u(1) ... u(t)      m, v as Adam
 *   w -= rate ((1 - u(t)) / (1 - U) g + u(t+1) / (1 - U u(t+1)) m) / (sqrt(v / (1 - b2^t)) + e)
 */
#include "worker/engine/optimizer/adam.h"

#include <tgmath.h>

struct nadam_config {
    double rate, beta1, beta2, epsilon; /* as struct adam_config */
    double decay;
};

static const struct setting nadam_settings[] = {
    ADAM_SETTINGS(struct nadam_config, 2e-3),
    SETTING_REAL(struct nadam_config, decay, 4e-3, 0, 1, 0, "",
                 "How fast the momentum grows from half of beta1 to beta1."),
    {0},
};

static double momentum(const struct nadam_config *nadam, int64_t t)
{
    return nadam->beta1 * (1 - 0.5 * pow(0.96, (double)t * nadam->decay));
}

static void nadam_begin(const void *config, struct optimizer_memory *memory)
{
    double before = memory->updates == 1 ? 1 : memory->product;

    memory->product = before * momentum(config, memory->updates);
}

static void nadam_step(const void *config, const struct optimizer_step *step)
{
    const struct nadam_config *nadam = config;
    int64_t t = step->memory->updates;
    double now = momentum(nadam, t), next = momentum(nadam, t + 1);
    double product = step->memory->product, rate = nadam->rate * step->rate_scale;
    real of_gradient = (real)(rate * (1 - now) / (1 - product));
    real of_mean = (real)(rate * next / (1 - product * next));
    real root = (real)(1 / sqrt(1 - pow(nadam->beta2, (double)t)));
    real beta1 = (real)nadam->beta1, rest1 = (real)(1 - nadam->beta1);
    real beta2 = (real)nadam->beta2, rest2 = (real)(1 - nadam->beta2);
    real epsilon = (real)nadam->epsilon;
    real *value = step->value, *gradient = step->gradient;
    real *first = step->moment[0], *second = step->moment[1];

    for (int64_t i = 0; i < step->n; i++) {
        real g = gradient[i];

        first[i] = beta1 * first[i] + rest1 * g;
        second[i] = beta2 * second[i] + rest2 * (g * g);
        value[i] -= (of_gradient * g + of_mean * first[i]) / (sqrt(second[i]) * root + epsilon);
        gradient[i] = 0;
    }
}

const struct optimizer_kind optimizer_nadam = {
    .kind = {.name = "nadam",
             .help = "Adam that looks ahead along its momentum.",
             .config_size = sizeof(struct nadam_config),
             .settings = nadam_settings},
    .moments = adam_moments,
    .begin = nadam_begin,
    .step = nadam_step,
};
