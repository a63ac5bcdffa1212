/* Boosters and their rows: what the library is told, round by round. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/owner.h"
#include "worker/engine/model/boosted_trees.h"

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "boosting trees");
}

/* ---- boosters ---------------------------------------------------------------------------------*/

static const char *objective_of(const struct trees *trees)
{
    static const char *const of_numbers[] = {"reg:squarederror",  "reg:squarederror",
                                             "reg:absoluteerror", "reg:pseudohubererror",
                                             "count:poisson",     "reg:gamma"};

    if (trees->plan.task == TASK_REGRESSION)
        return of_numbers[trees->config->objective];
    return trees->plan.n_classes == 2 ? "binary:logistic" : "multi:softprob";
}

static bool set_growth(const struct trees *trees, struct xgboost_booster *booster,
                       struct error *error)
{
    static const char *const method[] = {"hist", "approx", "exact"};
    static const char *const growth[] = {"depthwise", "lossguide"};
    const struct boosted_trees_config *config = trees->config;

    return xgboost_set(booster, "tree_method", error, "%s", method[config->method]) &&
           xgboost_set(booster, "grow_policy", error, "%s", growth[config->growth]) &&
           xgboost_set(booster, "max_depth", error, "%lld", (long long)config->depth) &&
           xgboost_set(booster, "max_leaves", error, "%lld", (long long)config->leaves) &&
           xgboost_set(booster, "max_bin", error, "%lld", (long long)config->bins) &&
           xgboost_set(booster, "num_parallel_tree", error, "%lld", (long long)config->parallel);
}

static bool set_numbers(const struct trees *trees, struct xgboost_booster *booster,
                        struct error *error)
{
    const struct boosted_trees_config *config = trees->config;
    const struct {
        const char *name;
        double value;
    } number[] = {
        {"eta", config->rate},
        {"min_child_weight", config->min_child_weight},
        {"gamma", config->gamma},
        {"lambda", config->lambda},
        {"alpha", config->alpha},
        {"subsample", config->subsample},
        {"colsample_bytree", config->colsample_bytree},
        {"colsample_bylevel", config->colsample_bylevel},
        {"colsample_bynode", config->colsample_bynode},
        {"max_delta_step", config->max_delta_step},
    };
    size_t n = sizeof(number) / sizeof(number[0]);

    if (config->max_delta_step == 0 && config->objective == OBJECTIVE_POISSON)
        n--; /* the library's own default */
    for (size_t i = 0; i < n; i++)
        if (!xgboost_set(booster, number[i].name, error, "%.9g", number[i].value))
            return false;
    return true;
}

static bool set_task(const struct trees *trees, int64_t index, struct xgboost_booster *booster,
                     struct error *error)
{
    const uint64_t place[] = {trees->plan.seed, (uint64_t)index};
    int seed = (int)(hash_bytes(place, sizeof(place)) & 0xffffff);

    return xgboost_set(booster, "objective", error, "%s", objective_of(trees)) &&
           (trees->plan.n_classes <= 2 ||
            xgboost_set(booster, "num_class", error, "%lld", (long long)trees->plan.n_classes)) &&
           xgboost_set(booster, "seed", error, "%d", seed) &&
           xgboost_set(booster, "seed_per_iteration", error, "true") &&
           xgboost_set(booster, "disable_default_eval_metric", error, "true");
}

bool trees_booster(const struct trees *trees, int64_t index, const void *data, uint64_t size,
                   struct xgboost_booster **ret, struct error *error)
{
    scoped(xgboost_booster_free) struct xgboost_booster *booster = NULL;

    if (!xgboost_booster_make(&booster, error) ||
        (data && !xgboost_restore(booster, data, size, error)) ||
        (!data &&
         (!xgboost_set(booster, "base_score", error, "%.9g", trees->base[index]) ||
          !xgboost_set(booster, "num_feature", error, "%lld", (long long)trees->rows.width))) ||
        !set_task(trees, index, booster, error) || !set_growth(trees, booster, error) ||
        !set_numbers(trees, booster, error))
        return false;
    *ret = take(&booster);
    return true;
}

/* ---- rows and truth ---------------------------------------------------------------------------*/

#define CHUNK_VALUES ((int64_t)1 << 24) /* of 64 MiB */

struct source { /* what fill() reads */
    struct flat_rows rows;
    const struct sample_set *set;
    const int64_t *row;
};

