/*
 * Where batches come from: the seam between the data path and the learning engine.
 *
 * A sample set knows how to gather any of its samples into tensors, one for each named input,
 * scaled; the trainer decides which, and in which order. A sample may be a table's row or a window
 * of a series; `row` is its index in the set, so a split is a list of rows and copies nothing.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SAMPLE_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SAMPLE_H

#include "worker/engine/dataset/prefetch.h"
#include "worker/engine/dataset/row_list.h"
#include "worker/engine/tensor.h"

#include <stdbool.h>
#include <stdint.h>

enum task { TASK_CLASSIFICATION, TASK_REGRESSION };

#define SAMPLE_INPUTS_MAX 16

struct sample_input {
    const char *name;   /* borrowed: what a model's branches call it */
    struct shape shape; /* of one sample; steps: the longest's */
    bool varies;        /* each sample has a number of steps of its own, 1 .. shape.steps */
    int64_t n_tokens;   /* > 0: values are whole, 0 .. n_tokens - 1, and meant for an embedding */
};

/* Where the truth of a sample's steps lies: entries first .. first + n - 1 of labels or targets are
 * those of its steps `step` .. step + n - 1; the last of them has the sample's own number. */
struct truth_span {
    int64_t first, n, step;
};

struct sample_set {
    void *context; /* borrowed by gather */
    /* Fills x[0..n_inputs) (steps x n x width each, allocated by the caller) with the samples of
     * row[0..n), transforms applied. For an input that varies, length[i][0..n) too; its steps from
     * there on are zero. Else length[i] is NULL. */
    void (*gather)(const struct sample_set *set, const int64_t *row, int64_t n, struct tensor x[],
                   int32_t *const length[]);

    /* Adds to *prefetch, whose rows are samples, what will be read of them. NULL: that is not
     * known.
     */
    void (*foresee)(const struct sample_set *set, struct prefetch *prefetch);

    /* The sample that ends where this one begins; -1: none. NULL: no sample follows another. */
    int64_t (*before)(const struct sample_set *set, int64_t row);

    enum task task;
    const struct sample_input *input; /* [n_inputs], borrowed */
    int n_inputs;                     /* 1 .. SAMPLE_INPUTS_MAX */
    int64_t n_samples;                /* rows are 0 .. n_samples - 1 */
    const uint64_t *row_id; /* [n_samples]: identity for randomness, stable across splits and
                              subsets; NULL: the sample's number */
    int64_t truth_steps; /* 1: one label or target a sample; else one for each step of its input */
    /* With several steps: which entries of the arrays below are theirs. NULL: a sample has that of
     * its own number. */
    struct truth_span (*truth)(const struct sample_set *set, int64_t row);
    int64_t n_classes;    /* classification */
    const int32_t *label; /* [n_samples], 0 .. n_classes - 1, of listed rows; NULL in regression;
                             -1: not known */
    const char *const *class_name;
    int64_t n_targets;    /* regression */
    const double *target; /* [n_samples][n_targets], in the target's own units, NAN: not known;
                             NULL in classification */
    /* What models learn instead, in the same shape: logarithms of targets, which model_predict()
     * makes values again. NULL: target */
    const double *learned;
    bool logarithm;
    const char *const *target_name;
    /* [n_targets]: networks train on (learned - offset) / scale; what they predict is given back in
     * the target's units */
    const double *target_offset, *target_scale;
    /* Which row of target and learned is that of an entry, where some share one. NULL: its own. */
    int64_t (*target_row)(const struct sample_set *set, int64_t entry);
    const double *weight; /* [n_samples], of each sample (or step) in loss; NULL: all 1 */
};

static inline struct truth_span sample_truth(const struct sample_set *set, int64_t row)
{
    return set->truth ? set->truth(set, row) : (struct truth_span){.first = row, .n = 1};
}
/* Whether this entry has a label, or all targets. */
bool sample_truth_is_known(const struct sample_set *set, int64_t entry);

/* [n_targets], of a set that has targets. */
static inline const double *sample_target(const struct sample_set *set, int64_t entry)
{
    return set->target + (set->target_row ? set->target_row(set, entry) : entry) * set->n_targets;
}
static inline const double *sample_learned(const struct sample_set *set, int64_t entry)
{
    const double *all = set->learned ? set->learned : set->target;

    return all + (set->target_row ? set->target_row(set, entry) : entry) * set->n_targets;
}

/* The parts' rows: ascending, disjoint; owned by whoever made the split. */
enum split_part { SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST, SPLIT_PART_COUNT };
struct split {
    struct row_list part[SPLIT_PART_COUNT];
};
extern const char *const split_part_name[SPLIT_PART_COUNT]; /* "train" "valid" "test" */

#endif
