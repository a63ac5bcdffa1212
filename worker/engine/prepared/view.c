#include "worker/engine/prepared/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/buffer.h"
#include "common/hash.h"
#include "common/owner.h"
#include "worker/engine/prepared/parallel.h"
#include "worker/engine/prepared/spill.h"

struct viewing {
    const char *name;
    const struct hdf5_array *array;
    int n;
    const cJSON *meta;
    const char *base; /* of the mapping */
    struct dataset *dataset;
    struct dictionary *texts; /* owned, [n_texts]; each is taken once */
    int n_texts;
    struct error *error;
};

static bool corrupt(const struct viewing *at, const char *what)
{
    return error_set(at->error, ERROR_CORRUPT, "%s: prepared data without a good '%s'", at->name,
                     what);
}

static bool no_memory(const struct viewing *at)
{
    return error_set(at->error, ERROR_NO_MEMORY, "opening %s", at->name);
}

static const struct hdf5_array *find(const struct hdf5_array *array, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(array[i].name, name) == 0)
            return &array[i];
    return NULL;
}

/* The array's values; NULL: there is none. False: one of another shape. */
static bool values(const struct viewing *at, const char *name, enum hdf5_type type, int64_t rows,
                   int64_t columns, const void **ret)
{
    const struct hdf5_array *array = find(at->array, at->n, name);

    *ret = NULL;
    if (!array || hdf5_array_bytes(array) == 0)
        return true;
    if (array->type != type || array->rows != rows || array->columns != columns)
        return corrupt(at, name);
    *ret = at->base + array->offset;
    return true;
}

/* ---- texts ------------------------------------------------------------------------------------*/

static bool read_texts(struct viewing *at)
{
    const struct hdf5_array *array = find(at->array, at->n, "texts");
    const cJSON *counts = json_member(at->meta, "texts"), *count;
    const char *text = array ? at->base + array->offset : NULL;
    const char *end = array ? text + hdf5_array_bytes(array) : NULL;

    at->texts = calloc((size_t)cJSON_GetArraySize(counts) + 1, sizeof(*at->texts));
    if (!at->texts)
        return no_memory(at);
    cJSON_ArrayForEach(count, counts)
    {
        struct dictionary *texts = &at->texts[at->n_texts++];

        for (int64_t i = 0; i < (int64_t)count->valuedouble; i++) {
            const char *stop = text && text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
            int32_t code;

            if (!stop)
                return corrupt(at, "texts");
            if (!dictionary_add(texts, text, (size_t)(stop - text), &code, at->error))
                return false;
            if (code != i)
                return corrupt(at, "texts");
            text = stop + 1;
        }
    }
    return true;
}

/* Takes the dictionary that member `name` of `object` numbers; false: a number of none. */
static bool take_texts(struct viewing *at, const cJSON *object, const char *name,
                       struct dictionary *ret)
{
    int64_t number = json_integer(object, name, -1);

    if (number < 0)
        return true;
    if (number >= at->n_texts)
        return corrupt(at, name);
    *ret = at->texts[number];
    at->texts[number] = (struct dictionary){0};
    return true;
}

/* What several columns may make. */
static bool take_names(struct viewing *at, const char *name, struct dictionary *ret)
{
    return take_texts(at, at->meta, name, ret) && dictionary_show(ret, at->error);
}

/* ---- parts of a data set ----------------------------------------------------------------------*/

static bool view_features(struct viewing *at)
{
    struct dataset *dataset = at->dataset;
    const cJSON *list = json_member(at->meta, "features"), *item;
    int64_t n = cJSON_GetArraySize(list);
    const void *value;

    dataset->feature = calloc((size_t)n + 1, sizeof(*dataset->feature));
    if (!dataset->feature)
        return no_memory(at);
    cJSON_ArrayForEach(item, list)
    {
        struct feature *feature = &dataset->feature[dataset->n_features++];
        const char *name = json_text(item, "name", NULL);

        if (!name)
            return corrupt(at, "features");
        feature->name = strdup(name);
        if (!feature->name)
            return no_memory(at);
        feature->n_missing = json_integer(item, "missing", 0);
        feature->missing_place = strdup(json_text(item, "missing_place", ""));
        if (!feature->missing_place)
            return no_memory(at);
        feature->categorical = json_member(item, "texts") != NULL;
        if (!take_texts(at, item, "texts", &feature->dictionary))
            return false;
    }
    if (!values(at, "value", HDF5_FLOAT32, dataset->n_rows, n, &value))
        return false;
    dataset->value = value;
    return value || corrupt(at, "value");
}

