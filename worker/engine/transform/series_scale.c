/* State: which of the ways below; the figures are those of what is scaled. */
#include "worker/engine/transform/kinds.h"

#include <math.h>
#include <stdlib.h>

enum series_scale_by { BY_STANDARD, BY_MINMAX, BY_MAXABS, BY_ROBUST };
static const char *const by_names[] = {"standard", "minmax", "maxabs", "robust", NULL};

struct series_scale_config {
    struct transform_config base;
    int by; /* enum series_scale_by */
};

static const struct setting series_scale_settings[] = {
    TRANSFORM_SETTINGS(struct series_scale_config),
    SETTING_CHOICE(
        struct series_scale_config, by, BY_STANDARD, by_names,
        "standard: mean 0 and standard deviation 1; minmax: from 0 to 1; maxabs: at most "
        "1, whatever the sign; robust: median 0 and 1 from quartile to quartile."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct series_scale_config *config = fitting->config;

    if (!transform_give_state(fitting->transform, 1, error))
        return false;
    for (int64_t i = 0; i < fitting->transform->n_columns; i++)
        transform_state(fitting->transform, i)[0] = config->by;
    return true;
}

struct scale {
    double center, width;
};

static struct scale by_moments(const double *x, int64_t n)
{
    double mean = 0, squares = 0;
    int64_t seen = 0;

    for (int64_t i = 0; i < n; i++) {
        double distance = x[i] - mean;

        if (isnan(x[i]))
            continue;
        mean += distance / (double)++seen;
        squares += distance * (x[i] - mean);
    }
    return (struct scale){mean, seen > 0 ? sqrt(squares / (double)seen) : 0};
}

static struct scale by_range(const double *x, int64_t n, bool around_zero)
{
    double low = INFINITY, high = -INFINITY;

    for (int64_t i = 0; i < n; i++) {
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    if (around_zero)
        return (struct scale){0, fmax(fabs(low), fabs(high))};
    return (struct scale){low, high - low};
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double quantile(const double *sorted, int64_t n, double fraction)
{
    double at = fraction * (double)(n - 1);
    int64_t below = (int64_t)at;

    return sorted[below] +
           (at - (double)below) * (sorted[below + 1 < n ? below + 1 : below] - sorted[below]);
}

/* No memory: nothing is scaled, since map() cannot fail. */
static struct scale by_quartiles(const double *x, int64_t n)
{
    double *sorted = malloc((size_t)(n + 1) * sizeof(*sorted));
    struct scale scale = {0, 1};
    int64_t seen = 0;

    for (int64_t i = 0; sorted && i < n; i++)
        if (!isnan(x[i]))
            sorted[seen++] = x[i];
    if (seen > 0) {
        qsort(sorted, (size_t)seen, sizeof(*sorted), by_value);
        scale.center = quantile(sorted, seen, 0.5);
        scale.width = quantile(sorted, seen, 0.75) - quantile(sorted, seen, 0.25);
    }
    free(sorted);
    return scale;
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    enum series_scale_by by = (enum series_scale_by)state[0];
    struct scale scale = by == BY_ROBUST     ? by_quartiles(x, n)
                         : by == BY_STANDARD ? by_moments(x, n)
                                             : by_range(x, n, by == BY_MAXABS);

    (void)n_state;
    if (!(scale.width > 0) || !isfinite(scale.width))
        scale.width = 1; /* a constant, or nothing at all */
    for (int64_t i = 0; i < n; i++)
        x[i] = (x[i] - scale.center) / scale.width;
}

const struct transform_kind transform_series_scale = {
    .kind = {.name = "series_scale",
             .help = "A scale of its own for each recording, from its rows: of each part of the "
                     "split by themselves, and behind window of each window.",
             .config_size = sizeof(struct series_scale_config),
             .settings = series_scale_settings},
    .along = true,
    .pooled = true,
    .n_state = 1,
    .fit = fit,
    .map = map,
};
