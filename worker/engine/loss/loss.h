/*
 * Losses: what training makes small, and how a network's outputs become predictions.
 *
 * A loss decides how many outputs a model needs, and turns them into what metrics and users read
 * (cross_entropy: softmax). All values are weighted sums with their weight, so that the mean over
 * an epoch is exact whatever the last batch's size.
 *
 * In regression a prediction is a row: a value for each target, and after those the parameters of
 * each target's distribution, where the loss predicts one.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_LOSS_LOSS_H
#define NIGHTJAR_WORKER_ENGINE_LOSS_LOSS_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/distribution.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stdint.h>

struct loss_sum {
    double loss;   /* sum of weight * loss over the samples */
    double weight; /* sum of weights; the mean is loss / weight */
};

struct loss_truth {       /* of a batch's outputs; which one depends on the task */
    const int32_t *label; /* [steps][rows] */
    const real *target;   /* [steps][rows][n_targets], scaled by the set's offset and scale */
    const double *weight; /* [steps][rows], 0: there is no truth; NULL: all 1 */
    double divisor;       /* of the batch that these are a part of; 0: they are all of it */
    bool training;
};

struct loss_task { /* what a loss is used for; borrowed as long as it is used */
    enum task task;
    int64_t n_classes, n_targets;               /* the one that the task has; the other is 0 */
    const double *target_offset, *target_scale; /* [n_targets]; NULL: 0 and 1 */
    bool logarithm; /* of the targets is what is learned, before offset and scale */
};

struct loss; /* below */

struct loss_kind {
    struct kind kind;
    bool classification, regression; /* the tasks it can be used for */
    bool unscaled;                   /* needs targets in their own units */
    /* Checks the config against the task and fills n_outputs, distribution, weighs and n_memory.
     * `path`: "train.loss". */
    bool (*build)(struct loss *loss, const char *path, struct error *error);
    /* Numbers that it takes from the training rows before anything else, into its config: they
     * travel with the spec. NULL: none. */
    bool (*fit)(void *config, const struct sample_set *set, const struct row_list *told,
                struct error *error);
    /* Adds to *sum. dy (may be y) becomes the gradient of the batch's mean, be it only a part of
     * the batch. `row_loss`: room for a number a row. */
    void (*value)(const struct loss *loss, const struct kernel *kernel, const struct tensor *y,
                  const struct loss_truth *truth, struct tensor *dy, double *row_loss,
                  struct loss_sum *sum);
    /* What value() divides a whole batch's weighted sum by, and adds to sum->weight: known before
     * any output, and of two batches together the sum of theirs. NULL: the weights' sum. */
    double (*divisor)(const struct loss *loss, const struct loss_truth *truth, int64_t rows);
    /* Outputs to predictions: rows of n_predicted numbers, in the targets' own units. */
    void (*predict)(const struct loss *loss, const struct tensor *y, double *prediction);
    /* After a batch of training: what `memory` becomes, from the losses of its rows. NULL: a loss
     * that remembers nothing. */
    void (*learn)(struct loss *loss, const struct loss_truth *truth, const double *row_loss,
                  int64_t rows);
    /* `memory` becomes what build() filled it with. NULL where learn() is. */
    void (*forget)(struct loss *loss);
};

extern const struct kind_registry loss_registry;

#define LOSS_MEMORY_MAX 4096

struct loss {
    const struct loss_kind *kind;
    const void *config; /* borrowed */
    struct loss_task task;
    int64_t n_outputs;                      /* width of the model's last layer */
    int64_t n_predicted;                    /* numbers of a row's prediction */
    struct distribution_shape distribution; /* of each target */
    bool weighs; /* rows without weights may have other shares in divisor() than 1 */
    int64_t n_memory;
    double *memory; /* owned, [n_memory]: survives a step; filled by build() */
};

/* INVALID at "train.loss" where the loss does not fit the task. */
bool loss_build(const struct kind_choice *choice, const struct loss_task *task,
                struct loss *ret_loss, struct error *error);
void loss_release(struct loss *loss);
/* The distribution that it predicts of each target. */
bool loss_shape(const struct kind_choice *choice, const struct loss_task *task,
                struct distribution_shape *ret_shape, struct error *error);
/* What value() divides a whole batch by. */
double loss_divisor(const struct loss *loss, const struct loss_truth *truth, int64_t rows);
/* Nothing is remembered of batches before. */
void loss_forget(struct loss *loss);
/* What the kind takes from the training rows, where it does. */
bool loss_fit(const struct kind_choice *choice, const struct sample_set *set,
              const struct row_list *train, struct error *error);

/* For the kinds. */
static inline int64_t loss_rows(const struct tensor *y)
{
    return y->steps * y->rows;
}
static inline double loss_weight(const struct loss_truth *truth, int64_t row)
{
    return truth->weight ? truth->weight[row] : 1;
}
double loss_total_weight(const struct loss_truth *truth, int64_t rows);
/* What a row of this weight counts for in the batch's mean. own: divisor() of these rows. */
static inline double loss_share(const struct loss_truth *truth, double weight, double own)
{
    double divisor = truth->divisor > 0 ? truth->divisor : own;

    return divisor > 0 ? weight / divisor : 0;
}
double loss_offset(const struct loss *loss, int64_t target);
double loss_scale(const struct loss *loss, int64_t target);
/* build() and predict() of a loss with an output for each target, which is its prediction. */
bool loss_build_points(struct loss *loss, const char *path, struct error *error);
void loss_predict_points(const struct loss *loss, const struct tensor *y, double *prediction);
/* value() of a loss whose outputs are `width` for each target: the mean over the targets of `part`,
 * which gives the loss of a target's outputs y against t, and their slopes. */
#define LOSS_WIDTH_MAX (3 * DISTRIBUTION_PARTS_MAX)
typedef double loss_part(const struct loss *loss, int64_t target, const real *y, double t,
                         double *ret_slope);
void loss_value_parts(const struct loss *loss, loss_part *part, int64_t width,
                      const struct tensor *y, const struct loss_truth *truth, struct tensor *dy,
                      double *row_loss, struct loss_sum *sum);

#endif
