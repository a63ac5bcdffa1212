/*
 * one_cycle (Smith, Topin 2018): from rate / divide up to the rate and down to rate / (divide
 * final), along half waves of the cosine. Of T batches the (warm T)-th has the whole rate and the
 * last one the least.
 */
#include "worker/engine/schedule/schedule.h"

#include <math.h>

struct one_cycle_config {
    int64_t epochs;
    double warm, divide, final;
};

static const struct setting one_cycle_settings[] = {
    SETTING_INTEGER(struct one_cycle_config, epochs, 0, 0, 1000000000, "epochs",
                    "Over how many epochs; 0: over train.epochs."),
    SETTING_REAL(struct one_cycle_config, warm, 0.3, 0, 1, SETTING_OPEN_LOW | SETTING_OPEN_HIGH, "",
                 "Share of the batches in which the rate rises."),
    SETTING_REAL(struct one_cycle_config, divide, 25, 1, 1e9, 0, "",
                 "The first rate is train.optimizer.rate by this."),
    SETTING_REAL(struct one_cycle_config, final, 1e4, 1, 1e12, 0, "",
                 "The last rate is the first by this."),
    {0},
};

static double between(double from, double to, double part)
{
    return to + (from - to) * (1 + cos(M_PI * part)) / 2;
}

static double one_cycle_factor(const void *config, const struct schedule_time *time,
                               const struct schedule_memory *memory)
{
    const struct one_cycle_config *cycle = config;
    double total = schedule_length(time, cycle->epochs) * (double)time->steps_per_epoch;
    double last = fmax(total - 1, 1), top = fmax(cycle->warm * total - 1, fmin(last - 1, 1));
    double at = fmin((double)time->step, last), first = 1 / cycle->divide;

    (void)memory;
    if (at < top)
        return between(first, 1, at / top);
    return between(1, first / cycle->final, (at - top) / (last - top));
}

const struct schedule_kind schedule_one_cycle = {
    .kind = {.name = "one_cycle",
             .help = "Rises to the rate, then falls far below where it began.",
             .config_size = sizeof(struct one_cycle_config),
             .settings = one_cycle_settings},
    .factor = one_cycle_factor,
    .ends = true,
};
