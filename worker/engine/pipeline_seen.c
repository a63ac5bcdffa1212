/*
 * Which rows other experiments' models have seen: those that a spec begins with, measures or makes
 * an ensemble of, and what these were made from themselves. What is known stands beside a model
 * file: the split of its run, and in spec.json from where the names in the model's spec are seen.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/dataset/window.h"
#include "worker/engine/model/ensemble.h"
#include "worker/engine/pipeline.h"

#define SIZE_LIMIT ((size_t)1 << 32)
#define LINEAGE_MAX 2000 /* models that one was made from; far beyond what anyone does */

/* As bits of a mark. */
#define TRAINED (1 << SPLIT_TRAIN)
#define LEARNT (TRAINED | 1 << SPLIT_VALID)
#define TESTED (1 << SPLIT_TEST)

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "looking for rows that were seen before");
}

/* ---- what a run left --------------------------------------------------------------------------*/

bool pipeline_read_beside(const char *path, const char *name, char **ret, size_t *ret_size,
                          struct error *error)
{
    scoped(buffer_release) struct buffer beside = {0};
    const char *slash = strrchr(path, '/');

    return buffer_append(&beside, path, slash ? (size_t)(slash - path) + 1 : 0, error) &&
           buffer_append_text(&beside, name, error) &&
           file_read(AT_FDCWD, beside.data, SIZE_LIMIT, ret, ret_size, error);
}

/* From a model file to its run's artifacts: snapshots have a folder of their own there. */
static const char *to_artifacts(const char *path)
{
    static const char snapshots[] = "/snapshots/";
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0, length = strlen(snapshots);

    return folder >= length && memcmp(path + folder - length, snapshots, length) == 0 ? "../" : "";
}

static bool read_artifact(const char *path, const char *name, char **ret, size_t *ret_size,
                          struct error *error)
{
    char from[64];

    (void)snprintf(from, sizeof(from), "%s%s", to_artifacts(path), name);
    return pipeline_read_beside(path, from, ret, ret_size, error);
}

static bool read_split(const char *path, struct split_stored *ret, struct error *error)
{
    scoped(memory_free) char *text = NULL;
    size_t size;

    return read_artifact(path, "split.json", &text, &size, error) &&
           split_read(text, size, ret, error);
}

/* ---- marks ------------------------------------------------------------------------------------*/

/* The row that a window predicts, and with `window` what the window sees. */
static void mark_window(const struct window_config *window, const struct dataset *dataset,
                        int64_t row, int bit, int8_t *seen)
{
    struct row_span span = row_span_single(row);

    if (row < 0 || row >= dataset->n_rows)
        return;
    if (window && dataset->series.n > 0)
        span = window_span(window, &dataset->series, row);
    seen[row] = (int8_t)(seen[row] | bit);
    for (int64_t i = span.first; i < span.first + span.steps; i++)
        if (i >= span.low && i < span.high)
            seen[i] = (int8_t)(seen[i] | bit);
}

static bool mark(const struct split_stored *stored, const struct window_config *window,
                 const struct dataset *dataset, int parts, int8_t *seen, struct error *error)
{
    scoped(memory_free) int8_t *in_file = NULL;
    int64_t n_file = 1;

    for (int64_t row = 0; row < dataset->n_rows; row++)
        if (dataset_file_row(dataset, row) >= n_file)
            n_file = dataset_file_row(dataset, row) + 1;
    in_file = calloc((size_t)n_file, 1);
    if (!in_file)
        return no_memory(error);
    for (int part = 0; part < SPLIT_PART_COUNT; part++)
        for (struct row_walk at = {.list = &stored->split.part[part]}; row_walk(&at);) {
            if (stored->windows)
                mark_window(window, dataset, at.row, parts & 1 << part, seen);
            else if (at.row < n_file)
                in_file[at.row] = (int8_t)(in_file[at.row] | (parts & 1 << part));
        }
    for (int64_t row = 0; row < dataset->n_rows && !stored->windows; row++) {
        int64_t place = dataset_file_row(dataset, row);

        if (place >= 0)
            seen[row] = (int8_t)(seen[row] | in_file[place]);
    }
    return true;
}

/* ---- a model and what it was made from --------------------------------------------------------*/

/* The same file is not looked at twice, so that the search ends. */
static bool add_once(struct model_files *lineage, const char *path, struct error *error)
{
    char full[PATH_MAX];
    const char *name = realpath(path, full) ? full : path;

    for (int64_t i = 0; i < lineage->n; i++)
        if (strcmp(lineage->path[i], name) == 0)
            return true;
    return lineage->n == LINEAGE_MAX || model_files_add(lineage, name, error);
}

/* Where the names in the spec of a model's run are found. */
static bool read_whereabouts(const char *path, cJSON **ret_file, struct buffer *ret_runs,
                             struct error *error)
{
    scoped(memory_free) char *text = NULL;
    const char *slash = strrchr(path, '/');
    size_t size;

    return read_artifact(path, "../spec.json", &text, &size, error) &&
           json_parse(text, size, ret_file, error) &&
           buffer_append(ret_runs, path, slash ? (size_t)(slash - path) + 1 : 0, error) &&
           buffer_append_format(ret_runs, error, "%s../../..", to_artifacts(path));
}

/* What is no longer there is passed over. */
static bool add_origins(const char *path, const struct engine_spec *spec,
                        struct model_files *lineage, struct error *error)
{
    scoped(model_files_release) struct model_files found = {0};
    scoped(json_free) cJSON *file = NULL;
    scoped(buffer_release) struct buffer runs = {0};
    struct error missing = {0};

