#include "worker/engine/prepared/import.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/owner.h"
#include "worker/engine/dataset/number.h"
#include "worker/engine/dataset/series.h"
#include "worker/engine/prepared/order.h"
#include "worker/engine/prepared/parallel.h"
#include "worker/engine/prepared/record.h"
#include "worker/engine/prepared/spill.h"

#define PARTITION_BYTES ((int64_t)12 * 1024 * 1024)
#define PARTITIONS_MAX 256
#define SORT_BYTES ((int64_t)160 * 1024 * 1024) /* for all partitions that are sorted at a time */
#define SLICE_ROWS 4096
#define WARNINGS_BYTES 32768

struct import {
    const struct import_request *request;
    struct record_plan plan;
    struct spill spill;
    double *largest;    /* owned, [n_features]: whole numbers beyond what float32 holds exactly */
    bool targets_apart; /* the format has one value of each for a recording */
    double *value;      /* owned, [n_values][n_targets]: then those, by its text */
    uint8_t *has_value; /* owned, [n_values] */
    int64_t n_values;
    uint64_t *truth; /* owned, [n_truths]: hash of each recording's targets, by its text; 0: none */
    int64_t n_truths;
    bool truth_varies; /* within some recording */
    pthread_mutex_t lock;

    /* once all chunks are here */
    int64_t n_rows;
    int32_t **settled;     /* owned, each too: [n_texts], new codes */
    int64_t *series_first; /* owned, [n_series + 1] */
    int64_t n_series;      /* 0: rows do not follow one another */
    bool series_targets;   /* targets are stored once for each recording */
    int fd;
    const struct import_arrays *arrays;
    int array_of_field[RECORD_FIELDS_MAX]; /* -1: none */
    struct series_findings findings;
    int64_t *segment; /* owned */
    int64_t n_segments, segment_capacity;
};

void import_arrays_release(struct import_arrays *arrays)
{
    free(arrays->array);
    json_free(&arrays->meta);
    arrays->array = NULL;
    arrays->n = 0;
}

static void import_release(struct import *import)
{
    for (int64_t i = 0; import->settled && i < import->plan.n_texts; i++)
        free(import->settled[i]);
    free(import->settled);
    free(import->largest);
    free(import->truth);
    free(import->value);
    free(import->has_value);
    free(import->series_first);
    free(import->segment);
    spill_release(&import->spill);
    record_plan_release(&import->plan);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "importing data");
}

/* ---- chunks -----------------------------------------------------------------------------------*/

struct chunk_work {
    struct texts_chunk *text; /* owned, [n_texts] */
    int64_t n_texts;
    int64_t *place;  /* owned, [n_rows]: bytes */
    char *records;   /* owned */
    double *largest; /* owned */
    int64_t first[PARTITIONS_MAX + 1];
};

static void chunk_work_release(struct chunk_work *work)
{
    for (int64_t i = 0; work->text && i < work->n_texts; i++)
        texts_chunk_release(&work->text[i]);
    free(work->text);
    free(work->place);
    free(work->records);
    free(work->largest);
}

static bool merge_texts(struct import *import, const struct source_chunk *chunk,
                        struct chunk_work *work, struct error *error)
{
    bool good = true;

    for (int64_t i = 0; i < work->n_texts; i++)
        if (!texts_of_chunk(&import->plan.texts[i], chunk, &work->text[i], error))
            return false;
    (void)pthread_mutex_lock(&import->lock);
    for (int64_t i = 0; i < work->n_texts && good; i++)
        good = texts_merge(&import->plan.texts[i], chunk, &work->text[i], error);
    (void)pthread_mutex_unlock(&import->lock);
    return good;
}

/* Rows of one partition lie together. */
static void place_rows(const struct import *import, const struct source_chunk *chunk,
                       struct chunk_work *work)
{
    int64_t n = import->spill.n_partitions, size = import->plan.size;
    int series = import->plan.series;
    const struct texts_chunk *text =
        series >= 0 ? &work->text[import->plan.field[series].texts] : NULL;

    assert(!text || (text->code && text->global));
    for (int64_t i = 0; i < chunk->n_rows; i++)
        work->first[1 + (text && n > 1 ? text->global[text->code[i]] % n : 0)]++;
    for (int64_t i = 0; i < n; i++)
        work->first[i + 1] += work->first[i];
    for (int64_t i = 0; i < chunk->n_rows; i++)
        work->place[i] = work->first[text && n > 1 ? text->global[text->code[i]] % n : 0]++ * size;
    for (int64_t i = n; i > 0; i--)
        work->first[i] = work->first[i - 1];
    work->first[0] = 0;
}

static bool spill_rows(struct import *import, const struct source_chunk *chunk,
                       const struct chunk_work *work, struct error *error)
{
    for (int64_t i = 0; i < import->spill.n_partitions; i++) {
        int64_t n = work->first[i + 1] - work->first[i];

        if (n > 0 && !spill_add(&import->spill, i, chunk->first_row,
                                work->records + work->first[i] * import->plan.size, n, error))
            return false;
    }
    return true;
}

