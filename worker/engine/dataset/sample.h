/*
 * Where batches come from: the seam between the data path and the learning engine.
 *
 * A sample set knows how to gather any of its samples into a tensor, scaled; the trainer decides
 * which, and in which order. Rows are indices into the data set, so a split is a list of rows and
 * copies nothing.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SAMPLE_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SAMPLE_H

#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stdint.h>

enum task { TASK_CLASSIFICATION, TASK_REGRESSION };

struct sample_set {
    void *context; /* borrowed by gather */
    /* Fills x (steps x n x width, allocated by the caller) with the samples of `row[0..n)`,
     * transforms applied. */
    void (*gather)(const struct sample_set *set, const int64_t *row, int64_t n, struct tensor *x);

    enum task task;
    struct shape shape; /* of one sample's input */
    int64_t n_samples;  /* rows are 0 .. n_samples - 1 */
    const uint64_t
        *row_id;       /* [n_samples]: identity for randomness, stable across splits and subsets */
    int64_t n_classes; /* classification */
    const int32_t *label; /* [n_samples], 0 .. n_classes - 1; NULL in regression */
    const char *const *class_name;
    int64_t n_targets; /* regression */
    const double
        *target; /* [n_samples][n_targets], in the target's own units; NULL in classification */
    const char *const *target_name;
    /* [n_targets]: networks train on (target - offset) / scale; what they predict is given back in
     * the target's units */
    const double *target_offset, *target_scale;
};

/* Row lists, ascending, disjoint; owned by whoever made the split. */
struct row_list {
    int64_t *row;
    int64_t n;
};
enum split_part { SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST, SPLIT_PART_COUNT };
struct split {
    struct row_list part[SPLIT_PART_COUNT];
};
extern const char *const split_part_name[SPLIT_PART_COUNT]; /* "train" "valid" "test" */

#endif
