/* repeat: the layers before it again, with weights of their own. */
#include "worker/engine/layer/layer.h"

static const struct setting repeat_settings[] = {
    SETTING_INTEGER(struct layer_repeat_config, layers, 1, 1, 100, "",
                    "How many layers before this one are repeated."),
    SETTING_INTEGER(struct layer_repeat_config, times, 2, 1, 1000, "",
                    "How often they stand there in all."),
    {0},
};

const struct layer_kind layer_repeat = {
    .kind = {.name = "repeat",
             .help = "The layers before it stand there several times, each with its own weights.",
             .config_size = sizeof(struct layer_repeat_config),
             .settings = repeat_settings},
    .role = LAYER_REPEATS,
};
