/* What Glorot's and He's initialisers share: values of a given variance. */
#ifndef NIGHTJAR_WORKER_ENGINE_INITIALIZER_VARIANCE_H
#define NIGHTJAR_WORKER_ENGINE_INITIALIZER_VARIANCE_H

#include "worker/engine/initializer/initializer.h"

void initializer_fill_uniform(const struct initializer_target *target, double variance);
void initializer_fill_normal(const struct initializer_target *target, double variance);

#endif
