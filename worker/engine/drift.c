#include "worker/engine/drift.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/json.h"
#include "common/owner.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/split/split.h"
#include "worker/engine/dataset/window.h"
#include "worker/engine/engine_spec.h"
#include "worker/engine/output_place.h"
#include "worker/engine/prepared/store.h"
#include "worker/engine/question.h"

#define CHUNKS_MAX 10000

struct figures { /* of a column */
    int64_t n, n_missing;
    double minimum, maximum, mean, squares; /* of distances from the mean */
};

struct drift {
    cJSON *request; /* owned */
    struct engine_spec spec;
    struct warning_list warnings;
    struct dataset *dataset; /* owned */
    struct split_plan plan;
    int64_t *column; /* owned, [n_columns]: features */
    int64_t n_columns;
    struct figures *so_far, *alone; /* owned, [n_columns] */
    cJSON *answer;                  /* owned */
};

static void drift_free(struct drift **drift)
{
    struct drift *gone = *drift;

    if (!gone)
        return;
    split_plan_release(&gone->plan);
    dataset_free(&gone->dataset);
    engine_spec_release(&gone->spec);
    free(gone->column);
    free(gone->so_far);
    free(gone->alone);
    json_free(&gone->answer);
    json_free(&gone->request);
    free(take(drift));
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "looking at training rows");
}

/* ---- what is asked ----------------------------------------------------------------------------*/

static bool read_request(struct drift *at, FILE *in, struct error *error)
{
    const char *folder;
    cJSON *root;

    return question_read(in, &at->request, error) &&
           question_spec(at->request, &root, &folder, error) &&
           engine_spec_parse_data(root, &at->spec, error) &&
           output_place_spares_data(json_text(at->request, "output", "-"), &at->spec.data,
                                    json_text(at->request, "cwd", NULL), error);
}

static bool open_rows(struct drift *at, struct error *error)
{
    const char *cwd = json_text(at->request, "cwd", NULL);
    uint64_t seed = (uint64_t)json_integer(json_member(at->request, "spec"), "seed", 0);
    bool built;

    return store_open(json_text(at->request, "folder", NULL), &at->spec.data, cwd, &at->dataset,
                      &built, &at->warnings, error) &&
           split_make(&at->spec.data, cwd, at->dataset, window_find(&at->spec.prepare), seed,
                      &at->plan, error);
}

static bool add_column(struct drift *at, const char *name, struct error *error)
{
    for (int64_t i = 0; i < at->dataset->n_features; i++)
        if (strcmp(at->dataset->feature[i].name, name) == 0 &&
            at->n_columns < at->dataset->n_features) {
            at->column[at->n_columns++] = i;
            return !at->dataset->feature[i].categorical ||
                   error_set(error, ERROR_INVALID, "'%s' holds categories", name);
        }
    return error_set(error, ERROR_INVALID, "there is no feature '%s'", name);
}

static bool choose_columns(struct drift *at, struct error *error)
{
    const cJSON *columns = json_member(at->request, "columns"), *name;
    size_t n = (size_t)at->dataset->n_features + 1;

    at->column = calloc(n, sizeof(*at->column));
    at->so_far = calloc(n, sizeof(*at->so_far));
    at->alone = calloc(n, sizeof(*at->alone));
    if (!at->column || !at->so_far || !at->alone)
        return no_memory(error);
    cJSON_ArrayForEach(name, columns)
    {
        if (!add_column(at, name->valuestring, error))
            return false;
    }
    for (int64_t i = 0; i < at->dataset->n_features && !columns; i++)
        if (!at->dataset->feature[i].categorical)
            at->column[at->n_columns++] = i;
    return at->n_columns > 0 || error_set(error, ERROR_INVALID, "no feature holds numbers");
}

/* ---- figures ----------------------------------------------------------------------------------*/

static void clear(struct figures *figures, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        figures[i] = (struct figures){.minimum = (double)INFINITY, .maximum = -(double)INFINITY};
}

/* Welford's update. */
static void look(struct figures *figures, float value)
{
    double x = (double)value, distance = x - figures->mean;

    if (isnan(value)) {
        figures->n_missing++;
        return;
    }
    figures->mean += distance / (double)++figures->n;
    figures->squares += distance * (x - figures->mean);
    figures->minimum = fmin(figures->minimum, x);
    figures->maximum = fmax(figures->maximum, x);
}

