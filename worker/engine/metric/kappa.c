/* kappa: Cohen's: how far agreement goes beyond what the classes' shares alone would give; NAN
 * where both know one class only. */
#include "worker/engine/metric/outcome.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

static bool kappa_measure(const void *config, const struct outcome *outcome,
                          struct evaluation *evaluation, struct error *error)
{
    scoped(memory_free) struct class_count *count = NULL;
    double n = (double)outcome->n, right = 0, chance = 0;

    (void)config;
    if (!outcome_count(outcome, &count, error))
        return false;
    for (int64_t k = 0; k < outcome->n_classes; k++) {
        right += count[k].found / n;
        chance += count[k].predicted * count[k].actual / (n * n);
    }
    return evaluation_add(evaluation, GOAL_MAXIMIZE,
                          chance < 1 ? (right - chance) / (1 - chance) : NAN, error, "kappa");
}

const struct metric_kind metric_kappa = {
    .kind = {.name = "kappa", .help = "Cohen's kappa: agreement beyond chance."},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = kappa_measure,
};
