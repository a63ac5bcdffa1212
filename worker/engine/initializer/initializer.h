/* Initialisers: first values of a parameter, each a function of (seed, parameter's name, index). */
#ifndef NIGHTJAR_WORKER_ENGINE_INITIALIZER_INITIALIZER_H
#define NIGHTJAR_WORKER_ENGINE_INITIALIZER_INITIALIZER_H

#include "common/spec/setting.h"
#include "worker/engine/tensor.h"

#include <stdint.h>

struct initializer_target {
    real *value; /* [n] */
    int64_t n, fan_in, fan_out;
    uint64_t seed;
    uint32_t purpose; /* random_purpose("initial", parameter's name) */
};

struct initializer_kind {
    struct kind kind;
    void (*fill)(const void *config, const struct initializer_target *target);
};

extern const struct kind_registry initializer_registry;

#endif