/* Where all rows of each recording have the same targets, these are stored once for each: of light
 * curves they would be two thirds of all that is stored. */
static bool truths_may_be_of_series(struct import *import)
{
    bool may;

    (void)pthread_mutex_lock(&import->lock);
    may = import->plan.target >= 0 && import->plan.series >= 0 && !import->truth_varies &&
          !import->targets_apart;
    (void)pthread_mutex_unlock(&import->lock);
    return may;
}

/* truth[code of the chunk]; false: they vary. */
static bool hash_targets(const struct import *import, const struct source_chunk *chunk,
                         const struct chunk_work *work, const struct texts_chunk *series,
                         uint64_t *truth)
{
    const struct record_field *field = &import->plan.field[import->plan.target];
    size_t bytes = (size_t)field->columns * sizeof(double);
    const char *before = NULL;

    for (int64_t i = 0; i < chunk->n_rows; i++) {
        const char *target = work->records + work->place[i] + field->offset;
        int32_t code = series->code[i];
        uint64_t hash;

        if (before && code == series->code[i - 1] && memcmp(before, target, bytes) == 0)
            continue;
        before = target;
        if (code < 0)
            continue;
        hash = hash_bytes(target, bytes) | 1;
        if (truth[code] != 0 && truth[code] != hash)
            return false;
        truth[code] = hash;
    }
    return true;
}

/* The same in other chunks; `lock` is held. */
static bool merge_truths(struct import *import, const struct texts_chunk *series,
                         const uint64_t *truth, struct error *error)
{
    for (int32_t i = 0; i < series->dictionary->n && !import->truth_varies; i++) {
        int64_t n = import->n_truths, at = series->global[i];

        if (truth[i] == 0)
            continue;
        if (at >= n) {
            int64_t larger = 2 * at + 64;
            uint64_t *grown = reallocarray(import->truth, (size_t)larger, sizeof(*grown));

            if (!grown)
                return no_memory(error);
            memset(grown + n, 0, (size_t)(larger - n) * sizeof(*grown));
            import->truth = grown;
            import->n_truths = larger;
        }
        import->truth_varies = import->truth[at] != 0 && import->truth[at] != truth[i];
        import->truth[at] = truth[i];
    }
    return true;
}

static bool look_at_targets(struct import *import, const struct source_chunk *chunk,
                            const struct chunk_work *work, struct error *error)
{
    const struct texts_chunk *series;
    scoped(memory_free) uint64_t *truth = NULL;
    bool same, good;

    if (!truths_may_be_of_series(import))
        return true;
    series = &work->text[import->plan.field[import->plan.series].texts];
    assert(series->dictionary && series->code && series->global);
    truth = calloc((size_t)series->dictionary->n + 1, sizeof(*truth));
    if (!truth)
        return no_memory(error);
    same = hash_targets(import, chunk, work, series, truth);
    (void)pthread_mutex_lock(&import->lock);
    import->truth_varies = import->truth_varies || !same;
    good = merge_truths(import, series, truth, error);
    (void)pthread_mutex_unlock(&import->lock);
    return good;
}

static bool make_room(struct import *import, int64_t recording, struct error *error)
{
    int64_t n = import->n_values, larger = 2 * recording + 64;
    size_t width = (size_t)import->plan.roles->n_targets;
    double *value;
    uint8_t *has_value;

    if (recording < n)
        return true;
    value = reallocarray(import->value, (size_t)larger * width, sizeof(*value));
    import->value = value ? value : import->value;
    has_value = realloc(import->has_value, (size_t)larger);
    import->has_value = has_value ? has_value : import->has_value;
    if (!value || !has_value)
        return no_memory(error);
    memset(has_value + n, 0, (size_t)(larger - n));
    import->n_values = larger;
    return true;
}

/* `lock` is held. */
static bool take_targets_of(struct import *import, const struct source_chunk *chunk, int64_t row,
                            int64_t recording, struct error *error)
{
    const struct roles *roles = import->plan.roles;
    double *value;

    if (!make_room(import, recording, error))
        return false;
    value = import->value + recording * roles->n_targets;
    for (int64_t k = 0; k < roles->n_targets; k++) {
        double given = chunk->column[roles->target[k]].real[row];

        if (import->has_value[recording] && value[k] != given && !(isnan(value[k]) && isnan(given)))
            import->truth_varies = true;
        value[k] = given;
    }
    import->has_value[recording] = 1;
    /* several recordings of the format are one of data.series */
    return !import->truth_varies || error_set(error, ERROR_INVALID, "targets vary");
}

