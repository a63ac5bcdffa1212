/*
 * mcc: Matthews' correlation coefficient of true and predicted classes, of any number of classes;
 * 0 where one of the two is always the same.
 *
 *   (c n - sum p t) / sqrt((n^2 - sum p^2) (n^2 - sum t^2))      c: right ones; p, t: a class' rows
 */
#include "worker/engine/metric/outcome.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

static bool mcc_measure(const void *config, const struct outcome *outcome,
                        struct evaluation *evaluation, struct error *error)
{
    scoped(memory_free) struct class_count *count = NULL;
    double n = (double)outcome->n, right = 0, both = 0, predicted = 0, actual = 0, under;

    (void)config;
    if (!outcome_count(outcome, &count, error))
        return false;
    for (int64_t k = 0; k < outcome->n_classes; k++) {
        right += count[k].found;
        both += count[k].predicted * count[k].actual;
        predicted += count[k].predicted * count[k].predicted;
        actual += count[k].actual * count[k].actual;
    }
    under = sqrt((n * n - predicted) * (n * n - actual));
    return evaluation_add(evaluation, GOAL_MAXIMIZE, under > 0 ? (right * n - both) / under : 0,
                          error, "mcc");
}

const struct metric_kind metric_mcc = {
    .kind = {.name = "mcc",
             .help = "Matthews' correlation coefficient of true and predicted classes."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = mcc_measure,
};
