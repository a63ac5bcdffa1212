#include "worker/engine/model/long_targets.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/model/ensemble.h"

struct long_model {
    struct model model;
    struct model_kind kind; /* the inner one's, with our functions where it has some */
    struct model *inner;    /* owned; the rest is what it borrows */
    struct model_plan plan;
    struct sample_input input[SAMPLE_INPUTS_MAX];
    int64_t n_targets, width;      /* features that say which is meant */
    int told;                      /* the input that has them behind its own */
    double offset, scale;          /* of all targets together */
    struct sample_set set;         /* of `wide`, a sample for each target */
    const struct sample_set *wide; /* borrowed for a call */
    int64_t *row, *of_row, n_rows; /* owned, [n_rows]: of the set, and of `wide` */
    real *gathered;                /* owned, [n_gathered]: an input before it is widened */
    int64_t n_gathered;
};

static struct long_model *long_of(struct model *model)
{
    return (struct long_model *)model;
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "a model of one target for several");
}

int64_t long_targets_width(const struct model_plan *plan)
{
    if (plan->long_targets == LONG_OFF || plan->n_targets < 2)
        return 0;
    return plan->long_targets == LONG_ONE_HOT ? plan->n_targets : 1;
}

/* ---- samples ----------------------------------------------------------------------------------*/

/* From -1 to 1 in the order of the targets, or 1 at the place of the one that is meant. */
static void say_target(const struct long_model *at, int64_t target, real *to)
{
    if (at->width == 1) {
        *to = (real)(2.0 * (double)target / (double)(at->n_targets - 1) - 1);
        return;
    }
    memset(to, 0, (size_t)at->width * sizeof(*to));
    to[target] = 1;
}

/* Steps that a sample has not stay zero. */
static void widen(const struct long_model *at, const int64_t *row, const struct tensor *narrow,
                  const int32_t *length, struct tensor *x)
{
    for (int64_t step = 0; step < x->steps; step++)
        for (int64_t i = 0; i < x->rows; i++) {
            real *to = x->data + (step * x->rows + i) * x->width;

            memcpy(to, narrow->data + (step * x->rows + i) * narrow->width,
                   (size_t)narrow->width * sizeof(*to));
            if (length && step >= length[i])
                memset(to + narrow->width, 0, (size_t)at->width * sizeof(*to));
            else
                say_target(at, row[i] % at->n_targets, to + narrow->width);
        }
}

static void gather(const struct sample_set *set, const int64_t *row, int64_t n, struct tensor x[],
                   int32_t *const length[])
{
    struct long_model *at = set->context;
    struct tensor narrow[SAMPLE_INPUTS_MAX];

    assert(n <= at->n_rows);
    memcpy(narrow, x, (size_t)set->n_inputs * sizeof(*x));
    narrow[at->told].data = at->gathered;
    narrow[at->told].width -= at->width;
    for (int64_t i = 0; i < n; i++)
        at->of_row[i] = row[i] / at->n_targets;
    at->wide->gather(at->wide, at->of_row, n, narrow, length);
    widen(at, row, &narrow[at->told], length[at->told], &x[at->told]);
}

static int64_t before(const struct sample_set *set, int64_t row)
{
    const struct long_model *at = set->context;
    int64_t earlier = at->wide->before(at->wide, row / at->n_targets);

    return earlier < 0 ? -1 : earlier * at->n_targets + row % at->n_targets;
}

/* Targets of a row lie side by side, whosever row that is. */
static int64_t target_row(const struct sample_set *set, int64_t row)
{
    const struct long_model *at = set->context;

    return at->wide->target_row(at->wide, row / at->n_targets) * at->n_targets +
           row % at->n_targets;
}

