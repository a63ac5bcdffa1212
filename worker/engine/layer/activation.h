/* What the activation layers share: same shape in and out, one call of a kernel each way. */
#ifndef NIGHTJAR_WORKER_ENGINE_LAYER_ACTIVATION_H
#define NIGHTJAR_WORKER_ENGINE_LAYER_ACTIVATION_H

#include "worker/engine/layer/layer.h"

bool activation_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                      struct error *error);
void activation_forward(struct pass *pass, const struct tensor *x, struct tensor *y,
                        enum activation activation, real alpha);
void activation_backward(struct pass *pass, const struct tensor *y, const struct tensor *dy,
                         struct tensor *dx, enum activation activation, real alpha);

#endif
