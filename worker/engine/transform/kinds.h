/* The descriptors of this folder; registry.c lists them. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_KINDS_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_KINDS_H

#include "worker/engine/transform/transform.h"

extern const struct transform_kind transform_impute;
extern const struct transform_kind transform_minmax;
extern const struct transform_kind transform_onehot;
extern const struct transform_kind transform_standard;
extern const struct transform_kind transform_window;

#endif
