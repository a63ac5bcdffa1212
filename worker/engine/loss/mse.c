/*
 * Mean squared error over rows and targets, in the scaled units of the targets.
 *
 *   loss = sum (y - t)^2 / (rows * targets)     dy = 2 (y - t) / (rows * targets)
 */
#include "worker/engine/loss/loss.h"

static bool mse_build(struct loss *loss, const char *path, struct error *error)
{
    (void)path, (void)error;
    loss->n_outputs = loss->n_targets;
    return true;
}

static void mse_value(const struct loss *loss, const struct kernel *kernel, const struct tensor *y,
                      const struct loss_truth *truth, struct tensor *dy, double *row_loss,
                      struct loss_sum *sum)
{
    int64_t n = y->rows * y->width;
    real scale = (real)(2.0 / (double)n);
    double squares = 0;

    (void)loss, (void)kernel, (void)row_loss;
    for (int64_t i = 0; i < n; i++) {
        real difference = y->data[i] - truth->target[i];

        squares += (double)difference * (double)difference;
        dy->data[i] = scale * difference;
    }
    sum->loss += squares / (double)y->width;
    sum->weight += (double)y->rows;
}

static void mse_predict(const struct loss *loss, const struct tensor *y, double *prediction)
{
    (void)loss;
    for (int64_t i = 0; i < y->rows * y->width; i++)
        prediction[i] = y->data[i];
}

const struct loss_kind loss_mse = {
    .kind = {.name = "mse", .help = "Mean squared error."},
    .regression = true,
    .build = mse_build,
    .value = mse_value,
    .predict = mse_predict,
};
