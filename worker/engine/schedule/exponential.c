/* exponential: factor^epoch, but not below the floor. */
#include "worker/engine/schedule/schedule.h"

#include <math.h>

struct exponential_config {
    double factor, floor;
};

static const struct setting exponential_settings[] = {
    SETTING_REAL(struct exponential_config, factor, 0.9, 0, 1, SETTING_OPEN_LOW, "",
                 "What is left of the rate after an epoch; it falls with every batch."),
    SETTING_REAL(struct exponential_config, floor, 0, 0, 1, 0, "",
                 "Share of the rate below which it does not fall."),
    {0},
};

static double exponential_factor(const void *config, const struct schedule_time *time,
                                 const struct schedule_memory *memory)
{
    const struct exponential_config *exponential = config;

    (void)memory;
    return fmax(pow(exponential->factor, schedule_epoch(time)), exponential->floor);
}

const struct schedule_kind schedule_exponential = {
    .kind = {.name = "exponential",
             .help = "Falls by the same share in every epoch.",
             .config_size = sizeof(struct exponential_config),
             .settings = exponential_settings},
    .factor = exponential_factor,
};
