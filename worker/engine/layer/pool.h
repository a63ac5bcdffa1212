/* What the pooling layers share: windows along the steps. A row that is shorter than a window has
 * one, of the steps that there are; no other window reaches beyond a row's end. */
#ifndef NIGHTJAR_WORKER_ENGINE_LAYER_POOL_H
#define NIGHTJAR_WORKER_ENGINE_LAYER_POOL_H

#include "worker/engine/layer/layer.h"

struct pool_config {
    int64_t size, stride;
};
extern const struct setting pool_settings[];

struct pool {
    int64_t size, stride;
};

bool pool_build(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                struct error *error);
int64_t pool_length(const struct layer *layer, int64_t length);
/* For pools over all steps. */
bool pool_build_global(struct layer *layer, const struct shape *in, int n_in, struct shape *ret_out,
                       struct error *error);
int64_t pool_steps_of(const struct tensor *x, int64_t row); /* that a row has */

#endif
