#include "worker/engine/schedule/schedule.h"

#include <math.h>

static const struct schedule_kind *kind_of(const struct schedule *schedule, size_t i)
{
    return (const struct schedule_kind *)schedule->choices->item[i].kind;
}

static size_t count(const struct schedule *schedule)
{
    return schedule->choices ? schedule->choices->n : 0;
}

double schedule_epoch(const struct schedule_time *time)
{
    return (double)time->step / (double)time->steps_per_epoch;
}

double schedule_length(const struct schedule_time *time, int64_t epochs)
{
    return (double)(epochs > 0 ? epochs : time->epochs);
}

double schedule_part(const struct schedule_time *time, int64_t epochs)
{
    double part = schedule_epoch(time) / schedule_length(time, epochs);

    return part < 1 ? part : 1;
}

bool schedule_declare(struct schedule *schedule, struct state *state, struct error *error)
{
    return count(schedule) == 0 ||
           state_add(state, "schedule", schedule->memory, sizeof(schedule->memory), error);
}

double schedule_factor(const struct schedule *schedule, const struct schedule_time *time)
{
    double factor = 1;

    for (size_t i = 0; i < count(schedule); i++)
        factor *= kind_of(schedule, i)
                      ->factor(schedule->choices->item[i].config, time, &schedule->memory[i]);
    return factor;
}

void schedule_judge(struct schedule *schedule, double value, bool maximize)
{
    for (size_t i = 0; !isnan(value) && i < count(schedule); i++)
        if (kind_of(schedule, i)->judge)
            kind_of(schedule, i)
                ->judge(schedule->choices->item[i].config, value, maximize, &schedule->memory[i]);
}

bool schedule_ends(const struct schedule *schedule)
{
    bool ends = false;

    for (size_t i = 0; i < count(schedule); i++)
        ends = ends || kind_of(schedule, i)->ends;
    return ends;
}
