/* l1: adds strength * sum |w| to what is made small: strength * sign w to the gradient. */
#include "worker/engine/rule/rule.h"

struct l1_config {
    char *match;
    double strength;
};

static const struct setting l1_settings[] = {
    RULE_SETTING_MATCH(struct l1_config, "all weights but no biases"),
    SETTING_REAL(struct l1_config, strength, 1e-4, 0, 1e6, 0, "",
                 "Adds strength * sum |w|; losses are told without it."),
    {0},
};

static void l1_apply(const void *config, struct treatment *treatment)
{
    treatment->l1 = ((const struct l1_config *)config)->strength;
}

const struct rule_kind rule_l1 = {
    .kind = {.name = "l1",
             .help =
                 "Pulls weights towards 0 by the sum of their sizes, so that many become nearly 0.",
             .config_size = sizeof(struct l1_config),
             .settings = l1_settings},
    .apply = l1_apply,
    .weights_only = true,
};
