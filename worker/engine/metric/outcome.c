#include "worker/engine/metric/outcome.h"

#include "common/owner.h"

#include <math.h>
#include <stdlib.h>

#define CLIP 1e-15

int32_t outcome_class(const struct outcome *outcome, int64_t i)
{
    const double *p = outcome->prediction + i * outcome->n_classes;
    int32_t best = 0;

    for (int32_t k = 1; k < outcome->n_classes; k++)
        if (p[k] > p[best])
            best = k;
    return best;
}

bool outcome_confusion(const struct outcome *outcome, double **ret_cell, struct error *error)
{
    size_t k = (size_t)outcome->n_classes;
    double *cell = calloc(k * k, sizeof(*cell));

    if (!cell)
        return error_set(error, ERROR_NO_MEMORY, "counting predictions");
    for (int64_t i = 0; i < outcome->n; i++)
        cell[(size_t)outcome->label[i] * k + (size_t)outcome_class(outcome, i)]++;
    *ret_cell = cell;
    return true;
}

bool outcome_count(const struct outcome *outcome, struct class_count **ret_count,
                   struct error *error)
{
    struct class_count *count = calloc((size_t)outcome->n_classes, sizeof(*count));

    if (!count)
        return error_set(error, ERROR_NO_MEMORY, "counting predictions");
    for (int64_t i = 0; i < outcome->n; i++) {
        int32_t actual = outcome->label[i], predicted = outcome_class(outcome, i);

        count[actual].actual++;
        count[predicted].predicted++;
        count[actual].found += actual == predicted;
    }
    *ret_count = count;
    return true;
}

bool outcome_class_mean(const struct outcome *outcome, const char *name,
                        double (*figure)(const struct class_count *count),
                        struct evaluation *evaluation, struct error *error)
{
    scoped(memory_free) struct class_count *count = NULL;
    double sum = 0;
    int64_t n = 0;

    if (!outcome_count(outcome, &count, error))
        return false;
    for (int64_t k = 0; k < outcome->n_classes; k++) {
        double value = figure(&count[k]);

        if (isnan(value))
            continue;
        sum += value;
        n++;
    }
    return evaluation_add(evaluation, GOAL_MAXIMIZE, sum / (double)n, error, "%s", name);
}

double outcome_log_loss(const struct outcome *outcome, int64_t i)
{
    const double *p = outcome->prediction + i * outcome->n_classes;
    double sum = 0;

    for (int64_t k = 0; k < outcome->n_classes; k++)
        sum += p[k];
    return -log(fmin(fmax(p[outcome->label[i]] / sum, CLIP), 1 - CLIP));
}

bool outcome_columns(const struct outcome *outcome, const char *name, enum goal goal,
                     double (*column)(const struct outcome *outcome, int64_t target),
                     struct evaluation *evaluation, struct error *error)
{
    int64_t n = outcome->n_targets;
    double sum = 0;

    for (int64_t target = 0; target < n; target++)
        sum += column(outcome, target);
    if (!evaluation_add(evaluation, goal, sum / (double)n, error, "%s", name))
        return false;
    for (int64_t target = 0; n > 1 && target < n; target++)
        if (!evaluation_add(evaluation, goal, column(outcome, target), error, "%s[%s]", name,
                            outcome->target_name[target]))
            return false;
    return true;
}

const double *outcome_distribution(const struct outcome *outcome, int64_t i, int64_t target)
{
    return outcome->distribution +
           (i * outcome->n_targets + target) * distribution_width(&outcome->shape);
}

double outcome_quantile(const struct outcome *outcome, int64_t i, int64_t target, double level)
{
    if (!outcome->distribution)
        return outcome->prediction[i * outcome->n_targets + target];
    return distribution_quantile(&outcome->shape, outcome_distribution(outcome, i, target), level);
}
