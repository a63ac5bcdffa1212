/*
 * interval: of the middle interval that is predicted to hold a share of all values: coverage, the
 * share that it does hold, and width, its mean length.
 */
#include "worker/engine/metric/outcome.h"

struct interval_config {
    double level;
};

static const struct setting interval_settings[] = {
    SETTING_REAL(struct interval_config, level, 0.9, 0, 1, SETTING_OPEN_LOW | SETTING_OPEN_HIGH, "",
                 "Share of values that it should hold."),
    {0},
};

static void interval_levels(const void *config, double ret_level[2])
{
    double share = ((const struct interval_config *)config)->level;

    ret_level[0] = (1 - share) / 2;
    ret_level[1] = (1 + share) / 2;
}

static bool interval_measure(const void *config, const struct outcome *outcome,
                             struct evaluation *evaluation, struct error *error)
{
    double share = ((const struct interval_config *)config)->level, held = 0, width = 0, level[2];
    int64_t n = outcome->n * outcome->n_targets;

    interval_levels(config, level);
    for (int64_t i = 0; i < n; i++) {
        int64_t row = i / outcome->n_targets, target = i % outcome->n_targets;
        double low = outcome_quantile(outcome, row, target, level[0]);
        double high = outcome_quantile(outcome, row, target, level[1]);

        held += outcome->target[i] >= low && outcome->target[i] <= high;
        width += high - low;
    }
    return evaluation_add(evaluation, GOAL_NONE, held / (double)n, error, "coverage[%g]", share) &&
           evaluation_add(evaluation, GOAL_MINIMIZE, width / (double)n, error, "width[%g]", share);
}

const struct metric_kind metric_interval = {
    .kind = {.name = "interval",
             .help =
                 "Coverage and mean width of the predicted interval that should hold a share of "
                 "all values; of quantiles within their outer levels.",
             .config_size = sizeof(struct interval_config),
             .settings = interval_settings},
    .regression = true,
    .needs = METRIC_NEEDS_DISTRIBUTION,
    .goal = GOAL_MINIMIZE,
    .levels = interval_levels,
    .measure = interval_measure,
};
