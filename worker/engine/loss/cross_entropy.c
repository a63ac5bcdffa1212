/*
 * Cross-entropy of softmax, from the outputs before it (logits).
 *
 *   p = softmax(y)     w = class weight * sample weight of the row
 *   loss = sum w (-log p[label]) / sum w     dy = w (p - [label]) / sum w
 *   smoothing s: (1 - s) of that and s / K of sum over k of class weight[k] (-log p[k])
 *   reduction nonzero: the rows whose w is not 0 are counted instead of sum w
 *
 * Active reweighting: class weights begin at 1; after each batch those of the next are the softmax
 * over the classes of this batch's losses, each the mean of weight * loss over the class' rows (0
 * where it has none). Losses of other than training rows are without.
 */
#include "worker/engine/loss/loss.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct cross_entropy_config {
    struct setting_reals class_weights;
    double smoothing;
    int reduction;
    bool reweight;
};

static const char *const reduction_names[] = {"mean", "nonzero", NULL};
enum { REDUCTION_MEAN, REDUCTION_NONZERO };

static const struct setting cross_entropy_settings[] = {
    SETTING_REALS(struct cross_entropy_config, class_weights, 0, 1e9, 0, 1 << 20,
                  "A weight for each class, in the order of the classes; none: all 1."),
    SETTING_REAL(struct cross_entropy_config, smoothing, 0, 0, 1, SETTING_OPEN_HIGH, "",
                 "Share of the truth that is spread over all classes."),
    SETTING_CHOICE(struct cross_entropy_config, reduction, REDUCTION_MEAN, reduction_names,
                   "What the weighted sum is divided by: the weights, or the number of rows whose "
                   "weight is not 0."),
    SETTING_BOOLEAN(struct cross_entropy_config, reweight, false,
                    "Active reweighting: each batch weights the classes by the last one's losses."),
    {0},
};

static bool check_weights(const struct loss *loss, const char *path, struct error *error)
{
    const struct setting_reals *weights =
        &((const struct cross_entropy_config *)loss->config)->class_weights;
    char place[128];
    double sum = 0;

    (void)snprintf(place, sizeof(place), "%s.class_weights", path);
    if ((int64_t)weights->n != loss->task.n_classes)
        return error_set_at(error, ERROR_INVALID, place, "%zu weights for %" PRId64 " classes",
                            weights->n, loss->task.n_classes);
    for (size_t i = 0; i < weights->n; i++)
        sum += weights->item[i];
    if (sum <= 0)
        return error_set_at(error, ERROR_INVALID, place, "all weights are 0");
    return true;
}

static void cross_entropy_forget(struct loss *loss)
{
    for (int64_t i = 0; i < loss->n_memory; i++)
        loss->memory[i] = 1;
}

static bool cross_entropy_build(struct loss *loss, const char *path, struct error *error)
{
    const struct cross_entropy_config *config = loss->config;

    loss->n_outputs = loss->task.n_classes;
    loss->weighs = config->class_weights.n > 0 || config->reweight;
    if (config->class_weights.n > 0 && !check_weights(loss, path, error))
        return false;
    if (!config->reweight)
        return true;
    loss->memory = calloc((size_t)loss->task.n_classes, sizeof(*loss->memory));
    if (!loss->memory)
        return error_set(error, ERROR_NO_MEMORY, "building a loss");
    loss->n_memory = loss->task.n_classes;
    cross_entropy_forget(loss);
    return true;
}

static double class_weight(const struct loss *loss, bool training, int64_t class)
{
    const struct cross_entropy_config *config = loss->config;
    double weight = config->class_weights.n ? config->class_weights.item[class] : 1;

    return training && loss->memory ? weight * loss->memory[class] : weight;
}

static double cross_entropy_divisor(const struct loss *loss, const struct loss_truth *truth,
                                    int64_t rows)
{
    const struct cross_entropy_config *config = loss->config;
    double sum = 0;

    for (int64_t row = 0; row < rows; row++) {
        double weight =
            loss_weight(truth, row) * class_weight(loss, truth->training, truth->label[row]);

        sum += config->reduction == REDUCTION_NONZERO ? weight > 0 : weight;
    }
    return sum;
}

/* Turns the row's probabilities p into the gradient of the smoothed loss, of which `scale` is
 * outside, and returns the loss. */