static bool view_targets(struct viewing *at)
{
    struct dataset *dataset = at->dataset;
    const cJSON *list = json_member(at->meta, "targets"), *item;
    const void *label, *target;

    dataset->of_series = json_integer(at->meta, "series_targets", 0);
    dataset->task =
        json_integer(at->meta, "classification", 0) ? TASK_CLASSIFICATION : TASK_REGRESSION;
    dataset->target_name =
        calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*dataset->target_name));
    if (!dataset->target_name)
        return no_memory(at);
    cJSON_ArrayForEach(item, list)
    {
        dataset->target_name[dataset->n_targets] = strdup(json_text(item, "name", ""));
        if (!dataset->target_name[dataset->n_targets++])
            return no_memory(at);
    }
    if (!values(at, "label", HDF5_INT32, dataset->n_rows, 1, &label) ||
        !values(at, "target", HDF5_FLOAT64,
                dataset->of_series ? json_integer(at->meta, "recordings", 0) : dataset->n_rows,
                dataset->n_targets, &target) ||
        !take_texts(at, at->meta, "classes", &dataset->classes))
        return false;
    dataset->label = label;
    dataset->target = target;
    return true;
}

static bool view_ids(struct viewing *at)
{
    struct dataset *dataset = at->dataset;
    const cJSON *list = json_member(at->meta, "ids"), *item;

    dataset->id = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*dataset->id));
    if (!dataset->id)
        return no_memory(at);
    cJSON_ArrayForEach(item, list)
    {
        struct id *id = &dataset->id[dataset->n_ids];
        bool texts = json_integer(item, "texts", -1) >= 0;
        char name[HDF5_NAME_SIZE];
        const void *value;

        (void)snprintf(name, sizeof(name), "id%lld", (long long)dataset->n_ids++);
        id->name = strdup(json_text(item, "name", ""));
        if (!id->name)
            return no_memory(at);
        if (!values(at, name, texts ? HDF5_INT32 : HDF5_INT64, dataset->n_rows, 1, &value) ||
            !take_texts(at, item, "texts", &id->dictionary))
            return false;
        if (!value)
            return corrupt(at, name);
        if (texts)
            id->code = value;
        else
            id->integer = value;
    }
    return true;
}

/* A column of numbers or of codes, as the array says. */
static bool view_where_column(struct viewing *at, const cJSON *item, int64_t number,
                              struct where_column *column)
{
    bool texts = json_integer(item, "texts", -1) >= 0;
    const struct hdf5_array *array;
    char name[HDF5_NAME_SIZE];
    const void *value;
    enum hdf5_type type;

    (void)snprintf(name, sizeof(name), "where%lld", (long long)number);
    column->name = strdup(json_text(item, "name", ""));
    if (!column->name)
        return no_memory(at);
    array = find(at->array, at->n, name);
    type = texts ? HDF5_INT32 : array && array->type == HDF5_INT64 ? HDF5_INT64 : HDF5_FLOAT64;
    if (!values(at, name, type, at->dataset->n_rows, 1, &value) ||
        !take_texts(at, item, "texts", &column->dictionary))
        return false;
    if (type == HDF5_INT32)
        column->code = value;
    else if (type == HDF5_INT64)
        column->integer = value;
    else
        column->real = value;
    return value || corrupt(at, name);
}

static bool view_where(struct viewing *at)
{
    struct dataset *dataset = at->dataset;
    const cJSON *list = json_member(at->meta, "where"), *item;

    dataset->where = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*dataset->where));
    if (!dataset->where)
        return no_memory(at);
    cJSON_ArrayForEach(item, list)
    {
        int64_t number = dataset->n_where++;

        if (!view_where_column(at, item, number, &dataset->where[number]))
            return false;
    }
    return true;
}

static bool view_groups(struct viewing *at)
{
    struct dataset *dataset = at->dataset;
    const struct {
        const char *array, *texts;
        const int32_t **code;
        struct dictionary *names;
    } groups[] = {
        {"group", "groups", &dataset->group, &dataset->groups},
        {"split_group", "split_groups", &dataset->split_group, &dataset->split_groups},
        {"split_value", "split_values", &dataset->split_value, &dataset->split_values},
    };

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        const void *code;

        if (!values(at, groups[i].array, HDF5_INT32, dataset->n_rows, 1, &code) ||
            !take_names(at, groups[i].texts, groups[i].names))
            return false;
        *groups[i].code = code;
    }
    return true;
}

static bool copy_numbers(const struct viewing *at, const void *from, int64_t n, int64_t **ret)
{
    *ret = malloc((size_t)n * sizeof(**ret));
    if (!*ret)
        return no_memory(at);
    memcpy(*ret, from, (size_t)n * sizeof(**ret));
    return true;
}

