/*
 * What was fitted on the training rows, and all that a model needs to read new rows as it read
 * those: features in order, their categories, the transforms that they go through, classes,
 * targets. It travels with the model as JSON.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_PREPARATION_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_PREPARATION_H

#include "common/error.h"
#include "common/json.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/dataset/warning.h"
#include "worker/engine/transform/transform.h"

#include <stdint.h>

struct prepared_feature {
    char *name; /* owned */
    bool categorical;
    bool needed;     /* a row without its value is refused: nothing stands in for it */
    char **category; /* owned: those of the training rows, in order; or the vocabulary */
    int32_t n_categories;
    int64_t words; /* columns that it becomes, a word each (words.h); 0: one, of its value */
};
static inline int64_t prepared_feature_width(const struct prepared_feature *feature)
{
    return feature->words > 0 ? feature->words : 1;
}

struct prepared_column { /* of a sample, transformed */
    char *name;          /* owned */
    int64_t feature;     /* that it is made of */
    int64_t n_tokens;    /* as in struct layout_column */
    int input;           /* that has it, at this place of each step or, where `step` is not 0, of */
    int64_t at, step;    /* that one */
};

struct preparation {
    struct prepared_feature *feature; /* owned, [n_features] */
    int64_t n_features;
    char leak[128]; /* the transform that was fitted on more than training rows, and where; "" */
    struct transform *transform; /* owned, [n_transforms] */
    int64_t n_transforms;
    struct prepared_column *column;               /* owned, [width] */
    int64_t steps, width;                         /* of a sample, transformed */
    int64_t window;                               /* rows of a sample; 0: one */
    struct sample_input input[SAMPLE_INPUTS_MAX]; /* what a model is given */
    int n_inputs;
    enum task task;
    char **class_name; /* owned, [n_classes] */
    int64_t n_classes;
    char **target_name; /* owned, [n_target_names]: the target's column even for classes */
    int64_t n_target_names;
    int64_t n_targets;                    /* regression; 0 for classes */
    bool target_log;                      /* of the target before offset and scale */
    double *target_offset, *target_scale; /* owned, [n_targets] */
};
void preparation_free(struct preparation **preparation);
/* Gives each column its place in an input: x, of rows or of windows (NULL: rows). Where there are
 * tokens beside other columns, those of each feature are an input of its own, called as it; without
 * windows words are its steps. INVALID where inputs are too many. */
struct window_config;
bool preparation_set_inputs(struct preparation *preparation, const struct window_config *window,
                            struct error *error);
/* Values that a row has, before any transform. */
int64_t preparation_loaded_width(const struct preparation *preparation);

/* `split`: rows; `windows`: the samples made of them, where they are windows, else the same.
 * `stretches`: as for applier_make(). INVALID where a feature has missing values and nothing
 * imputes them, or too many categories. A warning tells of values that are not finite once they are
 * transformed, in any part. */
bool preparation_fit(const struct dataset *dataset, const struct split *split,
                     const struct split *windows, const struct stretches *stretches,
                     const struct data_config *config, const struct kind_choices *prepare,
                     struct preparation **ret_preparation, struct warning_list *warnings,
                     struct error *error);

cJSON *preparation_json(const struct preparation *preparation); /* NULL: no memory */
/* CORRUPT where it is not what preparation_json() makes. */
bool preparation_parse(const cJSON *json, struct preparation **ret_preparation,
                       struct error *error);

#endif
