/* constant: the same rate from the first batch to the last. */
#include "worker/engine/schedule/schedule.h"

struct constant_config {
    double factor;
};

static const struct setting constant_settings[] = {
    SETTING_REAL(struct constant_config, factor, 1, 0, 1e6, SETTING_OPEN_LOW, "",
                 "Times train.optimizer.rate."),
    {0},
};

static double constant_factor(const void *config, const struct schedule_time *time,
                              const struct schedule_memory *memory)
{
    (void)time, (void)memory;
    return ((const struct constant_config *)config)->factor;
}

const struct schedule_kind schedule_constant = {
    .kind = {.name = "constant",
             .help = "The same rate from the first batch to the last.",
             .config_size = sizeof(struct constant_config),
             .settings = constant_settings},
    .factor = constant_factor,
};