/* What the format has once for each of its recordings is the same in rows that follow. */
static bool take_targets(struct import *import, const struct source_chunk *chunk,
                         const struct chunk_work *work, struct error *error)
{
    const struct texts_chunk *series;
    int64_t row = 0;
    bool good = true;

    if (!import->targets_apart)
        return true;
    series = &work->text[import->plan.field[import->plan.series].texts];
    assert(series->code && series->global);
    (void)pthread_mutex_lock(&import->lock);
    for (int64_t i = 0; i < chunk->n_series && good; row += chunk->length[i++])
        good = chunk->length[i] == 0 || series->code[row] < 0 ||
               take_targets_of(import, chunk, row, series->global[series->code[row]], error);
    (void)pthread_mutex_unlock(&import->lock);
    return good;
}

static bool take_chunk(void *context, const struct source_chunk *chunk, struct error *error)
{
    struct import *import = context;
    const struct record_plan *plan = &import->plan;
    int64_t n_features = plan->roles->n_features;
    scoped(chunk_work_release) struct chunk_work work = {.n_texts = plan->n_texts};

    work.text = calloc((size_t)plan->n_texts + 1, sizeof(*work.text));
    work.place = malloc(((size_t)chunk->n_rows + 1) * sizeof(*work.place));
    work.records = malloc((size_t)(chunk->n_rows * plan->size) + 1);
    work.largest = calloc((size_t)n_features + 1, sizeof(*work.largest));
    if (!work.text || !work.place || !work.records || !work.largest)
        return no_memory(error);
    if (!merge_texts(import, chunk, &work, error))
        return false;
    place_rows(import, chunk, &work);
    if (!record_fill(plan, import->request->source->path, chunk, work.text, work.place,
                     work.records, work.largest, error) ||
        !look_at_targets(import, chunk, &work, error) || !take_targets(import, chunk, &work, error))
        return false;
    (void)pthread_mutex_lock(&import->lock);
    for (int64_t i = 0; i < n_features; i++)
        import->largest[i] = fmax(import->largest[i], work.largest[i]);
    (void)pthread_mutex_unlock(&import->lock);
    return spill_rows(import, chunk, &work, error);
}

/* ---- what all chunks together say -------------------------------------------------------------*/

static bool refuse_missing(const struct import *import, int64_t column, const char *setting,
                           struct error *error)
{
    const struct column_profile *profile = &import->plan.roles->profile->column[column];
    char place[256];

    if (profile->n_missing == 0)
        return true;
    return error_set_at(
        error, ERROR_INVALID, setting, "'%s' is missing in %lld row%s of %s, first in %s",
        profile->name, (long long)profile->n_missing, profile->n_missing == 1 ? "" : "s",
        import->request->source->path, column_missing_place(profile, place, sizeof(place)));
}

static bool drops_targets(const struct import *import)
{
    return import->request->config->missing_targets == MISSING_TARGETS_DROP;
}

static bool refuse_any_missing(const struct import *import, struct error *error)
{
    const struct roles *roles = import->plan.roles;
    const struct {
        const int64_t *column;
        int64_t n;
        const char *setting;
    } needed[] = {
        {roles->series, roles->n_series, "data.series"},
        {roles->group, roles->n_groups, "data.group"},
        {roles->split_group, roles->n_split_groups, "data.split.group"},
        {roles->target, drops_targets(import) ? 0 : roles->n_targets, "data.target"},
    };

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        for (int64_t j = 0; j < needed[i].n; j++)
            if (!refuse_missing(import, needed[i].column[j], needed[i].setting, error))
                return false;
    return true;
}

/* A guess of classes holds where all rows have one of a few integers. */
static bool doubtful(const struct import *import)
{
    const struct roles *roles = import->plan.roles;
    const struct texts *texts;

    if (import->plan.label < 0 || import->request->config->task != DATA_TASK_AUTO ||
        roles->profile->column[roles->target[0]].type != COLUMN_INTEGER)
        return false;
    texts = &import->plan.texts[import->plan.field[import->plan.label].texts];
    for (int32_t i = 0; i < texts->dictionary.n; i++) {
        const char *text = texts->dictionary.text[i];
        int64_t integer;
        double value;

        if (number_parse(text, strlen(text), &integer, &value) != NUMBER_INTEGER)
            return true;
    }
    return texts->dictionary.n > COLUMN_DISTINCT_MAX;
}

/* Classes are ordered: by value where all are numbers, else by bytes. */
static bool sort_classes(struct import *import, struct error *error)
{
    scoped(memory_free) int32_t *sorted = NULL;
    struct dictionary *classes;
    int64_t texts;

    if (import->plan.label < 0)
        return true;
    texts = import->plan.field[import->plan.label].texts;
    classes = &import->plan.texts[texts].dictionary;
    if (!dictionary_sort(classes, &sorted, error))
        return false;
    if (classes->n < 2)
        return error_set_at(error, ERROR_INVALID, "data.target", "'%s' has %s%s%s",
                            import->plan.roles->profile->column[import->plan.roles->target[0]].name,
                            classes->n ? "one class only, '" : "no value in any row",
                            classes->n ? classes->text[0] : "", classes->n ? "'" : "");
    for (int32_t i = 0; i < classes->n; i++)
        import->settled[texts][i] = sorted[import->settled[texts][i]];
    return true;
}

