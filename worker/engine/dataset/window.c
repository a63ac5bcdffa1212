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

/* Lists the windows of rows from .. end - 1 on the grid that begins at `origin`; list NULL: counts.
 */
static int64_t list_run(const struct window_config *window, int64_t origin, int64_t from,
                        int64_t end, int64_t *list)
{
    int64_t first = origin + window->offset, stride = window->stride, n;

    if (first < from)
        first += (from - first + stride - 1) / stride * stride;
    if (first + span(window) > end)
        return 0;
    n = (end - span(window) - first) / stride + 1;
    for (int64_t i = 0; list && i < n; i++)
        list[i] = predicted(window, first) + i * stride;
    return n;
}

/* All of a segment that is in one part. */
static int64_t list_short(const struct window_config *window, int64_t from, int64_t end,
                          int64_t *list)
{
    if (list)
        *list = window->label == WINDOW_LABEL_FIRST ? from : end - 1;
    return 1;
}

/* Where the rows end that are of the same part as row `from`; most segments are of one. */
static int64_t run_end(const int8_t *part, int64_t from, int64_t end)
{
    if (part[from] == part[end - 1] &&
        memcmp(part + from, part + from + 1, (size_t)(end - from - 1)) == 0)
        return end;
    while (from + 1 < end && part[from + 1] == part[from])
        from++;
    return from + 1;
}

static int64_t list_segments(const struct window_config *window, const struct dataset *dataset,
                             const int8_t *part, int which, int64_t *list)
{
    const struct series *series = &dataset->series;
    int64_t n = 0;

    for (int64_t i = 0; i < series->n_segments; i++) {
        int64_t origin = series->segment[i], end = series->segment[i + 1];

        for (int64_t from = origin; from < end;) {
            int64_t to = part ? run_end(part, from, end) : end;

            if (window->shorter == WINDOW_SHORT_KEEP && end - origin < span(window) &&
                to - from == end - origin && (!part || part[from] == which))
                n += list_short(window, from, to, list ? list + n : NULL);
            else if (!part || part[from] == which)
                n += list_run(window, origin, from, to, list ? list + n : NULL);
            from = to;
        }
    }
    return n;
}

int64_t window_count(const struct window_config *window, const struct dataset *dataset)
{
    return list_segments(window, dataset, NULL, 0, NULL);
}

bool window_list(const struct window_config *window, const struct dataset *dataset,
                 const int8_t *part, int which, struct row_list *ret_list, struct error *error)
{
    int64_t n = list_segments(window, dataset, part, which, NULL);
    int64_t *row = malloc((size_t)(n + 1) * sizeof(*row));

    if (!row)
        return no_memory(error);
    (void)list_segments(window, dataset, part, which, row);
    *ret_list = (struct row_list){.row = row, .n = n};
    return true;
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

            count[dataset->label[row]]++;
            if (gone >= series->segment[i])
                count[dataset->label[gone]]--;
            if (gone + 1 >= series->segment[i])
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

    for (int64_t i = 0; i < list->n; i++) {
        int64_t first = window_first(window, list->row[i]), end = first + window->length;

        if (window->shorter == WINDOW_SHORT_KEEP) {
            const struct row_span span = window_span(window, series, list->row[i]);

            first = span.first;
            end = first + span.steps;
        }
        for (int64_t row = first > marked ? first : marked; row < end; row++)
            mark[row] |= bit;
        marked = end > marked ? end : marked;
        mark[list->row[i]] |= bit;
    }
}

bool window_rows(const struct window_config *window, const struct dataset *dataset,
                 const struct row_list *list, struct row_list *ret_rows, struct error *error)
{
    scoped(memory_free) uint8_t *mark = calloc((size_t)dataset->n_rows + 1, 1);
    struct row_list rows = {0};

    if (!mark)
        return no_memory(error);
    mark_rows(window, &dataset->series, list, 1, mark);
    for (int64_t row = 0; row < dataset->n_rows; row++)
        rows.n += mark[row];
    rows.row = malloc((size_t)(rows.n + 1) * sizeof(*rows.row));
    if (!rows.row)
        return no_memory(error);
    for (int64_t row = 0, n = 0; row < dataset->n_rows; row++)
        if (mark[row])
            rows.row[n++] = row;
    *ret_rows = rows;
    return true;
}

bool window_count_shared(const struct window_config *window, const struct dataset *dataset,
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
