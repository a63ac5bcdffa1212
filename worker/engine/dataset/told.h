/*
 * Which rows samples predict.
 *
 * Where each step of a window has a label, a sample predicts many rows, and a row lies in many
 * samples. It is told once: by the first listed sample that reaches it, which of all those that
 * hold it has seen most of what lies before it. Else samples and rows are the same.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_TOLD_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_TOLD_H

#include "common/error.h"
#include "worker/engine/dataset/row_list.h"
#include "worker/engine/dataset/sample.h"

#include <stdbool.h>

/* The rows that the steps of samples (ascending) predict and of which the truth is known or, where
 * the set has none, all of them: ascending, each once. */
bool told_list(const struct sample_set *set, const struct row_list *samples,
               struct row_list *ret_rows, struct error *error);

struct told { /* the same of samples of either kind */
    const struct row_list *rows;
    struct row_list own; /* owned: where rows are not the samples */
};
bool told_open(const struct sample_set *set, const struct row_list *samples, struct told *ret,
               struct error *error);
void told_release(struct told *told);

#endif
