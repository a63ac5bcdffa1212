/* All schedules, alphabetically. */
#include "worker/engine/schedule/schedule.h"

extern const struct schedule_kind schedule_constant, schedule_cosine, schedule_exponential,
    schedule_one_cycle, schedule_plateau, schedule_range_test, schedule_step, schedule_warm_up;

static const struct kind *const kinds[] = {
    &schedule_constant.kind,  &schedule_cosine.kind,  &schedule_exponential.kind,
    &schedule_one_cycle.kind, &schedule_plateau.kind, &schedule_range_test.kind,
    &schedule_step.kind,      &schedule_warm_up.kind, NULL,
};

const struct kind_registry schedule_registry = {.what = "schedule", .kind = kinds};
