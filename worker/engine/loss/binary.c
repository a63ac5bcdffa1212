/*
 * Cross-entropy of yes and no, from the output before its sigmoid: of two classes (one output), or
 * of targets that are each 0 or 1 (several labels a row; the targets may be shares, too).
 *
 *   p = sigmoid(y)      loss = -w t log p - (1 - t) log(1 - p)      w: positive_weight
 */
#include "worker/engine/loss/loss.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

struct binary_config {
    double positive_weight, smoothing;
};

static const struct setting binary_settings[] = {
    SETTING_REAL(struct binary_config, positive_weight, 1, 0, 1e9, 0, "",
                 "Weight of what is true (of two classes: the second)."),
    SETTING_REAL(struct binary_config, smoothing, 0, 0, 1, SETTING_OPEN_HIGH, "",
                 "Truth is moved by so much towards 1/2."),
    {0},
};

static bool binary_build(struct loss *loss, const char *path, struct error *error)
{
    if (loss->task.task == TASK_REGRESSION)
        return loss_build_points(loss, path, error);
    if (loss->task.n_classes != 2)
        return error_set_at(error, ERROR_INVALID, path,
                            "binary is for two classes, but the target has %" PRId64,
                            loss->task.n_classes);
    loss->n_outputs = 1;
    return true;
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double binary_part(const struct loss *loss, int64_t target, const real *y, double t,
                          double *ret_slope)
{
    const struct binary_config *config = loss->config;
    double yes = config->positive_weight, p = 1 / (1 + exp(-(double)*y));
    double truth = t * (1 - config->smoothing) + config->smoothing / 2;

    (void)target;
    *ret_slope = yes * truth * (p - 1) + (1 - truth) * p;
    return yes * truth * softplus(-(double)*y) + (1 - truth) * softplus((double)*y);
}

static void value_of_classes(const struct loss *loss, const struct tensor *y,
                             const struct loss_truth *truth, struct tensor *dy, double *row_loss,
                             struct loss_sum *sum)
{
    int64_t rows = loss_rows(y);
    double total = loss_total_weight(truth, rows);

    for (int64_t row = 0; row < rows; row++) {
        double weight = loss_weight(truth, row), slope;

        row_loss[row] = binary_part(loss, 0, y->data + row, truth->label[row], &slope);
        dy->data[row] = (real)(loss_share(truth, weight, total) * slope);
        sum->loss += weight > 0 ? weight * row_loss[row] : 0;
    }
    sum->weight += total;
}

static void binary_value(const struct loss *loss, const struct kernel *kernel,
                         const struct tensor *y, const struct loss_truth *truth, struct tensor *dy,
                         double *row_loss, struct loss_sum *sum)
{
    (void)kernel;
    if (loss->task.task == TASK_CLASSIFICATION)
        value_of_classes(loss, y, truth, dy, row_loss, sum);
    else
        loss_value_parts(loss, binary_part, 1, y, truth, dy, row_loss, sum);
}

static void binary_predict(const struct loss *loss, const struct tensor *y, double *prediction)
{
    bool classes = loss->task.task == TASK_CLASSIFICATION;
    int64_t n = loss_rows(y) * loss->n_outputs;

    for (int64_t i = 0; i < n; i++) {
        double p = 1 / (1 + exp(-(double)y->data[i]));

        if (classes)
            prediction[2 * i] = 1 - p;
        prediction[classes ? 2 * i + 1 : i] = p;
    }
}

static bool binary_fit(void *config, const struct sample_set *set, const struct row_list *told,
                       struct error *error)
{
    int64_t width = set->n_targets;

    (void)config;
    for (struct row_walk at = {.list = told}; row_walk(&at);)
        for (int64_t k = 0; k < width; k++) {
            double value = sample_target(set, at.row)[k];

            if (!(value >= 0 && value <= 1))
                return error_set_at(error, ERROR_INVALID, "train.loss",
                                    "binary needs targets from 0 to 1, but one of %s is %g",
                                    set->target_name[k], value);
        }
    return true;
}

const struct loss_kind loss_binary = {
    .kind = {.name = "binary",
             .help = "Cross-entropy of two classes by one output, or of several labels a row.",
             .config_size = sizeof(struct binary_config),
             .settings = binary_settings},
    .classification = true,
    .regression = true,
    .unscaled = true,
    .build = binary_build,
    .fit = binary_fit,
    .value = binary_value,
    .predict = binary_predict,
};
