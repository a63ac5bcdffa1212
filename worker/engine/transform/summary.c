#include "worker/engine/transform/kinds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

static double mean(double *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

static double deviation(double *x, int64_t n)
{
    double center = mean(x, n), squares = 0;

    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - center) * (x[i] - center);
    return sqrt(squares / (double)n);
}

static double least(double *x, int64_t n)
{
    double found = x[0];

    for (int64_t i = 1; i < n; i++)
        found = x[i] < found || isnan(x[i]) ? x[i] : found;
    return found;
}

static double greatest(double *x, int64_t n)
{
    double found = x[0];

    for (int64_t i = 1; i < n; i++)
        found = x[i] > found || isnan(x[i]) ? x[i] : found;
    return found;
}

/* Of the straight line with the least squares, per step. */
static double slope(double *x, int64_t n)
{
    double middle = (double)(n - 1) / 2, products = 0, squares = 0;

    for (int64_t i = 0; i < n; i++) {
        products += ((double)i - middle) * x[i];
        squares += ((double)i - middle) * ((double)i - middle);
    }
    return squares > 0 ? products / squares : 0;
}

static double mean_step(double *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 1; i < n; i++)
        sum += fabs(x[i] - x[i - 1]);
    return n > 1 ? sum / (double)(n - 1) : 0;
}

static double first(double *x, int64_t n)
{
    (void)n;
    return x[0];
}

static double last(double *x, int64_t n)
{
    return x[n - 1];
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Leaves x sorted, so it comes last. */
static double median(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof(*x), by_value);
    return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

static const struct {
    const char *name;
    double (*of)(double *x, int64_t n);
} figure[] = {
    {"mean", mean},    {"sd", deviation}, {"min", least},
    {"max", greatest}, {"slope", slope},  {"mean_change", mean_step},
    {"first", first},  {"last", last},    {"median", median},
};
#define N_FIGURES ((int64_t)(sizeof(figure) / sizeof(figure[0])))

struct summary_config {
    struct transform_config base;
    struct setting_texts features;
};

static const struct setting summary_settings[] = {
    SETTING_TEXTS(struct summary_config, features, 0, 9,
                  "Of mean, sd, min, max, slope (per step), mean_change (of one step, whatever its "
                  "sign), first, last, median. Left out: all of them."),
    {0},
};

static bool wanted(const struct summary_config *config, int64_t i)
{
    for (size_t k = 0; k < config->features.n; k++)
        if (strcmp(config->features.item[k], figure[i].name) == 0)
            return true;
    return config->features.n == 0;
}

static bool check(const void *config, const char *path, struct error *error)
{
    const struct summary_config *summary = config;

    for (size_t k = 0; k < summary->features.n; k++) {
        bool known = false;

        for (int64_t i = 0; i < N_FIGURES; i++)
            known = known || strcmp(summary->features.item[k], figure[i].name) == 0;
        if (!known)
            return error_set_at(error, ERROR_INVALID, path, "there is no feature '%s' of a window",
                                summary->features.item[k]);
    }
    return true;
}

/* State, of each column the same: which figures, by number. */
static bool give_state(struct transform *transform, const struct summary_config *config,
                       struct error *error)
{
    int64_t n = 0;

    for (int64_t i = 0; i < N_FIGURES; i++)
        n += wanted(config, i);
    if (!transform_give_state(transform, n, error))
        return false;
    for (int64_t k = 0; k < transform->n_columns; k++)
        for (int64_t i = 0, at = 0; i < N_FIGURES; i++)
            if (wanted(config, i))
                transform_state(transform, k)[at++] = (double)i;
    return true;
}

static bool fit(struct fitting *fitting, struct error *error)
{
    struct transform *transform = fitting->transform;
    scoped(layout_release) struct layout out = {.steps = 1};
    struct layout taken;

    if (!give_state(transform, fitting->config, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++)
        for (int64_t k = 0; k < transform_state_size(transform, i); k++) {
            struct layout_column column = fitting->layout->column[transform->column[i]];
            char name[192];

            (void)snprintf(name, sizeof(name), "%s %s", column.name,
                           figure[(int64_t)transform_state(transform, i)[k]].name);
            column.name = name;
            if (!layout_add(&out, &column, error))
                return false;
        }
    taken = *fitting->layout;
    *fitting->layout = out;
    out = taken;
    return true;
}

static void apply(const struct transform *transform, const struct block *in, struct block *out)
{
    int64_t to = 0;

    for (int64_t i = 0; i < transform->n_columns; i++)
        for (int64_t k = 0; k < transform_state_size(transform, i); k++, to++)
            for (int64_t sample = 0; sample < in->n; sample++)
                block_column(out, to)[sample] =
                    figure[(int64_t)transform_state(transform, i)[k]].of(
                        block_column(in, transform->column[i]) + sample * in->steps, in->steps);
}

const struct transform_kind transform_summary = {
    .kind = {.name = "summary",
             .help = "A window becomes one row: figures of each of its columns.",
             .config_size = sizeof(struct summary_config),
             .settings = summary_settings,
             .check = check},
    .makes_steps = true,
    .n_state = TRANSFORM_STATE_VARIES,
    .fit = fit,
    .apply = apply,
};
