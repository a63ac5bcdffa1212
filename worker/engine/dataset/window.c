#include "worker/engine/dataset/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/transform/kinds.h"

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "listing windows");
}

const struct window_config *window_find(const struct kind_choices *prepare)
{
    for (size_t i = 0; i < prepare->n; i++)
        if (prepare->item[i].kind == &transform_window.kind)
            return prepare->item[i].config;
    return NULL;
}

bool window_goes_along(const struct kind_choices *prepare)
{
    for (size_t i = 0; i < prepare->n && prepare->item[i].kind != &transform_window.kind; i++)
        if (((const struct transform_kind *)prepare->item[i].kind)->along)
            return true;
    return false;
}

bool window_check(const struct kind_choices *prepare, const struct data_config *config,
                  struct error *error)
{
    const struct window_config *found = window_find(prepare);
    char path[64];

    if (!found)
        return true;
    for (size_t i = 0; i < prepare->n; i++) {
        if (prepare->item[i].kind != &transform_window.kind)
            continue;
        (void)snprintf(path, sizeof(path), "prepare[%zu]", i);
        if (prepare->item[i].config != found)
            return error_set_at(error, ERROR_INVALID, path, "there is a window already");
        if (!data_has_series(config))
            return error_set_at(error, ERROR_INVALID, path,
                                "rows that follow one another are needed: name their recording in "
                                "data.series, or in data.time what orders them");
    }
    return true;
}

struct row_span window_span(const struct window_config *window, const struct series *series,
                            int64_t row)
{
    int64_t segment = series_segment_of(series, row);
    struct row_span span = {.first = window_first(window, row),
                            .low = series->segment[segment],
                            .high = series->segment[segment + 1],
                            .steps = window->length};
    int64_t end = span.first + span.steps;

    if (window->edges != WINDOW_EDGES_MASK)
        return span;
    span.first = span.first < span.low ? span.low : span.first;
    end = end < span.high ? end : span.high;
    span.steps = end > span.first ? end - span.first : 1;
    return span;
}

struct truth_span window_truth(const struct window_config *window, const struct series *series,
                               int64_t row)
{
    struct truth_span truth = {.first = row, .n = 1};
    struct row_span span;

    if (window_truth_steps(window) == 1)
        return truth;
    span = window_span(window, series, row);
    if (span.first + window->horizon < span.low)
        truth.step = span.low - span.first - window->horizon;
    truth.first = span.first + truth.step + window->horizon;
    truth.n = row + 1 - truth.first;
    return truth;
}

/* ---- lists ------------------------------------------------------------------------------------*/

/* Rows from the window's first to the one that is predicted. */
static int64_t span(const struct window_config *window)
{
    return window->length + window->horizon;
}

static int64_t predicted(const struct window_config *window, int64_t first)
{
    return window->label == WINDOW_LABEL_FIRST ? first : first + span(window) - 1;
}

struct listing {
    const struct window_config *window;
    const struct dataset *dataset;
    const int8_t *part;
    int which;
};

/* Tells the windows of rows from .. end - 1 on the grid that begins at `origin`. */
static void tell_run(const struct window_config *window, int64_t origin, int64_t from, int64_t end,
                     struct row_teller *to)
{
    int64_t first = origin + window->offset, stride = window->stride;

    if (first < from)
        first += (from - first + stride - 1) / stride * stride;
    if (first + span(window) <= end)
        row_tell(to, predicted(window, first), stride, (end - span(window) - first) / stride + 1);
}

/* Rows from .. end - 1, which are of one part, of the segment that begins at `origin`; `whole`: all
 * of its rows. */
static void tell_stretch(const struct window_config *window, int64_t origin, int64_t from,
                         int64_t end, bool whole, struct row_teller *to)
{
    if (whole && window->shorter == WINDOW_SHORT_KEEP && end - from < span(window))
        row_tell(to, window->label == WINDOW_LABEL_FIRST ? from : end - 1, 1, 1);
    else
        tell_run(window, origin, from, end, to);
}

static void tell_segments(const void *context, struct row_teller *to)
{
    const struct listing *listing = context;
    const struct series *series = &listing->dataset->series;
    const int8_t *part = listing->part;

    for (int64_t i = 0; i < series->n_segments; i++) {
        int64_t origin = series->segment[i], end = series->segment[i + 1];

        for (int64_t from = origin, next; from < end; from = next) {
            next = part ? bytes_run_end(part, from, end) : end;
            if (!part || part[from] == listing->which)
                tell_stretch(listing->window, origin, from, next, next - from == end - origin, to);
        }
    }
}

