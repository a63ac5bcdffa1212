/*
 * ece: expected calibration error: rows are put into bins by the probability of the class that is
 * predicted; the mean over the rows of how far a bin's mean probability is from its accuracy.
 */
#include "worker/engine/metric/outcome.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"

struct ece_config {
    int64_t bins;
};

static const struct setting ece_settings[] = {
    SETTING_INTEGER(struct ece_config, bins, 15, 1, 1000, "", "Equal parts of 0 to 1."),
    {0},
};

static bool ece_measure(const void *config, const struct outcome *outcome,
                        struct evaluation *evaluation, struct error *error)
{
    int64_t bins = ((const struct ece_config *)config)->bins;
    scoped(memory_free) double *gap = calloc((size_t)bins, sizeof(*gap));
    double sum = 0;

    if (!gap)
        return error_set(error, ERROR_NO_MEMORY, "measuring ece");
    for (int64_t i = 0; i < outcome->n; i++) {
        int32_t class = outcome_class(outcome, i);
        double p = outcome->prediction[i * outcome->n_classes + class];
        int64_t bin = (int64_t)ceil(p * (double)bins) - 1; /* bins are open below */

        bin = bin < 0 ? 0 : (bin >= bins ? bins - 1 : bin);
        gap[bin] += p - (class == outcome->label[i]);
    }
    for (int64_t i = 0; i < bins; i++)
        sum += fabs(gap[i]);
    return evaluation_add(evaluation, GOAL_MINIMIZE, sum / (double)outcome->n, error, "ece");
}

const struct metric_kind metric_ece = {
    .kind = {.name = "ece",
             .help =
                 "Expected calibration error: how far probabilities are from what they promise.",
             .config_size = sizeof(struct ece_config),
             .settings = ece_settings},
    .classification = true,
    .goal = GOAL_MINIMIZE,
    .measure = ece_measure,
};
