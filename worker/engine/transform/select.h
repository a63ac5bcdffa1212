/* What kinds share that choose columns: the transform's columns are those that stay. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_SELECT_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_SELECT_H

#include "worker/engine/transform/transform.h"

/* Keeps those of all columns, whether chosen before or not, that `keep` says; in[layout width]. */
bool select_fit(struct fitting *fitting, const bool *keep, struct error *error);
void select_apply(const struct transform *transform, const struct block *in, struct block *out);

#endif
