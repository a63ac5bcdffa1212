/*
 * Huber's loss: squares near the target, sizes far from it.
 *
 *   d = y - t      d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)
 */
#include "worker/engine/loss/loss.h"

#include <math.h>

struct huber_config {
    double delta;
};

static const struct setting huber_settings[] = {
    SETTING_REAL(struct huber_config, delta, 1, 0, 1e300, SETTING_OPEN_LOW, "",
                 "Where squares become sizes, in the units that are trained on."),
    {0},
};

static double huber_part(const struct loss *loss, int64_t target, const real *y, double t,
                         double *ret_slope)
{
    double delta = ((const struct huber_config *)loss->config)->delta;
    double difference = (double)*y - t;

    (void)target;
    *ret_slope = fmin(fmax(difference, -delta), delta);
    if (fabs(difference) <= delta)
        return difference * difference / 2;
    return delta * (fabs(difference) - delta / 2);
}

static void huber_value(const struct loss *loss, const struct kernel *kernel,
                        const struct tensor *y, const struct loss_truth *truth, struct tensor *dy,
                        double *row_loss, struct loss_sum *sum)
{
    (void)kernel;
    loss_value_parts(loss, huber_part, 1, y, truth, dy, row_loss, sum);
}

const struct loss_kind loss_huber = {
    .kind = {.name = "huber",
             .help = "Squared error near the target, absolute error far from it.",
             .config_size = sizeof(struct huber_config),
             .settings = huber_settings},
    .regression = true,
    .build = loss_build_points,
    .value = huber_value,
    .predict = loss_predict_points,
};