    if (read_whereabouts(path, &file, &runs, &missing))
        (void)pipeline_find_others(spec, NULL, json_text(file, "cwd", NULL), runs.data, &found,
                                   &missing);
    for (int64_t i = 0; i < found.n; i++)
        if (!add_once(lineage, found.path[i], error))
            return false;
    return true;
}

/* From another folder the same file has another name. */
static bool is_same_file(const char *a, const char *b)
{
    char full_a[PATH_MAX], full_b[PATH_MAX];

    return strcmp(a, b) == 0 ||
           (realpath(a, full_a) && realpath(b, full_b) && strcmp(full_a, full_b) == 0);
}

/* One model's own rows; adds what it was made from. */
static bool mark_model(const char *path, const struct dataset *dataset, bool looked_at, int parts,
                       int8_t *seen, struct model_files *lineage, enum seen_answer *ret,
                       struct error *error)
{
    scoped(stored_model_release) struct stored_model stored = {0};
    scoped(split_stored_release) struct split_stored split = {0};
    scoped(memory_free) char *source = NULL;
    struct error missing = {0};

    *ret = SEEN_UNKNOWN;
    if (!model_file_read_origin(path, &stored, &source, &missing))
        return true;
    if (!add_origins(path, &stored.spec, lineage, error))
        return false;
    if (!is_same_file(source, dataset->path))
        *ret = SEEN_OTHER_DATA;
    else if (read_split(path, &split, &missing) && split.n_rows == dataset->n_rows)
        *ret = SEEN_KNOWN;
    return *ret != SEEN_KNOWN || mark(&split, looked_at ? window_find(&stored.spec.prepare) : NULL,
                                      dataset, parts, seen, error);
}

bool pipeline_mark_seen(const char *path, const struct dataset *dataset, bool looked_at,
                        int8_t *seen, enum seen_answer *ret, struct error *error)
{
    scoped(model_files_release) struct model_files lineage = {0};
    enum seen_answer answer;

    *ret = SEEN_UNKNOWN;
    if (!path)
        return true;
    if (!add_once(&lineage, path, error))
        return false;
    for (int64_t i = 0; i < lineage.n; i++) {
        if (!mark_model(lineage.path[i], dataset, looked_at, i == 0 ? LEARNT | TESTED : LEARNT,
                        seen, &lineage, &answer, error))
            return false;
        if (i == 0)
            *ret = answer;
    }
    return true;
}

/* ---- what that means for an experiment --------------------------------------------------------*/

/* Whether a sample is a row that is marked so, or a window with one in it. */
static bool sees_any(const struct samples *samples, int64_t row, const int8_t *seen, int parts)
{
    struct row_span span = row_span_single(row);
    bool any = seen[row] & parts;

    if (samples->window)
        span = window_span(samples->window, &samples->dataset->series, row);
    for (int64_t i = span.first; i < span.first + span.steps && !any; i++)
        any = i >= span.low && i < span.high && seen[i] & parts;
    return any;
}

static int64_t count(const struct samples *samples, const struct row_list *list, const int8_t *seen,
                     int parts)
{
    int64_t n = 0;

    for (struct row_walk at = {.list = list}; row_walk(&at);)
        n += sees_any(samples, at.row, seen, parts);
    return n;
}

bool pipeline_count_seen(const struct engine_spec *spec, const struct samples *samples,
                         const struct split *split, const struct model_files *others,
                         struct seen_counts *ret, struct error *error)
{
    const struct row_list *test = &split->part[SPLIT_TEST], *valid = &split->part[SPLIT_VALID];
    scoped(memory_free) int8_t *seen = calloc((size_t)samples->dataset->n_rows + 1, 1);
    bool ensemble = model_kind_of(&spec->model) == &model_ensemble;

    *ret = (struct seen_counts){.n_test = test->n, .n_valid = valid->n};
    if (!seen)
        return no_memory(error);
    for (int64_t i = 0; i < others->n; i++) {
        enum seen_answer answer;

        if (!pipeline_mark_seen(others->path[i], samples->dataset, true, seen, &answer, error))
            return false;
        ret->n_other += answer == SEEN_OTHER_DATA && !ensemble;
        ret->n_unknown += answer == SEEN_UNKNOWN || (answer == SEEN_OTHER_DATA && ensemble);
    }
    ret->tested = count(samples, test, seen, LEARNT);
    if (!ensemble)
        ret->validated = count(samples, valid, seen, TRAINED);
    else if (ensemble_chooses_by_test(spec->model.item[0].config))
        ret->chosen = count(samples, test, seen, TESTED);
    return true;
}

static bool refuse(enum split_part part, int64_t n, int64_t of, struct error *error)
{
    return error_set_at(error, ERROR_INVALID, "data.split",
                        "leaks: models that are named were trained on %lld of the %lld %s rows "
                        "(the same data.split as theirs, with a seed of its own, or "
                        "data.allow_leak with a reason)",
                        (long long)n, (long long)of, part == SPLIT_TEST ? "test" : "validation");
}

bool pipeline_refuse_seen(const struct engine_spec *spec, const struct seen_counts *counts,
                          struct error *error)
{
    if (spec->data.allow_leak)
        return true;
    if (counts->tested > 0)
        return refuse(SPLIT_TEST, counts->tested, counts->n_test, error);
    if (counts->validated > 0)
        return refuse(SPLIT_VALID, counts->validated, counts->n_valid, error);
    return counts->chosen == 0 ||
           error_set_at(error, ERROR_INVALID, "model[0].metric",
                        "leaks: learners are weighed or chosen by figures of %lld of the %lld test "
                        "rows (a metric of valid, or data.allow_leak with a reason)",
                        (long long)counts->chosen, (long long)counts->n_test);
}
