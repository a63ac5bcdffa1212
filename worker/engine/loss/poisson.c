/* Counts: y is the logarithm of the expected one, e^y - t y is minus the logarithm of its
 * probability without what y does not change. */
#include "worker/engine/loss/loss.h"

#include <math.h>

static double poisson_part(const struct loss *loss, int64_t target, const real *y, double t,
                           double *ret_slope)
{
    double expected = exp((double)*y);

    (void)loss, (void)target;
    *ret_slope = expected - t;
    return expected - t * (double)*y;
}

static void poisson_value(const struct loss *loss, const struct kernel *kernel,
                          const struct tensor *y, const struct loss_truth *truth, struct tensor *dy,
                          double *row_loss, struct loss_sum *sum)
{
    (void)kernel;
    loss_value_parts(loss, poisson_part, 1, y, truth, dy, row_loss, sum);
}

static void poisson_predict(const struct loss *loss, const struct tensor *y, double *prediction)
{
    for (int64_t i = 0; i < loss_rows(y) * loss->task.n_targets; i++)
        prediction[i] = exp((double)y->data[i]);
}

static bool poisson_fit(void *config, const struct sample_set *set, const struct row_list *told,
                        struct error *error)
{
    int64_t width = set->n_targets;

    (void)config;
    for (struct row_walk at = {.list = told}; row_walk(&at);)
        for (int64_t k = 0; k < width; k++)
            if (!(sample_target(set, at.row)[k] >= 0))
                return error_set_at(error, ERROR_INVALID, "train.loss",
                                    "poisson is for counts, but a target is %g",
                                    sample_target(set, at.row)[k]);
    return true;
}

const struct loss_kind loss_poisson = {
    .kind = {.name = "poisson", .help = "For counts: the output is the logarithm of the mean."},
    .regression = true,
    .unscaled = true,
    .build = loss_build_points,
    .fit = poisson_fit,
    .value = poisson_value,
    .predict = poisson_predict,
};
