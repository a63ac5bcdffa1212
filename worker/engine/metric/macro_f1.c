/* macro_f1: the mean of 2 tp / (2 tp + fp + fn) over the classes that occur or were predicted. */
#include "worker/engine/metric/outcome.h"

#include <math.h>

static double f1(const struct class_count *count)
{
    double both = count->actual + count->predicted;

    return both > 0 ? 2 * count->found / both : NAN;
}

static bool macro_f1_measure(const void *config, const struct outcome *outcome,
                             struct evaluation *evaluation, struct error *error)
{
    (void)config;
    return outcome_class_mean(outcome, "macro_f1", f1, evaluation, error);
}

const struct metric_kind metric_macro_f1 = {
    .kind = {.name = "macro_f1",
             .help = "Mean over the classes of the harmonic mean of precision and recall."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = macro_f1_measure,
};
