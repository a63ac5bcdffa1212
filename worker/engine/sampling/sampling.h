/*
 * Which of the training rows a training sees, and how often: a subset of them, and classes made
 * equally frequent. Decided by (seed, row id) alone, so that a smaller subset lies in a larger one
 * of the same seed. Validation and test parts stay as they are.
 *
 * Both are named in the spec's "prepare" among the transforms: {type: subset}, {type: balance}.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_SAMPLING_SAMPLING_H
#define NIGHTJAR_WORKER_ENGINE_SAMPLING_SAMPLING_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/transform/kinds.h"

#include <stdint.h>

enum subset_by { SUBSET_RANDOM, SUBSET_STRATIFIED, SUBSET_STRIDE, SUBSET_HEAD, SUBSET_GROUP };
struct subset_config {
    struct transform_config base; /* nothing of it is set */
    int by;                       /* enum subset_by */
    int64_t rows;                 /* 0: as the share has it */
    double share;
    int64_t offset;
};

enum balance_by { BALANCE_UNDERSAMPLE, BALANCE_OVERSAMPLE, BALANCE_WEIGHTS };
struct balance_config {
    struct transform_config base; /* nothing of it is set */
    int by;                       /* enum balance_by */
};

/* The config of such a kind in the spec's "prepare"; NULL: it is not there. */
const void *sampling_find(const struct kind_choices *prepare, const struct transform_kind *kind);

/* What a subset may go by: all borrowed. */
struct subset_keys {
    const uint64_t *row_id; /* NULL: the row's number */
    const int32_t *label;   /* [n_rows]; NULL: no classes */
    int64_t n_classes;
    const int32_t *group; /* [n_rows]; NULL: no groups */
    int64_t n_groups;
};
/* Takes a subset of `rows`, still ascending. */
bool sampling_subset(const struct subset_config *config, const struct subset_keys *keys,
                     uint64_t seed, struct row_list *rows, struct error *error);

/* As many rows of each class that occurs: of the rarest (some left out) or of the most frequent
 * (some several times). Ascending; caller owns. */
bool sampling_balance(bool oversample, const uint64_t *row_id, const int32_t *label,
                      int64_t n_classes, uint64_t seed, const struct row_list *rows,
                      struct row_list *ret, struct error *error);

/* Of each sample in `rows` that its class counts the same as any other there, mean 1 over them; 1
 * of all others. [n_samples]; caller owns. */
bool sampling_weights(const int32_t *label, int64_t n_classes, int64_t n_samples,
                      const struct row_list *rows, double **ret, struct error *error);

/* What of the data set's keys the rows cover: "3 of 4 classes, 10 of 1256 groups"; of a key of
 * several columns each by itself too. */
bool sampling_coverage(const struct dataset *dataset, const struct row_list *rows,
                       struct buffer *text, struct error *error);

#endif
