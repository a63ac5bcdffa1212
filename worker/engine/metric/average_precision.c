/*
 * average_precision: the sum over the thresholds of precision times what recall gains there.
 *
 * Two classes: the second one's probabilities. More: the mean over the classes, each against the
 * rest; NAN where a class has no rows.
 */
#include "worker/engine/metric/ranking.h"

#include <math.h>

static double area(const struct ranked *row, int64_t n)
{
    double positives = 0, found = 0, sum = 0;

    for (int64_t i = 0; i < n; i++)
        positives += row[i].positive;
    /* from the highest score down; rows of one score share their threshold */
    for (int64_t end = n, first; end > 0; end = first) {
        double here = 0;

        for (first = end; first > 0 && row[first - 1].score == row[end - 1].score; first--)
            here += row[first - 1].positive;
        found += here;
        sum += here / positives * (found / (double)(n - first));
    }
    return positives > 0 ? sum : NAN;
}

static bool average_precision_measure(const void *config, const struct outcome *outcome,
                                      struct evaluation *evaluation, struct error *error)
{
    (void)config;
    return ranking_measure(outcome, "average_precision", area, evaluation, error);
}

const struct metric_kind metric_average_precision = {
    .kind = {.name = "average_precision",
             .help = "Area under the curve of precision by recall; of several classes the mean of "
                     "each against the rest."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = average_precision_measure,
};