/* Which rows there are is known only when they are asked about. */
static bool make_room(struct long_model *at, int64_t n, struct error *error)
{
    const struct shape *shape = &at->input[at->told].shape;
    int64_t samples = n * at->n_targets, values;

    if (samples > at->n_rows) {
        int64_t *row = reallocarray(at->row, (size_t)samples, sizeof(*row)), *of_row;

        at->row = row ? row : at->row;
        of_row = reallocarray(at->of_row, (size_t)samples, sizeof(*of_row));
        at->of_row = of_row ? of_row : at->of_row;
        if (!row || !of_row)
            return no_memory(error);
        at->n_rows = samples;
    }
    values = samples * shape->steps * (shape->width - at->width);
    if (values > at->n_gathered) {
        real *gathered = reallocarray(at->gathered, (size_t)values, sizeof(*gathered));

        if (!gathered)
            return no_memory(error);
        at->gathered = gathered;
        at->n_gathered = values;
    }
    return true;
}

static bool take_set(struct long_model *at, const struct sample_set *wide, const int64_t *row,
                     int64_t n, struct error *error)
{
    assert(!wide->weight); /* those are of classes */
    if (!make_room(at, n, error))
        return false;
    at->wide = wide;
    at->set = (struct sample_set){
        .context = at,
        .gather = gather,
        .before = wide->before ? before : NULL,
        .task = wide->task,
        .input = at->input,
        .n_inputs = wide->n_inputs,
        .n_samples = wide->n_samples * at->n_targets,
        .truth_steps = 1,
        .n_targets = 1,
        .target = wide->target,
        .learned = wide->learned,
        .logarithm = wide->logarithm,
        .target_row = wide->target_row ? target_row : NULL,
        .target_name = wide->target_name,
        .target_offset = &at->offset,
        .target_scale = &at->scale,
    };
    for (int64_t i = 0; i < n * at->n_targets; i++)
        at->row[i] = row[i / at->n_targets] * at->n_targets + i % at->n_targets;
    return true;
}

/* ---- calls ------------------------------------------------------------------------------------*/

static void long_free(struct model *model)
{
    struct long_model *at = long_of(model);

    model_free(&at->inner);
    free(at->row);
    free(at->of_row);
    free(at->gathered);
    free(at);
}

static bool long_declare(struct model *model, struct state *state, struct error *error)
{
    struct model *inner = long_of(model)->inner;

    return inner->kind->declare(inner, state, error);
}

static bool long_declare_best(struct model *model, struct state *state, struct error *error)
{
    struct model *inner = long_of(model)->inner;

    return inner->kind->declare_best(inner, state, error);
}

static void long_remember(struct model *model)
{
    struct model *inner = long_of(model)->inner;

    inner->kind->remember(inner);
}

static void long_recall(struct model *model)
{
    struct model *inner = long_of(model)->inner;

    inner->kind->recall(inner);
}

static void long_swap_average(struct model *model)
{
    struct model *inner = long_of(model)->inner;

    inner->kind->swap_average(inner);
}

static void long_forget(struct model *model)
{
    struct model *inner = long_of(model)->inner;

    inner->kind->forget(inner);
}

static bool long_reseed(struct model *model, uint64_t seed, struct error *error)
{
    struct model *inner = long_of(model)->inner;

    return inner->kind->reseed(inner, seed, error);
}

static bool long_advance(struct model *model, const struct model_step *step, struct loss_sum *sum,
                         struct error *error)
{
    struct long_model *at = long_of(model);
    struct model_step inner = *step;

    if (!take_set(at, step->set, step->row, step->n, error))
        return false;
    inner.set = &at->set;
    inner.row = at->row;
    inner.n = step->n * at->n_targets;
    return at->inner->kind->advance(at->inner, &inner, sum, error);
}

/* From value and distribution of each target to all values and then all distributions. */
static void put_together(const struct long_model *at, const double *given, int64_t n,
                         double *prediction)
{
    int64_t targets = at->n_targets, width = at->inner->n_outputs_per_row, more = width - 1;

    for (int64_t i = 0; i < n; i++, prediction += targets * width)
        for (int64_t k = 0; k < targets; k++, given += width) {
            prediction[k] = given[0];
            memcpy(prediction + targets + k * more, given + 1, (size_t)more * sizeof(*given));
        }
}

