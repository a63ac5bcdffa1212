/* The rows that a transform is fitted on, block by block, as the transforms before it leave them;
 * as often as one likes, in memory that does not grow with their number. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_ROW_STREAM_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_ROW_STREAM_H

#include "common/error.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/transform/apply.h"
#include "worker/engine/transform/transform.h"

#include <stdint.h>

struct window_config;
struct row_stream { /* all borrowed */
    struct applier *applier;
    const struct row_list *rows;        /* or samples, that are windows */
    const struct window_config *window; /* NULL: rows */
};

/* The rows from *at on, which it moves; NULL: no more. *ret_row: their numbers, as many as the
 * block has samples, valid until the next call. */
const struct block *row_stream_next(const struct row_stream *stream, int64_t *at,
                                    const int64_t **ret_row);

/* Most rows of a block. */
int64_t row_stream_block_rows(const struct row_stream *stream);

struct column_figures {
    int64_t n; /* values that are not missing */
    int64_t n_missing;
    double mean;
    double sd; /* of the population: divided by n */
    double minimum, maximum;
};
bool row_stream_figures(const struct row_stream *stream, const int64_t *column, int64_t n,
                        struct column_figures *ret, struct error *error);

/* Exact, interpolated between neighbours: ret[n][n_fractions]; NAN where a column has no value. */
bool row_stream_quantiles(const struct row_stream *stream, const int64_t *column, int64_t n,
                          const double *fraction, int64_t n_fractions, double *ret,
                          struct error *error);

/* INVALID: there is nothing to fit the transform's i-th column on. */
bool row_stream_refuse_empty(const struct fitting *fitting, int64_t i, struct error *error);

#endif
