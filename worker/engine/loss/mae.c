/* Mean absolute error over rows and targets, in the scaled units of the targets: |y - t|. */
#include "worker/engine/loss/loss.h"

#include <math.h>

static double mae_part(const struct loss *loss, int64_t target, const real *y, double t,
                       double *ret_slope)
{
    double difference = (double)*y - t;

    (void)loss, (void)target;
    *ret_slope = difference > 0 ? 1 : (difference < 0 ? -1 : 0);
    return fabs(difference);
}

static void mae_value(const struct loss *loss, const struct kernel *kernel, const struct tensor *y,
                      const struct loss_truth *truth, struct tensor *dy, double *row_loss,
                      struct loss_sum *sum)
{
    (void)kernel;
    loss_value_parts(loss, mae_part, 1, y, truth, dy, row_loss, sum);
}

const struct loss_kind loss_mae = {
    .kind = {.name = "mae", .help = "Mean absolute error."},
    .regression = true,
    .build = loss_build_points,
    .value = mae_value,
    .predict = loss_predict_points,
};
