/*
 * The columns that go with the target: largest |correlation|. With several targets, or with classes
 * (each against the others), each has its own list of columns, and so has each recording where the
 * lists go over those; the k columns stay that are in most of the lists, of equals the one with the
 * largest correlation.
 *
 * State of a column that stays: (in how many lists it is, its largest |correlation|).
 */
#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/row_stream.h"
#include "worker/engine/transform/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/dataset.h"

enum top_k_over { OVER_ROWS, OVER_RECORDINGS };
static const char *const over_names[] = {"rows", "recordings", NULL};

struct top_k_config {
    struct transform_config base;
    int64_t k, list;
    int over; /* enum top_k_over */
};

static const struct setting top_k_settings[] = {
    TRANSFORM_SETTINGS(struct top_k_config),
    TRANSFORM_FIT_ON(struct top_k_config),
    SETTING_INTEGER(struct top_k_config, k, 10, 1, 1000000, "columns", "How many columns stay."),
    SETTING_INTEGER(struct top_k_config, list, 0, 0, 1000000, "columns",
                    "Columns of each target's list, by which they are counted; 0: as many as "
                    "stay."),
    SETTING_CHOICE(struct top_k_config, over, OVER_ROWS, over_names,
                   "Of what a list is made: of all training rows, or one of those of each "
                   "recording."),
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
        return dataset_target(dataset, row)[target];
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

/* Each target's list of `length` columns; of a target or column that never changes there is none.
 * Returns how many lists. */
static int64_t add_lists(struct standing *standing, int64_t n, int64_t length,
                         const double *product, const double *squares, int64_t targets)
{
    int64_t lists = 0;

    for (int64_t t = 0; t < targets; t++) {
        if (!(squares[t] > 0))
            continue;
        lists++;
        qsort(standing, (size_t)n, sizeof(*standing), by_column);
        for (int64_t i = 0; i < n; i++) {
            const double *own = product + i * (targets + 1);
            double norm = sqrt(own[targets] * squares[t]);

            standing[i].r = norm > 0 ? fabs(own[t]) / norm : 0;
            standing[i].best = fmax(standing[i].best, standing[i].r);
        }
        qsort(standing, (size_t)n, sizeof(*standing), by_r);
        for (int64_t i = 0; i < length && standing[i].r > 0; i++)
            standing[i].count++;
    }
    return lists;
}

/* ---- of each recording ------------------------------------------------------------------------*/

struct recording {                 /* its rows so far; all-zero: none */
    int64_t number;                /* of the series */
    double n;                      /* rows whose targets are known */
    double *mean, *product;        /* [columns], [columns][targets + 1] */
    double *target_mean, *squares; /* [targets] */
};

static void clear(struct recording *at, int64_t number, size_t columns, size_t targets)
{
    at->number = number;
    at->n = 0;
    memset(at->mean, 0, columns * sizeof(double));
    memset(at->product, 0, columns * (targets + 1) * sizeof(double));
    memset(at->target_mean, 0, targets * sizeof(double));
    memset(at->squares, 0, targets * sizeof(double));
}

/* Welford's updates of means, squares and products; a missing value counts as the mean. */
static void look(struct recording *at, const struct fitting *fitting, const struct block *block,
                 int64_t place, int64_t row)
{
    const struct transform *transform = fitting->transform;
    int64_t targets = n_targets(fitting->dataset);

    for (int64_t t = 0; t < targets; t++)
        if (isnan(target_of(fitting->dataset, row, t)))
            return;
    at->n++;
    for (int64_t t = 0; t < targets; t++) {
        double target = target_of(fitting->dataset, row, t), distance = target - at->target_mean[t];

        at->target_mean[t] += distance / at->n;
        at->squares[t] += distance * (target - at->target_mean[t]);
    }
    for (int64_t i = 0; i < transform->n_columns; i++) {
        double x = block_column(block, transform->column[i])[place];
        double distance = isnan(x) ? 0 : x - at->mean[i], *own = at->product + i * (targets + 1);

        at->mean[i] += distance / at->n;
        for (int64_t t = 0; t < targets; t++)
            own[t] += distance * (target_of(fitting->dataset, row, t) - at->target_mean[t]);
        own[targets] += isnan(x) ? 0 : distance * (x - at->mean[i]);
    }
}

/* The recording of a row, which is mostly that of the row before. */
static int64_t recording_of(const struct series *series, int64_t row, int64_t guess)
{
    int64_t low = 0, high = series->n;

    if (guess >= 0 && series->first[guess] <= row && row < series->first[guess + 1])
        return guess;
    while (low + 1 < high) {
        int64_t middle = low + (high - low) / 2;

        *(series->first[middle] <= row ? &low : &high) = middle;
    }
    return low;
}

static bool count_recordings(const struct fitting *fitting, struct standing *standing,
                             int64_t length, int64_t *ret_lists, struct error *error)
{
    const struct series *series = &fitting->dataset->series;
    size_t n = (size_t)fitting->transform->n_columns, targets = (size_t)n_targets(fitting->dataset);
    scoped(memory_free) double *room = calloc(n * (targets + 2) + 2 * targets + 1, sizeof(*room));
    struct recording at = {.number = -1};
    const struct block *block;
    const int64_t *row;
    int64_t next = 0;

    if (series->n == 0 || fitting->rows->window)
        return error_set_at(error, ERROR_INVALID, fitting->path,
                            "over: recordings needs data.series, and to stand before windows");
    if (!room)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    at.mean = room;
    at.product = at.mean + n;
    at.target_mean = at.product + n * (targets + 1);
    at.squares = at.target_mean + targets;
    while ((block = row_stream_next(fitting->rows, &next, &row)))
        for (int64_t k = 0; k < block->n; k++) {
            int64_t number = recording_of(series, row[k], at.number);

            if (number != at.number) {
                *ret_lists += add_lists(standing, (int64_t)n, length, at.product, at.squares,
                                        (int64_t)targets);
                clear(&at, number, n, targets);
            }
            look(&at, fitting, block, k, row[k]);
        }
    *ret_lists += add_lists(standing, (int64_t)n, length, at.product, at.squares, (int64_t)targets);
    return true;
}

/* ---- the choice -------------------------------------------------------------------------------*/

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

static bool count_rows(const struct fitting *fitting, struct standing *standing, int64_t length,
                       int64_t *ret_lists, struct error *error)
{
    const struct transform *chosen = fitting->transform;
    size_t columns = (size_t)chosen->n_columns, targets = (size_t)n_targets(fitting->dataset);
    scoped(memory_free) struct column_figures *figures = calloc(columns, sizeof(*figures));
    scoped(memory_free) double *product = calloc(columns * (targets + 1), sizeof(*product));
    scoped(memory_free) double *target = calloc(2 * targets + 1, sizeof(*target));

    if (!figures || !product || !target)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    if (!row_stream_figures(fitting->rows, chosen->column, chosen->n_columns, figures, error))
        return false;
    target_figures(fitting, target, target + targets);
    add_products(fitting, figures, target, product);
    *ret_lists =
        add_lists(standing, chosen->n_columns, length, product, target + targets, (int64_t)targets);
    return true;
}

/* One list says no more than the correlations themselves. */
static void tell_counts(const struct fitting *fitting, const struct standing *standing, int64_t n,
                        int64_t k, int64_t lists)
{
    const struct layout_column *column = fitting->layout->column;
    const struct standing *first = &standing[0], *last = &standing[k - 1];

    if (lists > 1 && k < n)
        warning_add(fitting->warnings, fitting->path, (double)last->count,
                    "of %lld lists %s is in %.0f, %s, the last of the %lld that stay, in %.0f, %s, "
                    "the first that goes, in %.0f",
                    (long long)lists, column[first->column].name, first->count,
                    column[last->column].name, (long long)k, last->count,
                    column[standing[k].column].name, standing[k].count);
    else if (lists > 1)
        warning_add(fitting->warnings, fitting->path, (double)last->count,
                    "all columns stay: of %lld lists %s is in %.0f, %s in %.0f", (long long)lists,
                    column[first->column].name, first->count, column[last->column].name,
                    last->count);
}

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct top_k_config *config = fitting->config;
    const struct transform *chosen = fitting->transform;
    int64_t n = chosen->n_columns, k = config->k < n ? config->k : n, lists = 0;
    int64_t length = config->list > 0 && config->list < n ? config->list : k;
    scoped(memory_free) struct standing *standing = calloc((size_t)n, sizeof(*standing));

    if (!standing)
        return error_set(error, ERROR_NO_MEMORY, "choosing columns");
    for (int64_t i = 0; i < n; i++)
        standing[i].column = chosen->column[i];
    if (!(config->over == OVER_RECORDINGS
              ? count_recordings(fitting, standing, length, &lists, error)
              : count_rows(fitting, standing, length, &lists, error)))
        return false;
    qsort(standing, (size_t)n, sizeof(*standing), by_count);
    if (config->over == OVER_RECORDINGS)
        tell_counts(fitting, standing, n, k, lists);
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