static void fill(void *context, int64_t first, int64_t n)
{
    struct source *source = context;

    flat_rows_gather(&source->rows, source->set, source->row + first, n);
}

bool trees_matrix(struct trees *trees, const struct sample_set *set, const int64_t *row, int64_t n,
                  struct xgboost_matrix **ret, struct error *error)
{
    bool binned = trees->config->method == 0;
    int64_t width = trees->rows.width;
    int64_t most = binned ? CHUNK_VALUES / width + 1 : n;
    struct source source = {.set = set, .row = row};
    struct xgboost_rows rows = {
        .n = n, .width = width, .chunk = n < most ? n : most, .fill = fill, .context = &source};
    bool made;

    if (!flat_rows_init(&source.rows, trees->plan.input, trees->plan.n_inputs, rows.chunk, error))
        return false;
    rows.value = source.rows.value;
    made = xgboost_matrix_make(&rows, binned ? trees->config->bins : 0, trees->train, ret, error);
    flat_rows_release(&source.rows);
    return made;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static double median(const float *value, int64_t n, float *scratch)
{
    memcpy(scratch, value, (size_t)n * sizeof(*value));
    qsort(scratch, (size_t)n, sizeof(*scratch), compare);
    return n % 2 ? scratch[n / 2] : 0.5 * ((double)scratch[n / 2 - 1] + scratch[n / 2]);
}

static double mean(const float *value, const float *weight, int64_t n)
{
    double sum = 0, weights = 0;

    for (int64_t i = 0; i < n; i++) {
        sum += (double)value[i] * (weight ? weight[i] : 1);
        weights += weight ? weight[i] : 1;
    }
    return sum / weights;
}

/* What was set, in the units that are learned. */
static bool set_base(const struct trees *trees, int64_t index, bool logarithm, double *ret,
                     struct error *error)
{
    const struct model_plan *plan = &trees->plan;
    double base = trees->config->base_score.item[0];