static bool long_predict(struct model *model, const struct sample_set *set, const int64_t *row,
                         int64_t n, double *ret_prediction, struct loss_sum *sum,
                         struct error *error)
{
    struct long_model *at = long_of(model);
    int64_t samples = n * at->n_targets, width = at->inner->n_outputs_per_row;
    scoped(memory_free) double *apart = NULL;

    if (ret_prediction && width > 1 &&
        !(apart = malloc((size_t)(samples * width + 1) * sizeof(*apart))))
        return no_memory(error);
    if (!take_set(at, set, row, n, error) ||
        !at->inner->kind->predict(at->inner, &at->set, at->row, samples,
                                  apart ? apart : ret_prediction, sum, error))
        return false;
    if (apart)
        put_together(at, apart, n, ret_prediction);
    return true;
}

static bool long_array(struct model *model, int64_t index, struct model_array *ret_array)
{
    return model_array(long_of(model)->inner, index, ret_array);
}

static bool long_save(struct model *model, int64_t index, const char **ret_data, uint64_t *ret_size,
                      struct error *error)
{
    struct model *inner = long_of(model)->inner;

    return inner->kind->save(inner, index, ret_data, ret_size, error);
}

static bool long_load(struct model *model, int64_t index, const void *data, uint64_t size,
                      struct error *error)
{
    struct model *inner = long_of(model)->inner;

    return inner->kind->load(inner, index, data, size, error);
}

/* What says which target is meant, at whatever step, comes behind all others. */
static void put_importance(const struct long_model *at, const double *given, double *to)
{
    int64_t own = 0, from = 0;
    double *target;

    for (int i = 0; i < at->plan.n_inputs; i++)
        own +=
            at->input[i].shape.steps * (at->input[i].shape.width - (i == at->told ? at->width : 0));
    target = to + own;
    memset(target, 0, (size_t)at->width * sizeof(*target));
    for (int i = 0; i < at->plan.n_inputs; i++)
        for (int64_t step = 0; step < at->input[i].shape.steps; step++) {
            int64_t width = at->input[i].shape.width - (i == at->told ? at->width : 0);

            memcpy(to, given + from, (size_t)width * sizeof(*to));
            to += width;
            from += width;
            for (int64_t k = 0; i == at->told && k < at->width; k++)
                target[k] += given[from++];
        }
}

static bool long_importance(struct model *model, double *ret_gain, double *ret_splits,
                            struct error *error)
{
    struct long_model *at = long_of(model);
    scoped(memory_free) double *gain = NULL;
    int64_t n = 0;

    for (int i = 0; i < at->plan.n_inputs; i++)
        n += at->input[i].shape.steps * at->input[i].shape.width;
    gain = calloc((size_t)n * 2 + 1, sizeof(*gain));
    if (!gain)
        return no_memory(error);
    if (!at->inner->kind->importance(at->inner, gain, gain + n, error))
        return false;
    put_importance(at, gain, ret_gain);
    put_importance(at, gain + n, ret_splits);
    return true;
}

/* ---- building ---------------------------------------------------------------------------------*/

/* Mean and deviation of all targets as if they stood in one column. */
static void join_scales(struct long_model *at, const struct model_plan *plan)
{
    double n = (double)plan->n_targets, squares = 0;

    for (int64_t k = 0; k < plan->n_targets; k++)
        at->offset += plan->target_offset[k] / n;
    for (int64_t k = 0; k < plan->n_targets; k++) {
        double distance = plan->target_offset[k] - at->offset;

        squares += (plan->target_scale[k] * plan->target_scale[k] + distance * distance) / n;
    }
    at->scale = sqrt(squares);
}