static double smooth(const struct loss *loss, const struct loss_truth *truth, int64_t row,
                     const real *y, real *p, double row_loss, double scale)
{
    const struct cross_entropy_config *config = loss->config;
    int64_t n = loss->task.n_classes;
    int32_t label = truth->label[row];
    double logarithm = row_loss + (double)y[label]; /* of the sum of exponentials */
    double sharp = (1 - config->smoothing) * class_weight(loss, truth->training, label);
    double sum = 0, weights = 0;

    for (int64_t k = 0; k < n; k++) {
        double weight = config->smoothing / (double)n * class_weight(loss, truth->training, k);

        weights += weight;
        sum += weight * (logarithm - (double)y[k]);
    }
    for (int64_t k = 0; k < n; k++) {
        double weight = config->smoothing / (double)n * class_weight(loss, truth->training, k);

        p[k] =
            (real)(scale * ((sharp + weights) * (double)p[k] - weight - (k == label ? sharp : 0)));
    }
    return sharp * row_loss + sum;
}

static double sharpen(const struct loss *loss, const struct loss_truth *truth, int64_t row, real *p,
                      double row_loss, double scale)
{
    int32_t label = truth->label[row];
    double weight = class_weight(loss, truth->training, label);
    real factor = (real)(scale * weight);

    p[label] -= 1;
    for (int64_t k = 0; k < loss->task.n_classes; k++)
        p[k] *= factor;
    return weight > 0 ? weight * row_loss : 0;
}

static void cross_entropy_value(const struct loss *loss, const struct kernel *kernel,
                                const struct tensor *y, const struct loss_truth *truth,
                                struct tensor *dy, double *row_loss, struct loss_sum *sum)
{
    const struct cross_entropy_config *config = loss->config;
    int64_t rows = loss_rows(y), n = loss->task.n_classes;
    double total = cross_entropy_divisor(loss, truth, rows);

    kernel->softmax_loss(dy->data, y->data, truth->label, row_loss, rows, n);
    for (int64_t row = 0; row < rows; row++) {
        double weight = loss_weight(truth, row), scale = loss_share(truth, weight, total);
        real *p = dy->data + row * n;
        double of_row = config->smoothing > 0
                            ? smooth(loss, truth, row, y->data + row * n, p, row_loss[row], scale)
                            : sharpen(loss, truth, row, p, row_loss[row], scale);

        sum->loss += weight > 0 ? weight * of_row : 0;
    }
    sum->weight += total;
}

static void cross_entropy_learn(struct loss *loss, const struct loss_truth *truth,
                                const double *row_loss, int64_t rows)
{
    double top = -INFINITY, sum = 0;

    for (int64_t class = 0; class < loss->n_memory; class ++) {
        double found = 0, of_class = 0;

        for (int64_t row = 0; row < rows; row++)
            if (truth->label[row] == class && loss_weight(truth, row) > 0) {
                found++;
                of_class += loss->memory[class] * row_loss[row];
            }
        loss->memory[class] = found > 0 ? of_class / found : 0;
        top = fmax(top, loss->memory[class]);
    }
    for (int64_t class = 0; class < loss->n_memory; class ++)
        sum += loss->memory[class] = exp(loss->memory[class] - top);
    for (int64_t class = 0; class < loss->n_memory; class ++)
        loss->memory[class] /= sum;
}

static void cross_entropy_predict(const struct loss *loss, const struct tensor *y,
                                  double *prediction)
{
    const real *x = y->data;

    (void)loss;
    for (int64_t row = 0; row < loss_rows(y); row++, x += y->width, prediction += y->width) {
        double top = (double)x[0], sum = 0;

        for (int64_t i = 1; i < y->width; i++)
            top = fmax(top, (double)x[i]);
        for (int64_t i = 0; i < y->width; i++)
            sum += prediction[i] = exp((double)x[i] - top);
        for (int64_t i = 0; i < y->width; i++)
            prediction[i] /= sum;
    }
}

const struct loss_kind loss_cross_entropy = {
    .kind = {.name = "cross_entropy",
             .help = "Minus the logarithm of the true class' probability, by softmax.",
             .config_size = sizeof(struct cross_entropy_config),
             .settings = cross_entropy_settings},
    .classification = true,
    .build = cross_entropy_build,
    .value = cross_entropy_value,
    .divisor = cross_entropy_divisor,
    .predict = cross_entropy_predict,
    .learn = cross_entropy_learn,
    .forget = cross_entropy_forget,
};
