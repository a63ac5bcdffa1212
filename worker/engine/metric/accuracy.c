/* accuracy: the share of rows whose most probable class is the true one. */
#include "worker/engine/metric/outcome.h"

static bool accuracy_measure(const void *config, const struct outcome *outcome,
                             struct evaluation *evaluation, struct error *error)
{
    int64_t right = 0;

    (void)config;
    for (int64_t i = 0; i < outcome->n; i++)
        right += outcome_class(outcome, i) == outcome->label[i];
    return evaluation_add(evaluation, GOAL_MAXIMIZE, (double)right / (double)outcome->n, error,
                          "accuracy");
}

const struct metric_kind metric_accuracy = {
    .kind = {.name = "accuracy",
             .help = "Share of rows whose most probable class is the true one."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = accuracy_measure,
};
