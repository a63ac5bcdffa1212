/* Initialisers: first values of a parameter, each a function of (seed, parameter's name, index). */
#ifndef NIGHTJAR_WORKER_ENGINE_INITIALIZER_INITIALIZER_H
#define NIGHTJAR_WORKER_ENGINE_INITIALIZER_INITIALIZER_H

#include "common/spec/setting.h"
#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stdint.h>

struct initializer_target {
    real *value; /* [n] */
    int64_t n, rows, columns, fan_in, fan_out;
    uint64_t seed;
    uint32_t purpose; /* random_purpose("initial", parameter's name) */
};

struct initializer_kind {
    struct kind kind;
    /* false: no memory */
    bool (*fill)(const void *config, const struct initializer_target *target);
};

struct initializer_uniform_config { /* for layers that choose it themselves */
    double bound;
};
struct initializer_constant_config { /* alike */
    double value;
};

extern const struct kind_registry initializer_registry;

#endif
