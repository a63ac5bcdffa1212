/* The descriptor: settings, building, predictions, the model file. */
#include "worker/engine/model/ensemble.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

#define PLACE "model[0].of"

static const char *const by_names[] = {"mean", "score", "stack", NULL};

#define CONFIG struct ensemble_config
static const struct setting ensemble_settings[] = {
    SETTING_TEXTS(
        CONFIG, of, 1, ENSEMBLE_MEMBERS_MAX,
        "The learners: an experiment (12), several that are one learner together (3-7, the "
        "folds of one), a run's folder or a model file."),
    SETTING_CHOICE(CONFIG, by, 0, by_names,
                   "What a learner counts: mean, as much as the others; score, as its metric says; "
                   "stack, as fits the training rows best, of which each learner predicts those "
                   "that it was not trained on."),
    SETTING_REALS(CONFIG, weights, 0, 1e9, 0, ENSEMBLE_MEMBERS_MAX,
                  "For mean: what each learner counts, in the order of `of`."),
    SETTING_TEXT(CONFIG, metric, "valid.loss", 0,
                 "For score and threshold: a final metric of the learners' runs."),
    {.name = "threshold",
     .type = SETTING_TYPE_REALS,
     .offset = SETTING_OFFSET(CONFIG, threshold, struct setting_reals),
     .flags = SETTING_SCALAR_OK,
     .low = -1e300,
     .high = 1e300,
     .max_items = 1,
     .unit = "",
     .help = "Learners whose metric is worse than this are left out."},
    {0},
};

static bool check(const void *config, const char *path, struct error *error)
{
    const CONFIG *ensemble = config;
    int64_t members = 0;

    for (size_t i = 0; i < ensemble->of.n; i++)
        members += ensemble_count(ensemble->of.item[i]);
    if (members > ENSEMBLE_MEMBERS_MAX)
        return error_set_at(error, ERROR_INVALID, path, "%lld members; at most %d can be",
                            (long long)members, ENSEMBLE_MEMBERS_MAX);
    if (ensemble->weights.n > 0 && ensemble->by != ENSEMBLE_MEAN)
        return error_set_at(error, ERROR_INVALID, path, "weights go with by: mean");
    if (ensemble->weights.n > 0 && ensemble->weights.n != ensemble->of.n)
        return error_set_at(error, ERROR_INVALID, path, "%zu weights for %zu learners",
                            ensemble->weights.n, ensemble->of.n);
    if (ensemble->threshold.n > 0 && ensemble->by == ENSEMBLE_STACK)
        return error_set_at(error, ERROR_INVALID, path, "threshold goes with mean and score");
    return true;
}
#undef CONFIG

static struct ensemble *ensemble_of(struct model *model)
{
    return (struct ensemble *)model;
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "making an ensemble");
}

/* ---- building ---------------------------------------------------------------------------------*/

static void ensemble_free(struct model *model)
{
    struct ensemble *ensemble = ensemble_of(model);

    for (int64_t i = 0; ensemble->member && i < ensemble->n_members; i++)
        member_release(&ensemble->member[i]);
    free(ensemble->member);
    free(ensemble->weight);
    free(ensemble);
}

static bool ensemble_measure(const struct model_plan *plan, int64_t *ret_parameters,
                             int64_t *ret_memory, struct error *error)
{
    const struct ensemble_config *config = plan->layers->item[0].config;

    (void)error;
    *ret_parameters = (int64_t)config->of.n;
    *ret_memory = 0;
    return true;
}

static bool name_members(struct ensemble *ensemble, struct error *error)
{
    const struct ensemble_config *config = ensemble->config;

    for (size_t i = 0; i < config->of.n; i++)
        ensemble->n_members += ensemble_count(config->of.item[i]);
    ensemble->member = calloc((size_t)ensemble->n_members + 1, sizeof(*ensemble->member));
    ensemble->weight = calloc(config->of.n + 1, sizeof(*ensemble->weight));
    if (!ensemble->member || !ensemble->weight)
        return no_memory(error);
    for (int64_t learner = 0, at = 0; learner < ensemble->n_learners; learner++) {
        const char *item = config->of.item[learner];

        for (int64_t k = 0; k < ensemble_count(item); k++, at++) {
            ensemble->member[at].learner = learner;
            if (!ensemble_name(item, k, &ensemble->member[at].name, error))
                return false;
        }
    }
    return true;
}

static bool ensemble_build(const struct model_plan *plan, struct model **ret_model,
                           struct error *error)
{
    scoped(model_free) struct model *model = NULL;
    struct ensemble *ensemble = calloc(1, sizeof(*ensemble));

