/* pinball: of the predicted quantile at a level q: q (t - y) where t >= y, else (1 - q) (y - t). */
#include "worker/engine/metric/outcome.h"

struct pinball_config {
    double level;
};

static const struct setting pinball_settings[] = {
    SETTING_REAL(struct pinball_config, level, 0.5, 0, 1, SETTING_OPEN_LOW | SETTING_OPEN_HIGH, "",
                 "Which quantile."),
    {0},
};

static void pinball_levels(const void *config, double ret_level[2])
{
    ret_level[0] = ret_level[1] = ((const struct pinball_config *)config)->level;
}

static bool pinball_measure(const void *config, const struct outcome *outcome,
                            struct evaluation *evaluation, struct error *error)
{
    double level = ((const struct pinball_config *)config)->level, sum = 0;
    int64_t n = outcome->n * outcome->n_targets;

    for (int64_t i = 0; i < n; i++) {
        double above = outcome->target[i] - outcome_quantile(outcome, i / outcome->n_targets,
                                                             i % outcome->n_targets, level);

        sum += above >= 0 ? level * above : (level - 1) * above;
    }
    return evaluation_add(evaluation, GOAL_MINIMIZE, sum / (double)n, error, "pinball[%g]", level);
}

const struct metric_kind metric_pinball = {
    .kind = {.name = "pinball",
             .help =
                 "Pinball loss of the predicted quantile at a level, averaged over the targets; of "
                 "quantiles within their outer levels.",
             .config_size = sizeof(struct pinball_config),
             .settings = pinball_settings},
    .regression = true,
    .goal = GOAL_MINIMIZE,
    .levels = pinball_levels,
    .measure = pinball_measure,
};
