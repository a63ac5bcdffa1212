/*
 * The columns that go with the target: largest |correlation|. With several targets, or with classes
 * (each against the others), each has its own k columns, and those stay that are in most of those
 * lists, of equals the one with the largest correlation.
 *
 * State of a column that stays: (in how many lists it is, its largest |correlation|).
 */
#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/row_stream.h"
#include "worker/engine/transform/select.h"

#include <math.h>
#include <stdlib.h>

#include "common/owner.h"
#include "worker/engine/dataset/dataset.h"

struct top_k_config {
    struct transform_config base;
    int64_t k;
};

static const struct setting top_k_settings[] = {
    TRANSFORM_SETTINGS(struct top_k_config),
    TRANSFORM_FIT_ON(struct top_k_config),
    SETTING_INTEGER(struct top_k_config, k, 10, 1, 1000000, "columns", "How many columns stay."),
    {0},
};

struct standing { /* of a column */
    int64_t column;
    double r; /* with the target that is looked at */
    double count, best;
};

static int64_t n_targets(const struct dataset *dataset)
{
    return dataset->task == TASK_REGRESSION ? dataset->n_targets : dataset->classes.n;
}

/* NAN: missing. */
static double target_of(const struct dataset *dataset, int64_t row, int64_t target)
{
    if (dataset->task == TASK_REGRESSION)
        return dataset->target[row * dataset->n_targets + target];
    return dataset->label[row] < 0 ? (double)NAN : dataset->label[row] == target;
}

/* ret[n_columns][targets + 1]: sums of products of distances from the means; the last of a column:
 * of its own squares. Missing values count as the mean. */
static void add_products(const struct fitting *fitting, const struct column_figures *figures,
                         const double *target_mean, double *ret)
{
    const struct transform *transform = fitting->transform;
    int64_t targets = n_targets(fitting->dataset), at = 0;
    const struct block *block;
    const int64_t *row;

    while ((block = row_stream_next(fitting->rows, &at, &row)))
        for (int64_t i = 0; i < transform->n_columns; i++) {
            const double *x = block_column(block, transform->column[i]);
            double *sum = ret + i * (targets + 1);

            for (int64_t k = 0; k < block_rows(block); k++) {
                double distance = isnan(x[k]) ? 0 : x[k] - figures[i].mean;

                for (int64_t t = 0; t < targets; t++) {
                    double target = target_of(fitting->dataset, row[k / block->steps], t);

                    sum[t] += isnan(target) ? 0 : distance * (target - target_mean[t]);
                }
                sum[targets] += distance * distance;
            }
        }
}

static void target_figures(const struct fitting *fitting, double *mean, double *squares)
{
    const struct row_list *rows = fitting->rows->rows;

    for (int64_t t = 0; t < n_targets(fitting->dataset); t++) {
        int64_t told = 0;

        for (struct row_walk at = {.list = rows}; row_walk(&at);) {
            double target = target_of(fitting->dataset, at.row, t);
            double distance = target - mean[t];

            if (isnan(target)) /* a row that is no sample */
                continue;
            mean[t] += distance / (double)++told;
            squares[t] += distance * (target - mean[t]);
        }
    }
}

static int by_r(const void *left, const void *right)
{
    const struct standing *a = left, *b = right;

    return a->r != b->r ? (a->r < b->r) - (a->r > b->r)
                        : (a->column > b->column) - (a->column < b->column);
}

static int by_count(const void *left, const void *right)
{
    const struct standing *a = left, *b = right;

    if (a->count != b->count)
        return (a->count < b->count) - (a->count > b->count);
    return a->best != b->best ? (a->best < b->best) - (a->best > b->best)
                              : (a->column > b->column) - (a->column < b->column);
}

static int by_column(const void *left, const void *right)
{
    const struct standing *a = left, *b = right;

    return (a->column > b->column) - (a->column < b->column);
}

/* Orders the columns: those that stay come first. */
static void judge(struct standing *standing, int64_t n, int64_t k, const double *product,
                  const double *squares, int64_t targets)
{
    for (int64_t t = 0; t < targets; t++) {
        qsort(standing, (size_t)n, sizeof(*standing), by_column);
        for (int64_t i = 0; i < n; i++) {
            const double *own = product + i * (targets + 1);
            double norm = sqrt(own[targets] * squares[t]);

            standing[i].r = norm > 0 ? fabs(own[t]) / norm : 0;
            standing[i].best = fmax(standing[i].best, standing[i].r);
        }
        qsort(standing, (size_t)n, sizeof(*standing), by_r);
        for (int64_t i = 0; i < k; i++)
            standing[i].count++;
    }
    qsort(standing, (size_t)n, sizeof(*standing), by_count);
}

/* Columns that are no numbers stay too, and have no figures. */
static bool keep_best(struct fitting *fitting, struct standing *standing, int64_t n, int64_t k,
                      struct error *error)
{
    struct transform *transform = fitting->transform;
    scoped(memory_free) bool *keep = calloc((size_t)fitting->layout->width + 1, sizeof(*keep));

    if (!keep)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    for (int64_t i = 0; i < fitting->layout->width; i++)
        keep[i] = true;
    for (int64_t i = k; i < n; i++)
        keep[standing[i].column] = false;
    if (!select_fit(fitting, keep, error))
        return false;
    free(take(&transform->first));
    free(take(&transform->state));
    if (!transform_give_state(transform, 2, error))
        return false;
    qsort(standing, (size_t)k, sizeof(*standing), by_column);
    for (int64_t i = 0, j = 0; i < transform->n_columns && j < k; i++)
        if (transform->column[i] == standing[j].column) {
            transform_state(transform, i)[0] = standing[j].count;
            transform_state(transform, i)[1] = standing[j++].best;
        }
    return true;
}

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct top_k_config *config = fitting->config;
    const struct transform *chosen = fitting->transform;
    int64_t n = chosen->n_columns, k = config->k < n ? config->k : n;
    size_t columns = (size_t)n, targets = (size_t)n_targets(fitting->dataset);
    scoped(memory_free) struct standing *standing = calloc(columns, sizeof(*standing));
    scoped(memory_free) struct column_figures *figures = calloc(columns, sizeof(*figures));
    scoped(memory_free) double *product = calloc(columns * (targets + 1), sizeof(*product));
    scoped(memory_free) double *target = calloc(2 * targets + 1, sizeof(*target));

    if (!standing || !figures || !product || !target)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    if (!row_stream_figures(fitting->rows, chosen->column, n, figures, error))
        return false;
    target_figures(fitting, target, target + targets);
    add_products(fitting, figures, target, product);
    for (int64_t i = 0; i < n; i++)
        standing[i].column = chosen->column[i];
    judge(standing, n, k, product, target + targets, (int64_t)targets);
    return keep_best(fitting, standing, n, k, error);
}

const struct transform_kind transform_top_k = {
    .kind = {.name = "top_k",
             .help = "Of the numeric columns those with the largest correlation with the target "
                     "stay, whatever its sign.",
             .config_size = sizeof(struct top_k_config),
             .settings = top_k_settings},
    .n_state = 2,
    .fit = fit,
    .apply = select_apply,
};
