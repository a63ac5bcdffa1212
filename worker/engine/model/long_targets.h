/*
 * data.long: a model with one output that learns several targets.
 *
 * Each row of the samples is one sample of the inner model for each target: number
 * row * n_targets + k, with what says that target k is meant behind the features of each step. The
 * truth of these samples lies as that of the rows does, so nothing is copied. To all others the
 * model looks like one with n_targets outputs; a batch of rows has all samples of these rows.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_LONG_TARGETS_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_LONG_TARGETS_H

#include "worker/engine/model/model.h"

/* Features that say which target is meant; 0: the plan has no such thing. */
int64_t long_targets_width(const struct model_plan *plan);

/* As of a kind; `inner`: what the plan's layers are. */
bool long_targets_build(const struct model_kind *inner, const struct model_plan *plan,
                        struct model **ret_model, struct error *error);
bool long_targets_measure(const struct model_kind *inner, const struct model_plan *plan,
                          int64_t *ret_parameters, int64_t *ret_memory, struct error *error);

/* The model within; of any other model itself. */
const struct model *long_targets_inner(const struct model *model);

#endif
