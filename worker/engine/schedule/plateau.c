/*
 * plateau: lowers the rate when the value that decides (train.early_stopping.metric; without a
 * validation part the training loss) has not improved for more than `patience` epochs.
 */
#include "worker/engine/schedule/schedule.h"

#include <math.h>

struct plateau_config {
    double factor, min_delta, floor;
    int64_t patience, rest;
};

static const struct setting plateau_settings[] = {
    SETTING_REAL(struct plateau_config, factor, 0.1, 0, 1, SETTING_OPEN_LOW | SETTING_OPEN_HIGH, "",
                 "What is left of the rate each time."),
    SETTING_INTEGER(struct plateau_config, patience, 10, 0, 1000000000, "epochs",
                    "Epochs without improvement that are put up with."),
    SETTING_REAL(struct plateau_config, min_delta, 1e-4, 0, 1, 0, "",
                 "Share of the best value by which another has to be better to count."),
    SETTING_INTEGER(struct plateau_config, rest, 0, 0, 1000000000, "epochs",
                    "Epochs after a fall that are not counted."),
    SETTING_REAL(struct plateau_config, floor, 0, 0, 1, 0, "",
                 "Share of the rate below which it does not fall."),
    {0},
};

static double plateau_factor(const void *config, const struct schedule_time *time,
                             const struct schedule_memory *memory)
{
    const struct plateau_config *plateau = config;

    (void)time;
    return fmax(pow(plateau->factor, (double)memory->lowered), plateau->floor);
}

static bool better(const struct plateau_config *plateau, double value, bool maximize, double best)
{
    double margin = plateau->min_delta * fabs(best);

    return maximize ? value > best + margin : value < best - margin;
}

static void plateau_judge(const void *config, double value, bool maximize,
                          struct schedule_memory *memory)
{
    const struct plateau_config *plateau = config;

    if (memory->judged++ == 0 || better(plateau, value, maximize, memory->best)) {
        memory->best = value;
        memory->waited = 0;
    } else {
        memory->waited++;
    }
    if (memory->resting > 0) {
        memory->resting--;
        memory->waited = 0;
    }
    if (memory->waited > plateau->patience) {
        memory->lowered++;
        memory->resting = plateau->rest;
        memory->waited = 0;
    }
}

const struct schedule_kind schedule_plateau = {
    .kind = {.name = "plateau",
             .help = "Lowers the rate when the value that decides stops improving.",
             .config_size = sizeof(struct plateau_config),
             .settings = plateau_settings},
    .factor = plateau_factor,
    .judge = plateau_judge,
};
