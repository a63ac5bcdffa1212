/*
 * Optimizers: how a gradient moves the weights. All parameters of a network lie in one arena, so a
 * step is a call for each slice of it that is treated alike (update.h). An optimizer's memory
 * (moments, velocities) are arrays as long as the arena, and part of the registered state.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_OPTIMIZER_OPTIMIZER_H
#define NIGHTJAR_WORKER_ENGINE_OPTIMIZER_OPTIMIZER_H

#include "common/spec/setting.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/tensor.h"

#include <stdint.h>

#define OPTIMIZER_MOMENTS_MAX 4

/* What a group of parameters remembers beside its moments: those that were frozen begin later. */
struct optimizer_memory {
    int64_t updates; /* with this one: from 1 */
    double product;  /* of nadam's momenta */
};

struct optimizer_step {
    const struct kernel *kernel;
    real *value, *gradient; /* [n]; the gradient is cleared */
    real *moment[OPTIMIZER_MOMENTS_MAX];
    int64_t n;
    const struct optimizer_memory *memory;
    double rate_scale; /* of schedules and groups; 1: the rate as configured */
};

struct optimizer_kind {
    struct kind kind;
    int (*moments)(const void *config); /* arrays that it keeps */
    /* Once an update and group, after memory->updates was counted up. NULL: nothing to do. */
    void (*begin)(const void *config, struct optimizer_memory *memory);
    void (*step)(const void *config, const struct optimizer_step *step);
};

extern const struct kind_registry optimizer_registry;

#endif