    if (plan->task == TASK_CLASSIFICATION) {
        *ret = base;
        return true;
    }
    if (logarithm && !(base > 0))
        return error_set_at(error, ERROR_INVALID, "model[0].base_score",
                            "%g has no logarithm, which data.target_transform takes of targets",
                            base);
    base = logarithm ? log(base) : base;
    *ret = (base - plan->target_offset[index]) / plan->target_scale[index];
    return true;
}

static bool fit_base(struct trees *trees, int64_t index, bool logarithm, struct error *error)
{
    const struct boosted_trees_config *config = trees->config;
    const struct model_plan *plan = &trees->plan;
    const float *label = trees->label + index * trees->n_train;
    bool classes = plan->task == TASK_CLASSIFICATION;
    double *base = &trees->base[index];

    /* the library begins with the same for each of several classes */
    if (config->base_score.n > 0) {
        if (!set_base(trees, index, logarithm, base, error))
            return false;
    } else if (config->objective == OBJECTIVE_ABSOLUTE || config->objective == OBJECTIVE_HUBER) {
        scoped(memory_free) float *scratch = malloc((size_t)trees->n_train * sizeof(*scratch));

        if (!scratch)
            return no_memory(error);
        *base = median(label, trees->n_train, scratch);
    } else {
        *base = classes && plan->n_classes > 2 ? 0.5 : mean(label, trees->weight, trees->n_train);
    }
    if (classes && !(*base > 0 && *base < 1))
        return error_set_at(
            error, ERROR_INVALID, config->base_score.n > 0 ? "model[0].base_score" : "data.split",
            config->base_score.n > 0 ? "of two classes is outside (0, 1)"
                                     : "the training part has rows of one class only");
    return true;
}

static bool has_logarithm(const struct trees *trees)
{
    return trees->config->objective == OBJECTIVE_POISSON ||
           trees->config->objective == OBJECTIVE_GAMMA;
}

static bool fill_labels(struct trees *trees, const struct model_step *step, struct error *error)
{
    const struct model_plan *plan = &trees->plan;
    const struct sample_set *set = step->set;
    float *label = trees->label;

    for (int64_t k = 0; k < trees->n_boosters; k++, label += step->n) {
        double least = INFINITY;

        for (int64_t i = 0; i < step->n; i++) {
            double value = plan->task == TASK_CLASSIFICATION
                               ? set->label[step->row[i]]
                               : (sample_learned(set, step->row[i])[k] - plan->target_offset[k]) /
                                     plan->target_scale[k];

            label[i] = (float)value;
            least = fmin(least, value);
        }
        if (has_logarithm(trees) &&
            (least < 0 || (least == 0 && trees->config->objective == OBJECTIVE_GAMMA)))
            return error_set_at(error, ERROR_INVALID, "model[0].objective",
                                "wants positive targets, but '%s' goes down to %g%s",
                                set->target_name[k], least,
                                set->logarithm || plan->target_offset[k] != 0
                                    ? " as scaled by data.target_transform"
                                    : "");
        if (!fit_base(trees, k, set->logarithm, error))
            return false;
    }
    return true;
}

static bool fill_weights(struct trees *trees, const struct model_step *step, struct error *error)
{
    if (!step->set->weight)
        return true;
    trees->weight = malloc((size_t)step->n * sizeof(*trees->weight));
    if (!trees->weight)
        return no_memory(error);
    for (int64_t i = 0; i < step->n; i++)
        trees->weight[i] = (float)step->set->weight[step->row[i]];
    return true;
}

bool trees_take_rows(struct trees *trees, const struct model_step *step, struct error *error)
{
    trees->n_train = step->n;
    trees->label = malloc((size_t)(trees->n_boosters * step->n) * sizeof(*trees->label));
    if (!trees->label)
        return no_memory(error);
    return fill_weights(trees, step, error) && fill_labels(trees, step, error) &&
           trees_matrix(trees, step->set, step->row, step->n, &trees->train, error) &&
           (!trees->weight ||
            xgboost_matrix_set(trees->train, "weight", trees->weight, step->n, error)) &&
           xgboost_matrix_set(trees->train, "label", trees->label, step->n, error);
}

/* ---- rounds -----------------------------------------------------------------------------------*/

static bool draws(const struct boosted_trees_config *config)
{
    return config->subsample < 1 || config->colsample_bytree < 1 || config->colsample_bylevel < 1 ||
           config->colsample_bynode < 1;
}

/* The grid: 0, 16, 32, 48, 64, 80, 100, 125, ... A reload predicts the training rows anew, so its
 * points grow apart; then all of them together cost a few times what one pass costs. */
static int64_t grid_before(int64_t round)
{
    int64_t point = 0, next = 16;

    while (next <= round) {
        point = next;
        next = point + (point / 4 > 16 ? point / 4 : 16);
    }
    return point;
}

static bool reload(struct trees *trees, struct error *error)
{
    for (int64_t i = 0; i < trees->n_boosters; i++) {
        scoped(xgboost_booster_free) struct xgboost_booster *fresh = NULL;
        const char *data;
        uint64_t size;

        if (!xgboost_save(trees->booster[i], &data, &size, error) ||
            !trees_booster(trees, i, data, size, &fresh, error))
            return false;
        xgboost_booster_free(&trees->booster[i]);
        trees->booster[i] = take(&fresh);
    }
    return true;
}

static bool one_round(struct trees *trees, struct error *error)
{
    int64_t round = trees->at.rounds;

    if (round > 0 && draws(trees->config) && grid_before(round) == round && !reload(trees, error))
        return false;
    for (int64_t i = 0; i < trees->n_boosters; i++) {
        if (!trees->booster[i] && !trees_booster(trees, i, NULL, 0, &trees->booster[i], error))
            return false;
        if (trees->n_boosters > 1 &&
            !xgboost_matrix_set(trees->train, "label", trees->label + i * trees->n_train,
                                trees->n_train, error))
            return false;
        if (!xgboost_advance(trees->booster[i], round, trees->train, error))
            return false;
    }
    trees->at.rounds++;
    return true;
}

/* To the last point of the grid. */
static bool go_back(struct trees *trees, struct error *error)
{
    int64_t point = grid_before(trees->at.rounds);

    for (int64_t i = 0; i < trees->n_boosters && point < trees->at.rounds; i++) {
        scoped(xgboost_booster_free) struct xgboost_booster *part = NULL;

        if (point > 0 && !xgboost_slice(trees->booster[i], point, &part, error))
            return false;
        xgboost_booster_free(&trees->booster[i]);
        trees->booster[i] = take(&part);
    }
    trees->at.rounds = point;
    return true;
}

bool trees_boost(struct trees *trees, struct error *error)
{
    int64_t round = trees->at.rounds;

    if (trees->resumed && draws(trees->config) && !go_back(trees, error))
        return false;
    trees->resumed = false;
    while (trees->at.rounds <= round)
        if (!one_round(trees, error))
            return false;
    return true;
}
