/*
 * Training watches itself: what a person would see in the curves if they sat beside it.
 *
 * Each trouble is a warning with the place and the figure, told once. Some of them are reasons to
 * stop, or to begin again with another seed, where the policy says so.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_GUARD_H
#define NIGHTJAR_WORKER_ENGINE_GUARD_H

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

#define GUARD_MEMORY 8 /* epochs */

enum guard_told { /* bits of guard_memory.told */
                  GUARD_OSCILLATION = 1,
                  GUARD_DIVERGENCE = 2,
                  GUARD_STUCK = 4,
                  GUARD_OVERFIT = 8,
                  GUARD_TOO_GOOD = 16,
                  GUARD_NO_NUMBER = 32,
};

struct guard_memory { /* registered; all-zero at the start */
    int64_t epochs;
    double loss[GUARD_MEMORY]; /* of training, the last ones: [epoch % GUARD_MEMORY] */
    double first, best;        /* of training */
    double best_valid;
    double last_valid; /* of the epoch before; NAN: none */
    int64_t told;
};

/* Whether a training loss is so many times the best so far. Below 0 (likelihoods), where times mean
 * nothing, it has risen by as many of the best's size, and by as many units at least. */
bool guard_is_worse(const struct guard_memory *memory, double train_loss, double times);
/* After each epoch. valid_loss: of n_valid rows; NAN where there is none. *ret_serious: this epoch
 * showed a trouble for which training may be stopped or begun again. */
bool guard_epoch(struct guard_memory *memory, double train_loss, double valid_loss, int64_t n_valid,
                 bool *ret_serious, struct error *error);
/* After each epoch, of the metric that decides: told where it is no number. */
bool guard_value(struct guard_memory *memory, const char *metric, double value, int64_t epoch,
                 struct error *error);
/* At the end: a note where the loss still fell. */
bool guard_end(const struct guard_memory *memory, struct error *error);

#endif
