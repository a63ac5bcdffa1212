/* log_loss_per_class: the log loss over the rows of each class alone; NAN for a class without rows.
 */
#include "worker/engine/metric/outcome.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

static bool log_loss_per_class_measure(const void *config, const struct outcome *outcome,
                                       struct evaluation *evaluation, struct error *error)
{
    size_t k = (size_t)outcome->n_classes;
    scoped(memory_free) double *sum = calloc(k, sizeof(*sum));
    scoped(memory_free) int64_t *rows = calloc(k, sizeof(*rows));

    (void)config;
    if (!sum || !rows)
        return error_set(error, ERROR_NO_MEMORY, "measuring log_loss_per_class");
    for (int64_t i = 0; i < outcome->n; i++) {
        sum[outcome->label[i]] += outcome_log_loss(outcome, i);
        rows[outcome->label[i]]++;
    }
    for (size_t i = 0; i < k; i++)
        if (!evaluation_add(evaluation, GOAL_MINIMIZE, rows[i] > 0 ? sum[i] / (double)rows[i] : NAN,
                            error, "log_loss_class[%s]", outcome->class_name[i]))
            return false;
    return true;
}

const struct metric_kind metric_log_loss_per_class = {
    .kind = {.name = "log_loss_per_class",
             .help = "The log loss over the rows of each class alone."},
    .classification = true,
    .goal = GOAL_MINIMIZE,
    .measure = log_loss_per_class_measure,
};
