#include "worker/engine/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/told.h"
#include "worker/engine/prepared/fitted.h"
#include "worker/engine/sampling/sampling.h"

void prepared_rows_release(struct prepared_rows *rows)
{
    samples_free(&rows->samples);
    preparation_free(&rows->preparation);
    split_plan_release(&rows->split);
    row_list_release(&rows->balanced);
    free(take(&rows->weight));
    buffer_release(&rows->sampling);
}

/* ---- sampling ---------------------------------------------------------------------------------*/

static bool tell_left_out(const struct dataset *dataset, struct prepared_rows *rows,
                          struct error *error)
{
    const struct split_plan *plan = &rows->split;

    return plan->left_out.size == 0 ||
           buffer_append_format(
               &rows->sampling, error, "data.where leaves out %lld of %lld rows (%s)",
               (long long)plan->n_left_out, (long long)dataset->n_rows, plan->left_out.data);
}

/* Before anything is fitted: what is left out is as if it were not there. */
static bool take_subset(const struct engine_spec *spec, const struct dataset *dataset,
                        uint64_t seed, struct prepared_rows *rows, struct error *error)
{
    const struct subset_config *config = sampling_find(&spec->prepare, &transform_subset);
    const struct subset_keys keys = {.row_id = (const uint64_t *)dataset->source_row,
                                     .label = dataset->label,
                                     .n_classes = dataset->classes.n,
                                     .group = dataset->group,
                                     .n_groups = dataset->groups.n};
    struct row_list *train = &rows->split.split.part[SPLIT_TRAIN];
    scoped(buffer_release) struct buffer covered = {0};
    int64_t all = train->n;

    if (!config)
        return true;
    return sampling_subset(config, &keys, seed, train, error) &&
           sampling_coverage(dataset, train, &covered, error) &&
           buffer_append_format(&rows->sampling, error, "%straining sees %lld of its %lld rows%s%s",
                                rows->sampling.size > 0 ? "; " : "", (long long)train->n,
                                (long long)all, covered.size > 0 ? ": " : "",
                                covered.size > 0 ? covered.data : "");
}

static bool weigh_classes(struct prepared_rows *rows, struct error *error)
{
    struct sample_set *set = &rows->samples->set;
    scoped(told_release) struct told told = {0};

    if (!told_open(set, &rows->split.split.part[SPLIT_TRAIN], &told, error) ||
        !sampling_weights(set->label, set->n_classes, set->n_samples, told.rows, &rows->weight,
                          error))
        return false;
    set->weight = rows->weight;
    return true;
}

static bool balance_classes(const struct engine_spec *spec, uint64_t seed,
                            struct prepared_rows *rows, struct error *error)
{
    const struct balance_config *config = sampling_find(&spec->prepare, &transform_balance);
    const struct row_list *train = &rows->split.split.part[SPLIT_TRAIN];
    struct sample_set *set = &rows->samples->set;

    rows->training = rows->split.split;
    if (!config)
        return true;
    if (set->task != TASK_CLASSIFICATION)
        return error_set_at(error, ERROR_INVALID, "prepare", "balance needs classes");
    if (config->by == BALANCE_WEIGHTS)
        return weigh_classes(rows, error);
    if (set->truth)
        return error_set_at(error, ERROR_INVALID, "prepare",
                            "balance by choosing windows needs one label a window; by: weights "
                            "weighs each step");
    if (!sampling_balance(config->by == BALANCE_OVERSAMPLE, set->row_id, set->label, set->n_classes,
                          seed, train, &rows->balanced, error))
        return false;
    rows->training.part[SPLIT_TRAIN] = rows->balanced;
    return buffer_append_format(&rows->sampling, error, "%sclasses are balanced: %lld rows of %lld",
                                rows->sampling.size > 0 ? "; " : "", (long long)rows->balanced.n,
                                (long long)train->n);
}

static bool refuse_unseen(const struct samples *samples, int part, int64_t row, struct error *error)
{
    const struct sample_set *set = &samples->set;

    return error_set_at(error, ERROR_INVALID, "data.unseen_classes",
                        "row %lld of %s, in the %s part, has the class '%s', which no training row "
                        "has",
                        (long long)dataset_file_row(samples->dataset, row), samples->dataset->path,
                        split_part_name[part], set->class_name[set->label[row]]);
}

struct known_classes {
    const struct sample_set *set;
    const bool *seen;
};

