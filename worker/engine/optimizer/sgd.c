/*
 * Stochastic gradient descent, with momentum.
 *
 *   u = momentum u + g      w -= rate u      (nesterov: w -= rate (g + momentum u))
 */
#include "worker/engine/optimizer/optimizer.h"

#include <stdbool.h>

struct sgd_config {
    double rate, momentum;
    bool nesterov;
};

static const struct setting sgd_settings[] = {
    SETTING_REAL(struct sgd_config, rate, 0.01, 0, 10, SETTING_OPEN_LOW, "", "Learning rate."),
    SETTING_REAL(struct sgd_config, momentum, 0, 0, 1, SETTING_OPEN_HIGH, "",
                 "Share of the last step that is kept."),
    SETTING_BOOLEAN(struct sgd_config, nesterov, false,
                    "Look ahead along the momentum; needs one."),
    {0},
};

static bool sgd_check(const void *config, const char *path, struct error *error)
{
    const struct sgd_config *sgd = config;

    if (sgd->nesterov && sgd->momentum <= 0)
        return error_set_at(error, ERROR_INVALID, path, "nesterov needs a momentum above 0");
    return true;
}

static int sgd_moments(const void *config)
{
    return ((const struct sgd_config *)config)->momentum > 0 ? 1 : 0;
}

static void sgd_step(const void *config, const struct optimizer_step *step)
{
    const struct sgd_config *sgd = config;
    struct sgd_step constants = {
        .rate = (real)(sgd->rate * step->rate_scale),
        .momentum = (real)sgd->momentum,
        .nesterov = sgd->nesterov,
    };

    step->kernel->sgd(step->value, step->gradient, sgd->momentum > 0 ? step->moment[0] : NULL,
                      step->n, &constants);
}

const struct optimizer_kind optimizer_sgd = {
    .kind = {.name = "sgd",
             .help = "Steps along the gradient, with momentum if wanted.",
             .config_size = sizeof(struct sgd_config),
             .settings = sgd_settings,
             .check = sgd_check},
    .moments = sgd_moments,
    .step = sgd_step,
};
