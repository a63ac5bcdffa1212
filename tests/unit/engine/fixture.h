/*
 * A small data set made of Philox numbers, a split, and a model from a spec's text: what the tests
 * of the learning engine train on.
 */
#ifndef NIGHTJAR_TESTS_UNIT_ENGINE_FIXTURE_H
#define NIGHTJAR_TESTS_UNIT_ENGINE_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"
#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/model/model.h"
#include "worker/engine/train.h"

#define FIXTURE_CLASSES_MAX 16

struct fixture_spec { /* the parts of a spec that the learning engine reads */
    struct kind_choices model;
    struct train_config train;
    struct kind_choices metrics;
};
static const struct setting fixture_settings[] = {
    SETTING_KINDS(struct fixture_spec, model, &model_registry, 0, 100, 0, "Layers."),
    SETTING_NESTED(struct fixture_spec, train, struct train_config, train_settings, "Training."),
    SETTING_KINDS(struct fixture_spec, metrics, &metric_registry, 0, 100, 0, "Metrics."),
    {0},
};

struct fixture {
    struct fixture_spec spec;
    struct sample_set set;
    struct sample_input input;
    struct split split;
    double *x; /* [n][steps][width] */
    uint64_t *row_id;
    int32_t *label;
    double *target, *offset, *scale;
    int64_t *row; /* 0 .. n - 1, of which the split's parts are slices */
    char name[FIXTURE_CLASSES_MAX][8];
    const char *class_name[FIXTURE_CLASSES_MAX];
    int64_t gathers; /* how often gather was called */
    void (*on_gather)(struct fixture *fixture);
};

/* Steps of a sample where the input varies: all from 1 to `steps` occur. */
static inline int64_t fixture_length(int64_t row, int64_t steps)
{
    return steps - row % steps;
}

static inline void fixture_gather(const struct sample_set *set, const int64_t *row, int64_t n,
                                  struct tensor x[], int32_t *const length[])
{
    struct fixture *fixture = set->context;
    int64_t steps = set->input->shape.steps, width = set->input->shape.width;

    fixture->gathers++;
    if (fixture->on_gather)
        fixture->on_gather(fixture);
    for (int64_t i = 0; i < n; i++) {
        int64_t end = set->input->varies ? fixture_length(row[i], steps) : steps;

        if (set->input->varies)
            length[0][i] = (int32_t)end;
        for (int64_t step = 0; step < steps; step++)
            for (int64_t k = 0; k < width; k++)
                x->data[(step * n + i) * width + k] =
                    step < end ? (real)fixture->x[(row[i] * steps + step) * width + k] : 0;
    }
}

/* Samples of which each begins where the one so many before it ends: sets->before. */
#define FIXTURE_CHAINS 4
static inline int64_t fixture_before(const struct sample_set *set, int64_t row)
{
    (void)set;
    return row - FIXTURE_CHAINS; /* negative: none */
}

/* Truth for each step, of rows that overlap as those of windows do: the last step's is the sample's
 * own, and the first samples have none for what would lie before them. */
static inline struct truth_span fixture_truth(const struct sample_set *set, int64_t row)
{
    int64_t steps = set->truth_steps;
    int64_t n = set->input->varies ? fixture_length(row, steps) : steps;
    int64_t first = row - n + 1, lacking = first < 0 ? -first : 0;

    return (struct truth_span){.first = first + lacking, .n = n - lacking, .step = lacking};
}

static inline void fixture_tell_each_step(struct fixture *fixture)
{
    fixture->set.truth_steps = fixture->set.input->shape.steps;
    fixture->set.truth = fixture_truth;
}

/* Classes are clouds round centres; targets are sums of the features, far from 0. */
static inline void fixture_fill(struct fixture *fixture)
{
    struct sample_set *set = &fixture->set;
    int64_t width = set->input->shape.steps * set->input->shape.width;

    for (int64_t i = 0; i < set->n_samples; i++) {
        int64_t class = (int64_t)random_below(5, (uint64_t)i, 0, 77, (uint64_t)set->n_classes);

        fixture->row[i] = i;
        fixture->row_id[i] = (uint64_t)(1000 + 7 * i);
        fixture->label[i] = (int32_t) class;
        for (int64_t k = 0; k < width; k++)
            fixture->x[i * width + k] = random_normal(1, (uint64_t)(i * width + k), 0, 1) +
                                        random_normal(2, (uint64_t)(class * width + k), 0, 2);
        for (int64_t t = 0; t < set->n_targets; t++) {
            double sum = 0;

            for (int64_t k = 0; k < width; k++)
                sum += fixture->x[i * width + k] * (double)(k + t + 1);
            fixture->target[i * set->n_targets + t] = 500 + 3 * sum;
        }
    }
}

static inline void fixture_set_up_sequences(struct fixture *fixture, enum task task, int64_t n,
                                            struct shape shape, int64_t outputs)
{
    bool classes = task == TASK_CLASSIFICATION;
    int64_t width = shape.steps * shape.width;

