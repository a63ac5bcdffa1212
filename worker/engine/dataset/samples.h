/* Rows of a table, or windows of them, as a sample set: raw values in memory, transforms applied
 * when a batch is gathered. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SAMPLES_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SAMPLES_H

#include "common/error.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/dataset/window.h"
#include "worker/engine/transform/apply.h"
#include "worker/engine/transform/preparation.h"

struct samples {
    struct sample_set set;                 /* its context is this struct */
    const struct dataset *dataset;         /* borrowed */
    const struct preparation *preparation; /* borrowed */
    const struct window_config *window;    /* a copy of its own; NULL: samples are rows */
    struct window_config window_copy;
    double *logarithm;       /* owned: of targets; NULL: not learned */
    int32_t *majority;       /* owned: labels of windows; NULL: those of rows */
    struct applier *applier; /* owned */
    int64_t n_unknown;       /* rows with a category that the model does not know */
};
void samples_free(struct samples **samples);

/* `window` NULL: rows. `stretches`: as for applier_make(). INVALID where a value is missing that
 * nothing imputes. Without labels or targets (new rows) the set only serves prediction. */
bool samples_make(const struct dataset *dataset, const struct preparation *preparation,
                  const struct window_config *window, const struct stretches *stretches,
                  struct samples **ret_samples, struct error *error);

/* All rows that can be predicted, each once, in the order of the file. *ret_samples: where several
 * steps of a sample have a truth, the samples that tell those rows (told.h); else empty. */
bool samples_list_all(const struct samples *samples, struct row_list *ret_samples,
                      struct row_list *ret_rows, struct error *error);

#endif
