/* What most initialisers share: values of a given variance. */
#ifndef NIGHTJAR_WORKER_ENGINE_INITIALIZER_VARIANCE_H
#define NIGHTJAR_WORKER_ENGINE_INITIALIZER_VARIANCE_H

#include "worker/engine/initializer/initializer.h"

/* Both return true. */
bool initializer_fill_uniform(const struct initializer_target *target, double variance);
bool initializer_fill_normal(const struct initializer_target *target, double variance);

#endif
