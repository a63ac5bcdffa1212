/* From a spec's choice to a loss that fits the task, and what losses of numbers share. */
#include "worker/engine/loss/loss.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/told.h"

static bool check_task(const struct loss *loss, struct error *error)
{
    const struct loss_kind *kind = loss->kind;
    const struct loss_task *task = &loss->task;

    if (task->task == TASK_CLASSIFICATION && !kind->classification)
        return error_set_at(error, ERROR_INVALID, "train.loss",
                            "%s is for regression, but the target is classes", kind->kind.name);
    if (task->task == TASK_REGRESSION && !kind->regression)
        return error_set_at(error, ERROR_INVALID, "train.loss",
                            "%s is for classification, but the target is numbers", kind->kind.name);
    for (int64_t i = 0; i < task->n_targets && kind->unscaled; i++)
        if (task->logarithm || loss_offset(loss, i) != 0 || loss_scale(loss, i) != 1)
            return error_set_at(error, ERROR_INVALID, "train.loss",
                                "%s needs targets as they are: leave out data.target_transform",
                                kind->kind.name);
    return true;
}

/* Values and quantiles keep their order under a logarithm, densities do not keep their shape. */
static bool check_logarithm(const struct loss *loss, struct error *error)
{
    enum distribution_family family = loss->distribution.family;

    return !loss->task.logarithm || family == DISTRIBUTION_NONE ||
           family == DISTRIBUTION_QUANTILES ||
           error_set_at(error, ERROR_INVALID, "data.target_transform",
                        "a logarithm is for losses that predict values or quantiles, not for %s",
                        loss->kind->kind.name);
}

void loss_release(struct loss *loss)
{
    free(loss->memory);
    *loss = (struct loss){0};
}

bool loss_build(const struct kind_choice *choice, const struct loss_task *task,
                struct loss *ret_loss, struct error *error)
{
    scoped(loss_release) struct loss loss = {
        .kind = (const struct loss_kind *)choice->kind,
        .config = choice->config,
        .task = *task,
        .n_predicted = task->task == TASK_CLASSIFICATION ? task->n_classes : task->n_targets,
    };

    if (!check_task(&loss, error) || !loss.kind->build(&loss, "train.loss", error))
        return false;
    if (!check_logarithm(&loss, error))
        return false;
    loss.n_predicted += task->n_targets * distribution_width(&loss.distribution);
    *ret_loss = loss;
    loss = (struct loss){0};
    return true;
}

bool loss_shape(const struct kind_choice *choice, const struct loss_task *task,
                struct distribution_shape *ret_shape, struct error *error)
{
    scoped(loss_release) struct loss loss = {0};

    if (!loss_build(choice, task, &loss, error))
        return false;
    *ret_shape = loss.distribution;
    return true;
}

double loss_divisor(const struct loss *loss, const struct loss_truth *truth, int64_t rows)
{
    return loss->kind->divisor ? loss->kind->divisor(loss, truth, rows)
                               : loss_total_weight(truth, rows);
}

void loss_forget(struct loss *loss)
{
    if (loss->kind->forget)
        loss->kind->forget(loss);
}

bool loss_fit(const struct kind_choice *choice, const struct sample_set *set,
              const struct row_list *train, struct error *error)
{
    const struct loss_kind *kind = (const struct loss_kind *)choice->kind;

    scoped(told_release) struct told told = {0};

    if (set->task != TASK_REGRESSION || !kind->fit)
        return true;
    return told_open(set, train, &told, error) && kind->fit(choice->config, set, told.rows, error);
}

/* ---- for the kinds ---- */

double loss_total_weight(const struct loss_truth *truth, int64_t rows)
{
    double sum = 0;

    for (int64_t i = 0; i < rows; i++)
        sum += loss_weight(truth, i);
    return sum;
}

double loss_offset(const struct loss *loss, int64_t target)
{
    return loss->task.target_offset ? loss->task.target_offset[target] : 0;
}

double loss_scale(const struct loss *loss, int64_t target)
{
    return loss->task.target_scale ? loss->task.target_scale[target] : 1;
}

bool loss_build_points(struct loss *loss, const char *path, struct error *error)
{
    (void)path, (void)error;
    loss->n_outputs = loss->task.n_targets;
    return true;
}

void loss_predict_points(const struct loss *loss, const struct tensor *y, double *prediction)
{
    int64_t n = loss->task.n_targets;

    for (int64_t i = 0; i < loss_rows(y) * n; i++)
        prediction[i] = (double)y->data[i] * loss_scale(loss, i % n) + loss_offset(loss, i % n);
}

void loss_value_parts(const struct loss *loss, loss_part *part, int64_t width,
                      const struct tensor *y, const struct loss_truth *truth, struct tensor *dy,
                      double *row_loss, struct loss_sum *sum)
{
    int64_t rows = loss_rows(y), n = loss->task.n_targets;
    double total = loss_total_weight(truth, rows), slope[LOSS_WIDTH_MAX];

    assert(width <= LOSS_WIDTH_MAX && width * n == y->width);
    for (int64_t row = 0; row < rows; row++) {
        double weight = loss_weight(truth, row), of_row = 0;
        double scale = loss_share(truth, weight, total) / (double)n;

        if (!(weight > 0)) { /* there may be no truth */
            memset(dy->data + row * y->width, 0, (size_t)y->width * sizeof(real));
            row_loss[row] = 0;
            continue;
        }
        for (int64_t k = 0; k < n; k++) {
            int64_t at = (row * n + k) * width;

            of_row += part(loss, k, y->data + at, (double)truth->target[row * n + k], slope);
            for (int64_t i = 0; i < width; i++)
                dy->data[at + i] = (real)(scale * slope[i]);
        }
        row_loss[row] = of_row / (double)n;
        sum->loss += weight * row_loss[row];
    }
    sum->weight += total;
}