bool window_list(const struct window_config *window, const struct dataset *dataset,
                 const int8_t *part, int which, struct row_list *ret_list, struct error *error)
{
    const struct listing listing = {
        .window = window, .dataset = dataset, .part = part, .which = which};

    return row_list_make(tell_segments, &listing, ret_list, error);
}

/* The first window of rows origin .. end - 1; one that begins before them sees the first of them
 * repeated. -1: there is none. */
static int64_t first_cover(const struct window_config *window, int64_t origin, int64_t end)
{
    bool repeats = window->edges == WINDOW_EDGES_REPEAT;
    int64_t row = origin + (repeats ? window->length : span(window)) - 1;

    if (row < end)
        return row;
    if (window->edges == WINDOW_EDGES_DROP ||
        (window->edges == WINDOW_EDGES_MASK && end - origin <= window->horizon))
        return -1;
    return end - 1;
}

static void tell_cover(const void *context, struct row_teller *to)
{
    const struct listing *listing = context;
    const struct window_config *window = listing->window;
    const struct series *series = &listing->dataset->series;
    int64_t stride = window->stride < window->length ? window->stride : window->length;

    for (int64_t i = 0; i < series->n_segments; i++) {
        int64_t last = series->segment[i + 1] - 1;
        int64_t row = first_cover(window, series->segment[i], last + 1), n;

        if (row < 0)
            continue;
        n = (last - row) / stride + 1;
        row_tell(to, row, stride, n);
        if (row + (n - 1) * stride < last)
            row_tell(to, last, 1, 1);
    }
}

bool window_cover(const struct window_config *window, const struct dataset *dataset,
                  struct row_list *ret_list, struct error *error)
{
    const struct listing listing = {.window = window, .dataset = dataset};

    return row_list_make(tell_cover, &listing, ret_list, error);
}

static bool tells_any(const void *context, int64_t row)
{
    const struct listing *listing = context;
    const struct truth_span truth = window_truth(listing->window, &listing->dataset->series, row);

    for (int64_t i = 0; i < truth.n; i++)
        if (dataset_is_told(listing->dataset, truth.first + i))
            return true;
    return false;
}

bool window_drop_untold(const struct window_config *window, const struct dataset *dataset,
                        struct row_list *list, struct error *error)
{
    const struct listing listing = {.window = window, .dataset = dataset};

    return (!dataset->target && !dataset->label) ||
           row_list_filter(list, tells_any, &listing, error);
}

bool window_check_length(const struct window_config *window, const struct dataset *dataset,
                         struct error *error)
{
    const struct series *series = &dataset->series;
    int64_t longest = 0;

    for (int64_t i = 0; i < series->n_segments; i++) {
        int64_t length = series->segment[i + 1] - series->segment[i];

        longest = length > longest ? length : longest;
    }
    if (longest >= span(window) + window->offset || window->shorter == WINDOW_SHORT_KEEP)
        return true;
    return error_set_at(error, ERROR_INVALID, "prepare",
                        "a window needs %lld rows, but the longest recording without a gap has "
                        "%lld",
                        (long long)(span(window) + window->offset), (long long)longest);
}

/* ---- labels -----------------------------------------------------------------------------------*/

/* count: of the classes in rows first .. first + length - 1. */
static int32_t most(const int64_t *count, int32_t n, int32_t last)
{
    int32_t best = last;

    for (int32_t k = 0; k < n; k++)
        if (count[k] > count[best])
            best = k;
    return best;
}

bool window_majority(const struct window_config *window, const struct dataset *dataset,
                     int32_t **ret_label, struct error *error)
{
    const struct series *series = &dataset->series;
    scoped(memory_free) int32_t *label = malloc((size_t)dataset->n_rows * sizeof(*label) + 1);
    scoped(memory_free) int64_t *count = malloc(((size_t)dataset->classes.n + 1) * sizeof(*count));

    if (!label || !count)
        return no_memory(error);
    memcpy(label, dataset->label, (size_t)dataset->n_rows * sizeof(*label));
    for (int64_t i = 0; i < series->n_segments; i++) {
        memset(count, 0, (size_t)dataset->classes.n * sizeof(*count));
        for (int64_t row = series->segment[i]; row < series->segment[i + 1]; row++) {
            int64_t gone = row - window->length;

            if (dataset->label[row] >= 0)
                count[dataset->label[row]]++;
            if (gone >= series->segment[i] && dataset->label[gone] >= 0)
                count[dataset->label[gone]]--;
            if (gone + 1 >= series->segment[i] && dataset->label[row] >= 0)
                label[row] = most(count, dataset->classes.n, dataset->label[row]);
        }
    }
    *ret_label = take(&label);
    return true;
}

