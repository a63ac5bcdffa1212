/* range_test: from^(1 - part), where part goes from 0 to 1: the same share more at every batch, and
 * the last of them has it all. */
#include "worker/engine/schedule/schedule.h"

#include <math.h>

struct range_test_config {
    int64_t epochs;
    double from;
};

static const struct setting range_test_settings[] = {
    SETTING_INTEGER(struct range_test_config, epochs, 0, 0, 1000000000, "epochs",
                    "Over how many epochs the rate rises; 0: over train.epochs."),
    SETTING_REAL(struct range_test_config, from, 1e-4, 0, 1, SETTING_OPEN_LOW, "",
                 "Share of the rate at the start; at the end it is the whole."),
    {0},
};

static double range_test_factor(const void *config, const struct schedule_time *time,
                                const struct schedule_memory *memory)
{
    const struct range_test_config *range = config;
    double last = schedule_length(time, range->epochs) * (double)time->steps_per_epoch - 1;

    (void)memory;
    return (double)time->step < last ? pow(range->from, 1 - (double)time->step / last) : 1;
}

const struct schedule_kind schedule_range_test = {
    .kind = {.name = "range_test",
             .help = "Rises from a small share of the rate to all of it, to see which rates a "
                     "training bears.",
             .config_size = sizeof(struct range_test_config),
             .settings = range_test_settings},
    .factor = range_test_factor,
    .ends = true,
};
