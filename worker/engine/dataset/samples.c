#include "worker/engine/dataset/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/told.h"
#include "worker/engine/transform/words.h"

void samples_free(struct samples **samples)
{
    struct samples *gone = *samples;

    if (!gone)
        return;
    applier_free(&gone->applier);
    free(gone->majority);
    free(gone->logarithm);
    free(gone);
    *samples = NULL;
}

#define SPANS 64 /* gathered at a time */

/* All inputs of a window have its steps. */
static void gather_windows(const struct samples *samples, const int64_t *row, int64_t n,
                           struct tensor x[], int32_t *const length[])
{
    struct row_span span[SPANS];

    for (int64_t first = 0; first < n; first += SPANS) {
        int64_t count = n - first < SPANS ? n - first : SPANS;

        for (int64_t i = 0; i < count; i++)
            span[i] = window_span(samples->window, &samples->dataset->series, row[first + i]);
        applier_gather_spans(samples->applier, span, count, first, x,
                             length[0] ? length[0] + first : NULL);
    }
    for (int i = 1; length[0] && i < samples->set.n_inputs; i++)
        if (length[i])
            memcpy(length[i], length[0], (size_t)n * sizeof(*length[0]));
}

/* Words of each row: up to the last that is one, but never none. */
static void count_words(const struct tensor *x, int32_t *length)
{
    for (int64_t i = 0; i < x->rows; i++) {
        int64_t n = x->steps;

        while (n > 1 && x->data[(n - 1) * x->rows + i] == WORDS_NONE)
            n--;
        length[i] = (int32_t)n;
    }
}

static void gather_rows(const struct samples *samples, const int64_t *row, int64_t n,
                        struct tensor x[], int32_t *const length[])
{
    applier_gather_rows(samples->applier, row, n, x);
    for (int i = 0; i < samples->set.n_inputs; i++)
        if (length[i])
            count_words(&x[i], length[i]);
}

static void gather(const struct sample_set *set, const int64_t *row, int64_t n, struct tensor x[],
                   int32_t *const length[])
{
    const struct samples *samples = set->context;

    if (samples->window)
        gather_windows(samples, row, n, x, length);
    else
        gather_rows(samples, row, n, x, length);
}

static void foresee(const struct sample_set *set, struct prefetch *prefetch)
{
    const struct samples *samples = set->context;
    const struct window_config *window = samples->window;
    const double *learned = set->learned ? set->learned : set->target;
    int64_t targets = set->n_targets * (int64_t)sizeof(*learned);

    applier_foresee(samples->applier, window ? -window_first(window, 0) : 0,
                    window ? window->length : 1, prefetch);
    if (prefetch->ids)
        prefetch_add(prefetch, set->row_id, sizeof(*set->row_id), 0, sizeof(*set->row_id));
    if (set->task == TASK_CLASSIFICATION)
        prefetch_add(prefetch, set->label, sizeof(*set->label), 0, sizeof(*set->label));
    else if (!set->target_row)
        prefetch_add(prefetch, learned, targets, 0, targets);
}

/* The window that ends where this one begins, where it is whole. */
static int64_t before(const struct sample_set *set, int64_t row)
{
    const struct samples *samples = set->context;
    const struct series *series = &samples->dataset->series;
    int64_t earlier = row - samples->window->length;

    return earlier >= 0 && window_first(samples->window, earlier) >=
                               series->segment[series_segment_of(series, row)]
               ? earlier
               : -1;
}

static struct truth_span truth(const struct sample_set *set, int64_t row)
{
    const struct samples *samples = set->context;

    return window_truth(samples->window, &samples->dataset->series, row);
}

static bool refuse_missing(const struct dataset *dataset, const struct preparation *preparation,
                           struct error *error)
{
    for (int64_t i = 0; i < dataset->n_features; i++) {
        const struct feature *feature = &dataset->feature[i];

        if (feature->n_missing > 0 && preparation->feature[i].needed)
            return error_set(error, ERROR_INVALID,
                             "%s: %s, column '%s': the value is missing, and the model has "
                             "nothing to fill in",
                             dataset->path, feature->missing_place ? feature->missing_place : "",
                             feature->name);
    }
    return true;
}

static bool make_windows(struct samples *samples, struct error *error)
{
    const struct dataset *dataset = samples->dataset;

    if (!samples->window)
        return true;
    if (dataset->series.n == 0)
        return error_set(error, ERROR_INVALID,
                         "%s: the columns of data.series and data.time, by which the model's "
                         "windows are made, are not all there",
                         dataset->path);
    return samples->window->label != WINDOW_LABEL_MAJORITY || !dataset->label ||
           window_majority(samples->window, dataset, &samples->majority, error);
}

static int64_t target_row(const struct sample_set *set, int64_t row)
{
    const struct samples *samples = set->context;

    return dataset_target_row(samples->dataset, row);
}

