/*
 * auc: the probability that a row of the class is ranked above one that is not, ties counting half.
 * NAN where a class has no rows or all of them.
 */
#include "worker/engine/metric/ranking.h"

#include <math.h>

/* From the sum of the positives' ranks, where equal scores share their mean rank. */
static double auc_of(const struct ranked *row, int64_t n)
{
    double ranks = 0, positives = 0, negatives;

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
    (void)config;
    return ranking_measure(outcome, "auc", auc_of, evaluation, error);
}

const struct metric_kind metric_auc = {
    .kind = {.name = "auc",
             .help =
                 "Area under the ROC curve; of several classes the mean of each against the rest."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = auc_measure,
};
