/* The descriptor: settings, building, steps, predictions. */
#include "worker/engine/model/boosted_trees.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/owner.h"

static const char *const objective_names[] = {
    "auto", "squared_error", "absolute_error", "huber", "poisson", "gamma", NULL};
static const char *const method_names[] = {"hist", "approx", "exact", NULL};
static const char *const growth_names[] = {"depthwise", "lossguide", NULL};

#define CONFIG struct boosted_trees_config
static const struct setting boosted_trees_settings[] = {
    SETTING_REAL(CONFIG, rate, 0.3, 0, 1, SETTING_OPEN_LOW, "",
                 "How much of each tree counts; smaller wants more rounds (train.epochs)."),
    SETTING_INTEGER(CONFIG, depth, 6, 0, 64, "levels",
                    "Most levels of a tree; 0: only leaves limits it."),
    SETTING_INTEGER(CONFIG, leaves, 0, 0, 1 << 20, "leaves", "Most leaves of a tree; 0: no limit."),
    SETTING_CHOICE(CONFIG, growth, 0, growth_names,
                   "Which leaf is split next: level by level, or the one that gains most."),
    SETTING_CHOICE(CONFIG, method, 0, method_names,
                   "How splits are looked for: in bins, in bins made anew each round, or among all "
                   "values."),
    SETTING_INTEGER(CONFIG, bins, 256, 2, 65536, "bins",
                    "Most bins of a feature's values, for hist and approx."),
    SETTING_REAL(CONFIG, min_child_weight, 1, 0, 1e12, 0, "",
                 "Least sum of second derivatives in a leaf (of rows, for squared error)."),
    SETTING_REAL(CONFIG, gamma, 0, 0, 1e12, 0, "", "Least gain of a split."),
    SETTING_REAL(CONFIG, lambda, 1, 0, 1e12, 0, "", "L2 penalty of leaf values."),
    SETTING_REAL(CONFIG, alpha, 0, 0, 1e12, 0, "", "L1 penalty of leaf values."),
    SETTING_REAL(CONFIG, max_delta_step, 0, 0, 1e12, 0, "",
                 "Largest value of a leaf; 0: no limit (poisson: 0.7)."),
    SETTING_REAL(CONFIG, subsample, 1, 0, 1, SETTING_OPEN_LOW, "",
                 "Share of the rows that a tree is grown on."),
    SETTING_REAL(CONFIG, colsample_bytree, 1, 0, 1, SETTING_OPEN_LOW, "",
                 "Share of the features that a tree may use."),
    SETTING_REAL(CONFIG, colsample_bylevel, 1, 0, 1, SETTING_OPEN_LOW, "",
                 "Of those the share that a level may use."),
    SETTING_REAL(CONFIG, colsample_bynode, 1, 0, 1, SETTING_OPEN_LOW, "",
                 "Of those the share that a split may use."),
    SETTING_INTEGER(CONFIG, parallel, 1, 1, 10000, "trees",
                    "Trees of one round; with rate 1 and a subsample a random forest."),
    SETTING_CHOICE(CONFIG, objective, OBJECTIVE_AUTO, objective_names,
                   "What rounds make small; auto: squared_error for numbers. Classes have their "
                   "log loss."),
    {.name = "base_score",
     .type = SETTING_TYPE_REALS,
     .offset = SETTING_OFFSET(CONFIG, base_score, struct setting_reals),
     .flags = SETTING_SCALAR_OK,
     .low = -1e300,
     .high = 1e300,
     .max_items = 1,
     .unit = "",
     .help = "What is predicted before the first tree, in the target's own units. Left out: the "
             "mean of the training rows (absolute_error and huber: their median; two classes: "
             "their share)."},
    {0},
};

static bool check(const void *config, const char *path, struct error *error)
{
    const CONFIG *trees = config;

    if (trees->depth == 0 && (trees->leaves == 0 || trees->method == 2))
        return error_set_at(error, ERROR_INVALID, path,
                            trees->method == 2 ? "exact needs a depth"
                                               : "a tree needs a depth or leaves");
    if (trees->growth == 1 && trees->method == 2)
        return error_set_at(error, ERROR_INVALID, path, "exact grows trees depthwise");
    return true;
}
#undef CONFIG

