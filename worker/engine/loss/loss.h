/*
 * Losses: what training makes small, and how a network's outputs become predictions.
 *
 * A loss decides how many outputs a model needs, and turns them into what metrics and users read
 * (cross_entropy: softmax). All values are weighted sums with their weight, so that the mean over
 * an epoch is exact whatever the last batch's size.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_LOSS_LOSS_H
#define NIGHTJAR_WORKER_ENGINE_LOSS_LOSS_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stdint.h>

struct loss_sum {
    double loss;   /* sum of weight * loss over the samples */
    double weight; /* sum of weights; the mean is loss / weight */
};

struct loss_truth {       /* of a batch's samples; which one depends on the task */
    const int32_t *label; /* [rows] */
    const real *target;   /* [rows][n_outputs], scaled by the set's offset and scale */
    const double *weight; /* [rows]; NULL: all 1 */
};

struct loss; /* below */

struct loss_kind {
    struct kind kind;
    bool classification, regression; /* the tasks it can be used for */
    /* Checks the config against the task and fills n_outputs. `path`: "train.loss". */
    bool (*build)(struct loss *loss, const char *path, struct error *error);
    /* Adds to *sum. dy (may be NULL; may be y) becomes the gradient of the batch's mean.
     * `row_loss`: room for a number a row. */
    void (*value)(const struct loss *loss, const struct kernel *kernel, const struct tensor *y,
                  const struct loss_truth *truth, struct tensor *dy, double *row_loss,
                  struct loss_sum *sum);
    /* Outputs to predictions: probabilities [rows][n_classes], or targets (still scaled)
     * [rows][n_targets]. */
    void (*predict)(const struct loss *loss, const struct tensor *y, double *prediction);
};

extern const struct kind_registry loss_registry;

struct loss {
    const struct loss_kind *kind;
    const void *config; /* borrowed */
    enum task task;
    int64_t n_classes, n_targets;
    int64_t n_outputs; /* width of the model's last layer */
};

/* INVALID at "train.loss" where the loss does not fit the task. */
bool loss_build(const struct kind_choice *choice, enum task task, int64_t n_classes,
                int64_t n_targets, struct loss *ret_loss, struct error *error);

#endif
