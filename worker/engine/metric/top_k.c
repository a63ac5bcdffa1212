/* top_k: the share of rows whose true class is among the k with the greatest probabilities; of
 * equal ones those that come later count, as scikit-learn has it. */
#include "worker/engine/metric/outcome.h"

struct top_k_config {
    int64_t k;
};

static const struct setting top_k_settings[] = {
    SETTING_INTEGER(struct top_k_config, k, 3, 1, 1000000, "classes",
                    "How many classes may be named."),
    {0},
};

static bool top_k_measure(const void *config, const struct outcome *outcome,
                          struct evaluation *evaluation, struct error *error)
{
    const struct top_k_config *top = config;
    double found = 0;

    for (int64_t i = 0; i < outcome->n; i++) {
        const double *p = outcome->prediction + i * outcome->n_classes;
        int32_t label = outcome->label[i];
        int64_t before = 0;

        for (int64_t k = 0; k < outcome->n_classes; k++)
            before += p[k] > p[label] || (p[k] == p[label] && k > label);
        found += before < top->k;
    }
    return evaluation_add(evaluation, GOAL_MAXIMIZE, found / (double)outcome->n, error,
                          "top_%lld_accuracy", (long long)top->k);
}

const struct metric_kind metric_top_k = {
    .kind = {.name = "top_k",
             .help = "Share of rows whose true class is among the k most probable.",
             .config_size = sizeof(struct top_k_config),
             .settings = top_k_settings},
    .classification = true,
    .goal = GOAL_MAXIMIZE,
    .measure = top_k_measure,
};
