/* What Adam and its kin share: settings, and the numbers of one step. */
#ifndef NIGHTJAR_WORKER_ENGINE_OPTIMIZER_ADAM_H
#define NIGHTJAR_WORKER_ENGINE_OPTIMIZER_ADAM_H

#include "worker/engine/optimizer/optimizer.h"

struct adam_config {
    double rate, beta1, beta2, epsilon;
};

/* Rows of the table of a config that begins with the fields of struct adam_config. */
#define ADAM_SETTINGS(config, rate_)                                                  \
    SETTING_REAL(config, rate, rate_, 0, 10, SETTING_OPEN_LOW, "", "Learning rate."), \
        SETTING_REAL(config, beta1, 0.9, 0, 1, SETTING_OPEN_HIGH, "",                 \
                     "Decay of the mean of gradients."),                              \
        SETTING_REAL(config, beta2, 0.999, 0, 1, SETTING_OPEN_HIGH, "",               \
                     "Decay of the mean of their squares."),                          \
        SETTING_REAL(config, epsilon, 1e-8, 0, 1, SETTING_OPEN_LOW, "",               \
                     "Keeps the division finite.")

extern const struct setting adam_settings[]; /* for struct adam_config */

int adam_moments(const void *config); /* two: means of gradients and of their squares */
struct adam_step adam_constants(const struct adam_config *adam, const struct optimizer_step *step);
void adam_step(const void *config, const struct optimizer_step *step);

#endif