static bool settle_texts(struct import *import, struct error *error)
{
    import->settled = calloc((size_t)import->plan.n_texts + 1, sizeof(*import->settled));
    if (!import->settled)
        return no_memory(error);
    for (int64_t i = 0; i < import->plan.n_texts; i++)
        if (!texts_settle(&import->plan.texts[i], &import->settled[i], error))
            return false;
    return sort_classes(import, error);
}

static bool number_series(struct import *import, struct error *error)
{
    const struct record_plan *plan = &import->plan;
    const struct texts *texts =
        plan->series >= 0 ? &plan->texts[plan->field[plan->series].texts] : NULL;

    if (!texts && !plan->roles->by_time)
        return true;
    import->n_series = texts ? texts->dictionary.n : 1;
    import->series_first = calloc((size_t)import->n_series + 1, sizeof(*import->series_first));
    if (!import->series_first)
        return no_memory(error);
    for (int64_t i = 0; i < import->n_series; i++)
        import->series_first[i + 1] =
            import->series_first[i] + (texts ? texts->count[i] : import->n_rows);
    return true;
}

static void settle_targets(struct import *import)
{
    import->series_targets = import->plan.target >= 0 && import->plan.series >= 0 &&
                             !import->truth_varies &&
                             (import->targets_apart || import->n_series < import->n_rows);
}

static void warn_rounded(const struct import *import)
{
    const struct roles *roles = import->plan.roles;

    for (int64_t i = 0; import->request->warnings && i < roles->n_features; i++)
        if (import->largest[i] > 0 && !roles->categorical[roles->feature[i]])
            warning_add(import->request->warnings, roles->profile->column[roles->feature[i]].name,
                        import->largest[i], "integers beyond 2^24, which float32 rounds");
}

/* ---- what the arrays are ----------------------------------------------------------------------*/

static int add_array(struct import_arrays *arrays, const char *name, enum hdf5_type type,
                     int64_t rows, int64_t columns)
{
    struct hdf5_array *array = &arrays->array[arrays->n];

    *array = (struct hdf5_array){.type = type, .rows = rows, .columns = columns};
    (void)snprintf(array->name, sizeof(array->name), "%s", name);
    return arrays->n++;
}

static int64_t texts_bytes(const struct import *import)
{
    int64_t bytes = 0;

    for (int64_t i = 0; i < import->plan.n_texts; i++)
        for (int32_t j = 0; j < import->plan.texts[i].dictionary.n; j++)
            bytes += (int64_t)strlen(import->plan.texts[i].dictionary.text[j]) + 1;
    return bytes;
}

static bool add_features(const struct import *import, cJSON *meta)
{
    const struct record_plan *plan = &import->plan;
    cJSON *list = json_add_array(meta, "features");

    for (int64_t i = 0; list && i < plan->roles->n_features; i++) {
        int64_t from = plan->roles->feature[i];
        const struct column_profile *column = &plan->roles->profile->column[from];
        cJSON *item = cJSON_CreateObject();
        char place[256];

        if (!item || !cJSON_AddItemToArray(list, item) ||
            !json_add_text(item, "name", column->name) ||
            !json_add_integer(item, "missing", column->n_missing) ||
            !json_add_text(item, "missing_place",
                           column_missing_place(column, place, sizeof(place))) ||
            (plan->roles->categorical[from] &&
             !json_add_integer(item, "texts", plan->texts_of_feature[i])))
            return false;
    }
    return list != NULL;
}

/* Names of columns, and which texts their codes are of. */
static bool add_columns(const struct import *import, const char *name, const int64_t *column,
                        int64_t n, int first_field, cJSON *meta)
{
    cJSON *list = json_add_array(meta, name);

    for (int64_t i = 0; list && i < n; i++) {
        cJSON *item = cJSON_CreateObject();

        if (!item || !cJSON_AddItemToArray(list, item) ||
            !json_add_text(item, "name", import->plan.roles->profile->column[column[i]].name) ||
            (first_field >= 0 &&
             !json_add_integer(item, "texts", import->plan.field[first_field + i].texts)))
            return false;
    }
    return list != NULL;
}

static bool add_field_texts(const struct import *import, const char *name, int field, cJSON *meta)
{
    return field < 0 || json_add_integer(meta, name, import->plan.field[field].texts);
}

