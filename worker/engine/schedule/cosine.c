/* cosine: floor + (1 - floor) (1 + cos(pi part)) / 2, where part goes from 0 to 1. */
#include "worker/engine/schedule/schedule.h"

#include <math.h>

struct cosine_config {
    int64_t epochs;
    double floor;
};

static const struct setting cosine_settings[] = {
    SETTING_INTEGER(struct cosine_config, epochs, 0, 0, 1000000000, "epochs",
                    "Over how many epochs the rate falls; 0: over train.epochs."),
    SETTING_REAL(struct cosine_config, floor, 0, 0, 1, 0, "",
                 "Share of the rate that is left at the end."),
    {0},
};

static double cosine_factor(const void *config, const struct schedule_time *time,
                            const struct schedule_memory *memory)
{
    const struct cosine_config *cosine = config;

    (void)memory;
    return cosine->floor +
           (1 - cosine->floor) * (1 + cos(M_PI * schedule_part(time, cosine->epochs))) / 2;
}

const struct schedule_kind schedule_cosine = {
    .kind = {.name = "cosine",
             .help = "Falls along half a wave of the cosine.",
             .config_size = sizeof(struct cosine_config),
             .settings = cosine_settings},
    .factor = cosine_factor,
    .ends = true,
};
