/* branch: a place in the list, not a layer: what follows it starts again elsewhere. */
#include "worker/engine/layer/layer.h"

static const struct setting branch_settings[] = {
    SETTING_TEXT(struct layer_branch_config, name, NULL, SETTING_REQUIRED,
                 "What joins, and later branches, call it."),
    SETTING_TEXT(struct layer_branch_config, from, NULL, 0,
                 "Where it begins: an input of the data or an earlier branch; left out: where the "
                 "last branch began."),
    {0},
};

const struct layer_kind layer_branch = {
    .kind = {.name = "branch",
             .help = "The layers from here to the next branch or join are a branch of their own.",
             .config_size = sizeof(struct layer_branch_config),
             .settings = branch_settings},
    .role = LAYER_BRANCHES,
};
