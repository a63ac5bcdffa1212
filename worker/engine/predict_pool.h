/*
 * Rows on several processors: each thread has a model of its own, and what they predict is given in
 * the order of the rows.
 *
 * Rows are shared out in pieces of whole batches, so that the numbers do not depend on how many
 * threads there are. At most two pieces a thread are in memory.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_PREDICT_POOL_H
#define NIGHTJAR_WORKER_ENGINE_PREDICT_POOL_H

#include "worker/engine/pipeline.h"

struct predicted_piece { /* borrowed for one call */
    const struct samples *samples;
    const struct distribution_shape *distribution;
    const int64_t *row;       /* [n] */
    int64_t n, all;           /* rows of this piece, and of all pieces */
    const double *prediction; /* [n][width] */
    int64_t width;
    const char *compute; /* what it was computed in, where that is not as in training; or NULL */
    const struct buffer *text; /* as lines of CSV, without a header; where the plan wants it */
};

struct predict_plan {
    const char *model;              /* a model file; each thread reads it */
    const struct dataset *dataset;  /* borrowed, as the next */
    const struct row_list *list;    /* what is to be predicted; NULL: every row, in their order */
    const struct row_list *samples; /* that tell those (model_predict_rows()) */
    int64_t batch, n_cpus;          /* at least 1 */
    const struct bf16x3_kernel *bf16x3; /* what products are computed with; NULL: in float */
    bool text;
    void *context;
    /* In order, in the thread that calls predict_pool_run(). */
    bool (*give)(void *context, const struct predicted_piece *piece, struct error *error);
};
bool predict_pool_run(const struct predict_plan *plan, struct error *error);

#endif
