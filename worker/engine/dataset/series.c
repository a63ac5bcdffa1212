#include "worker/engine/dataset/series.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/owner.h"

void series_release(struct series *series)
{
    free(series->first);
    free(series->segment);
    dictionary_release(&series->names);
    *series = (struct series){0};
}

void stretches_release(struct stretches *stretches)
{
    free(stretches->first);
    free(stretches->mark);
    *stretches = (struct stretches){0};
}

/* first NULL: counts. */
static int64_t cut(const struct series *series, const uint8_t *mark, int64_t *first)
{
    int64_t n = 0;

    for (int64_t i = 0; i < series->n_segments; i++)
        for (int64_t row = series->segment[i]; row < series->segment[i + 1]; row++) {
            if (row > series->segment[i] && mark[row] == mark[row - 1])
                continue;
            if (first)
                first[n] = row;
            n++;
        }
    return n;
}

bool series_cut(const struct series *series, const uint8_t *mark, struct stretches *ret_stretches,
                struct error *error)
{
    int64_t n = cut(series, mark, NULL);
    scoped(stretches_release) struct stretches stretches = {.n = n};

    stretches.first = malloc((size_t)(n + 1) * sizeof(*stretches.first));
    stretches.mark = malloc((size_t)n + 1);
    if (!stretches.first || !stretches.mark)
        return error_set(error, ERROR_NO_MEMORY, "cutting recordings");
    (void)cut(series, mark, stretches.first);
    stretches.first[n] = series->n_segments > 0 ? series->segment[series->n_segments] : 0;
    for (int64_t i = 0; i < n; i++)
        stretches.mark[i] = mark[stretches.first[i]];
    *ret_stretches = stretches;
    stretches = (struct stretches){0};
    return true;
}

int64_t series_of(const struct series *series, int64_t row)
{
    int64_t low = 0, high = series->n;

    if (series->length > 0)
        return row / series->length;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if (series->first[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
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

/* ---- what may be wrong ------------------------------------------------------------------------*/

static bool comes_first(const struct series_finding *a, const struct series_finding *b)
{
    return a->series != b->series ? a->series < b->series : a->row < b->row;
}

static void add(struct series_finding *to, const struct series_finding *from)
{
    int64_t count = to->count + from->count;

    if (from->count > 0 && (to->count == 0 || comes_first(from, to)))
        *to = *from;
    to->count = count;
}

void series_found(struct series_finding *finding, int64_t series, int64_t before, int64_t row)
{
    add(finding,
        &(struct series_finding){.count = 1, .series = series, .before = before, .row = row});
}

static void found_times(struct series_finding *finding, int64_t series, const double *time,
                        const int64_t *file_row)
{
    add(finding, &(struct series_finding){.count = 1,
                                          .series = series,
                                          .before = file_row[0],
                                          .row = file_row[1],
                                          .time_before = time[0],
                                          .time = time[1]});
}

void series_look(struct series_findings *findings, int64_t series, int64_t n, const double *time,
                 const int64_t *file_row, double gap)
{
    for (int64_t i = 0; time && i < n; i++)
        if (!isfinite(time[i]))
            series_found(&findings->missing, series, file_row[i], file_row[i]);
    for (int64_t i = 0; time && i + 1 < n; i++) {
        double step = time[i + 1] - time[i];

        if (file_row[i + 1] < file_row[i])
            found_times(&findings->order, series, time + i, file_row + i);
        if (step == 0)
            found_times(&findings->duplicate, series, time + i, file_row + i);
        if (step > gap)
            found_times(&findings->gap, series, time + i, file_row + i);
    }
}

void series_findings_add(struct series_findings *to, const struct series_findings *from)
{
    add(&to->missing, &from->missing);
    add(&to->order, &from->order);
    add(&to->duplicate, &from->duplicate);
    add(&to->gap, &from->gap);
    for (int i = 0; i < SERIES_CONSTANTS_MAX; i++)
        add(&to->constant[i], &from->constant[i]);
}

/* ---- what is made of it -----------------------------------------------------------------------*/

static const char *name_of(const struct dictionary *names, int64_t i)
{
    return names->n > 0 ? names->text[i] : "of the file";
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

static bool tell_constants(const struct data_config *config, const struct series_findings *findings,
                           const struct dictionary *names, const char *path,
                           struct warning_list *warnings, struct error *error)
{
    for (size_t i = 0; i < config->constant.n; i++) {
        const struct series_finding *change = &findings->constant[i];

        if (change->count > 0 &&
            !tell(config->checks.constant, "data.checks.constant", warnings, error,
                  "'%s' changes within %lld recordings, first in %s at row %lld of %s",
                  config->constant.item[i], (long long)change->count,
                  name_of(names, change->series), (long long)change->row, path))
            return false;
    }
    return true;
}

static bool tell_steps(const struct data_config *config, const struct series_findings *findings,
                       const struct dictionary *names, const char *path,
                       struct warning_list *warnings, struct error *error)
{
    const struct series_finding *twice = &findings->duplicate, *gap = &findings->gap;

    if (twice->count > 0 &&
        !tell(config->checks.duplicates, "data.checks.duplicates", warnings, error,
              "%lld rows have the time of another, first rows %lld and %lld of %s in recording %s "
              "(%.9g)",
              (long long)twice->count, (long long)twice->before, (long long)twice->row, path,
              name_of(names, twice->series), twice->time))
        return false;
    return gap->count == 0 ||
           tell(config->checks.gaps, "data.checks.gaps", warnings, error,
                "%lld gaps of more than %.6g, the first in recording %s between rows %lld and "
                "%lld of %s (%.9g to %.9g)",
                (long long)gap->count, data_gap(config), name_of(names, gap->series),
                (long long)gap->before, (long long)gap->row, path, gap->time_before, gap->time);
}

bool series_tell(const struct data_config *config, const struct series_findings *findings,
                 const struct dictionary *names, const char *path, struct warning_list *warnings,
                 struct error *error)
{
    const struct series_finding *missing = &findings->missing, *order = &findings->order;

    if (missing->count > 0)
        return error_set_at(error, ERROR_INVALID, "data.time",
                            "the time is missing in %lld row%s of %s, first in row %lld",
                            (long long)missing->count, missing->count == 1 ? "" : "s", path,
                            (long long)missing->row);
    if (order->count > 0 &&
        !tell(config->checks.order, "data.checks.order", warnings, error,
              "%lld rows stand before one of an earlier time, first row %lld of %s in recording "
              "%s (%.9g, behind it row %lld with %.9g)",
              (long long)order->count, (long long)order->row, path, name_of(names, order->series),
              order->time, (long long)order->before, order->time_before))
        return false;
    return tell_steps(config, findings, names, path, warnings, error) &&
           tell_constants(config, findings, names, path, warnings, error);
}
