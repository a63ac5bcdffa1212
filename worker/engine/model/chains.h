/*
 * Chains: samples of which each begins where another ends, as a stateful model goes through them.
 * Which chains there are depends on the samples that are asked about, not on their order.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_MODEL_CHAINS_H
#define NIGHTJAR_WORKER_ENGINE_MODEL_CHAINS_H

#include "common/error.h"
#include "worker/engine/dataset/sample.h"

#include <stdint.h>

struct chains { /* all-zero is a valid empty one */
    int64_t n;
    int64_t *first; /* owned, [n + 1]: chain i is place[first[i] .. first[i + 1] - 1]; the longest
                       chains come first */
    int64_t *place; /* owned: indices of the list that was asked about */
};
void chains_release(struct chains *chains);
bool chains_find(const struct sample_set *set, const int64_t *row, int64_t n, struct chains *ret,
                 struct error *error);

struct chain_batch { /* all-zero is a valid empty one; all owned, [capacity] */
    int64_t capacity;
    int64_t *row, *place;
    double *prediction; /* [capacity][width] */
};
void chain_batch_release(struct chain_batch *batch);
bool chain_batch_init(struct chain_batch *batch, int64_t capacity, int64_t width,
                      struct error *error);
/* The k-th samples of chains first .. first + capacity - 1: how many chains are so long. */
int64_t chains_batch(const struct chains *chains, const int64_t *row, int64_t first, int64_t k,
                     const struct chain_batch *batch);

#endif