static int64_t equal_length(const int64_t *first, int64_t n, int64_t n_rows)
{
    int64_t length = n_rows / n;

    for (int64_t i = 0; i <= n; i++)
        if (first[i] != i * length)
            return 0;
    return length;
}

static bool view_series(struct viewing *at)
{
    struct dataset *dataset = at->dataset;
    struct series *series = &dataset->series;
    int64_t n_rows = dataset->n_rows;
    const void *time, *row, *first, *segment;
    const int64_t *cut;

    series->n = json_integer(at->meta, "recordings", 0);
    if (!values(at, "time", HDF5_FLOAT64, n_rows, 1, &time) ||
        !values(at, "source_row", HDF5_INT64, n_rows, 1, &row) ||
        !values(at, "series_first", HDF5_INT64, series->n + 1, 1, &first) ||
        !values(at, "segment", HDF5_INT64, n_rows + 2, 1, &segment) ||
        !take_names(at, "series", &series->names))
        return false;
    dataset->time = time;
    dataset->source_row = row;
    if (series->n == 0)
        return true;
    if (!first || !segment || !row)
        return corrupt(at, "series");
    cut = segment;
    while (series->n_segments < n_rows && cut[series->n_segments] < n_rows)
        series->n_segments++;
    series->length = equal_length(first, series->n, n_rows);
    return copy_numbers(at, first, series->n + 1, &series->first) &&
           copy_numbers(at, segment, series->n_segments + 1, &series->segment);
}

/* ---- the whole --------------------------------------------------------------------------------*/

static void viewing_release(struct viewing *at)
{
    for (int i = 0; i < at->n_texts; i++)
        dictionary_release(&at->texts[i]);
    free(at->texts);
}

static bool map(struct viewing *at, int fd)
{
    struct stat status;
    void *base;

    if (fstat(fd, &status) != 0)
        return error_set_errno(at->error, errno, "%s", at->name);
    for (int i = 0; i < at->n; i++)
        if (at->array[i].offset < 0 || hdf5_array_bytes(&at->array[i]) > status.st_size ||
            at->array[i].offset > status.st_size - hdf5_array_bytes(&at->array[i]))
            return corrupt(at, at->array[i].name);
    base = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return error_set_errno(at->error, errno, "mapping %s", at->name);
    at->dataset->mapping = base;
    at->dataset->mapping_bytes = (size_t)status.st_size;
    at->base = base;
    return true;
}

bool view_open(int fd, const char *name, const char *source, const struct hdf5_array *array, int n,
               const cJSON *meta, struct dataset **ret_dataset, struct error *error)
{
    scoped(dataset_free) struct dataset *dataset = calloc(1, sizeof(*dataset));
    scoped(viewing_release) struct viewing at = {
        .name = name, .array = array, .n = n, .meta = meta, .dataset = dataset, .error = error};

    if (!dataset || !(dataset->path = strdup(source)))
        return error_set(error, ERROR_NO_MEMORY, "opening %s", name);
    dataset->n_rows = json_integer(meta, "rows", 0);
    if (dataset->n_rows < 1 || json_integer(meta, "v", 0) != 1)
        return corrupt(&at, "meta");
    if (!map(&at, fd) || !read_texts(&at) || !view_features(&at) || !view_targets(&at) ||
        !view_ids(&at) || !view_where(&at) || !view_groups(&at) || !view_series(&at))
        return false;
    *ret_dataset = take(&dataset);
    return true;
}

/* ---- warnings ---------------------------------------------------------------------------------*/

bool view_write_warnings(int fd, const struct hdf5_array *array, int n,
                         const struct warning_list *warnings, struct error *error)
{
    const struct hdf5_array *to = find(array, n, "warnings");
    scoped(buffer_release) struct buffer text = {0};

    if (!to || warnings->n == 0)
        return true;
    return warnings_print(warnings, &text, error) &&
           spill_put(fd, text.data,
                     (int64_t)text.size < to->rows ? (int64_t)text.size : to->rows - 1, to->offset,
                     error);
}

bool view_read_warnings(int fd, const struct hdf5_array *array, int n,
                        struct warning_list *warnings, struct error *error)
{
    const struct hdf5_array *from = find(array, n, "warnings");
    scoped(memory_free) char *text = from ? calloc((size_t)from->rows + 1, 1) : NULL;

    if (!text)
        return !from || error_set(error, ERROR_NO_MEMORY, "reading warnings");
    return spill_get(fd, text, from->rows, from->offset, error) &&
           warnings_parse(text, warnings, error);
}

/* ---- checksums --------------------------------------------------------------------------------*/

#define PIECE_BYTES ((int64_t)1024 * 1024)
#define PIECES_AT_A_TIME 16

struct summing {
    int fd;
    const struct hdf5_array *array;
    int64_t bytes;
    uint64_t *piece; /* the sum of each */
};

