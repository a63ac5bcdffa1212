/* What normal and log_normal share: a mixture of densities for each target. */
#ifndef NIGHTJAR_WORKER_ENGINE_LOSS_MIXTURE_H
#define NIGHTJAR_WORKER_ENGINE_LOSS_MIXTURE_H

#include "worker/engine/loss/loss.h"

struct mixture_config {
    int64_t components;
    int sigma, score, point; /* indices of the names below */
    double floor;
};
extern const char *const mixture_sigma_names[], *const mixture_score_names[],
                                                    *const mixture_point_names[];

/* Rows of the table of a config that begins with the fields of struct mixture_config. */
#define MIXTURE_SETTINGS(config)                                                               \
    SETTING_INTEGER(config, components, 1, 1, DISTRIBUTION_PARTS_MAX, "densities",             \
                    "Densities of a target's mixture; the model ends in `units: outputs`.")    \
    , SETTING_CHOICE(config, sigma, 0, mixture_sigma_names, "How an output becomes a width."), \
        SETTING_CHOICE(config, score, 0, mixture_score_names,                                  \
                       "What is made small: minus the logarithm of the density, or the "       \
                       "continuous ranked probability score."),                                \
        SETTING_CHOICE(config, point, 0, mixture_point_names,                                  \
                       "What is predicted where one number is asked for."),                    \
        SETTING_REAL(config, floor, 1e-6, 0, 1e6, 0, "",                                       \
                     "Least width, in the units that are trained on.")

/* Widths and places in the units that are trained on become those of y (or of its logarithm):
 * mu * scale + offset. */
struct mixture_units {
    double offset, scale;
};

bool mixture_build(struct loss *loss, enum distribution_family family);
/* The loss of a target's outputs, against x in the units that are trained on, or y in its own. */
double mixture_part(const struct loss *loss, const real *output, double x, double y,
                    struct mixture_units units, double *ret_slope);
/* Of each row and target the point, and the distribution's parameters: as loss_kind's predict(). */
void mixture_predict(const struct loss *loss, const struct tensor *y,
                     struct mixture_units (*units_of)(const struct loss *loss, int64_t target),
                     double *ret_prediction);

#endif
