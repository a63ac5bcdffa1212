/* Mean squared error over rows and targets, in the scaled units of the targets: (y - t)^2. */
#include "worker/engine/loss/loss.h"

static double mse_part(const struct loss *loss, int64_t target, const real *y, double t,
                       double *ret_slope)
{
    double difference = (double)*y - t;

    (void)loss, (void)target;
    *ret_slope = 2 * difference;
    return difference * difference;
}

static void mse_value(const struct loss *loss, const struct kernel *kernel, const struct tensor *y,
                      const struct loss_truth *truth, struct tensor *dy, double *row_loss,
                      struct loss_sum *sum)
{
    (void)kernel;
    loss_value_parts(loss, mse_part, 1, y, truth, dy, row_loss, sum);
}

const struct loss_kind loss_mse = {
    .kind = {.name = "mse", .help = "Mean squared error."},
    .regression = true,
    .build = loss_build_points,
    .value = mse_value,
    .predict = loss_predict_points,
};