/* Chan, Golub and LeVeque's: what was seen, and what is new, as if seen together. */
static void merge(struct figures *into, const struct figures *with)
{
    double n = (double)(into->n + with->n), distance = with->mean - into->mean;

    into->n_missing += with->n_missing;
    if (with->n == 0)
        return;
    into->mean += distance * (double)with->n / n;
    into->squares += with->squares + distance * distance * (double)into->n * (double)with->n / n;
    into->n += with->n;
    into->minimum = fmin(into->minimum, with->minimum);
    into->maximum = fmax(into->maximum, with->maximum);
}

/* ---- the answer -------------------------------------------------------------------------------*/

static bool add_number(cJSON *object, const char *name, double value)
{
    return isfinite(value) ? json_add_number(object, name, value)
                           : cJSON_AddNullToObject(object, name) != NULL;
}

static bool add_figures(cJSON *chunk, const char *name, const struct figures *figures, int64_t n)
{
    cJSON *list = json_add_array(chunk, name);

    for (int64_t i = 0; list && i < n; i++) {
        const struct figures *of = &figures[i];
        cJSON *item = cJSON_CreateObject();

        if (!item || !cJSON_AddItemToArray(list, item) || !json_add_integer(item, "n", of->n) ||
            !json_add_integer(item, "missing", of->n_missing) ||
            !add_number(item, "minimum", of->minimum) ||
            !add_number(item, "maximum", of->maximum) ||
            !add_number(item, "mean", of->n > 0 ? of->mean : (double)NAN) ||
            !add_number(item, "sd", sqrt(of->squares / (double)of->n)))
            return false;
    }
    return list != NULL;
}

static bool end_chunk(struct drift *at, cJSON *chunks, int64_t rows)
{
    cJSON *chunk = cJSON_CreateObject();

    if (!chunk || !cJSON_AddItemToArray(chunks, chunk))
        return false;
    for (int64_t i = 0; i < at->n_columns; i++)
        merge(&at->so_far[i], &at->alone[i]);
    return json_add_integer(chunk, "rows", rows) &&
           add_figures(chunk, "so_far", at->so_far, at->n_columns) &&
           add_figures(chunk, "alone", at->alone, at->n_columns);
}

static bool go_through(struct drift *at, struct error *error)
{
    const struct row_list *train = &split_fit_rows(&at->plan)->part[SPLIT_TRAIN];
    const struct dataset *dataset = at->dataset;
    int64_t size = json_integer(at->request, "chunk", 10000), rows = 0;
    cJSON *chunks = json_add_array(at->answer, "chunks");

    if (!chunks)
        return no_memory(error);
    if (size < 1 || train->n / size >= CHUNKS_MAX)
        return error_set(error, ERROR_INVALID,
                         "%lld training rows are more than %d chunks of %lld rows",
                         (long long)train->n, CHUNKS_MAX, (long long)size);
    clear(at->so_far, at->n_columns);
    clear(at->alone, at->n_columns);
    for (struct row_walk walk = {.list = train}; row_walk(&walk);) {
        for (int64_t i = 0; i < at->n_columns; i++)
            look(&at->alone[i], dataset->value[walk.row * dataset->n_features + at->column[i]]);
        if (++rows % size > 0 && rows < train->n)
            continue;
        if (!end_chunk(at, chunks, rows))
            return no_memory(error);
        clear(at->alone, at->n_columns);
    }
    return true;
}

static bool add_head(struct drift *at, struct error *error)
{
    cJSON *columns = json_add_array(at->answer, "columns");

    for (int64_t i = 0; columns && i < at->n_columns; i++)
        if (!cJSON_AddItemToArray(columns,
                                  cJSON_CreateString(at->dataset->feature[at->column[i]].name)))
            return no_memory(error);
    return (columns && json_add_text(at->answer, "source", at->dataset->path)) || no_memory(error);
}

bool drift_answer(FILE *in, FILE *out, struct error *error)
{
    scoped(drift_free) struct drift *at = calloc(1, sizeof(*at));
    scoped(buffer_release) struct buffer text = {0};

    if (!at || !(at->answer = cJSON_CreateObject()))
        return no_memory(error);
    if (!read_request(at, in, error) || !open_rows(at, error) || !choose_columns(at, error) ||
        !add_head(at, error) || !go_through(at, error) || !json_print(at->answer, &text, error))
        return false;
    return (fprintf(out, "%s\n", text.data) > 0 && fflush(out) == 0) ||
           error_set_errno(error, errno, "writing the answer");
}