/* New rows have no targets. */
static bool take_logarithms(struct samples *samples, struct error *error)
{
    const struct dataset *dataset = samples->dataset;
    int64_t n = dataset_target_rows(dataset) * dataset->n_targets;

    if (!samples->preparation->target_log || !dataset->target)
        return true;
    samples->logarithm = malloc((size_t)n * sizeof(*samples->logarithm));
    if (!samples->logarithm)
        return error_set(error, ERROR_NO_MEMORY, "making samples");
    for (int64_t i = 0; i < n; i++)
        samples->logarithm[i] = log(dataset->target[i]);
    return true;
}

bool samples_make(const struct dataset *dataset, const struct preparation *preparation,
                  const struct window_config *window, const struct stretches *stretches,
                  struct samples **ret_samples, struct error *error)
{
    scoped(samples_free) struct samples *samples = calloc(1, sizeof(*samples));

    if (!samples)
        return error_set(error, ERROR_NO_MEMORY, "making samples");
    samples->dataset = dataset;
    samples->preparation = preparation;
    if (window) {
        samples->window_copy = *window;
        samples->window = &samples->window_copy;
    }
    if (!refuse_missing(dataset, preparation, error) ||
        !applier_make(preparation, dataset, stretches, &samples->applier, error) ||
        !make_windows(samples, error) || !take_logarithms(samples, error))
        return false;
    samples->n_unknown = applier_unknown_rows(samples->applier);
    samples->set = (struct sample_set){
        .context = samples,
        .gather = gather,
        .foresee = foresee,
        .before = samples->window && window_follows(samples->window) ? before : NULL,
        .task = preparation->task,
        .input = preparation->input,
        .n_inputs = preparation->n_inputs,
        .n_samples = dataset->n_rows,
        .row_id = (const uint64_t *)dataset->source_row,
        .truth_steps = window_truth_steps(samples->window),
        .truth = window_truth_steps(samples->window) > 1 ? truth : NULL,
        .n_classes = preparation->n_classes,
        .label = samples->majority ? samples->majority : dataset->label,
        .class_name = (const char *const *)preparation->class_name,
        .n_targets = preparation->n_targets,
        .target = dataset->target,
        .learned = samples->logarithm,
        .logarithm = preparation->target_log,
        .target_row = dataset->of_series ? target_row : NULL,
        .target_name = (const char *const *)preparation->target_name,
        .target_offset = preparation->target_offset,
        .target_scale = preparation->target_scale,
    };
    *ret_samples = take(&samples);
    return true;
}

static int by_file_row(const void *left, const void *right, void *context)
{
    const struct dataset *dataset = context;
    int64_t a = dataset_file_row(dataset, *(const int64_t *)left);
    int64_t b = dataset_file_row(dataset, *(const int64_t *)right);

    return a < b ? -1 : a > b;
}

static void tell_all(const void *context, struct row_teller *to)
{
    row_tell(to, 0, 1, ((const struct dataset *)context)->n_rows);
}

/* Puts the rows into the order of the file. */
static bool sort_rows(const struct dataset *dataset, struct row_list *list, struct error *error)
{
    scoped(row_array_release) struct row_array array = {0};
    struct dataset same = *dataset; /* qsort_r takes no const context */
    int64_t n = list->n;

    if (!list->row) {
        if (!row_array_open(list, &array, error))
            return false;
        row_list_release(list);
        *list = (struct row_list){.row = take(&array.own), .n = n};
    }
    qsort_r(list->row, (size_t)n, sizeof(*list->row), by_file_row, &same);
    return true;
}

static bool list_rows(const struct samples *samples, struct row_list *ret_list, struct error *error)
{
    struct window_config every;

    if (!samples->window || samples->window->edges != WINDOW_EDGES_DROP)
        return row_list_make(tell_all, samples->dataset, ret_list, error);
    every = *samples->window;
    every.stride = 1;
    every.offset = 0;
    return window_list(&every, samples->dataset, NULL, 0, ret_list, error);
}

/* The windows that together cover the rows, and what their steps predict. */
static bool cover_rows(const struct samples *samples, struct row_list *ret_samples,
                       struct row_list *ret_rows, struct error *error)
{
    return window_cover(samples->window, samples->dataset, ret_samples, error) &&
           told_list(&samples->set, ret_samples, ret_rows, error);
}

bool samples_list_all(const struct samples *samples, struct row_list *ret_samples,
                      struct row_list *ret_rows, struct error *error)
{
    scoped(row_list_release) struct row_list covering = {0}, rows = {0};

    if (samples->set.truth ? !cover_rows(samples, &covering, &rows, error)
                           : !list_rows(samples, &rows, error))
        return false;
    if (samples->dataset->source_row && !sort_rows(samples->dataset, &rows, error))
        return false;
    *ret_samples = covering;
    *ret_rows = rows;
    covering = rows = (struct row_list){0};
    return true;
}
