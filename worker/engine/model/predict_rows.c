/* Predictions of rows from those of samples' steps. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/model/model.h"

enum { STACK_SAMPLES = 1024 };

struct asked { /* a row, and the sample that tells it */
    int64_t sample, row, place;
};

static int by_sample(const void *left, const void *right)
{
    const struct asked *a = left, *b = right;

    if (a->sample != b->sample)
        return (a->sample > b->sample) - (a->sample < b->sample);
    return (a->row > b->row) - (a->row < b->row);
}

static bool find_samples(const struct row_list *samples, const int64_t *row, int64_t n,
                         struct asked **ret, struct error *error)
{
    scoped(memory_free) struct asked *asked = malloc((size_t)(n + 1) * sizeof(*asked));

    if (!asked)
        return error_set(error, ERROR_NO_MEMORY, "predicting %lld rows", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        asked[i] = (struct asked){row_list_reach(samples, row[i]), row[i], i};
        assert(asked[i].sample >= 0);
    }
    qsort(asked, (size_t)n, sizeof(*asked), by_sample);
    *ret = take(&asked);
    return true;
}

struct stack {          /* owned: samples that are predicted together */
    int64_t *sample;    /* [size] */
    double *prediction; /* [size][truth_steps][width] */
    int64_t size;
};

static void stack_release(struct stack *stack)
{
    free(stack->sample);
    free(stack->prediction);
}

static bool stack_init(struct stack *stack, int64_t size, int64_t width, struct error *error)
{
    *stack = (struct stack){
        .sample = malloc((size_t)(size + 1) * sizeof(*stack->sample)),
        .prediction = malloc((size_t)(size * width + 1) * sizeof(*stack->prediction)),
        .size = size,
    };
    return (stack->sample && stack->prediction) ||
           error_set(error, ERROR_NO_MEMORY, "predicting %lld windows", (long long)size);
}

/* How many of the n rows the next samples tell; *ret_samples: how many those are. */
static int64_t fill(const struct stack *stack, const struct asked *asked, int64_t n,
                    int64_t *ret_samples)
{
    int64_t i = 0, samples = 0;

    for (; i < n; i++) {
        bool same = samples > 0 && stack->sample[samples - 1] == asked[i].sample;

        if (!same && samples == stack->size)
            break;
        if (!same)
            stack->sample[samples++] = asked[i].sample;
    }
    *ret_samples = samples;
    return i;
}

/* From the samples' steps to the rows. */
static void deal_out(const struct model *model, const struct sample_set *set,
                     const struct stack *stack, const struct asked *asked, int64_t n,
                     double *ret_prediction)
{
    int64_t width = model->n_outputs_per_row, sample = -1;
    struct truth_span truth = {0};

    for (int64_t i = 0; i < n; i++) {
        int64_t step;

        if (sample < 0 || stack->sample[sample] != asked[i].sample)
            truth = sample_truth(set, stack->sample[++sample]);
        step = truth.step + asked[i].row - truth.first;
        assert(step >= truth.step && step < truth.step + truth.n);
        memcpy(ret_prediction + asked[i].place * width,
               stack->prediction + (sample * set->truth_steps + step) * width,
               (size_t)width * sizeof(*ret_prediction));
    }
}

static bool predict_steps(struct model *model, const struct sample_set *set,
                          const struct row_list *samples, const int64_t *row, int64_t n,
                          int64_t batch, double *ret_prediction, struct loss_sum *sum,
                          struct error *error)
{
    int64_t width = model->n_outputs_per_row * set->truth_steps;
    scoped(memory_free) struct asked *asked = NULL;
    scoped(stack_release) struct stack stack = {0};

    if (!find_samples(samples, row, n, &asked, error) || !stack_init(&stack, batch, width, error))
        return false;
    for (int64_t at = 0, rows, n_samples; at < n; at += rows) {
        rows = fill(&stack, asked + at, n - at, &n_samples);
        if (!model_predict(model, set, stack.sample, n_samples,
                           ret_prediction ? stack.prediction : NULL, sum, error))
            return false;
        if (ret_prediction)
            deal_out(model, set, &stack, asked + at, rows, ret_prediction);
    }
    return true;
}

bool model_predict_rows(struct model *model, const struct sample_set *set,
                        const struct row_list *samples, const int64_t *row, int64_t n,
                        int64_t batch, double *ret_prediction, struct loss_sum *sum,
                        struct error *error)
{
    int64_t all = set->truth ? samples->n : n, width = model->n_outputs_per_row;

    if (batch <= 0)
        batch = set->truth ? STACK_SAMPLES : all;
    /* asked about all, a stateful one finds what each sample follows */
    batch = model->stateful || batch > all ? all : batch;
    if (set->truth)
        return predict_steps(model, set, samples, row, n, batch, ret_prediction, sum, error);
    for (int64_t at = 0; at < n; at += batch)
        if (!model_predict(model, set, row + at, n - at < batch ? n - at : batch,
                           ret_prediction ? ret_prediction + at * width : NULL, sum, error))
            return false;
    return true;
}
