/*
 * Weights that other programs wrote, as the arrays of a model.
 *
 *   .npz         arrays by our names ("dense1.weight", "lstm1.recurrent") in our shapes, which are
 *                PyTorch's: [outputs][inputs], gates i f g o of an LSTM and r z n of a GRU, a
 *                convolution's [filters][steps][inputs]
 *   Keras' HDF5  weights or whole models (Keras 2): the n-th layer of a kind has the n-th one's, by
 *                the numbers in their names, or one that is named; kernels are transposed, gates
 *                put into our order
 */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_OUTSIDE_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_OUTSIDE_H

#include "worker/engine/model/model.h"

#include <stdbool.h>

struct outside; /* a file of arrays */

/* CORRUPT, INVALID: the file is none of these. `names` (borrowed as long as it is open; NULL: none)
 * are pairs "dense1=logits": that layer of ours is that layer of the file's. */
bool outside_open(const char *path, const struct setting_texts *names, struct outside **ret,
                  struct error *error);
void outside_free(struct outside **outside);
/* INVALID where a name is of no layer of the model, or of none in the file. */
bool outside_check_names(const struct outside *outside, struct model *model, struct error *error);
/* Fills the model's i-th array. INVALID where the file has it not, or in another shape, with what
 * it has. */
bool outside_read(const struct outside *outside, struct model *model, int64_t index,
                  struct error *error);

#endif
