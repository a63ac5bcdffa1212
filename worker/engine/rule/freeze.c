/* freeze: parameters that stay as they are, for good or for the first epochs. */
#include "worker/engine/rule/rule.h"

struct freeze_config {
    char *match;
    int64_t epochs;
};

static const struct setting freeze_settings[] = {
    RULE_SETTING_MATCH(struct freeze_config, "all"),
    SETTING_INTEGER(struct freeze_config, epochs, 0, 0, 1000000000, "epochs",
                    "After how many epochs they begin to move; 0: never."),
    {0},
};

static void freeze_apply(const void *config, struct treatment *treatment)
{
    const struct freeze_config *freeze = config;

    treatment->frozen_epochs = freeze->epochs > 0 ? freeze->epochs : RULE_FOREVER;
}

const struct rule_kind rule_freeze = {
    .kind = {.name = "freeze",
             .help = "Keeps parameters as they are, for good or for the first epochs.",
             .config_size = sizeof(struct freeze_config),
             .settings = freeze_settings},
    .apply = freeze_apply,
};