/* ---- proof ------------------------------------------------------------------------------------*/

static void mark_rows(const struct window_config *window, const struct series *series,
                      const struct row_list *list, uint8_t bit, uint8_t *mark)
{
    int64_t marked = 0; /* all rows of earlier windows lie before */

    for (struct row_walk at = {.list = list}; row_walk(&at);) {
        int64_t first = window_first(window, at.row), end = first + window->length;

        if (window->label == WINDOW_LABEL_EACH)
            end = at.row + 1;
        if (window->shorter == WINDOW_SHORT_KEEP) {
            const struct row_span span = window_span(window, series, at.row);

            first = span.first;
            end = first + span.steps;
        }
        for (int64_t row = first > marked ? first : marked; row < end; row++)
            mark[row] |= bit;
        marked = end > marked ? end : marked;
        mark[at.row] |= bit;
    }
}

bool window_rows(const struct window_config *window, const struct dataset *dataset,
                 const struct row_list *list, struct row_list *ret_rows, struct error *error)
{
    scoped(memory_free) uint8_t *mark = calloc((size_t)dataset->n_rows + 1, 1);

    if (!mark)
        return no_memory(error);
    mark_rows(window, &dataset->series, list, 1, mark);
    return row_list_of_bytes(mark, dataset->n_rows, 1, ret_rows, error);
}

/* Rows that windows of several parts have, each marked. */
static bool count_marked(const struct window_config *window, const struct dataset *dataset,
                         const struct split *split, int64_t *ret_shared, struct error *error)
{
    scoped(memory_free) uint8_t *mark = calloc((size_t)dataset->n_rows + 1, 1);

    if (!mark)
        return no_memory(error);
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        mark_rows(window, &dataset->series, &split->part[i], (uint8_t)(1U << i), mark);
    *ret_shared = 0;
    for (int64_t row = 0; row < dataset->n_rows; row++)
        *ret_shared += (mark[row] & (mark[row] - 1)) != 0;
    return true;
}

/* Where windows of a part begin to cover rows, or end: rows from `row` on. */
struct edge {
    int64_t row;
    int part, more; /* 1, or -1 */
};

static int by_edge(const void *left, const void *right)
{
    const struct edge *a = left, *b = right;

    return (a->row > b->row) - (a->row < b->row);
}

/* Whether each run's windows cover one stretch of rows, and the rows that they predict another. */
static bool covers_stretches(const struct window_config *window, const struct split *split)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (split->part[i].row && split->part[i].n > 0)
            return false;
    return window->shorter != WINDOW_SHORT_KEEP && window->stride <= window->length &&
           (window->stride == 1 || window->horizon == 0 || window->label == WINDOW_LABEL_EACH);
}

static void add_edges(const struct window_config *window, const struct row_run *run, int part,
                      struct edge *edge)
{
    int64_t last = run->first + (run->n - 1) * run->stride;
    bool each = window->label == WINDOW_LABEL_EACH, apart = !each && window->horizon > 0;

    edge[0] = (struct edge){window_first(window, run->first), part, 1};
    edge[1] =
        (struct edge){each ? last + 1 : window_first(window, last) + window->length, part, -1};
    edge[2] = (struct edge){run->first, part, apart};
    edge[3] = (struct edge){last + 1, part, -apart};
}

/* The same from where runs of windows begin and end: in a moment however many they are. */
static bool count_between(const struct window_config *window, const struct split *split,
                          int64_t *ret_shared, struct error *error)
{
    size_t n_runs = 0, n = 0;
    scoped(memory_free) struct edge *edge = NULL;
    int64_t covered[SPLIT_PART_COUNT] = {0};

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        n_runs += (size_t)split->part[i].n_runs;
    edge = calloc(4 * n_runs + 1, sizeof(*edge));
    if (!edge)
        return no_memory(error);
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        for (int64_t k = 0; k < split->part[i].n_runs; k++, n += 4)
            add_edges(window, &split->part[i].run[k], i, edge + n);
    qsort(edge, n, sizeof(*edge), by_edge);
    *ret_shared = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        int parts = 0;

        covered[edge[i].part] += edge[i].more;
        for (int k = 0; k < SPLIT_PART_COUNT; k++)
            parts += covered[k] > 0;
        *ret_shared += parts > 1 ? edge[i + 1].row - edge[i].row : 0;
    }
    return true;
}

bool window_count_shared(const struct window_config *window, const struct dataset *dataset,
                         const struct split *split, int64_t *ret_shared, struct error *error)
{
    return covers_stretches(window, split)
               ? count_between(window, split, ret_shared, error)
               : count_marked(window, dataset, split, ret_shared, error);
}
