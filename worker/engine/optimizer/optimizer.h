/*
 * Optimizers: how a gradient moves the weights. All parameters of a network lie in one arena, so a
 * step is one call. An optimizer's memory (moments, velocities) are arrays as long as the arena,
 * and part of the registered state.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_OPTIMIZER_OPTIMIZER_H
#define NIGHTJAR_WORKER_ENGINE_OPTIMIZER_OPTIMIZER_H

#include "common/spec/setting.h"
#include "worker/engine/kernel/kernel.h"
#include "worker/engine/tensor.h"

#include <stdint.h>

#define OPTIMIZER_MOMENTS_MAX 4

struct optimizer_step {
    const struct kernel *kernel;
    real *value, *gradient; /* [n]; the gradient is cleared */
    real *moment[OPTIMIZER_MOMENTS_MAX];
    int64_t n;
    uint64_t step;     /* from 1 */
    double rate_scale; /* of a schedule; 1: the rate as configured */
};

struct optimizer_kind {
    struct kind kind;
    int (*moments)(const void *config); /* arrays that it keeps */
    void (*step)(const void *config, const struct optimizer_step *step);
};

extern const struct kind_registry optimizer_registry;

#endif