    if (!ensemble)
        return no_memory(error);
    model = &ensemble->model;
    model->kind = &model_ensemble;
    ensemble->plan = *plan;
    ensemble->config = plan->layers->item[0].config;
    ensemble->n_learners = (int64_t)ensemble->config->of.n;
    if (!name_members(ensemble, error))
        return false;
    model->n_parameters = ensemble->n_learners;
    model->n_pieces = ensemble->n_members;
    model->n_outputs_per_row =
        plan->task == TASK_CLASSIFICATION ? plan->n_classes : plan->n_targets;
    *ret_model = take(&model);
    return true;
}

/* ---- predictions ------------------------------------------------------------------------------*/

/* All members, with the rows of the set. */
static bool get_ready(struct ensemble *ensemble, const struct sample_set *set, struct error *error)
{
    const struct samples *samples = set->context;

    for (int64_t i = 0; i < ensemble->n_members; i++) {
        struct member *member = &ensemble->member[i];

        if (!member_open(ensemble, member, error))
            return false;
        if ((!member->column && !member_match(member, set, error)) ||
            (ensemble->dataset != samples->dataset &&
             !member_take_dataset(member, samples->dataset, error)))
            return false;
    }
    ensemble->dataset = samples->dataset;
    return true;
}

/* What it has no number for: of a class that it has never seen the probability is 0. */
static double output_of(const struct ensemble *ensemble, const struct member *member,
                        const double *own, int64_t output)
{
    if (member->column[output] >= 0)
        return own[member->column[output]];
    return ensemble->plan.task == TASK_CLASSIFICATION ? 0 : NAN;
}

/* Adds a member's predictions of the rows that it is asked about. */
static bool add_member(struct ensemble *ensemble, struct member *member,
                       const struct ensemble_rows *rows, const int8_t *left_out, double *sum,
                       double *n_asked, struct error *error)
{
    int64_t width = member->stored.model->n_outputs_per_row;
    int64_t outputs = ensemble->model.n_outputs_per_row;
    scoped(memory_free) double *own = calloc((size_t)(rows->n * width) + 1, sizeof(*own));

    if (!own)
        return no_memory(error);
    if (!model_predict(member->stored.model, &member->samples->set, rows->row, rows->n, own, NULL,
                       error))
        return false;
    for (int64_t i = 0; i < rows->n; i++)
        for (int64_t k = 0; k < outputs; k++) {
            double value = output_of(ensemble, member, own + i * width, k);

            if (isnan(value) || (left_out && left_out[rows->row[i]]))
                continue;
            sum[i * outputs + k] += value;
            n_asked[i * outputs + k]++;
        }
    return true;
}

bool ensemble_learner(struct ensemble *ensemble, int64_t learner, const struct ensemble_rows *rows,
                      const int8_t *left_out, double *ret_mean, struct error *error)
{
    size_t values = (size_t)(rows->n * ensemble->model.n_outputs_per_row);
    scoped(memory_free) double *n_asked = calloc(values + 1, sizeof(*n_asked));

    if (!n_asked)
        return no_memory(error);
    memset(ret_mean, 0, values * sizeof(*ret_mean));
    for (int64_t i = 0; i < ensemble->n_members; i++)
        if (ensemble->member[i].learner == learner &&
            !add_member(ensemble, &ensemble->member[i], rows,
                        left_out ? left_out + i * ensemble->dataset->n_rows : NULL, ret_mean,
                        n_asked, error))
            return false;
    for (size_t i = 0; i < values; i++) {
        if (left_out && n_asked[i] == 0)
            return error_set_at(
                error, ERROR_INVALID, PLACE,
                "%s cannot be stacked: of training row %lld it has no prediction by a model that "
                "was not trained on it (the folds of one learner leave out each row once)",
                ensemble->config->of.item[learner],
                (long long)dataset_file_row(
                    ensemble->dataset, rows->row[(int64_t)i / ensemble->model.n_outputs_per_row]));
        ret_mean[i] = n_asked[i] > 0 ? ret_mean[i] / n_asked[i] : NAN;
    }
    return true;
}

/* Weighted sums; of outputs that only some learners have those of these. */
static bool combine(struct ensemble *ensemble, const struct ensemble_rows *rows, double *prediction,
                    struct error *error)
{
    int64_t outputs = ensemble->model.n_outputs_per_row;
    size_t values = (size_t)(rows->n * outputs);
    bool adds = ensemble->config->by == ENSEMBLE_STACK && ensemble->plan.task == TASK_REGRESSION;
    scoped(memory_free) double *mean = calloc(values + 1, sizeof(*mean));
    scoped(memory_free) double *total = calloc(values + 1, sizeof(*total));