/* The first of a sample's labels that is of no seen class; -1: there is none. */
static int64_t find_unseen(const struct known_classes *known, int64_t sample)
{
    const struct truth_span truth = sample_truth(known->set, sample);

    for (int64_t row = truth.first; row < truth.first + truth.n; row++)
        if (known->set->label[row] >= 0 && !known->seen[known->set->label[row]])
            return row;
    return -1;
}

static bool has_seen_classes(const void *context, int64_t sample)
{
    return find_unseen(context, sample) < 0;
}

static bool refuse_unseen_classes(const struct samples *samples, const struct known_classes *known,
                                  int part, const struct row_list *list, struct error *error)
{
    for (struct row_walk at = {.list = list}; row_walk(&at);) {
        int64_t row = find_unseen(known, at.row);

        if (row >= 0)
            return refuse_unseen(samples, part, row, error);
    }
    return true;
}

bool pipeline_unseen_classes(const struct data_config *config, const struct samples *samples,
                             struct split_plan *plan, struct error *error)
{
    const struct sample_set *set = &samples->set;
    const struct row_list *train = &plan->split.part[SPLIT_TRAIN];
    scoped(memory_free) bool *seen = calloc((size_t)set->n_classes + 1, sizeof(*seen));
    const struct known_classes known = {.set = set, .seen = seen};
    scoped(told_release) struct told told = {0};

    if (!seen)
        return error_set(error, ERROR_NO_MEMORY, "looking for unseen classes");
    if (config->unseen_classes == UNSEEN_WARNING || !set->label)
        return true;
    if (!told_open(set, train, &told, error))
        return false;
    for (struct row_walk at = {.list = told.rows}; row_walk(&at);)
        seen[set->label[at.row]] = true;
    for (int part = SPLIT_VALID; part < SPLIT_PART_COUNT; part++) {
        struct row_list *list = &plan->split.part[part];

        if (config->unseen_classes == UNSEEN_ERROR &&
            !refuse_unseen_classes(samples, &known, part, list, error))
            return false;
        plan->n_unused += list->n;
        if (!row_list_filter(list, has_seen_classes, &known, error))
            return false;
        plan->n_unused -= list->n;
    }
    return true;
}

#define STRETCH_ROWS 10 /* shorter ones are hardly any */

/* Single rows of a recording in different parts leave nothing to go along. */
static void warn_fragments(const struct preparation *preparation, const struct dataset *dataset,
                           const struct stretches *stretches, struct warning_list *warnings)
{
    int64_t n_cuts = stretches->n - dataset->series.n_segments;
    bool goes_along = false;

    for (int64_t i = 0; i < preparation->n_transforms; i++)
        goes_along = goes_along || preparation->transform[i].stored;
    if (goes_along && n_cuts > dataset->n_rows / STRETCH_ROWS)
        warning_add(warnings, "data.split", (double)dataset->n_rows / (double)stretches->n,
                    "cuts recordings into pieces of hardly any rows, at each of which what goes "
                    "along recordings begins anew; blocks, a time or groups keep them longer");
}

static void warn_unnamed(const struct split_plan *plan, struct warning_list *warnings)
{
    char value[64] = "a missing value", values[128];

    if (plan->n_unnamed == 0)
        return;
    if (*plan->unnamed)
        (void)snprintf(value, sizeof(value), "'%.48s'", plan->unnamed);
    if (plan->n_unnamed_values > 1)
        (void)snprintf(values, sizeof(values), "their %d values, the first %s, are",
                       plan->n_unnamed_values, value);
    else
        (void)snprintf(values, sizeof(values), "%s is", value);
    warning_add(warnings, "data.split.column", (double)plan->n_unnamed,
                "%lld row%s in no part: %s none of train, valid, validation, val and test",
                (long long)plan->n_unnamed, plan->n_unnamed == 1 ? " is" : "s are", values);
}

/* Prepared data may be those of another spec, which foretells. */
static bool refuse_own_past(const struct engine_spec *spec, const struct dataset *dataset,
                            struct error *error)
{
    for (int64_t i = 0; dataset->target && i < dataset->n_targets; i++)
        for (int64_t j = 0; j < dataset->n_features; j++)
            if (!spec->data.foretells &&
                strcmp(dataset->feature[j].name, dataset->target_name[i]) == 0)
                return data_refuse_own_past(dataset->target_name[i], error);
    return true;
}