static cJSON *make_meta(const struct import *import)
{
    const struct record_plan *plan = &import->plan;
    const struct roles *roles = plan->roles;
    scoped(json_free) cJSON *meta = cJSON_CreateObject();
    cJSON *counts;

    if (!json_add_integer(meta, "v", 1) ||
        !json_add_text(meta, "source", import->request->source->path) ||
        !json_add_integer(meta, "rows", import->n_rows) ||
        !json_add_integer(meta, "recordings", import->n_series) ||
        !json_add_integer(meta, "series_targets", import->series_targets) ||
        !json_add_integer(meta, "classification", roles->task == TASK_CLASSIFICATION) ||
        !add_features(import, meta) ||
        !add_columns(import, "targets", roles->target, roles->n_targets, -1, meta) ||
        !add_columns(import, "ids", roles->id, roles->n_ids, plan->first_id, meta) ||
        !add_columns(import, "where", roles->where, roles->n_where, plan->first_where, meta) ||
        !add_field_texts(import, "classes", plan->label, meta) ||
        !add_field_texts(import, "series", plan->series, meta) ||
        !add_field_texts(import, "groups", plan->group, meta) ||
        !add_field_texts(import, "split_groups", plan->split_group, meta) ||
        !add_field_texts(import, "split_values", plan->split_value, meta))
        return NULL;
    counts = json_add_array(meta, "texts");
    for (int64_t i = 0; counts && i < plan->n_texts; i++)
        if (!cJSON_AddItemToArray(counts, cJSON_CreateNumber(plan->texts[i].dictionary.n)))
            return NULL;
    return counts ? take(&meta) : NULL;
}

static bool make_arrays(struct import *import, struct import_arrays *arrays, struct error *error)
{
    const struct record_plan *plan = &import->plan;

    arrays->array = calloc((size_t)plan->n_fields + 8, sizeof(*arrays->array));
    arrays->meta = make_meta(import);
    if (!arrays->array || !arrays->meta)
        return no_memory(error);
    for (int i = 0; i < plan->n_fields; i++) {
        const struct record_field *field = &plan->field[i];
        bool of_series = i == plan->target && import->series_targets;

        import->array_of_field[i] =
            field->kept ? add_array(arrays, field->name, field->type,
                                    of_series ? import->n_series : import->n_rows, field->columns)
                        : -1;
    }
    (void)add_array(arrays, "texts", HDF5_BYTES, texts_bytes(import), 1);
    (void)add_array(arrays, "warnings", HDF5_BYTES, WARNINGS_BYTES, 1);
    if (import->n_series > 0) {
        (void)add_array(arrays, "series_first", HDF5_INT64, import->n_series + 1, 1);
        /* room for a gap behind each row: what is not written takes no place on disk */
        (void)add_array(arrays, "segment", HDF5_INT64, import->n_rows + 2, 1);
    }
    (void)add_array(arrays, "checksum", HDF5_INT64, arrays->n, 1);
    return true;
}

static const struct hdf5_array *find(const struct import_arrays *arrays, const char *name)
{
    for (int i = 0; i < arrays->n; i++)
        if (strcmp(arrays->array[i].name, name) == 0)
            return &arrays->array[i];
    return NULL;
}

static bool write_array(const struct import *import, const char *name, const void *data,
                        int64_t bytes, struct error *error)
{
    const struct hdf5_array *array = find(import->arrays, name);

    return !array || bytes == 0 || spill_put(import->fd, data, bytes, array->offset, error);
}

static bool write_texts(const struct import *import, struct error *error)
{
    scoped(memory_free) char *all = malloc((size_t)texts_bytes(import) + 1);
    char *at = all;

    if (!all)
        return no_memory(error);
    for (int64_t i = 0; i < import->plan.n_texts; i++)
        for (int32_t j = 0; j < import->plan.texts[i].dictionary.n; j++)
            at = stpcpy(at, import->plan.texts[i].dictionary.text[j]) + 1;
    return write_array(import, "texts", all, at - all, error);
}

/* ---- rows to their places ---------------------------------------------------------------------*/

static void renumber(int32_t *code, int64_t n, int64_t step, const int32_t *settled)
{
    for (int64_t i = 0; i < n; i++)
        if (code[i * step] >= 0)
            code[i * step] = settled[code[i * step]];
}

/* Codes of categorical features become the floats that stand for them; -1 is missing. */
static void renumber_features(const struct import *import, char *values, int64_t n)
{
    const struct record_plan *plan = &import->plan;
    int64_t width = plan->roles->n_features;

    for (int64_t j = 0; j < width; j++) {
        if (!plan->roles->categorical[plan->roles->feature[j]])
            continue;
        for (int64_t i = 0; i < n; i++) {
            char *at = values + (i * width + j) * (int64_t)sizeof(float);
            int32_t code;
            float value;

            memcpy(&code, at, sizeof(code));
            value = code < 0 ? NAN : (float)import->settled[plan->texts_of_feature[j]][code];
            memcpy(at, &value, sizeof(value));
        }
    }
}

