/*
 * A preparation applied to the rows of a data set, as batches are gathered.
 *
 * Affine transforms, and choices of columns, at the beginning of the list fold into the reading of
 * a value: one (scale, offset, fill) a column. Where nothing else is left, no value is missing and
 * none is a category, rows go straight from the data set into the batch; else they pass through
 * blocks.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_APPLY_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_APPLY_H

#include "common/error.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/tensor.h"
#include "worker/engine/transform/preparation.h"
#include "worker/engine/transform/transform.h"

#include <stdint.h>

struct row_span { /* of one sample: step t is row first + t, kept within low .. high - 1 */
    int64_t first, low, high;
    int64_t steps;
};
static inline struct row_span row_span_single(int64_t row)
{
    return (struct row_span){.first = row, .low = row, .high = row + 1, .steps = 1};
}

/* For one thread at a time: it has the blocks that it works in. */
struct applier;

/* Borrows both. The preparation may be half fitted: it is taken as it stands. What goes along
 * recordings does so in each of `stretches` (NULL: segments) by itself. */
bool applier_make(const struct preparation *preparation, const struct dataset *dataset,
                  const struct stretches *stretches, struct applier **ret_applier,
                  struct error *error);
void applier_free(struct applier **applier);

/* Most samples that go through in one block. */
int64_t applier_block_samples(const struct applier *applier);
int64_t applier_block_rows(const struct applier *applier);
/* Room for the numbers of so many samples. */
int64_t *applier_row_room(struct applier *applier);
/* The samples, transformed; valid until the next call. n: 1 .. applier_block_samples(); all have
 * the same number of steps. */
const struct block *applier_spans(struct applier *applier, const struct row_span *span, int64_t n);
const struct block *applier_rows(struct applier *applier, const int64_t *row, int64_t n);
/* Windows, which predict row[i]: as many of the first as have the same number of steps. */
struct window_config;
const struct block *applier_windows(struct applier *applier, const struct window_config *window,
                                    const int64_t *row, int64_t n);

/* Fills places at .. at + n - 1 of the preparation's inputs x[], [steps][rows][width] each, with
 * samples. Steps beyond those that a sample has become 0, and length[0..n), where it is given, says
 * how many it has. */
void applier_gather_spans(struct applier *applier, const struct row_span *span, int64_t n,
                          int64_t at, struct tensor x[], int32_t *length);
void applier_gather_rows(struct applier *applier, const int64_t *row, int64_t n, struct tensor x[]);

/* Adds samples of so many rows, the first of each `before` rows before its own. */
struct prefetch;
void applier_foresee(const struct applier *applier, int64_t before, int64_t steps,
                     struct prefetch *prefetch);

/* Rows with a category, or a word, that the preparation has never seen. */
int64_t applier_unknown_rows(const struct applier *applier);

#endif
