/* balanced_accuracy: the mean over the classes that occur of the share of their rows found. */
#include "worker/engine/metric/outcome.h"

#include "common/owner.h"

static bool balanced_accuracy_measure(const void *config, const struct outcome *outcome,
                                      struct evaluation *evaluation, struct error *error)
{
    scoped(memory_free) double *cell = NULL;
    int64_t k = outcome->n_classes, present = 0;
    double sum = 0;

    (void)config;
    if (!outcome_confusion(outcome, &cell, error))
        return false;
    for (int64_t i = 0; i < k; i++) {
        double rows = 0;

        for (int64_t j = 0; j < k; j++)
            rows += cell[i * k + j];
        if (rows > 0) {
            sum += cell[i * k + i] / rows;
            present++;
        }
    }
    return evaluation_add(evaluation, GOAL_MAXIMIZE, sum / (double)present, error,
                          "balanced_accuracy");
}

const struct metric_kind metric_balanced_accuracy = {
    .kind = {.name = "balanced_accuracy",
             .help = "Mean over the classes of the share of their rows that is found."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = balanced_accuracy_measure,
};
