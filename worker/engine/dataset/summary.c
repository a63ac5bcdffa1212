#include "worker/engine/dataset/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"

#define SAMPLE_ROWS 20000
#define SAMPLE_BYTES (64 * 1024 * 1024)

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "describing data");
}

void summary_release(struct table_summary *summary)
{
    for (int64_t i = 0; i < summary->n_columns; i++) {
        dictionary_release(&summary->column[i].texts);
        free(summary->column[i].count);
        free(summary->sample[i]);
    }
    free(summary->column);
    free(summary->sample);
    *summary = (struct table_summary){0};
}

bool summary_init(struct table_summary *summary, const struct source *source, struct error *error)
{
    int64_t n = source->profile.n_columns;
    int64_t room = SAMPLE_BYTES / (int64_t)sizeof(double) / n;

    room = room < SAMPLE_ROWS ? room : SAMPLE_ROWS;
    summary->column = calloc((size_t)n, sizeof(*summary->column));
    summary->sample = calloc((size_t)n, sizeof(*summary->sample));
    if (!summary->column || !summary->sample)
        return no_memory(error);
    summary->room = room;
    for (; summary->n_columns < n; summary->n_columns++) {
        struct column_summary *column = &summary->column[summary->n_columns];

        column->minimum = INFINITY;
        column->maximum = -INFINITY;
        column->last = NAN;
        summary->sample[summary->n_columns] = malloc((size_t)room * sizeof(double));
        if (!summary->sample[summary->n_columns]) {
            summary->n_columns++;
            return no_memory(error);
        }
    }
    return true;
}

/* ---- adding -----------------------------------------------------------------------------------*/

static void add_number(struct column_summary *column, double value, int64_t row)
{
    double step = fabs(value - column->last), off = value - column->mean;

    if (isnan(value)) {
        column->n_missing++;
        column->last = NAN;
        return;
    }
    column->n++;
    column->mean += off / (double)column->n;
    column->square += off * (value - column->mean);
    column->minimum = fmin(column->minimum, value);
    column->maximum = fmax(column->maximum, value);
    if (step > column->largest_step) {
        column->largest_step = step;
        column->largest_step_row = row;
    }
    column->last = value;
}

/* The summary's codes for those of the chunk; -1: beyond what is counted. */
static bool map_texts(struct column_summary *column, const struct dictionary *dictionary,
                      int32_t **ret_code, struct error *error)
{
    scoped(memory_free) int32_t *code = malloc(((size_t)dictionary->n + 1) * sizeof(*code));

    if (!code)
        return no_memory(error);
    for (int32_t i = 0; i < dictionary->n; i++) {
        const char *text = dictionary->text[i];

        code[i] = dictionary_find(&column->texts, text, strlen(text));
        if (code[i] < 0 && column->texts.n == SUMMARY_TEXTS_MAX)
            column->many_texts = true;
        else if (code[i] < 0 &&
                 !dictionary_add(&column->texts, text, strlen(text), &code[i], error))
            return false;
    }
    if (column->texts.n > column->count_room) {
        int32_t room = column->texts.n * 2;
        int64_t *count = realloc(column->count, (size_t)room * sizeof(*count));

        if (!count)
            return no_memory(error);
        memset(count + column->count_room, 0, (size_t)(room - column->count_room) * sizeof(*count));
        column->count = count;
        column->count_room = room;
    }
    *ret_code = take(&code);
    return true;
}

static void add_text(struct column_summary *column, int32_t code, bool missing)
{
    column->n_missing += missing;
    column->n += !missing;
    if (code >= 0)
        column->count[code]++;
}

