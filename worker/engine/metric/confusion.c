/* confusion: how many rows of each true class were predicted to be of each class. */
#include "worker/engine/metric/outcome.h"

static bool confusion_measure(const void *config, const struct outcome *outcome,
                              struct evaluation *evaluation, struct error *error)
{
    double *cell;

    (void)config;
    return outcome_confusion(outcome, &cell, error) &&
           evaluation_add_table(evaluation, "confusion", outcome->class_name, NULL,
                                outcome->n_classes, outcome->n_classes, &cell, error);
}

const struct metric_kind metric_confusion = {
    .kind = {.name = "confusion",
             .help = "Table of true classes (rows) by predicted ones (columns)."},
    .classification = true,
    .goal = GOAL_NONE,
    .measure = confusion_measure,
};