/* Writes n <= SLICE_ROWS records, record[i], to rows `row` and following of one array. */
static bool write_field(const struct import *import, int number, const char *const *record,
                        int64_t n, int64_t row, char *buffer, struct error *error)
{
    const struct record_field *field = &import->plan.field[number];
    const struct hdf5_array *array = &import->arrays->array[import->array_of_field[number]];
    int64_t bytes = hdf5_array_bytes(array) / array->rows;

    for (int64_t i = 0; i < n; i++)
        memcpy(buffer + i * bytes, record[i] + field->offset, (size_t)bytes);
    if (field->texts >= 0)
        renumber((int32_t *)(void *)buffer, n, 1, import->settled[field->texts]);
    if (number == import->plan.value)
        renumber_features(import, buffer, n);
    return spill_put(import->fd, buffer, n * bytes, array->offset + row * bytes, error);
}

static bool write_slice(const struct import *import, const char *const *record, int64_t n,
                        int64_t row, char *buffer, struct error *error)
{
    for (int i = 0; i < import->plan.n_fields; i++)
        if (import->array_of_field[i] >= 0 &&
            !(i == import->plan.target && import->series_targets) &&
            !write_field(import, i, record, n, row, buffer, error))
            return false;
    return true;
}

static char *slice_buffer(const struct import *import)
{
    return malloc((size_t)(SLICE_ROWS * import->plan.size) + 1);
}

/* Rows that do not follow one another stay in the order of the file. */
static bool write_extent(void *context, int64_t number, struct error *error)
{
    const struct import *import = context;
    const struct spill_extent *extent = &import->spill.partition[0].extent[number];
    int64_t size = import->plan.size;
    scoped(memory_free) char *records = malloc((size_t)(extent->n * size) + 1);
    scoped(memory_free) char *buffer = slice_buffer(import);
    const char *record[SLICE_ROWS];

    if (!records || !buffer)
        return no_memory(error);
    if (!spill_read_extent(&import->spill, extent, records, error))
        return false;
    for (int64_t from = 0; from < extent->n; from += SLICE_ROWS) {
        int64_t n = extent->n - from < SLICE_ROWS ? extent->n - from : SLICE_ROWS;

        for (int64_t i = 0; i < n; i++)
            record[i] = records + (from + i) * size;
        if (!write_slice(import, record, n, extent->first_row + from, buffer, error))
            return false;
    }
    spill_begin_writing(import->fd);
    return true;
}

/* ---- recordings -------------------------------------------------------------------------------*/

struct sorted {
    char *records;          /* owned */
    struct order_key *item; /* owned, as the next four */
    struct order_key *scratch;
    double *time;
    int64_t *file_row, *segment;
    int64_t n_segments;
    char *buffer;
    struct series_findings findings;
};

#define SORT_BYTES_OF_A_ROW (2 * (int64_t)sizeof(struct order_key) + 24)

static void sorted_release(struct sorted *sorted)
{
    free(sorted->records);
    free(sorted->item);
    free(sorted->scratch);
    free(sorted->time);
    free(sorted->file_row);
    free(sorted->segment);
    free(sorted->buffer);
}

static bool sorted_init(struct sorted *sorted, const struct import *import, int64_t n)
{
    size_t items = (size_t)n + 1;

    sorted->records = malloc((size_t)(n * import->plan.size) + 1);
    sorted->item = malloc(items * sizeof(*sorted->item));
    sorted->scratch = malloc(items * sizeof(*sorted->scratch));
    sorted->time = malloc(items * sizeof(*sorted->time));
    sorted->file_row = malloc(items * sizeof(*sorted->file_row));
    sorted->segment = malloc(items * sizeof(*sorted->segment));
    sorted->buffer = slice_buffer(import);
    return sorted->records && sorted->item && sorted->scratch && sorted->time && sorted->file_row &&
           sorted->segment && sorted->buffer;
}

static const void *field_of(const struct import *import, const char *record, int field)
{
    return record + import->plan.field[field].offset;
}

static void sort_records(const struct import *import, struct sorted *sorted, int64_t n)
{
    const struct record_plan *plan = &import->plan;

    for (int64_t i = 0; i < n; i++) {
        const char *record = sorted->records + i * plan->size;
        struct order_key *item = &sorted->item[i];
        int32_t code;
        double time;

        *item = (struct order_key){.key = (uint64_t)i, .index = (uint32_t)i};
        if (plan->time >= 0) {
            memcpy(&time, field_of(import, record, plan->time), sizeof(time));
            item->key = order_of_real(time);
        }
        if (plan->series >= 0) {
            memcpy(&code, field_of(import, record, plan->series), sizeof(code));
            item->major = (uint32_t)import->settled[plan->field[plan->series].texts][code];
        }
    }
    order_sort(sorted->item, sorted->scratch, n);
}