/* ---- building ---------------------------------------------------------------------------------*/

enum { PREDICT_ROWS_MIN = 64, PREDICT_ROWS_MAX = 4096, PREDICT_VALUES = 1 << 18 };

static struct trees *trees_of(struct model *model)
{
    return (struct trees *)model;
}

static int64_t predict_rows(int64_t width)
{
    int64_t rows = PREDICT_VALUES / (width > 0 ? width : 1);

    return rows < PREDICT_ROWS_MIN ? PREDICT_ROWS_MIN
                                   : (rows > PREDICT_ROWS_MAX ? PREDICT_ROWS_MAX : rows);
}

static void trees_free(struct model *model)
{
    struct trees *trees = trees_of(model);

    for (int64_t i = 0; trees->booster && i < trees->n_boosters; i++)
        xgboost_booster_free(&trees->booster[i]);
    xgboost_matrix_free(&trees->train);
    xgboost_matrix_free(&trees->watched);
    flat_rows_release(&trees->rows);
    buffer_release(&trees->saved);
    free(trees->booster);
    free(trees->label);
    free(trees->weight);
    free(trees->base);
    free(trees);
}

static bool check_plan(const struct model_plan *plan, struct error *error)
{
    const struct boosted_trees_config *config = plan->layers->item[0].config;

    if (plan->task == TASK_CLASSIFICATION && config->objective != OBJECTIVE_AUTO)
        return error_set_at(error, ERROR_INVALID, "model[0].objective",
                            "%s is for numbers, but the target is classes",
                            objective_names[config->objective]);
    if (plan->task == TASK_CLASSIFICATION && config->base_score.n > 0 && plan->n_classes > 2)
        return error_set_at(error, ERROR_INVALID, "model[0].base_score",
                            "is for numbers or two classes");
    return true;
}

static int64_t count_boosters(const struct model_plan *plan)
{
    return plan->task == TASK_CLASSIFICATION ? 1 : plan->n_targets;
}

static bool trees_measure(const struct model_plan *plan, int64_t *ret_parameters,
                          int64_t *ret_memory, struct error *error)
{
    int64_t width = flat_width(plan->input, plan->n_inputs);

    if (!check_plan(plan, error) || !xgboost_load(error))
        return false;
    *ret_parameters = 0;
    *ret_memory = predict_rows(width) * width * (int64_t)sizeof(real);
    return true;
}

extern const struct model_kind model_boosted_trees;

static bool trees_build(const struct model_plan *plan, struct model **ret_model,
                        struct error *error)
{
    scoped(model_free) struct model *model = NULL;
    struct trees *trees = calloc(1, sizeof(*trees));
    int64_t n = count_boosters(plan);

    if (!trees)
        return error_set(error, ERROR_NO_MEMORY, "boosting trees");
    model = &trees->model;
    model->kind = &model_boosted_trees;
    if (!trees_measure(plan, &model->n_parameters, &model->memory, error))
        return false;
    model->n_outputs_per_row =
        plan->task == TASK_CLASSIFICATION ? plan->n_classes : plan->n_targets;
    model->n_pieces = n;
    trees->plan = *plan;
    trees->config = plan->layers->item[0].config;
    trees->n_boosters = n;
    trees->booster = calloc((size_t)n, sizeof(struct xgboost_booster *));
    trees->base = calloc((size_t)n, sizeof(*trees->base));
    if (!trees->booster || !trees->base)
        return error_set(error, ERROR_NO_MEMORY, "boosting trees");
    if (!flat_rows_init(&trees->rows, plan->input, plan->n_inputs,
                        predict_rows(flat_width(plan->input, plan->n_inputs)), error))
        return false;
    *ret_model = take(&model);
    return true;
}

/* ---- predictions ------------------------------------------------------------------------------*/

static int64_t rounds_that_count(const struct trees *trees)
{
    return trees->recalled && trees->at.best > 0 ? trees->at.best : trees->at.rounds;
}

