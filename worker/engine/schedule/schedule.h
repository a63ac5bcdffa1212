/*
 * Schedules: how the learning rate changes over a training. Each gives a factor of the configured
 * rate; where several are named (train.schedule is a list) their factors are multiplied.
 *
 * A factor is a function of where training stands, and of what the schedule remembers of the values
 * that it saw (plateau), which is part of the registered state.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_SCHEDULE_SCHEDULE_H
#define NIGHTJAR_WORKER_ENGINE_SCHEDULE_SCHEDULE_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/state.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULES_MAX 8

struct schedule_time {
    int64_t step;            /* batches before this one */
    int64_t steps_per_epoch; /* batches */
    int64_t epochs;          /* of the whole training, as configured */
};

struct schedule_memory { /* all-zero at the start */
    double best;
    int64_t lowered;                 /* times */
    int64_t judged, waited, resting; /* epochs */
};

struct schedule_kind {
    struct kind kind;
    double (*factor)(const void *config, const struct schedule_time *time,
                     const struct schedule_memory *memory);
    /* After each epoch: the value that decides which epoch is the best, else the training loss;
     * never NAN. NULL: it does not care. */
    void (*judge)(const void *config, double value, bool maximize, struct schedule_memory *memory);
    bool ends; /* its factors depend on the length of the training */
};
extern const struct kind_registry schedule_registry;

double schedule_epoch(const struct schedule_time *time); /* from 0, with its part: 2.5 */
/* Epochs over which a schedule goes: its own setting, or 0 for all of them. */
double schedule_length(const struct schedule_time *time, int64_t epochs);
/* 0 at the start of `epochs`, 1 at their end and after. */
double schedule_part(const struct schedule_time *time, int64_t epochs);

struct schedule {                       /* all-zero is an empty one: the rate as configured */
    const struct kind_choices *choices; /* borrowed: of schedule_registry */
    struct schedule_memory memory[SCHEDULES_MAX];
};
bool schedule_declare(struct schedule *schedule, struct state *state, struct error *error);
double schedule_factor(const struct schedule *schedule, const struct schedule_time *time);
/* An epoch whose value is NAN does not count. */
void schedule_judge(struct schedule *schedule, double value, bool maximize);
/* Whether any of them depends on the length of the training. */
bool schedule_ends(const struct schedule *schedule);

#endif