/* SplitMix64's last steps: whether a row is sampled depends on its number alone. */
static double chance_of(int64_t row)
{
    uint64_t z = (uint64_t)row + 0x9e3779b97f4a7c15U;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

bool summary_is_sampled(const struct table_summary *summary, const struct source *source,
                        int64_t row)
{
    double share = (double)summary->room / (double)source->profile.n_rows;

    /* a little less, so that there is room for all */
    return share >= 1 || chance_of(row) < share * 0.97;
}

struct adding {
    struct table_summary *summary;
    const struct source *source;
    const struct source_chunk *chunk;
};

/* Series have their value in each of their rows, but count once. */
static bool add_column(const struct adding *at, int64_t i, struct error *error)
{
    const struct source_chunk *chunk = at->chunk;
    const struct column *from = &chunk->column[i];
    struct column_summary *column = &at->summary->column[i];
    bool of_series = at->source->profile.column[i].of_series;
    int64_t n = of_series ? chunk->n_series : chunk->n_rows;
    int64_t row = chunk->first_row, sampled = at->summary->n_sampled;
    scoped(memory_free) int32_t *code = NULL;

    if (from->form == FORM_SKIP)
        return true;
    if (from->form == FORM_TEXT && !map_texts(column, &from->dictionary, &code, error))
        return false;
    for (int64_t j = 0; j < n; j++) {
        int64_t rows = of_series ? chunk->length[j] : 1;
        double value;

        if (from->form == FORM_TEXT) {
            int32_t text = from->code[j] < 0 ? -1 : code[from->code[j]];

            add_text(column, text, from->code[j] < 0);
            value = text;
        } else {
            value = from->real[j];
            add_number(column, value, row);
        }
        for (int64_t end = row + rows; row < end; row++)
            if (summary_is_sampled(at->summary, at->source, row) && sampled < at->summary->room)
                at->summary->sample[i][sampled++] = value;
    }
    return true;
}

bool summary_add(struct table_summary *summary, const struct source *source,
                 const struct source_chunk *chunk, struct error *error)
{
    const struct adding adding = {summary, source, chunk};

    for (int64_t i = 0; i < summary->n_columns; i++)
        if (!add_column(&adding, i, error))
            return false;
    for (int64_t i = 0; i < chunk->n_rows && summary->n_sampled < summary->room; i++)
        summary->n_sampled += summary_is_sampled(summary, source, chunk->first_row + i);
    return true;
}

/* ---- asking -----------------------------------------------------------------------------------*/

double summary_deviation(const struct column_summary *column)
{
    return column->n > 0 ? sqrt(column->square / (double)column->n) : (double)NAN;
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double *summary_sorted(const struct table_summary *summary, int64_t column, int64_t *ret_n)
{
    double *sorted = malloc(((size_t)summary->n_sampled + 1) * sizeof(*sorted));
    int64_t n = 0;

    if (!sorted)
        return NULL;
    for (int64_t i = 0; i < summary->n_sampled; i++)
        if (!isnan(summary->sample[column][i]))
            sorted[n++] = summary->sample[column][i];
    qsort(sorted, (size_t)n, sizeof(*sorted), compare_numbers);
    *ret_n = n;
    return sorted;
}

double summary_quantile(const double *sorted, int64_t n, double share)
{
    double place = share * (double)(n - 1);
    int64_t below = (int64_t)place;

    if (n == 0)
        return NAN;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (sorted[below + 1] - sorted[below]) * (place - (double)below);
}

void summary_histogram(const double *sorted, int64_t n, double ret_share[SUMMARY_BINS])
{
    double low = summary_quantile(sorted, n, 0.005), high = summary_quantile(sorted, n, 0.995);
    double width = (high - low) / SUMMARY_BINS;

    memset(ret_share, 0, SUMMARY_BINS * sizeof(*ret_share));
    for (int64_t i = 0; i < n; i++) {
        int64_t bin = width > 0 ? (int64_t)((sorted[i] - low) / width) : 0;

        if (sorted[i] < low || sorted[i] > high)
            continue;
        ret_share[bin < SUMMARY_BINS ? bin : SUMMARY_BINS - 1] += 1.0 / (double)n;
    }
}

double summary_between(const struct table_summary *summary, int64_t column, const double *of,
                       int32_t n_groups)
{
    scoped(memory_free) double *sum = calloc((size_t)n_groups + 1, 2 * sizeof(*sum));
    const double *value = summary->sample[column];
    double mean = 0, total = 0, between = 0;
    int64_t n = 0;

    if (!sum || n_groups < 2)
        return NAN;
    for (int64_t i = 0; i < summary->n_sampled; i++)
        if (of[i] >= 0 && !isnan(value[i])) {
            sum[2 * (int64_t)of[i]] += value[i];
            sum[2 * (int64_t)of[i] + 1]++;
            mean += value[i];
            n++;
        }
    mean /= (double)n;
    for (int64_t i = 0; i < summary->n_sampled; i++)
        if (of[i] >= 0 && !isnan(value[i]))
            total += (value[i] - mean) * (value[i] - mean);
    for (int32_t i = 0; i < n_groups; i++)
        if (sum[2 * i + 1] > 0)
            between += sum[2 * i + 1] * pow(sum[2 * i] / sum[2 * i + 1] - mean, 2);
    /* few values a group tell it by chance */
    return total > 0 && n > 10 * (int64_t)n_groups ? between / total : (double)NAN;
}
