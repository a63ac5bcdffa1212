/*
 * A mixture of normal densities for each target; of one density, the Gaussian likelihood. Scores
 * are in the scaled units of the targets (mixture.c).
 */
#include "worker/engine/loss/mixture.h"

static const struct setting normal_settings[] = {
    MIXTURE_SETTINGS(struct mixture_config),
    {0},
};

static bool normal_build(struct loss *loss, const char *path, struct error *error)
{
    (void)path, (void)error;
    return mixture_build(loss, DISTRIBUTION_NORMAL);
}

static double normal_part(const struct loss *loss, int64_t target, const real *y, double t,
                          double *ret_slope)
{
    const struct mixture_units scaled = {.offset = 0, .scale = 1};

    (void)target;
    return mixture_part(loss, y, t, t, scaled, ret_slope);
}

static void normal_value(const struct loss *loss, const struct kernel *kernel,
                         const struct tensor *y, const struct loss_truth *truth, struct tensor *dy,
                         double *row_loss, struct loss_sum *sum)
{
    (void)kernel;
    loss_value_parts(loss, normal_part, loss->n_outputs / loss->task.n_targets, y, truth, dy,
                     row_loss, sum);
}

static struct mixture_units units_of(const struct loss *loss, int64_t target)
{
    return (struct mixture_units){loss_offset(loss, target), loss_scale(loss, target)};
}

static void normal_predict(const struct loss *loss, const struct tensor *y, double *prediction)
{
    mixture_predict(loss, y, units_of, prediction);
}

const struct loss_kind loss_normal = {
    .kind = {.name = "normal",
             .help = "A mixture of normal densities; of one, the Gaussian likelihood.",
             .config_size = sizeof(struct mixture_config),
             .settings = normal_settings},
    .regression = true,
    .build = normal_build,
    .value = normal_value,
    .predict = normal_predict,
};
