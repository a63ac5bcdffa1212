/* What layers with an activation share, and the layers that are one. */
#ifndef NIGHTJAR_WORKER_ENGINE_LAYER_ACTIVATION_H
#define NIGHTJAR_WORKER_ENGINE_LAYER_ACTIVATION_H

#include "worker/engine/layer/layer.h"

/* y = f(y + bias); bias NULL: none. `sums` (NULL: no trip back) takes y + bias where the gradient
 * needs it. leaky_relu has slope 0.01 and elu reaches -1. */
void activation_apply(struct pass *pass, enum activation activation, const real *bias,
                      struct tensor *y, real *sums);
/* dz = dy f'(z); dz may be dy's data. */
void activation_back(struct pass *pass, enum activation activation, const struct tensor *y,
                     const real *sums, const struct tensor *dy, real *dz);
/* Elements of `sums` for each element of y: 0 or 1. */
int64_t activation_keeps(enum activation activation);

/* For layers that are an activation: same shape in and out. */
bool activation_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                      struct error *error);
void activation_forward(struct pass *pass, const struct tensor *x, struct tensor *y,
                        enum activation activation, real alpha);
void activation_backward(struct pass *pass, const struct tensor *y, const struct tensor *dy,
                         struct tensor *dx, enum activation activation, real alpha);

#endif
