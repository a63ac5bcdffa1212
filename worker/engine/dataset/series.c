#include "worker/engine/dataset/series.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

void series_release(struct series *series)
{
    free(series->first);
    free(series->segment);
    dictionary_release(&series->names);
    *series = (struct series){0};
}

int64_t series_segment_of(const struct series *series, int64_t row)
{
    int64_t low = 0, high = series->n_segments;

    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if (series->segment[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "ordering recordings");
}

/* ---- order ------------------------------------------------------------------------------------*/

static int by_time(const void *left, const void *right, void *context)
{
    const double *time = context;
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    if (time[a] != time[b])
        return time[a] < time[b] ? -1 : 1;
    return a < b ? -1 : 1;
}

/* Rows of each recording together, in the order of the file. */
static void deal(const struct series_rows *rows, struct series *series, int64_t *order)
{
    int64_t *next = series->first; /* ends up shifted by one */

    memset(next, 0, (size_t)(series->n + 1) * sizeof(*next));
    for (int64_t row = 0; row < rows->n; row++)
        next[rows->key ? rows->key[row] : 0]++;
    for (int64_t i = 0, sum = 0; i <= series->n; i++) {
        int64_t size = next[i];

        next[i] = sum;
        sum += size;
    }
    for (int64_t row = 0; row < rows->n; row++)
        order[next[rows->key ? rows->key[row] : 0]++] = row;
    for (int64_t i = series->n; i > 0; i--)
        next[i] = next[i - 1];
    next[0] = 0;
}

/* ---- what may be wrong ------------------------------------------------------------------------*/

struct finding {
    int64_t count;
    int64_t series, before, row; /* the first: rows of the file */
};

static void found(struct finding *finding, int64_t series, int64_t before, int64_t row)
{
    if (finding->count++ == 0)
        *finding = (struct finding){.count = 1, .series = series, .before = before, .row = row};
}

static const char *name_of(const struct series *series, int64_t i)
{
    return series->names.n > 0 ? series->names.text[i] : "of the file";
}

__attribute__((format(printf, 5, 6))) static bool tell(int level, const char *setting,
                                                       struct warning_list *warnings,
                                                       struct error *error, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (level == CHECK_ERROR)
        return error_set_at(error, ERROR_INVALID, setting, "%s", text);
    if (level == CHECK_WARNING && warnings)
        warning_add(warnings, setting, (double)NAN, "%s", text);
    return true;
}

static bool check_times(const struct series_rows *rows, struct error *error)
{
    for (int64_t row = 0; rows->time && row < rows->n; row++)
        if (!isfinite(rows->time[row]))
            return error_set_at(error, ERROR_INVALID, "data.time",
                                "the time is missing in row %lld of %s", (long long)row,
                                rows->path);
    return true;
}

static bool check_order(const struct data_config *config, const struct series_rows *rows,
                        const struct series *series, const int64_t *order,
                        struct warning_list *warnings, struct error *error)
{
    struct finding back = {0};

    for (int64_t i = 0; i < series->n; i++)
        for (int64_t at = series->first[i] + 1; at < series->first[i + 1]; at++)
            if (rows->time[order[at]] < rows->time[order[at - 1]])
                found(&back, i, order[at - 1], order[at]);
    return back.count == 0 ||
           tell(config->checks.order, "data.checks.order", warnings, error,
                "%lld rows go back in time, first row %lld of %s in recording %s (%.9g after %.9g)",
                (long long)back.count, (long long)back.row, rows->path,
                name_of(series, back.series), rows->time[back.row], rows->time[back.before]);
}

static bool check_steps(const struct data_config *config, const struct series_rows *rows,
                        const struct series *series, const int64_t *order,
                        struct warning_list *warnings, struct error *error)
{
    struct finding twice = {0}, gap = {0};
    double limit = data_gap(config);

    for (int64_t i = 0; i < series->n; i++)
        for (int64_t at = series->first[i] + 1; at < series->first[i + 1]; at++) {
            double step = rows->time[order[at]] - rows->time[order[at - 1]];

            if (step == 0)
                found(&twice, i, order[at - 1], order[at]);
            if (step > limit)
                found(&gap, i, order[at - 1], order[at]);
        }
    if (twice.count > 0 &&
        !tell(config->checks.duplicates, "data.checks.duplicates", warnings, error,
              "%lld rows have the time of the row before, first rows %lld and %lld of %s in "
              "recording %s (%.9g)",
              (long long)twice.count, (long long)twice.before, (long long)twice.row, rows->path,
              name_of(series, twice.series), rows->time[twice.row]))
        return false;
    return gap.count == 0 ||
           tell(config->checks.gaps, "data.checks.gaps", warnings, error,
                "%lld gaps of more than %.6g, the first in recording %s between rows %lld and "
                "%lld of %s (%.9g to %.9g)",
                (long long)gap.count, limit, name_of(series, gap.series), (long long)gap.before,
                (long long)gap.row, rows->path, rows->time[gap.before], rows->time[gap.row]);
}

/* Missing values are alike. */
static bool same(const struct column *column, int64_t a, int64_t b)
{
    if (column->form == FORM_REAL)
        return column->real[a] == column->real[b] ||
               (isnan(column->real[a]) && isnan(column->real[b]));
    if (column->form == FORM_INTEGER)
        return column->integer[a] == column->integer[b];
    return column->code[a] == column->code[b];
}

bool series_check_constant(const struct data_config *config, const struct series *series,
                           const struct column *column, struct warning_list *warnings,
                           struct error *error)
{
    struct finding change = {0};

    for (int64_t i = 0; i < series->n; i++)
        for (int64_t row = series->first[i] + 1; row < series->first[i + 1]; row++)
            if (!same(column, row, row - 1)) {
                found(&change, i, row - 1, row);
                break;
            }
    return change.count == 0 ||
           tell(config->checks.constant, "data.checks.constant", warnings, error,
                "'%s' changes within %lld of %lld recordings, first in %s", column->name,
                (long long)change.count, (long long)series->n, name_of(series, change.series));
}

/* ---- segments ---------------------------------------------------------------------------------*/

static void cut_segments(const struct data_config *config, const struct series_rows *rows,
                         struct series *series, const int64_t *order)
{
    double limit = data_gap(config);

    series->n_segments = 0;
    for (int64_t i = 0; i < series->n; i++)
        for (int64_t at = series->first[i]; at < series->first[i + 1]; at++) {
            bool gap = at > series->first[i] && rows->time &&
                       rows->time[order[at]] - rows->time[order[at - 1]] > limit;

            if (at > series->first[i] && !gap)
                continue;
            if (series->segment)
                series->segment[series->n_segments] = at;
            series->n_segments++;
        }
    if (series->segment)
        series->segment[series->n_segments] = rows->n;
}

bool series_make(const struct data_config *config, const struct series_rows *rows,
                 struct dictionary *names, struct series *ret_series, int64_t **ret_order,
                 struct warning_list *warnings, struct error *error)
{
    scoped(series_release) struct series series = {.n = rows->key ? rows->n_keys : 1};
    scoped(memory_free) int64_t *order = malloc((size_t)(rows->n + 1) * sizeof(*order));
    double *time = NULL;

    series.names = *names;
    *names = (struct dictionary){0};
    series.first = malloc((size_t)(series.n + 1) * sizeof(*series.first));
    if (!order || !series.first)
        return no_memory(error);
    if (!check_times(rows, error))
        return false;
    deal(rows, &series, order);
    if (rows->time && !check_order(config, rows, &series, order, warnings, error))
        return false;
    memcpy(&time, &rows->time, sizeof(time)); /* qsort_r takes no const context */
    for (int64_t i = 0; rows->time && i < series.n; i++)
        qsort_r(order + series.first[i], (size_t)(series.first[i + 1] - series.first[i]),
                sizeof(*order), by_time, time);
    if (rows->time && !check_steps(config, rows, &series, order, warnings, error))
        return false;
    cut_segments(config, rows, &series, order);
    series.segment = malloc((size_t)(series.n_segments + 1) * sizeof(*series.segment));
    if (!series.segment)
        return no_memory(error);
    cut_segments(config, rows, &series, order);
    *ret_series = series;
    series = (struct series){0};
    *ret_order = take(&order);
    return true;
}