bool prepared_rows_make(const struct engine_spec *spec, const char *cwd,
                        const struct dataset *dataset, uint64_t seed,
                        struct prepared_rows *ret_rows, struct warning_list *warnings,
                        struct error *error)
{
    scoped(prepared_rows_release) struct prepared_rows rows = {0};
    const struct window_config *window = window_find(&spec->prepare);
    scoped(stretches_release) struct stretches stretches = {0};
    const struct stretches *along = window_goes_along(&spec->prepare) ? &stretches : NULL;

    if (!refuse_own_past(spec, dataset, error) ||
        !split_make(&spec->data, cwd, dataset, window, seed, &rows.split, error) ||
        !tell_left_out(dataset, &rows, error) ||
        (along && !split_stretches(&rows.split, dataset, &stretches, error)) ||
        !take_subset(spec, dataset, seed, &rows, error) ||
        !fitted_prepare(dataset, split_fit_rows(&rows.split), &rows.split.split, along, spec,
                        &rows.preparation, warnings, error) ||
        !samples_make(dataset, rows.preparation, window, along, &rows.samples, error) ||
        !pipeline_unseen_classes(&spec->data, rows.samples, &rows.split, error) ||
        !balance_classes(spec, seed, &rows, error))
        return false;
    split_forget_rows(&rows.split);
    warn_unnamed(&rows.split, warnings);
    warn_fragments(rows.preparation, dataset, &stretches, warnings);
    *ret_rows = rows;
    rows = (struct prepared_rows){0};
    return true;
}

/* As many of the list as are wanted, equally far apart. */
static bool thin_out(struct row_list *list, int64_t n, struct error *error)
{
    struct row_list thin = {.row = calloc((size_t)n, sizeof(*thin.row)), .n = n};

    if (!thin.row)
        return error_set(error, ERROR_NO_MEMORY, "choosing samples");
    for (int64_t i = 0; i < n; i++)
        thin.row[i] = row_list_at(list, i * list->n / n);
    row_list_release(list);
    *list = thin;
    return true;
}

bool prepared_rows_sample(struct prepared_rows *rows, int64_t n, struct error *error)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        struct row_list *list = &rows->split.split.part[i];

        if (list->n > n && !thin_out(list, n, error))
            return false;
    }
    if (rows->balanced.n > n && !thin_out(&rows->balanced, n, error))
        return false;
    rows->training = rows->split.split;
    if (rows->balanced.n > 0)
        rows->training.part[SPLIT_TRAIN] = rows->balanced;
    return true;
}

struct model_plan pipeline_plan(const struct engine_spec *spec,
                                const struct preparation *preparation, uint64_t seed,
                                bool for_training)
{
    return (struct model_plan){
        .layers = &spec->model,
        .loss = &spec->train.loss,
        .update = for_training ? train_update_plan(&spec->train) : (struct update_plan){0},
        .batch = for_training ? spec->train.batch : 0,
        .configured_batch = spec->train.batch,
        .parts = spec->train.parts,
        .divides = for_training &&
                   (spec->train.parts > 1 || spec->train.out_of_memory == OUT_OF_MEMORY_HALVE),
        .doubled = spec->train.precision == PRECISION_FLOAT64,
        .task = preparation->task,
        .input = preparation->input,
        .n_inputs = preparation->n_inputs,
        .truth_steps = window_truth_steps(window_find(&spec->prepare)),
        .n_classes = preparation->n_classes,
        .n_targets = preparation->n_targets,
        .target_offset = preparation->target_offset,
        .target_scale = preparation->target_scale,
        .long_targets = spec->data.long_targets,
        .seed = seed,
    };
}

/* The kinds alone: sizes are in the parameters. */
bool pipeline_work(const struct engine_spec *spec, const struct preparation *preparation,
                   int64_t rows, int64_t parameters, struct pace_work *ret, struct error *error)
{
    const struct shape *shape = &preparation->input[0].shape;
    scoped(buffer_release) struct buffer kinds = {0};

    for (size_t i = 0; i < spec->model.n; i++)
        if (!buffer_append_format(&kinds, error, "%s ", spec->model.item[i].kind->name))
            return false;
    if (!buffer_append_format(&kinds, error, "%d %d", spec->train.precision,
                              spec->data.long_targets))
        return false;
    *ret = (struct pace_work){.kinds = hash_bytes(kinds.data, kinds.size),
                              .steps = shape->steps,
                              .width = shape->width,
                              .rows = rows,
                              .batch = model_kind_of(&spec->model)->whole ? 1 : spec->train.batch,
                              .parameters = parameters};
    return true;
}

