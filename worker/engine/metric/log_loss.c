/* log_loss: the mean of -log p of the true class. */
#include "worker/engine/metric/outcome.h"

static bool log_loss_measure(const void *config, const struct outcome *outcome,
                             struct evaluation *evaluation, struct error *error)
{
    double sum = 0;

    (void)config;
    for (int64_t i = 0; i < outcome->n; i++)
        sum += outcome_log_loss(outcome, i);
    return evaluation_add(evaluation, GOAL_MINIMIZE, sum / (double)outcome->n, error, "log_loss");
}

const struct metric_kind metric_log_loss = {
    .kind = {.name = "log_loss",
             .help = "Minus the mean logarithm of the true class' probability, clipped at 1e-15."},
    .classification = true,
    .goal = GOAL_MINIMIZE,
    .measure = log_loss_measure,
};
