/* What several metrics count in an outcome. */
#ifndef NIGHTJAR_WORKER_ENGINE_METRIC_OUTCOME_H
#define NIGHTJAR_WORKER_ENGINE_METRIC_OUTCOME_H

#include "worker/engine/metric/metric.h"

/* The class with the greatest probability; of equal ones the first. */
int32_t outcome_class(const struct outcome *outcome, int64_t i);
/* *ret_cell: [n_classes][n_classes], true classes by predicted ones; the caller frees it. */
bool outcome_confusion(const struct outcome *outcome, double **ret_cell, struct error *error);
/* A metric that is the mean of a figure of each class, over the classes that occur or were
 * predicted; `figure` gives NAN for one to leave out. */
struct class_count { /* of rows */
    double found;    /* of the class, and predicted to be */
    double actual, predicted;
};
/* *ret_count: [n_classes]; the caller frees it. */
bool outcome_count(const struct outcome *outcome, struct class_count **ret_count,
                   struct error *error);
bool outcome_class_mean(const struct outcome *outcome, const char *name,
                        double (*figure)(const struct class_count *count),
                        struct evaluation *evaluation, struct error *error);
/* -log of the true class' probability, which is normalised and clipped. */
double outcome_log_loss(const struct outcome *outcome, int64_t i);

/* A regression metric: the mean over the targets of `column`'s figures, and each target's own
 * beside it ("rmse[y2]") where there are several. */
bool outcome_columns(const struct outcome *outcome, const char *name, enum goal goal,
                     double (*column)(const struct outcome *outcome, int64_t target),
                     struct evaluation *evaluation, struct error *error);

/* The parameters of a row's predicted distribution. */
const double *outcome_distribution(const struct outcome *outcome, int64_t i, int64_t target);
/* A quantile of it; the prediction itself where points were predicted. */
double outcome_quantile(const struct outcome *outcome, int64_t i, int64_t target, double level);

#endif