double pipeline_expected_s(const struct train_config *config, const struct pace_guess *guess)
{
    double training = guess->epoch_s * (double)config->epochs;

    if (config->limit.time > 0 && training > config->limit.time)
        training = config->limit.time;
    return training + guess->rest_s;
}

struct loss_task pipeline_loss_task(const struct preparation *preparation)
{
    return (struct loss_task){
        .task = preparation->task,
        .n_classes = preparation->n_classes,
        .n_targets = preparation->n_targets,
        .target_offset = preparation->target_offset,
        .target_scale = preparation->target_scale,
        .logarithm = preparation->target_log,
    };
}

/* ---- predictions ------------------------------------------------------------------------------*/

bool pipeline_predict_rows(struct model *model, const struct samples *samples,
                           const struct row_list *list, const int64_t *row, int64_t n,
                           int64_t batch, double **ret_prediction, struct loss_sum *sum,
                           struct error *error)
{
    int64_t width = model->n_outputs_per_row;
    scoped(memory_free) double *prediction = malloc((size_t)(n * width + 1) * sizeof(*prediction));

    if (!prediction)
        return error_set(error, ERROR_NO_MEMORY, "predicting %lld rows", (long long)n);
    if (!model_predict_rows(model, &samples->set, list, row, n, batch > 0 ? batch : PREDICT_BATCH,
                            prediction, sum, error))
        return false;
    *ret_prediction = take(&prediction);
    return true;
}

static bool write_named(struct buffer *out, const char *what, const char *name, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    return buffer_append_format(&text, error, "%s[%s]", what, name) &&
           csv_write_field(out, text.data, false, error);
}

/* What is told of a distribution. */
#define N_LEVELS 5
static const double density_level[N_LEVELS] = {0.05, 0.25, 0.5, 0.75, 0.95};

static int64_t level_count(const struct distribution_shape *shape, const double **ret_level)
{
    bool quantiles = shape->family == DISTRIBUTION_QUANTILES;

    *ret_level = quantiles ? shape->level : density_level;
    return shape->family == DISTRIBUTION_NONE ? 0 : quantiles ? shape->n : N_LEVELS;
}

static bool has_density(const struct distribution_shape *shape)
{
    return shape->family == DISTRIBUTION_NORMAL || shape->family == DISTRIBUTION_LOG_NORMAL;
}

static bool write_distribution_header(const struct distribution_shape *shape, const char *name,
                                      struct buffer *out, struct error *error)
{
    const double *level;
    int64_t n = level_count(shape, &level);
    char what[32];

    if (has_density(shape) &&
        !(write_named(out, "mean", name, error) && write_named(out, "sd", name, error)))
        return false;
    for (int64_t i = 0; i < n; i++) {
        (void)snprintf(what, sizeof(what), "q%g", level[i]);
        if (!write_named(out, what, name, error))
            return false;
    }
    return true;
}

/* Of a float as many digits as it has; what was computed of it in double comes back as it was: a
 * target's offset may be large beside its spread. */
static bool write_number(double value, struct buffer *out, struct error *error)
{
    if (!buffer_append(out, ",", 1, error))
        return false;
    return sizeof(real) == sizeof(float) && value == (double)(float)value
               ? buffer_append_format(out, error, "%.9g", value)
               : buffer_append_real(out, value, error);
}

static bool write_distribution(const struct distribution_shape *shape, const double *parameter,
                               struct buffer *out, struct error *error)
{
    const double *level;
    int64_t n = level_count(shape, &level);

    if (has_density(shape) && !(write_number(distribution_mean(shape, parameter), out, error) &&
                                write_number(distribution_sd(shape, parameter), out, error)))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (!write_number(distribution_quantile(shape, parameter, level[i]), out, error))
            return false;
    return true;
}

