/*
 * Cross-entropy of softmax, from the outputs before it (logits).
 *
 *   p = softmax(y)     loss = sum w[label] (-log p[label]) / sum w[label]
 *   dy = w[label] (p - [label]) / sum w[label]
 */
#include "worker/engine/loss/loss.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

struct cross_entropy_config {
    struct setting_reals class_weights;
};

static const struct setting cross_entropy_settings[] = {
    SETTING_REALS(struct cross_entropy_config, class_weights, 0, 1e9, 0, 1 << 20,
                  "A weight for each class, in the order of the classes; none: all 1."),
    {0},
};

static bool cross_entropy_build(struct loss *loss, const char *path, struct error *error)
{
    const struct cross_entropy_config *config = loss->config;
    char place[128];
    double sum = 0;

    loss->n_outputs = loss->n_classes;
    if (config->class_weights.n == 0)
        return true;
    (void)snprintf(place, sizeof(place), "%s.class_weights", path);
    if ((int64_t)config->class_weights.n != loss->n_classes)
        return error_set_at(error, ERROR_INVALID, place, "%zu weights for %" PRId64 " classes",
                            config->class_weights.n, loss->n_classes);
    for (size_t i = 0; i < config->class_weights.n; i++)
        sum += config->class_weights.item[i];
    if (sum <= 0)
        return error_set_at(error, ERROR_INVALID, place, "all weights are 0");
    return true;
}

static double weight_of(const struct cross_entropy_config *config, int32_t label)
{
    return config->class_weights.n ? config->class_weights.item[label] : 1;
}

static void cross_entropy_value(const struct loss *loss, const struct kernel *kernel,
                                const struct tensor *y, const struct loss_truth *truth,
                                struct tensor *dy, double *row_loss, struct loss_sum *sum)
{
    const struct cross_entropy_config *config = loss->config;
    double total = 0;

    kernel->softmax_loss(dy->data, y->data, truth->label, row_loss, y->rows, y->width);
    for (int64_t row = 0; row < y->rows; row++) {
        double weight = weight_of(config, truth->label[row]);

        sum->loss += weight * row_loss[row];
        total += weight;
    }
    sum->weight += total;
    for (int64_t row = 0; row < y->rows; row++) {
        real *gradient = dy->data + row * y->width;
        double weight = weight_of(config, truth->label[row]);
        real scale = total > 0 ? (real)(weight / total) : 0;

        gradient[truth->label[row]] -= 1;
        for (int64_t i = 0; i < y->width; i++)
            gradient[i] *= scale;
    }
}

static void cross_entropy_predict(const struct loss *loss, const struct tensor *y,
                                  double *prediction)
{
    const real *x = y->data;

    (void)loss;
    for (int64_t row = 0; row < y->rows; row++, x += y->width, prediction += y->width) {
        double top = x[0], sum = 0;

        for (int64_t i = 1; i < y->width; i++)
            top = x[i] > top ? x[i] : top;
        for (int64_t i = 0; i < y->width; i++)
            sum += prediction[i] = exp(x[i] - top);
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
    .predict = cross_entropy_predict,
};