static int64_t pieces_of(int64_t bytes)
{
    return (bytes + PIECE_BYTES - 1) / PIECE_BYTES;
}

static bool sum_pieces(void *context, int64_t number, struct error *error)
{
    const struct summing *summing = context;
    scoped(memory_free) char *piece = malloc((size_t)PIECE_BYTES);
    int64_t from = number * PIECES_AT_A_TIME, n = pieces_of(summing->bytes);

    if (!piece)
        return error_set(error, ERROR_NO_MEMORY, "summing prepared data");
    for (int64_t i = from; i < n && i < from + PIECES_AT_A_TIME; i++) {
        int64_t left = summing->bytes - i * PIECE_BYTES;
        int64_t size = left < PIECE_BYTES ? left : PIECE_BYTES;

        if (!spill_get(summing->fd, piece, size, summing->array->offset + i * PIECE_BYTES, error))
            return false;
        summing->piece[i] = hash_bytes(piece, (size_t)size);
    }
    return true;
}

/* The name counts, so that arrays cannot change places. */
static bool checksum(int fd, const struct hdf5_array *array, int64_t *ret, struct error *error)
{
    int64_t bytes = hdf5_array_bytes(array), n = pieces_of(bytes);
    scoped(memory_free) uint64_t *piece = calloc((size_t)n + 1, sizeof(*piece));
    struct summing summing = {.fd = fd, .array = array, .bytes = bytes, .piece = piece};
    uint64_t sum[2] = {hash_bytes(array->name, strlen(array->name)), 0};

    if (!piece)
        return error_set(error, ERROR_NO_MEMORY, "summing prepared data");
    if (!parallel_run(parallel_threads(), (n + PIECES_AT_A_TIME - 1) / PIECES_AT_A_TIME, sum_pieces,
                      &summing, error))
        return false;
    for (int64_t i = 0; i < n; i++) {
        sum[1] = piece[i];
        sum[0] = hash_bytes(sum, sizeof(sum));
    }
    memcpy(ret, &sum[0], sizeof(*ret));
    return true;
}

/* Of array i, to which place i of "checksum" belongs; the order is that of the names. */
static int by_name(const void *left, const void *right)
{
    const struct hdf5_array *a = left, *b = right;

    return strcmp(a->name, b->name);
}

static bool all_checksums(int fd, const struct hdf5_array *array, int n, int64_t **ret,
                          int64_t *ret_n, struct error *error)
{
    scoped(memory_free) struct hdf5_array *sorted = calloc((size_t)n + 1, sizeof(*sorted));
    scoped(memory_free) int64_t *sum = calloc((size_t)n + 1, sizeof(*sum));

    if (!sorted || !sum)
        return error_set(error, ERROR_NO_MEMORY, "summing prepared data");
    memcpy(sorted, array, (size_t)n * sizeof(*sorted));
    qsort(sorted, (size_t)n, sizeof(*sorted), by_name);
    *ret_n = 0;
    for (int i = 0; i < n; i++)
        if (strcmp(sorted[i].name, "checksum") != 0 && hdf5_array_bytes(&sorted[i]) > 0 &&
            !checksum(fd, &sorted[i], &sum[(*ret_n)++], error))
            return false;
    *ret = take(&sum);
    return true;
}

bool view_write_checksums(int fd, const struct hdf5_array *array, int n, struct error *error)
{
    const struct hdf5_array *to = find(array, n, "checksum");
    scoped(memory_free) int64_t *sum = NULL;
    int64_t n_sums;

    return !to || (all_checksums(fd, array, n, &sum, &n_sums, error) &&
                   spill_put(fd, (const char *)sum, n_sums * 8, to->offset, error));
}

bool view_check(int fd, const char *name, const struct hdf5_array *array, int n,
                struct error *error)
{
    const struct hdf5_array *from = find(array, n, "checksum");
    scoped(memory_free) int64_t *sum = NULL, *stored = NULL;
    int64_t n_sums;

    if (!all_checksums(fd, array, n, &sum, &n_sums, error))
        return false;
    stored = calloc((size_t)n_sums + 1, sizeof(*stored));
    if (!stored)
        return error_set(error, ERROR_NO_MEMORY, "summing prepared data");
    if (!from || from->type != HDF5_INT64 || from->rows < n_sums)
        return error_set(error, ERROR_CORRUPT, "%s: has no checksums", name);
    if (!spill_get(fd, (char *)stored, n_sums * 8, from->offset, error))
        return false;
    return memcmp(sum, stored, (size_t)n_sums * 8) == 0 ||
           error_set(error, ERROR_CORRUPT, "%s: is not what was written: its checksums differ",
                     name);
}