/* What a booster gave for n rows, into the task's terms. */
static void store(const struct trees *trees, int64_t index, const float *given, int64_t given_width,
                  int64_t n, double *prediction)
{
    int64_t width = trees->model.n_outputs_per_row;

    if (trees->plan.task == TASK_REGRESSION) {
        for (int64_t i = 0; i < n; i++)
            prediction[i * width + index] =
                given[i] * trees->plan.target_scale[index] + trees->plan.target_offset[index];
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        if (given_width == 1) { /* the probability of the second of two classes */
            prediction[i * width] = 1 - (double)given[i];
            prediction[i * width + 1] = given[i];
            continue;
        }
        for (int64_t k = 0; k < width; k++)
            prediction[i * width + k] = given[i * width + k];
    }
}

static bool predict_matrix(struct trees *trees, struct xgboost_matrix *matrix, int64_t n,
                           double *prediction, struct error *error)
{
    for (int64_t b = 0; b < trees->n_boosters; b++) {
        const float *given;
        int64_t width;

        if (!xgboost_predict(trees->booster[b], matrix, rounds_that_count(trees), &given, &width,
                             error))
            return false;
        store(trees, b, given, width, n, prediction);
    }
    return true;
}

static bool predict_rows_of(struct trees *trees, const struct sample_set *set, const int64_t *row,
                            int64_t n, double *prediction, struct error *error)
{
    struct flat_rows *rows = &trees->rows;

    for (int64_t first = 0; first < n; first += rows->capacity) {
        int64_t size = n - first < rows->capacity ? n - first : rows->capacity;

        flat_rows_gather(rows, set, row + first, size);
        for (int64_t b = 0; b < trees->n_boosters; b++) {
            const float *given;
            int64_t width;

            if (!xgboost_predict_rows(trees->booster[b], rows->value, size, rows->width,
                                      rounds_that_count(trees), &given, &width, error))
                return false;
            store(trees, b, given, width, size,
                  prediction + first * trees->model.n_outputs_per_row);
        }
    }
    return true;
}

/* Training asks for the validation rows after every round. Asked for the second time they get a
 * matrix, for which the library keeps what earlier rounds gave. */
static bool watch(struct trees *trees, const struct sample_set *set, const int64_t *row, int64_t n,
                  bool *ret_watched, struct error *error)
{
    uint64_t hash = hash_bytes(row, (size_t)n * sizeof(*row));

    *ret_watched = trees->train && trees->watched_hash == hash;
    if (!trees->train || (*ret_watched && trees->watched))
        return true;
    xgboost_matrix_free(&trees->watched);
    trees->watched_hash = hash;
    return !*ret_watched || trees_matrix(trees, set, row, n, &trees->watched, error);
}

static double loss_of_value(enum trees_objective objective, double p, double t)
{
    double d = p - t;

    switch (objective) {
    case OBJECTIVE_ABSOLUTE:
        return fabs(d);
    case OBJECTIVE_HUBER:
        return sqrt(1 + d * d) - 1;
    case OBJECTIVE_POISSON:
        return p - t * log(p) + lgamma(t + 1);
    case OBJECTIVE_GAMMA:
        return t / p + log(p);
    case OBJECTIVE_AUTO:
    case OBJECTIVE_SQUARED:
        break;
    }
    return d * d;
}

/* Of numbers by another objective than their squared errors. */
static double loss_of_row(const struct trees *trees, const struct sample_set *set, int64_t row,
                          const double *prediction)
{
    const struct model_plan *plan = &trees->plan;
    double sum = 0;

    for (int64_t k = 0; k < plan->n_targets; k++) {
        double scale = plan->target_scale[k], offset = plan->target_offset[k];

        sum += loss_of_value((enum trees_objective)trees->config->objective,
                             (prediction[k] - offset) / scale,
                             (sample_learned(set, row)[k] - offset) / scale);
    }
    return sum / (double)plan->n_targets;
}