static void look_at_constants(const struct import *import, const struct sorted *sorted,
                              int64_t from, int64_t n, struct series_findings *findings)
{
    const struct record_plan *plan = &import->plan;

    for (int64_t k = 0; k < plan->roles->n_constant; k++) {
        int field = plan->first_constant + (int)k;
        size_t bytes = plan->field[field].type == HDF5_INT32 ? 4 : 8;

        for (int64_t i = from + 1; i < from + n; i++) {
            const char *a = sorted->records + sorted->item[i - 1].index * plan->size;
            const char *b = sorted->records + sorted->item[i].index * plan->size;

            if (memcmp(field_of(import, a, field), field_of(import, b, field), bytes) == 0)
                continue;
            series_found(&findings->constant[k], sorted->item[from].major, sorted->file_row[i - 1],
                         sorted->file_row[i]);
            break;
        }
    }
}

/* Checks items from .. from + n - 1, a whole recording, and notes its segments. */
static void look_at_series(const struct import *import, struct sorted *sorted, int64_t from,
                           int64_t n)
{
    const struct record_plan *plan = &import->plan;
    double gap = data_gap(import->request->config);
    uint32_t series = sorted->item[from].major;

    for (int64_t i = from; i < from + n; i++) {
        const char *record = sorted->records + sorted->item[i].index * plan->size;

        memcpy(&sorted->file_row[i], field_of(import, record, plan->row), sizeof(int64_t));
        if (plan->time >= 0)
            memcpy(&sorted->time[i], field_of(import, record, plan->time), sizeof(double));
        if (i == from || (plan->time >= 0 && sorted->time[i] - sorted->time[i - 1] > gap))
            sorted->segment[sorted->n_segments++] = import->series_first[series] + i - from;
    }
    series_look(&sorted->findings, series, n, plan->time >= 0 ? sorted->time + from : NULL,
                sorted->file_row + from, gap);
    look_at_constants(import, sorted, from, n, &sorted->findings);
}

/* Those of a recording, whose first record this is. */
static bool write_targets(const struct import *import, const char *record, int64_t series,
                          char *buffer, struct error *error)
{
    int target = import->plan.target;
    int64_t width = import->plan.field[target].columns, bytes = width * (int64_t)sizeof(double);
    int32_t recording;

    if (!import->targets_apart)
        return write_field(import, target, &record, 1, series, buffer, error);
    memcpy(&recording, field_of(import, record, import->plan.series), sizeof(recording));
    return spill_put(import->fd, (const char *)(import->value + recording * width), bytes,
                     import->arrays->array[import->array_of_field[target]].offset + series * bytes,
                     error);
}

static bool write_series(const struct import *import, struct sorted *sorted, int64_t from,
                         int64_t n, struct error *error)
{
    const char *record[SLICE_ROWS];
    int64_t series = sorted->item[from].major, row = import->series_first[series];

    record[0] = sorted->records + sorted->item[from].index * import->plan.size;
    if (import->series_targets && !write_targets(import, record[0], series, sorted->buffer, error))
        return false;
    for (int64_t done = 0; done < n; done += SLICE_ROWS) {
        int64_t size = n - done < SLICE_ROWS ? n - done : SLICE_ROWS;

        for (int64_t i = 0; i < size; i++)
            record[i] = sorted->records + sorted->item[from + done + i].index * import->plan.size;
        if (!write_slice(import, record, size, row + done, sorted->buffer, error))
            return false;
    }
    return true;
}

static bool keep_findings(struct import *import, const struct sorted *sorted)
{
    int64_t n = import->n_segments + sorted->n_segments;

    series_findings_add(&import->findings, &sorted->findings);
    if (n + 1 > import->segment_capacity) {
        int64_t *larger = realloc(import->segment, (size_t)(n + 1) * 2 * sizeof(*larger));

        if (!larger)
            return false;
        import->segment = larger;
        import->segment_capacity = (n + 1) * 2;
    }
    if (sorted->n_segments > 0)
        memcpy(import->segment + import->n_segments, sorted->segment,
               (size_t)sorted->n_segments * sizeof(*sorted->segment));
    import->n_segments = n;
    return true;
}

static bool write_partition(void *context, int64_t number, struct error *error)
{
    struct import *import = context;
    int64_t n = import->spill.partition[number].n_records;
    scoped(sorted_release) struct sorted sorted = {0};
    bool kept;

    if (n == 0)
        return true;
    if (!sorted_init(&sorted, import, n))
        return no_memory(error);
    if (!spill_read(&import->spill, number, sorted.records, error))
        return false;
    sort_records(import, &sorted, n);
    for (int64_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && sorted.item[to].major == sorted.item[from].major;)
            to++;
        look_at_series(import, &sorted, from, to - from);
        if (!write_series(import, &sorted, from, to - from, error))
            return false;
    }
    spill_begin_writing(import->fd);
    (void)pthread_mutex_lock(&import->lock);
    kept = keep_findings(import, &sorted);
    (void)pthread_mutex_unlock(&import->lock);
    return kept || no_memory(error);
}

