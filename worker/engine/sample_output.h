/*
 * Samples as a model is given them, written to a file that appears when it is whole.
 *
 * .h5: arrays that any HDF5 reader takes piece by piece,
 *   /x             float32 [samples][width], of windows [samples][steps][width]
 *   /x.<feature>   of each further input (words, tokens)
 *   /length        int32: steps that a sample has, where that varies
 *   /label         int32: of classes; or /target float64 [samples][targets], in their own units;
 *                  of each step [samples][steps][...], -1 or NAN of steps that a sample has not
 *   /id            int64 [samples][ids]; the row in the file where there are no ids or texts
 *   /part          int32: 0 train, 1 valid, 2 test
 *   /meta          JSON: names of columns, classes, targets, ids; seed, source, what was fitted
 * .csv: a line a sample: ids, part, columns (of later steps "r[1]"), label or targets.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_SAMPLE_OUTPUT_H
#define NIGHTJAR_WORKER_ENGINE_SAMPLE_OUTPUT_H

#include "common/error.h"
#include "common/json.h"
#include "worker/engine/dataset/samples.h"

#include <stdint.h>

struct sample_output;

bool sample_output_is_text(const char *path);

/* `n`: samples that will be put. The meta is taken; names of what the samples have are added to it.
 * INVALID where the name ends in neither .csv nor .h5. Borrows the samples. */
bool sample_output_open(const char *path, const struct samples *samples, int64_t n, cJSON **meta,
                        struct sample_output **ret, struct error *error);
/* The next samples: rows of a part, as many as sample_output_batch() at most. */
int64_t sample_output_batch(const struct sample_output *output);
bool sample_output_put(struct sample_output *output, const int64_t *row, int64_t n, int part,
                       struct error *error);
bool sample_output_commit(struct sample_output *output, int64_t *ret_bytes, struct error *error);
/* Without a commit nothing stays. */
void sample_output_free(struct sample_output **output);

#endif
