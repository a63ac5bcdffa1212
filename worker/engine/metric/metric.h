/*
 * Metrics: figures and tables from predictions, each beside what predicting without looking scores.
 *
 * Sums are in double. Probabilities are clipped to [1e-15, 1 - 1e-15] where a logarithm is taken.
 * Undefined values (the AUC of one class) are NAN.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_METRIC_METRIC_H
#define NIGHTJAR_WORKER_ENGINE_METRIC_METRIC_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/distribution.h"
#include "worker/engine/report.h"

#include <stdbool.h>
#include <stdint.h>

#define METRIC_NAME_SIZE 96

struct outcome { /* what was predicted and what is true; borrowed */
    enum task task;
    int64_t n;
    int64_t n_classes;    /* classification */
    const int32_t *label; /* [n] */
    const char *const *class_name;
    int64_t n_targets;    /* regression */
    const double *target; /* [n][n_targets] */
    const char *const *target_name;
    const double *prediction;        /* [n][n_classes] probabilities, or [n][n_targets] */
    struct distribution_shape shape; /* of each prediction in regression */
    const double *distribution;      /* [n][n_targets][width]; NULL: points were predicted */
};

struct metric_value {
    char name[METRIC_NAME_SIZE]; /* "accuracy", "log_loss_class[hid]" */
    double value;
    double naive; /* NAN where none was asked for */
    enum goal goal;
};
struct metric_table {
    char name[METRIC_NAME_SIZE]; /* "confusion": rows are true classes, columns predicted ones */
    const char *const *column;   /* borrowed from the outcome or for ever: [n_columns] */
    const char *const *row;      /* alike, [n_rows]: their names; NULL: none */
    int64_t n_rows, n_columns;
    double *cell; /* owned, [n_rows][n_columns] */
};
struct evaluation {             /* all-zero is a valid empty one */
    struct metric_value *value; /* owned */
    int64_t n_values;
    struct metric_table *table; /* owned */
    int64_t n_tables;
};
void evaluation_release(struct evaluation *evaluation);
/* NULL: none of that name. */
const struct metric_value *evaluation_find(const struct evaluation *evaluation, const char *name);

enum metric_needs {
    METRIC_NEEDS_NOTHING,
    METRIC_NEEDS_DISTRIBUTION, /* that the loss predicts one */
    METRIC_NEEDS_DENSITY,      /* and that it has a density */
};

struct metric_kind {
    struct kind kind;
    bool classification, regression; /* the tasks it is defined for */
    enum metric_needs needs;
    enum goal goal; /* of its values */
    /* The lowest and the highest quantile that it asks of a prediction. NULL: none. */
    void (*levels)(const void *config, double ret_level[2]);
    bool (*measure)(const void *config, const struct outcome *outcome,
                    struct evaluation *evaluation, struct error *error);
};
extern const struct kind_registry metric_registry;

/* For measure(). */
bool evaluation_add(struct evaluation *evaluation, enum goal goal, double value,
                    struct error *error, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Takes *cell ([n_rows][n_columns]) in any case. */
bool evaluation_add_table(struct evaluation *evaluation, const char *name,
                          const char *const *column, const char *const *row, int64_t n_rows,
                          int64_t n_columns, double **cell, struct error *error);

/* INVALID at "<path>[i]" for a metric that the task does not have ("rmse is for regression"), or
 * that needs a distribution where the loss predicts points, or quantiles beyond those that it
 * predicts. */
bool metric_check(const struct kind_choices *metrics, enum task task,
                  const struct distribution_shape *shape, const char *path, struct error *error);

/* Numbers of a row of predictions: probabilities, or a value for each target and after them the
 * parameters of its distribution. */
int64_t metric_width(const struct sample_set *set, const struct distribution_shape *shape);

/* A single row of prediction, made from the rows that training samples tell (told.h) without
 * looking at any input: the classes' shares, or the mean and the distribution of each target.
 * ret_row: [metric_width]. */
bool metric_naive_row(const struct sample_set *set, const struct distribution_shape *shape,
                      const struct row_list *told, double *ret_row, struct error *error);

/* All metrics on `n` told rows of a set whose predictions are given ([n][metric_width]).
 * naive_row NULL: values without a naive score. No metrics configured (n == 0): the task's defaults
 * (accuracy, balanced_accuracy, confusion, log_loss; mae, r2, rmse). */
bool metric_evaluate(const struct kind_choices *metrics, const struct sample_set *set,
                     const struct distribution_shape *shape, const int64_t *row, int64_t n,
                     const double *prediction, const double *naive_row,
                     struct evaluation *ret_evaluation, struct error *error);

/* What predictions that look at nothing score on a few of the rows: every value that the metrics
 * have, by name. `train`, `rows`: that samples tell (told.h). */
bool metric_rehearse(const struct kind_choices *metrics, const struct sample_set *set,
                     const struct distribution_shape *shape, const struct row_list *train,
                     const struct row_list *rows, struct evaluation *ret_evaluation,
                     struct error *error);

/* Reports each value as final "<part>.<name>" with its naive score, each table as "<part>.<name>",
 * and warns where a value is no better than its naive one. */
bool metric_report(const struct evaluation *evaluation, const char *part, struct error *error);

#endif
