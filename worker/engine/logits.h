/*
 * Histograms of a classifier's outputs before softmax (logits): for each output the rows of its own
 * class and those of all others apart. Bins are as wide as the values need: they lie evenly about 0
 * within a power of 2, which grows with what is seen, so that the order of the rows is of no
 * account.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_LOGITS_H
#define NIGHTJAR_WORKER_ENGINE_LOGITS_H

#include "common/error.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/tensor.h"

#include <stdint.h>

#define LOGITS_BINS 12 /* even */

struct logits { /* all-zero is a valid empty one */
    int64_t n_outputs;
    double range;   /* bins lie within -range and range */
    int64_t *count; /* owned, [n_outputs][2: its class, others][LOGITS_BINS] */
};
void logits_release(struct logits *logits);
/* For a network of so many outputs: one for each class, or one for the second of two. */
bool logits_init(struct logits *logits, int64_t n_outputs, struct error *error);
/* Outputs of the set's samples row[0 .. n - 1]; what is not finite is left out. */
void logits_add(struct logits *logits, const struct tensor *y, const struct sample_set *set,
                const int64_t *row, int64_t n);
/* Reports the table "<part>.logits[<epoch>]". */
bool logits_report(const struct logits *logits, const struct sample_set *set, const char *part,
                   int64_t epoch, struct error *error);

#endif
