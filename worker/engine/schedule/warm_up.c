/* warm_up: start + (1 - start) batch / length, then the whole rate. */
#include "worker/engine/schedule/schedule.h"

#include <math.h>

struct warm_up_config {
    double epochs, start;
    int64_t batches;
};

static const struct setting warm_up_settings[] = {
    SETTING_REAL(struct warm_up_config, epochs, 1, 0, 1e9, SETTING_OPEN_LOW, "epochs",
                 "How long the rate rises."),
    SETTING_INTEGER(struct warm_up_config, batches, 0, 0, 1000000000000, "batches",
                    "The same in batches; 0: as epochs says."),
    SETTING_REAL(struct warm_up_config, start, 0.1, 0, 1, SETTING_OPEN_LOW, "",
                 "Share of the rate of the first batch."),
    {0},
};

static double warm_up_factor(const void *config, const struct schedule_time *time,
                             const struct schedule_memory *memory)
{
    const struct warm_up_config *warm = config;
    double batches =
        warm->batches > 0 ? (double)warm->batches : warm->epochs * (double)time->steps_per_epoch;

    (void)memory;
    return warm->start + (1 - warm->start) * fmin((double)time->step / batches, 1);
}

const struct schedule_kind schedule_warm_up = {
    .kind = {.name = "warm_up",
             .help = "Rises from a small rate in the first batches.",
             .config_size = sizeof(struct warm_up_config),
             .settings = warm_up_settings},
    .factor = warm_up_factor,
};
