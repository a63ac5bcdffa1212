/* rate: a learning rate of their own for some parameters. */
#include "worker/engine/rule/rule.h"

struct rate_config {
    char *match;
    double factor;
};

static const struct setting rate_settings[] = {
    RULE_SETTING_MATCH(struct rate_config, "all"),
    SETTING_REAL(struct rate_config, factor, 0.1, 0, 1e6, SETTING_OPEN_LOW, "",
                 "Times train.optimizer.rate."),
    {0},
};

static void rate_apply(const void *config, struct treatment *treatment)
{
    treatment->rate = ((const struct rate_config *)config)->factor;
}

const struct rule_kind rule_rate = {
    .kind = {.name = "rate",
             .help = "Gives parameters a learning rate of their own.",
             .config_size = sizeof(struct rate_config),
             .settings = rate_settings},
    .apply = rate_apply,
};