static int by_number(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return a < b ? -1 : a > b;
}

static bool write_segments(struct import *import, struct error *error)
{
    int64_t n = import->n_segments;

    qsort(import->segment, (size_t)n, sizeof(*import->segment), by_number);
    import->segment[n] = import->n_rows; /* there is room: keep_findings() doubles */
    return write_array(import, "segment", import->segment, (n + 1) * 8, error) &&
           write_array(import, "series_first", import->series_first, (import->n_series + 1) * 8,
                       error);
}

/* A partition of a few long recordings leaves no room for another one beside it. */
static int sorting_threads(const struct import *import)
{
    int64_t largest = 0, room;

    for (int64_t i = 0; i < import->spill.n_partitions; i++)
        if (import->spill.partition[i].n_records > largest)
            largest = import->spill.partition[i].n_records;
    room = SORT_BYTES / ((largest + 1) * (import->plan.size + SORT_BYTES_OF_A_ROW));
    if (room < 1)
        return 1;
    return room < import->request->threads ? (int)room : import->request->threads;
}

static bool write_rows(struct import *import, struct error *error)
{
    const struct import_request *request = import->request;
    const struct record_plan *plan = &import->plan;
    struct dictionary none = {0};
    struct dictionary *names =
        plan->series >= 0 ? &plan->texts[plan->field[plan->series].texts].dictionary : &none;

    if (import->n_series == 0)
        return parallel_run(request->threads, import->spill.partition[0].n_extents, write_extent,
                            import, error);
    return parallel_run(sorting_threads(import), import->spill.n_partitions, write_partition,
                        import, error) &&
           dictionary_show(names, error) && /* their texts are written already */
           series_tell(request->config, &import->findings, names, request->source->path,
                       request->warnings, error) &&
           write_segments(import, error);
}

/* ---- the whole --------------------------------------------------------------------------------*/

/* A guess: partitions of a size that fits into memory on every thread. */
static int64_t partitions(const struct import_request *request)
{
    int64_t n = 1;

    if (request->roles->n_series > 0)
        n = request->source->bytes / PARTITION_BYTES + 1;
    return n < PARTITIONS_MAX ? n : PARTITIONS_MAX;
}

static bool read_all(struct import *import, bool *ret_doubt, struct error *error)
{
    const struct import_request *request = import->request;
    const struct source_sink sink = {.context = import, .take = take_chunk};
    struct source *source = request->source;
    bool guessed = source->guessed;

    source->threads = request->threads;
    if (!source_read_rows(source, request->roles->form, &sink, error)) {
        *ret_doubt = guessed || (import->targets_apart && import->truth_varies);
        return false;
    }
    *ret_doubt = guessed && doubtful(import);
    import->n_rows = source->profile.n_rows;
    return !*ret_doubt && refuse_any_missing(import, error);
}

/* Of columns that the format has once for each of its recordings: records need not carry them. */
static bool targets_are_apart(const struct roles *roles)
{
    bool apart = roles->n_series > 0 && roles->n_targets > 0 && roles->task == TASK_REGRESSION;

    for (int64_t i = 0; i < roles->n_targets; i++)
        apart = apart && roles->profile->column[roles->target[i]].of_series &&
                roles->form[roles->target[i]] == FORM_REAL;
    return apart;
}

static bool import_init(struct import *import, struct error *error)
{
    const struct import_request *request = import->request;

    (void)pthread_mutex_init(&import->lock, NULL);
    import->spill.fd = -1;
    import->targets_apart = !request->targets_of_rows && targets_are_apart(request->roles);
    if (!record_plan_init(&import->plan, request->roles, import->targets_apart, error))
        return false;
    import->largest = calloc((size_t)request->roles->n_features + 1, sizeof(*import->largest));
    if (!import->largest)
        return no_memory(error);
    return spill_open(&import->spill, request->folder, partitions(request), import->plan.size,
                      error);
}

bool import_run(const struct import_request *request, const struct import_target *target,
                struct import_arrays *ret_arrays, bool *ret_doubt, struct error *error)
{
    scoped(import_release) struct import import = {.request = request};
    scoped(import_arrays_release) struct import_arrays arrays = {0};

    *ret_doubt = false;
    if (!import_init(&import, error) || !read_all(&import, ret_doubt, error) ||
        !settle_texts(&import, error) || !number_series(&import, error))
        return false;
    settle_targets(&import);
    warn_rounded(&import);
    if (!make_arrays(&import, &arrays, error) ||
        !target->make(target->context, &arrays, &import.fd, error))
        return false;
    import.arrays = &arrays;
    if (!write_texts(&import, error) || !write_rows(&import, error))
        return false;
    *ret_arrays = arrays;
    arrays = (struct import_arrays){0};
    return true;
}