    if (!mean || !total)
        return no_memory(error);
    memset(prediction, 0, values * sizeof(*prediction));
    for (int64_t learner = 0; learner < ensemble->n_learners; learner++) {
        double weight = (double)ensemble->weight[learner];

        if (weight == 0)
            continue;
        if (!ensemble_learner(ensemble, learner, rows, NULL, mean, error))
            return false;
        for (size_t i = 0; i < values; i++) {
            double offset = adds ? ensemble->plan.target_offset[(int64_t)i % outputs] : 0;

            if (isnan(mean[i]))
                continue;
            prediction[i] += weight * (mean[i] - offset);
            total[i] += weight;
        }
    }
    for (size_t i = 0; i < values; i++) {
        if (total[i] == 0)
            return error_set_at(error, ERROR_INVALID, PLACE, "no learner predicts output %lld",
                                (long long)((int64_t)i % outputs));
        prediction[i] = adds ? prediction[i] + ensemble->plan.target_offset[(int64_t)i % outputs]
                             : prediction[i] / total[i];
    }
    return true;
}

static bool ensemble_predict(struct model *model, const struct sample_set *set, const int64_t *row,
                             int64_t n, double *ret_prediction, struct loss_sum *sum,
                             struct error *error)
{
    struct ensemble *ensemble = ensemble_of(model);
    const struct ensemble_rows rows = {.row = row, .n = n};
    scoped(memory_free) double *own = NULL;
    double *prediction = ret_prediction;

    if (!prediction)
        prediction = own = calloc((size_t)(n * model->n_outputs_per_row) + 1, sizeof(*own));
    if (!prediction)
        return no_memory(error);
    if (!get_ready(ensemble, set, error) || !combine(ensemble, &rows, prediction, error))
        return false;
    if (sum)
        model_add_loss(&model_ensemble, &ensemble->plan, set, row, n, prediction, sum);
    return true;
}

static bool ensemble_advance(struct model *model, const struct model_step *step,
                             struct loss_sum *sum, struct error *error)
{
    struct ensemble *ensemble = ensemble_of(model);

    if (!get_ready(ensemble, step->set, error) || !ensemble_weigh(ensemble, step, error))
        return false;
    return ensemble_predict(model, step->set, step->row, step->n, NULL, sum, error);
}

/* ---- what survives ----------------------------------------------------------------------------*/

static bool ensemble_declare(struct model *model, struct state *state, struct error *error)
{
    struct ensemble *ensemble = ensemble_of(model);

    for (int i = 0; i < state->n; i++)
        if (strcmp(state->piece[i].name, "weights") == 0)
            return true;
    return state_add(state, "weights", ensemble->weight,
                     (size_t)ensemble->n_learners * sizeof(*ensemble->weight), error);
}

static void nothing_to_remember(struct model *model)
{
    (void)model;
}

static bool ensemble_array(struct model *model, int64_t index, struct model_array *ret_array)
{
    struct ensemble *ensemble = ensemble_of(model);

    *ret_array = (struct model_array){.name = "ensemble.weight",
                                      .value = ensemble->weight,
                                      .rows = ensemble->n_learners,
                                      .columns = 1};
    return index == 0;
}

static bool ensemble_save(struct model *model, int64_t index, const char **ret_data,
                          uint64_t *ret_size, struct error *error)
{
    struct ensemble *ensemble = ensemble_of(model);
    struct member *member = &ensemble->member[index];

    if (!member_open(ensemble, member, error))
        return false;
    *ret_data = member->bytes.data;
    *ret_size = member->bytes.size;
    return true;
}

static bool ensemble_load(struct model *model, int64_t index, const void *data, uint64_t size,
                          struct error *error)
{
    struct ensemble *ensemble = ensemble_of(model);
    struct member *member = &ensemble->member[index];

    buffer_clear(&member->bytes);
    return buffer_append(&member->bytes, data, size, error) && member_open(ensemble, member, error);
}

static bool ensemble_quicken(struct model *model, const struct bf16x3_kernel *kernel,
                             struct error *error)
{
    struct ensemble *ensemble = (struct ensemble *)model;

    for (int64_t i = 0; i < ensemble->n_members; i++)
        if (!model_quicken(ensemble->member[i].stored.model, kernel, error))
            return false;
    return true;
}

const struct model_kind model_ensemble = {
    .kind = {.name = "ensemble",
             .help = "Stored models of other experiments as one: their predictions, averaged or "
                     "stacked.",
             .config_size = sizeof(struct ensemble_config),
             .settings = ensemble_settings,
             .check = check},
    .whole = true,
    .single = true,
    .own_units = true,
    .build = ensemble_build,
    .measure = ensemble_measure,
    .free = ensemble_free,
    .declare = ensemble_declare,
    .declare_best = ensemble_declare,
    .remember = nothing_to_remember,
    .recall = nothing_to_remember,
    .advance = ensemble_advance,
    .predict = ensemble_predict,
    .quicken = ensemble_quicken,
    .array = ensemble_array,
    .save = ensemble_save,
    .load = ensemble_load,
};
