/* macro_f1: the mean of 2 tp / (2 tp + fp + fn) over the classes that occur or were predicted. */
#include "worker/engine/metric/outcome.h"

#include "common/owner.h"

static bool macro_f1_measure(const void *config, const struct outcome *outcome,
                             struct evaluation *evaluation, struct error *error)
{
    scoped(memory_free) double *cell = NULL;
    int64_t k = outcome->n_classes, present = 0;
    double sum = 0;

    (void)config;
    if (!outcome_confusion(outcome, &cell, error))
        return false;
    for (int64_t i = 0; i < k; i++) {
        double both = 0; /* rows of the class and rows predicted to be of it */

        for (int64_t j = 0; j < k; j++)
            both += cell[i * k + j] + cell[j * k + i];
        if (both > 0) {
            sum += 2 * cell[i * k + i] / both;
            present++;
        }
    }
    return evaluation_add(evaluation, GOAL_MAXIMIZE, sum / (double)present, error, "macro_f1");
}

const struct metric_kind metric_macro_f1 = {
    .kind = {.name = "macro_f1",
             .help = "Mean over the classes of the harmonic mean of precision and recall."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = macro_f1_measure,
};
