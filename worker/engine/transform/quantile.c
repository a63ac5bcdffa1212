/* The rank of a value among the training rows, between whose quantiles it is interpolated; as it
 * stands or as the normal distribution has it. State: (output, quantile 0, ..., quantile n - 1). */
#include "worker/engine/distribution.h"
#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/normal.h"
#include "worker/engine/transform/row_stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

#define TAIL 1e-7 /* as scikit-learn has it: the farthest a rank is from 0 and 1 */

enum { OUTPUT_UNIFORM, OUTPUT_NORMAL };

struct quantile_config {
    struct transform_config base;
    int64_t quantiles;
    int output;
};

static const char *const output_names[] = {"uniform", "normal", NULL};

static const struct setting quantile_settings[] = {
    TRANSFORM_SETTINGS(struct quantile_config),
    TRANSFORM_FIT_ON(struct quantile_config),
    SETTING_INTEGER(struct quantile_config, quantiles, 1000, 2, 100000, "quantiles",
                    "Points to interpolate between; at most as many as there are training rows."),
    SETTING_CHOICE(struct quantile_config, output, OUTPUT_UNIFORM, output_names,
                   "What the training values become: evenly spread over 0 to 1, or normal."),
    {0},
};

static bool fit(struct fitting *fitting, struct error *error)
{
    const struct quantile_config *config = fitting->config;
    struct transform *transform = fitting->transform;
    int64_t rows = fitting->rows->rows->n;
    int64_t n = config->quantiles < rows ? config->quantiles : rows < 2 ? 2 : rows;
    size_t columns = (size_t)transform->n_columns;
    scoped(memory_free) double *fraction = calloc((size_t)n, sizeof(*fraction));
    scoped(memory_free) double *quantile = calloc(columns * (size_t)n + 1, sizeof(*quantile));

    if (!fraction || !quantile)
        return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
    for (int64_t i = 0; i < n; i++)
        fraction[i] = (double)i / (double)(n - 1);
    if (!transform_give_state(transform, 1 + n, error) ||
        !row_stream_quantiles(fitting->rows, transform->column, transform->n_columns, fraction, n,
                              quantile, error))
        return false;
    for (int64_t i = 0; i < transform->n_columns; i++) {
        double *state = transform_state(transform, i);

        if (isnan(quantile[i * n]))
            return row_stream_refuse_empty(fitting, i, error);
        state[0] = config->output;
        memcpy(state + 1, quantile + i * n, (size_t)n * sizeof(*state));
    }
    return true;
}

/* The last of the quantiles that are below x (or not above it, where `equal`); -1: none. */
static int64_t last_below(const double *quantile, int64_t n, double x, bool equal)
{
    int64_t low = -1, high = n; /* low is below, high is not */

    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if (quantile[middle] < x || (equal && quantile[middle] == x))
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Of a value that stands at several ranks, the middle of the lowest and the highest. */
static double rank(const double *quantile, int64_t n, double x)
{
    double sum = 0;

    if (x <= quantile[0])
        return 0;
    if (x >= quantile[n - 1])
        return 1;
    for (int equal = 0; equal < 2; equal++) {
        int64_t at = last_below(quantile, n, x, equal);
        double from = quantile[at], to = quantile[at + 1];

        sum += (double)at + (to > from ? (x - from) / (to - from) : 0);
    }
    return sum / 2 / (double)(n - 1);
}

static void map(const double *state, int64_t n_state, double *x, int64_t n)
{
    double limit = normal_quantile(1 - TAIL);

    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            continue;
        x[i] = rank(state + 1, n_state - 1, x[i]);
        if (state[0] == OUTPUT_NORMAL)
            x[i] = fmax(-limit, fmin(limit, normal_quantile(x[i])));
    }
}

static void unmap(const double *state, int64_t n_state, double *x, int64_t n)
{
    const double *quantile = state + 1;
    int64_t last = n_state - 2;

    for (int64_t i = 0; i < n; i++) {
        double place = state[0] == OUTPUT_NORMAL ? normal_below(x[i]) : x[i];
        int64_t at;

        place = fmax(0, fmin(1, place)) * (double)last;
        at = (int64_t)place < last ? (int64_t)place : last - 1;
        x[i] = quantile[at] + (quantile[at + 1] - quantile[at]) * (place - (double)at);
    }
}

const struct transform_kind transform_quantile = {
    .kind = {.name = "quantile",
             .help = "A value's rank among the training rows. Has an inverse.",
             .config_size = sizeof(struct quantile_config),
             .settings = quantile_settings},
    .n_state = TRANSFORM_STATE_VARIES,
    .fit = fit,
    .map = map,
    .unmap = unmap,
};
