/* l2: adds strength / 2 * sum w^2 to what is made small: strength * w to the gradient. */
#include "worker/engine/rule/rule.h"

struct l2_config {
    char *match;
    double strength;
};

static const struct setting l2_settings[] = {
    RULE_SETTING_MATCH(struct l2_config, "all weights but no biases"),
    SETTING_REAL(struct l2_config, strength, 1e-4, 0, 1e6, 0, "",
                 "Adds strength / 2 * sum w^2; losses are told without it."),
    {0},
};

static void l2_apply(const void *config, struct treatment *treatment)
{
    treatment->l2 = ((const struct l2_config *)config)->strength;
}

const struct rule_kind rule_l2 = {
    .kind = {.name = "l2",
             .help = "Pulls weights towards 0 by the sum of their squares.",
             .config_size = sizeof(struct l2_config),
             .settings = l2_settings},
    .apply = l2_apply,
    .weights_only = true,
};
