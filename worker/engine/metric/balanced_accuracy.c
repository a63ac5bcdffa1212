/* balanced_accuracy: the mean over the classes that occur of the share of their rows found. */
#include "worker/engine/metric/outcome.h"

#include <math.h>

static double recall(const struct class_count *count)
{
    return count->actual > 0 ? count->found / count->actual : NAN;
}

static bool balanced_accuracy_measure(const void *config, const struct outcome *outcome,
                                      struct evaluation *evaluation, struct error *error)
{
    (void)config;
    return outcome_class_mean(outcome, "balanced_accuracy", recall, evaluation, error);
}

const struct metric_kind metric_balanced_accuracy = {
    .kind = {.name = "balanced_accuracy",
             .help = "Mean over the classes of the share of their rows that is found."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = balanced_accuracy_measure,
};
