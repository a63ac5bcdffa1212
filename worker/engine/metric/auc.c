/*
 * auc: the probability that a row of the class is ranked above one that is not, ties counting half.
 *
 * Two classes: the second one's probabilities. More: the mean over the classes, each against the
 * rest; NAN where a class has no rows or all of them.
 */
#include "worker/engine/metric/outcome.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

struct ranked {
    double score;
    bool positive;
};

static int compare(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->score, y = ((const struct ranked *)b)->score;

    return (x > y) - (x < y);
}

/* From the sum of the positives' ranks, where equal scores share their mean rank. */
static double auc_of(struct ranked *row, int64_t n)
{
    double ranks = 0, positives = 0, negatives;

    qsort(row, (size_t)n, sizeof(*row), compare);
    for (int64_t first = 0, end; first < n; first = end) {
        double found = 0;

        for (end = first; end < n && row[end].score == row[first].score; end++)
            found += row[end].positive;
        ranks += found * (double)(first + 1 + end) / 2;
        positives += found;
    }
    negatives = (double)n - positives;
    if (positives == 0 || negatives == 0)
        return NAN;
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives);
}

static bool auc_measure(const void *config, const struct outcome *outcome,
                        struct evaluation *evaluation, struct error *error)
{
    scoped(memory_free) struct ranked *row = calloc((size_t)outcome->n, sizeof(*row));
    int64_t k = outcome->n_classes, first = k == 2 ? 1 : 0;
    double sum = 0;

    (void)config;
    if (!row)
        return error_set(error, ERROR_NO_MEMORY, "measuring auc");
    for (int64_t class = first; class < k; class ++) {
        for (int64_t i = 0; i < outcome->n; i++)
            row[i] = (struct ranked){.score = outcome->prediction[i * k + class],
                                     .positive = outcome->label[i] == class};
        sum += auc_of(row, outcome->n);
    }
    return evaluation_add(evaluation, GOAL_MAXIMIZE, sum / (double)(k - first), error, "auc");
}

const struct metric_kind metric_auc = {
    .kind = {.name = "auc",
             .help =
                 "Area under the ROC curve; of several classes the mean of each against the rest."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = auc_measure,
};