static void add_loss(const struct trees *trees, const struct sample_set *set, const int64_t *row,
                     int64_t n, const double *prediction, struct loss_sum *sum)
{
    int objective = trees->config->objective;

    if (objective == OBJECTIVE_AUTO || objective == OBJECTIVE_SQUARED) {
        model_add_loss(trees->model.kind, &trees->plan, set, row, n, prediction, sum);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        double weight = set->weight ? set->weight[row[i]] : 1;

        sum->loss += weight * loss_of_row(trees, set, row[i],
                                          prediction + i * trees->model.n_outputs_per_row);
        sum->weight += weight;
    }
}

static bool trees_predict(struct model *model, const struct sample_set *set, const int64_t *row,
                          int64_t n, double *ret_prediction, struct loss_sum *sum,
                          struct error *error)
{
    struct trees *trees = trees_of(model);
    scoped(memory_free) double *own = NULL;
    double *prediction = ret_prediction;
    bool watched = false;

    if (!prediction)
        prediction = own = calloc((size_t)(n * model->n_outputs_per_row) + 1, sizeof(*own));
    if (!prediction)
        return error_set(error, ERROR_NO_MEMORY, "predicting %lld rows", (long long)n);
    if (trees->plan.batch > 0 && !trees->recalled && !watch(trees, set, row, n, &watched, error))
        return false;
    if (watched ? !predict_matrix(trees, trees->watched, n, prediction, error)
                : !predict_rows_of(trees, set, row, n, prediction, error))
        return false;
    if (sum)
        add_loss(trees, set, row, n, prediction, sum);
    return true;
}

/* ---- steps ------------------------------------------------------------------------------------*/

static bool trees_advance(struct model *model, const struct model_step *step, struct loss_sum *sum,
                          struct error *error)
{
    struct trees *trees = trees_of(model);
    scoped(memory_free) double *prediction =
        calloc((size_t)(step->n * model->n_outputs_per_row), sizeof(*prediction));

    assert(step->step == (uint64_t)trees->at.rounds + 1);
    if (!prediction)
        return error_set(error, ERROR_NO_MEMORY, "boosting trees");
    if ((!trees->train && !trees_take_rows(trees, step, error)) || !trees_boost(trees, error) ||
        !predict_matrix(trees, trees->train, step->n, prediction, error))
        return false;
    add_loss(trees, step->set, step->row, step->n, prediction, sum);
    return true;
}

static void trees_remember(struct model *model)
{
    struct trees *trees = trees_of(model);

    trees->at.best = trees->at.rounds;
}

static void trees_recall(struct model *model)
{
    trees_of(model)->recalled = true;
}

static bool trees_array(struct model *model, int64_t index, struct model_array *ret_array)
{
    (void)model, (void)index, (void)ret_array;
    return false;
}

static bool trees_importance(struct model *model, double *ret_gain, double *ret_splits,
                             struct error *error)
{
    struct trees *trees = trees_of(model);
    int64_t width = trees->rows.width;

    memset(ret_gain, 0, (size_t)width * sizeof(*ret_gain));
    memset(ret_splits, 0, (size_t)width * sizeof(*ret_splits));
    if (!trees_cut(trees, error))
        return false;
    for (int64_t i = 0; i < trees->n_boosters; i++)
        if (!xgboost_add_importance(trees->booster[i], "total_gain", ret_gain, width, error) ||
            !xgboost_add_importance(trees->booster[i], "weight", ret_splits, width, error))
            return false;
    return true;
}

const struct model_kind model_boosted_trees = {
    .kind = {.name = "boosted_trees",
             .help = "Gradient-boosted trees (XGBoost); the whole model, a round is an epoch.",
             .config_size = sizeof(struct boosted_trees_config),
             .settings = boosted_trees_settings,
             .check = check},
    .whole = true,
    .build = trees_build,
    .measure = trees_measure,
    .free = trees_free,
    .declare = trees_declare,
    .declare_best = trees_declare,
    .remember = trees_remember,
    .recall = trees_recall,
    .advance = trees_advance,
    .predict = trees_predict,
    .array = trees_array,
    .save = trees_save,
    .load = trees_load,
    .importance = trees_importance,
};