bool pipeline_write_header(const struct samples *samples, const struct distribution_shape *shape,
                           bool actual, struct buffer *out, struct error *error)
{
    const struct preparation *preparation = samples->preparation;

    if (!dataset_write_id_header(samples->dataset, out, error))
        return false;
    if (preparation->task == TASK_CLASSIFICATION) {
        if ((actual && !buffer_append_text(out, ",actual", error)) ||
            !buffer_append_text(out, ",predicted", error))
            return false;
        for (int64_t i = 0; i < preparation->n_classes; i++)
            if (!write_named(out, "p", preparation->class_name[i], error))
                return false;
        return buffer_append_text(out, "\n", error);
    }
    for (int64_t i = 0; i < preparation->n_targets; i++) {
        const char *name = preparation->target_name[i];

        if ((actual && !write_named(out, "actual", name, error)) ||
            !write_named(out, "predicted", name, error) ||
            !write_distribution_header(shape, name, out, error))
            return false;
    }
    return buffer_append_text(out, "\n", error);
}

static int64_t largest(const double *value, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        if (value[i] > value[best])
            best = i;
    return best;
}

/* As many as the numbers have that predict. */
#define PROBABILITY_DIGITS (sizeof(real) == sizeof(double) ? 17 : 9)

static bool write_row(const struct samples *samples, const struct distribution_shape *shape,
                      int64_t row, const double *prediction, bool actual, struct buffer *out,
                      struct error *error)
{
    const struct preparation *preparation = samples->preparation;
    const struct dataset *dataset = samples->dataset;
    int64_t n_targets = preparation->n_targets, n_classes = preparation->n_classes;

    if (!dataset_write_id(dataset, row, out, error))
        return false;
    if (preparation->task == TASK_REGRESSION) {
        for (int64_t i = 0; i < n_targets; i++)
            if ((actual &&
                 !buffer_append_format(out, error, ",%.17g", dataset_target(dataset, row)[i])) ||
                !write_number(prediction[i], out, error) ||
                !write_distribution(shape, prediction + n_targets + i * distribution_width(shape),
                                    out, error))
                return false;
        return buffer_append_text(out, "\n", error);
    }
    if ((actual &&
         !csv_write_field(out, preparation->class_name[dataset->label[row]], false, error)) ||
        !csv_write_field(out, preparation->class_name[largest(prediction, n_classes)], false,
                         error))
        return false;
    for (int64_t i = 0; i < n_classes; i++)
        if (!buffer_append_format(out, error, ",%.*g", PROBABILITY_DIGITS, prediction[i]))
            return false;
    return buffer_append_text(out, "\n", error);
}

bool pipeline_write_rows(const struct model *model, const struct samples *samples,
                         const int64_t *row, int64_t n, const double *prediction, bool actual,
                         struct buffer *out, struct error *error)
{
    for (int64_t i = 0; i < n; i++)
        if (!write_row(samples, &model->distribution, row[i],
                       prediction + i * model->n_outputs_per_row, actual, out, error))
            return false;
    return true;
}

bool pipeline_write_predictions(struct model *model, const struct samples *samples,
                                const struct row_list *list, const int64_t *row, int64_t n,
                                int64_t batch, bool actual, struct buffer *out, struct error *error)
{
    scoped(memory_free) double *prediction = NULL;

    return pipeline_predict_rows(model, samples, list, row, n, batch, &prediction, NULL, error) &&
           pipeline_write_header(samples, &model->distribution, actual, out, error) &&
           pipeline_write_rows(model, samples, row, n, prediction, actual, out, error);
}

bool pipeline_write_logits(struct model *model, const struct samples *samples,
                           const struct row_list *list, const int64_t *row, int64_t n,
                           struct buffer *out, struct error *error)
{
    const struct preparation *preparation = samples->preparation;
    scoped(memory_free) double *logit = NULL;
    bool done;

    model->raw = true;
    done = pipeline_predict_rows(model, samples, list, row, n, 0, &logit, NULL, error);
    model->raw = false;
    if (!done || !dataset_write_id_header(samples->dataset, out, error))
        return false;
    for (int64_t k = 0; k < preparation->n_classes; k++)
        if (!write_named(out, "logit", preparation->class_name[k], error))
            return false;
    for (int64_t i = 0; i < n; i++) {
        if (!buffer_append_text(out, "\n", error) ||
            !dataset_write_id(samples->dataset, row[i], out, error))
            return false;
        for (int64_t k = 0; k < preparation->n_classes; k++)
            if (!write_number(logit[i * preparation->n_classes + k], out, error))
                return false;
    }
    return buffer_append_text(out, "\n", error);
}