    *fixture = (struct fixture){
        .x = calloc((size_t)(n * width), sizeof(double)),
        .row_id = calloc((size_t)n, sizeof(uint64_t)),
        .label = calloc((size_t)n, sizeof(int32_t)),
        .target = calloc((size_t)(n * outputs), sizeof(double)),
        .offset = calloc((size_t)outputs, sizeof(double)),
        .scale = calloc((size_t)outputs, sizeof(double)),
        .row = calloc((size_t)n, sizeof(int64_t)),
    };
    assert_true(fixture->x && fixture->row_id && fixture->label && fixture->target);
    assert_true(fixture->offset && fixture->scale && fixture->row);
    for (int64_t i = 0; i < outputs; i++) {
        (void)snprintf(fixture->name[i], sizeof(fixture->name[i]), "c%d", (int)i);
        fixture->class_name[i] = fixture->name[i];
        fixture->offset[i] = 500;
        fixture->scale[i] = 10;
    }
    fixture->input = (struct sample_input){.name = "x", .shape = shape};
    fixture->set = (struct sample_set){
        .context = fixture,
        .gather = fixture_gather,
        .task = task,
        .input = &fixture->input,
        .n_inputs = 1,
        .n_samples = n,
        .truth_steps = 1,
        .row_id = fixture->row_id,
        .n_classes = outputs,
        .n_targets = outputs,
        .label = fixture->label,
        .target = fixture->target,
        .class_name = fixture->class_name,
        .target_name = fixture->class_name,
        .target_offset = fixture->offset,
        .target_scale = fixture->scale,
    };
    fixture_fill(fixture);
    if (classes) {
        fixture->set.n_targets = 0;
        fixture->set.target = NULL;
    } else {
        fixture->set.n_classes = 0;
        fixture->set.label = NULL;
    }
    fixture->split.part[SPLIT_TRAIN] = (struct row_list){.row = fixture->row, .n = n * 3 / 4};
    fixture->split.part[SPLIT_VALID] =
        (struct row_list){.row = fixture->row + n * 3 / 4, .n = n - n * 3 / 4};
}

static inline void fixture_set_up(struct fixture *fixture, enum task task, int64_t n, int64_t width,
                                  int64_t outputs)
{
    fixture_set_up_sequences(fixture, task, n, (struct shape){.steps = 1, .width = width}, outputs);
}

/* Single quotes stand for double ones. What is wrong with the spec fails the test. */
static inline void fixture_parse(struct fixture *fixture, const char *spec)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *json = NULL;
    scoped(memory_free) char *text = strdup(spec);
    struct error error;

    assert_non_null(text);
    for (char *at = text; *at; at++)
        if (*at == '\'')
            *at = '"';
    if (!json_parse(text, strlen(text), &json, &error))
        fail_msg("%s", error.message);
    settings_release(fixture_settings, &fixture->spec);
    if (!settings_parse(fixture_settings, json, "", &fixture->spec, &diagnostics))
        fail_msg("%s: %s", diagnostics.item[0].path, diagnostics.item[0].message);
    assert_true(train_complete(&fixture->spec.train, fixture->set.task, &error));
}

/* Truth that the spec's loss can be used for: two classes, or targets as they are, in its range. */
static inline void fixture_suit_loss(struct fixture *fixture)
{
    const struct loss_kind *kind = (const struct loss_kind *)fixture->spec.train.loss.kind;
    bool binary = strcmp(kind->kind.name, "binary") == 0;
    struct sample_set *set = &fixture->set;
    struct error error;

    if (!kind->unscaled)
        return;
    for (int64_t i = 0; set->label && i < set->n_samples; i++)
        fixture->label[i] %= 2;
    if (set->label)
        set->n_classes = 2;
    for (int64_t i = 0; i < set->n_targets; i++) {
        fixture->offset[i] = 0;
        fixture->scale[i] = 1;
    }
    for (int64_t i = 0; i < set->n_samples * set->n_targets; i++) {
        double value = (fixture->target[i] - 500) / 30;

        fixture->target[i] = binary ? value > 0 : 0.5 + fabs(value);
    }
    assert_true(
        loss_fit(&fixture->spec.train.loss, set, &fixture->split.part[SPLIT_TRAIN], &error));
}

static inline struct model_plan fixture_plan(const struct fixture *fixture)
{
    return (struct model_plan){
        .layers = &fixture->spec.model,
        .loss = &fixture->spec.train.loss,
        .update = train_update_plan(&fixture->spec.train),
        .batch = fixture->spec.train.batch,
        .configured_batch = fixture->spec.train.batch,
        .parts = fixture->spec.train.parts,
        .divides = fixture->spec.train.parts > 1,
        .task = fixture->set.task,
        .input = fixture->set.input,
        .n_inputs = fixture->set.n_inputs,
        .truth_steps = fixture->set.truth_steps,
        .n_classes = fixture->set.n_classes,
        .n_targets = fixture->set.n_targets,
        .target_offset = fixture->offset,
        .target_scale = fixture->scale,
        .seed = 11,
    };
}

static inline struct model *fixture_build(const struct fixture *fixture)
{
    const struct model_plan plan = fixture_plan(fixture);
    struct model *model = NULL;
    struct error error;

    if (!model_build(&plan, &model, &error))
        fail_msg("%s: %s", error.path, error.message);
    return model;
}

static inline void fixture_tear_down(struct fixture *fixture)
{
    settings_release(fixture_settings, &fixture->spec);
    free(fixture->x);
    free(fixture->row_id);
    free(fixture->label);
    free(fixture->target);
    free(fixture->offset);
    free(fixture->scale);
    free(fixture->row);
}

#endif
