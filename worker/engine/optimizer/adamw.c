/*
 * AdamW (Loshchilov, Hutter 2019): Adam, and weights that decay whatever their gradient.
 *
 *   w -= rate decay w      then as Adam
 */
#include "worker/engine/optimizer/adam.h"

struct adamw_config {
    double rate, beta1, beta2, epsilon; /* as struct adam_config */
    double decay;
};

static const struct setting adamw_settings[] = {
    ADAM_SETTINGS(struct adamw_config, 1e-3),
    SETTING_REAL(struct adamw_config, decay, 0.01, 0, 1, 0, "",
                 "Share of a weight that is lost in a step at rate 1."),
    {0},
};

static void adamw_step(const void *config, const struct optimizer_step *step)
{
    const struct adamw_config *adamw = config;
    const struct adam_config adam = {adamw->rate, adamw->beta1, adamw->beta2, adamw->epsilon};
    real keep = (real)(1 - adamw->rate * step->rate_scale * adamw->decay);

    for (int64_t i = 0; i < step->n; i++)
        step->value[i] *= keep;
    adam_step(&adam, step);
}

const struct optimizer_kind optimizer_adamw = {
    .kind = {.name = "adamw",
             .help = "Adam with weights that decay apart from their gradients.",
             .config_size = sizeof(struct adamw_config),
             .settings = adamw_settings},
    .moments = adam_moments,
    .step = adamw_step,
};