static bool check(const struct model_kind *inner, const struct model_plan *plan, int *ret_told,
                  struct error *error)
{
    const struct loss_kind *loss = (const struct loss_kind *)(const void *)plan->loss->kind;

    if (inner == &model_ensemble)
        return error_set_at(error, ERROR_INVALID, "data.long",
                            "%s has the outputs of its members; theirs may be long",
                            inner->kind.name);
    if (plan->truth_steps > 1)
        return error_set_at(error, ERROR_INVALID, "data.long",
                            "a window has one prediction for each target, not one a step: another "
                            "window.label");
    if (!inner->whole && loss && loss->fit)
        return error_set_at(error, ERROR_INVALID, "train.loss",
                            "%s has numbers of its own for each target, which data.long makes one",
                            loss->kind.name);
    for (int i = 0; i < plan->n_inputs; i++)
        if (plan->input[i].n_tokens == 0) {
            *ret_told = i;
            return true;
        }
    return error_set_at(error, ERROR_INVALID, "data.long",
                        "there is no feature but tokens, beside which to say the target");
}

/* What the inner model is built from. */
static bool make_plan(struct long_model *at, const struct model_kind *inner,
                      const struct model_plan *plan, struct error *error)
{
    if (!check(inner, plan, &at->told, error))
        return false;
    at->n_targets = plan->n_targets;
    at->width = long_targets_width(plan);
    join_scales(at, plan);
    memcpy(at->input, plan->input, (size_t)plan->n_inputs * sizeof(*plan->input));
    at->input[at->told].shape.width += at->width;
    at->plan = *plan;
    at->plan.long_targets = LONG_OFF;
    at->plan.input = at->input;
    at->plan.batch *= plan->n_targets;
    at->plan.n_targets = 1;
    at->plan.target_offset = &at->offset;
    at->plan.target_scale = &at->scale;
    return true;
}

/* Our functions where the kind has some: what it lacks is asked about by others. */
static void make_kind(struct long_model *at)
{
    const struct model_kind *inner = at->inner->kind;

    at->kind = *inner;
    at->kind.free = long_free;
    at->kind.declare = long_declare;
    at->kind.declare_best = long_declare_best;
    at->kind.remember = long_remember;
    at->kind.recall = long_recall;
    at->kind.swap_average = inner->swap_average ? long_swap_average : NULL;
    at->kind.forget = inner->forget ? long_forget : NULL;
    at->kind.reseed = inner->reseed ? long_reseed : NULL;
    at->kind.advance = long_advance;
    at->kind.predict = long_predict;
    at->kind.array = long_array;
    at->kind.save = inner->save ? long_save : NULL;
    at->kind.load = inner->load ? long_load : NULL;
    at->kind.importance = inner->importance ? long_importance : NULL;
}

bool long_targets_build(const struct model_kind *inner, const struct model_plan *plan,
                        struct model **ret_model, struct error *error)
{
    struct long_model *at = calloc(1, sizeof(*at));

    if (!at)
        return no_memory(error);
    if (!make_plan(at, inner, plan, error) || !inner->build(&at->plan, &at->inner, error)) {
        free(at);
        return false;
    }
    make_kind(at);
    at->model = *at->inner;
    at->model.kind = &at->kind;
    at->model.n_outputs_per_row = at->n_targets * at->inner->n_outputs_per_row;
    at->model.n_asked = at->width;
    *ret_model = &at->model;
    return true;
}

bool long_targets_measure(const struct model_kind *inner, const struct model_plan *plan,
                          int64_t *ret_parameters, int64_t *ret_memory, struct error *error)
{
    scoped(memory_free) struct long_model *at = calloc(1, sizeof(*at));

    if (!at)
        return no_memory(error);
    return make_plan(at, inner, plan, error) &&
           inner->measure(&at->plan, ret_parameters, ret_memory, error);
}

const struct model *long_targets_inner(const struct model *model)
{
    return model->kind->free == long_free ? ((const struct long_model *)model)->inner : model;
}
