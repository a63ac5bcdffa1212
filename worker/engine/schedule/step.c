/* step: lowers the rate at certain epochs. */
#include "worker/engine/schedule/schedule.h"

#include <math.h>

struct step_config {
    int64_t every;
    struct setting_integers at;
    double factor;
};

static const struct setting step_settings[] = {
    SETTING_INTEGER(struct step_config, every, 10, 1, 1000000000, "epochs",
                    "After how many epochs, again and again."),
    SETTING_INTEGERS(struct step_config, at, 1, 1000000000, 0, 1000,
                     "After which epochs, instead of every so many."),
    SETTING_REAL(struct step_config, factor, 0.1, 0, 1e6, SETTING_OPEN_LOW, "",
                 "What is left of the rate each time."),
    {0},
};

static double step_factor(const void *config, const struct schedule_time *time,
                          const struct schedule_memory *memory)
{
    const struct step_config *step = config;
    int64_t epoch = time->step / time->steps_per_epoch, times = 0;

    (void)memory;
    for (size_t i = 0; i < step->at.n; i++)
        times += epoch >= step->at.item[i];
    if (step->at.n == 0)
        times = epoch / step->every;
    return pow(step->factor, (double)times);
}

const struct schedule_kind schedule_step = {
    .kind = {.name = "step",
             .help = "Lowers the rate at certain epochs.",
             .config_size = sizeof(struct step_config),
             .settings = step_settings},
    .factor = step_factor,
};
