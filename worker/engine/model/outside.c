#include "worker/engine/model/outside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "worker/engine/dataset/source/npy.h"
#include "worker/engine/dataset/source/source.h"
#include "worker/engine/hdf5_foreign.h"

#define NAME_SIZE 64

struct entry {
    char *path; /* owned: its name in the file */
    bool keras;
    char layer[NAME_SIZE];  /* keras: as ours are called but for the number: "lstm" */
    char weight[NAME_SIZE]; /* "kernel" */
    bool backward;          /* of a bidirectional layer */
    int64_t order;          /* which of the file's layers of that kind, from 1 */
    int64_t number;         /* in the layer's name */
    int n_dimensions;
    int64_t size[HDF5_DIMENSIONS_MAX];
    double *value; /* owned */
};

struct outside {
    char *path;          /* owned */
    struct entry *entry; /* owned */
    int64_t n;
    const struct setting_texts *names; /* borrowed; NULL: none */
};

void outside_free(struct outside **outside)
{
    struct outside *gone = *outside;

    if (!gone)
        return;
    for (int64_t i = 0; i < gone->n; i++) {
        free(gone->entry[i].path);
        free(gone->entry[i].value);
    }
    free(gone->entry);
    free(gone->path);
    free(take(outside));
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading weights");
}

static int64_t values_of(const struct entry *entry)
{
    int64_t n = 1;

    for (int i = 0; i < entry->n_dimensions; i++)
        n *= entry->size[i];
    return n;
}

static struct entry *add(struct outside *outside, const char *path, int n_dimensions,
                         const int64_t *size)
{
    struct entry *entry =
        reallocarray(outside->entry, (size_t)outside->n + 1, sizeof(*outside->entry));

    if (!entry)
        return NULL;
    outside->entry = entry;
    entry += outside->n++;
    *entry = (struct entry){.path = strdup(path), .n_dimensions = n_dimensions};
    for (int i = 0; i < n_dimensions && i < HDF5_DIMENSIONS_MAX; i++)
        entry->size[i] = size[i];
    entry->value = malloc(((size_t)values_of(entry) + 1) * sizeof(*entry->value));
    return entry->path && entry->value ? entry : NULL;
}

/* ---- npz --------------------------------------------------------------------------------------*/

static bool take_array(void *context, const char *name, int n_dimensions, const int64_t *size,
                       const double *value, struct error *error)
{
    struct entry *entry = add(context, name, n_dimensions, size);

    if (!entry)
        return no_memory(error);
    memcpy(entry->value, value, (size_t)values_of(entry) * sizeof(*value));
    return true;
}

/* ---- Keras ------------------------------------------------------------------------------------*/

static const struct {
    const char *keras, *ours;
} kinds[] = {
    {"batch_normalization", "batch_norm"},
    {"conv1d", "conv1d"},
    {"dense", "dense"},
    {"embedding", "embedding"},
    {"gru", "gru"},
    {"layer_normalization", "layer_norm"},
    {"lstm", "lstm"},
    {"simple_rnn", "simple_rnn"},
};

/* "lstm_3" is number 3 of the kind lstm, "lstm" its number 0. */
static bool is_of_kind(const char *part, size_t size, const char *kind, int64_t *ret_number)
{
    size_t length = strlen(kind);

    *ret_number = 0;
    if (size < length || strncmp(part, kind, length) != 0)
        return false;
    if (size == length)
        return true;
    if (part[length] != '_' || size == length + 1 ||
        strspn(part + length + 1, "0123456789") < size - length - 1)
        return false;
    *ret_number = strtoll(part + length + 1, NULL, 10);
    return true;
}

/* What a part of the path says about the layer: the innermost one that says something counts. */
static void read_part(const char *part, size_t size, struct entry *entry)
{
    bool forward = size > 8 && strncmp(part, "forward_", 8) == 0;
    bool backward = size > 9 && strncmp(part, "backward_", 9) == 0;
    int64_t number;

    entry->backward = entry->backward || backward;
    part += forward ? 8 : backward ? 9 : 0;
    size -= forward ? 8 : backward ? 9 : 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (is_of_kind(part, size, kinds[i].keras, &number)) {
            (void)snprintf(entry->layer, sizeof(entry->layer), "%s", kinds[i].ours);
            entry->number = number;
        }
}

static void read_keras_path(struct entry *entry)
{
    const char *part = entry->path;
    size_t size;

    for (; *part; part += size + (part[size] == '/')) {
        size = strcspn(part, "/");
        if (part[size])
            read_part(part, size, entry);
        else
            (void)snprintf(entry->weight, sizeof(entry->weight), "%.*s", (int)strcspn(part, ":"),
                           part);
    }
    entry->keras = entry->layer[0] != '\0';
}

/* The layers of a kind, by their numbers. */
static void number_layers(struct outside *outside)
{
    for (int64_t i = 0; i < outside->n; i++) {
        struct entry *entry = &outside->entry[i];

        entry->order = 1;
        for (int64_t k = 0; k < outside->n; k++) {
            const struct entry *other = &outside->entry[k];
            bool first = strcmp(other->layer, entry->layer) == 0 && other->number < entry->number;

            for (int64_t j = 0; j < k && first; j++)
                first = strcmp(outside->entry[j].layer, other->layer) != 0 ||
                        outside->entry[j].number != other->number;
            entry->order += first;
        }
    }
}

static bool open_keras(struct outside *outside, struct error *error)
{
    scoped(hdf5_foreign_close) struct hdf5_foreign *file = NULL;

    if (!hdf5_foreign_open(outside->path, &file, error))
        return false;
    for (int64_t i = 0; i < hdf5_foreign_count(file); i++) {
        const struct hdf5_array *array = hdf5_foreign_array(file, i);
        struct entry *entry;

        if (array->type != HDF5_REAL || strstr(array->path, "optimizer_weights"))
            continue;
        entry = add(outside, array->path, array->n_dimensions, array->size);
        if (!entry)
            return no_memory(error);
        if (!hdf5_foreign_read(file, array, 0, array->size[0], 0, entry->value, error))
            return false;
        read_keras_path(entry);
    }
    number_layers(outside);
    return true;
}

bool outside_open(const char *path, const struct setting_texts *names, struct outside **ret,
                  struct error *error)
{
    scoped(outside_free) struct outside *outside = calloc(1, sizeof(*outside));

    *ret = NULL;
    if (!outside || !(outside->path = strdup(path)))
        return no_memory(error);
    outside->names = names;
    if (!(source_name_ends(path, ".npz") ? npy_take_all(path, outside, take_array, error)
                                         : open_keras(outside, error)))
        return false;
    *ret = take(&outside);
    return true;
}

/* ---- one array --------------------------------------------------------------------------------*/

/* Which of Keras' weights is ours, and the row of it where there are two biases. */
static const struct mapping {
    const char *kind; /* NULL: any */
    const char *ours, *keras;
    int row;
} mappings[] = {
    {"embedding", "weight", "embeddings", 0},
    {NULL, "weight", "kernel", 0},
    {NULL, "recurrent", "recurrent_kernel", 0},
    {"gru", "bias", "bias", 0},
    {"gru", "recurrent_bias", "bias", 1},
    {"batch_norm", "bias", "beta", 0},
    {"layer_norm", "bias", "beta", 0},
    {NULL, "bias", "bias", 0},
    {NULL, "gain", "gamma", 0},
    {NULL, "mean", "moving_mean", 0},
    {NULL, "variance", "moving_variance", 0},
};

struct wanted {
    char kind[NAME_SIZE];   /* "lstm" */
    char weight[NAME_SIZE]; /* "recurrent" */
    int64_t order;
    bool backward;
};

static struct wanted wanted_of(const char *name)
{
    struct wanted wanted = {0};
    size_t whole = strcspn(name, "."), kind = whole;
    const char *weight = name[whole] ? name + whole + 1 : "";

    while (kind > 0 && name[kind - 1] >= '0' && name[kind - 1] <= '9')
        kind--;
    if (kind > 0 && strncmp(name, "conv1d", 6) == 0 && kind < 6) /* its name ends in a digit */
        kind = 6;
    (void)snprintf(wanted.kind, sizeof(wanted.kind), "%.*s", (int)kind, name);
    wanted.order = strtoll(name + kind, NULL, 10);
    wanted.backward = strncmp(weight, "back_", 5) == 0;
    (void)snprintf(wanted.weight, sizeof(wanted.weight), "%s", weight + (wanted.backward ? 5 : 0));
    return wanted;
}

static const struct mapping *mapping_of(const struct wanted *wanted)
{
    for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++)
        if ((!mappings[i].kind || strcmp(mappings[i].kind, wanted->kind) == 0) &&
            strcmp(mappings[i].ours, wanted->weight) == 0)
            return &mappings[i];
    return NULL;
}

static const struct entry *find_keras(const struct outside *outside, const struct wanted *wanted,
                                      const struct mapping *mapping)
{
    for (int64_t i = 0; mapping && i < outside->n; i++) {
        const struct entry *entry = &outside->entry[i];

        if (entry->keras && strcmp(entry->layer, wanted->kind) == 0 &&
            entry->order == wanted->order && entry->backward == wanted->backward &&
            strcmp(entry->weight, mapping->keras) == 0)
            return entry;
    }
    return NULL;
}

/* What the names say our layer is called in the file; NULL: nothing. */
static const char *name_there(const struct outside *outside, const char *ours)
{
    size_t size = strcspn(ours, ".");

    for (size_t i = 0; outside->names && i < outside->names->n; i++) {
        const char *pair = outside->names->item[i];

        if (strncmp(pair, ours, size) == 0 && pair[size] == '=')
            return pair + size + 1;
    }
    return NULL;
}

static bool has_part(const char *path, const char *name)
{
    size_t length = strlen(name), size;

    for (; *path; path += size + (path[size] == '/')) {
        size = strcspn(path, "/");
        if (path[size] && size == length && strncmp(path, name, size) == 0)
            return true;
    }
    return false;
}

/* A folder of the file's; in an archive what comes before the last dot. */
static bool has_layer(const char *path, const char *name)
{
    const char *dot = strrchr(path, '.');

    return has_part(path, name) ||
           (dot && (size_t)(dot - path) == strlen(name) && strncmp(path, name, strlen(name)) == 0);
}

static const struct entry *find_named(const struct outside *outside, const char *name,
                                      const struct wanted *wanted, const struct mapping *mapping)
{
    for (int64_t i = 0; mapping && i < outside->n; i++) {
        const struct entry *entry = &outside->entry[i];

        if (has_part(entry->path, name) && entry->backward == wanted->backward &&
            strcmp(entry->weight, mapping->keras) == 0)
            return entry;
    }
    return NULL;
}

static const struct entry *find_plain(const struct outside *outside, const char *name)
{
    for (int64_t i = 0; i < outside->n; i++)
        if (strcmp(outside->entry[i].path, name) == 0)
            return &outside->entry[i];
    return NULL;
}

static bool refuse(const struct outside *outside, const struct model_array *array,
                   const struct entry *entry, struct error *error)
{
    scoped(buffer_release) struct buffer shape = {0};

    for (int i = 0; i < entry->n_dimensions; i++)
        if (!buffer_append_format(&shape, error, "%s%lld", i ? " x " : "",
                                  (long long)entry->size[i]))
            return false;
    return error_set(error, ERROR_INVALID, "%s: %s is %s, and %s is %lld x %lld", outside->path,
                     entry->path, shape.data, array->name, (long long)array->rows,
                     (long long)array->columns);
}

static bool is_missing(const struct outside *outside, const char *name, struct error *error)
{
    scoped(buffer_release) struct buffer has = {0};

    for (int64_t i = 0; i < outside->n && has.size < 400; i++)
        if (!buffer_append_format(&has, error, "%s%s", i ? ", " : "", outside->entry[i].path))
            return false;
    return error_set(error, ERROR_INVALID,
                     "%s: has no %s; it has %s (train.start.names tells layers with names of their "
                     "own)",
                     outside->path, name, has.size ? has.data : "no arrays of numbers");
}

static bool model_has(struct model *model, const char *layer, size_t size)
{
    struct model_array array;

    for (int64_t i = 0; model_array(model, i, &array); i++)
        if (strncmp(array.name, layer, size) == 0 && array.name[size] == '.')
            return true;
    return false;
}

bool outside_check_names(const struct outside *outside, struct model *model, struct error *error)
{
    char place[64];

    for (size_t i = 0; outside->names && i < outside->names->n; i++) {
        const char *pair = outside->names->item[i];
        size_t size = strcspn(pair, "=");
        bool there = false;

        (void)snprintf(place, sizeof(place), "train.start.names[%zu]", i);
        if (size == 0 || !pair[size] || !pair[size + 1])
            return error_set_at(error, ERROR_INVALID, place, "%s: not of the form dense1=theirs",
                                pair);
        if (!model_has(model, pair, size))
            return error_set_at(error, ERROR_INVALID, place,
                                "the model has no layer %.*s with weights", (int)size, pair);
        for (int64_t k = 0; k < outside->n && !there; k++)
            there = has_layer(outside->entry[k].path, pair + size + 1);
        if (!there)
            return error_set_at(error, ERROR_INVALID, place, "%s has no layer %s", outside->path,
                                pair + size + 1);
    }
    return true;
}

/* Our gate's place among Keras': update and reset stand the other way round in a GRU. */
static int64_t keras_row(const struct wanted *wanted, int64_t row, int64_t rows)
{
    int64_t units = rows / 3;

    if (strcmp(wanted->kind, "gru") != 0 || row >= 2 * units)
        return row;
    return row < units ? row + units : row - units;
}

/* A GRU has two biases in the file where it resets after the state's weights, as ours has. */
static bool has_second_bias(struct model *model, int64_t index)
{
    struct model_array next;

    return model_array(model, index + 1, &next) && strstr(next.name, "recurrent_bias");
}

static bool read_keras(const struct outside *outside, const struct model_array *array,
                       bool second_bias, struct error *error)
{
    const struct wanted wanted = wanted_of(array->name);
    const struct mapping *mapping = mapping_of(&wanted);
    const char *name = name_there(outside, array->name);
    const struct entry *entry =
        name ? find_named(outside, name, &wanted, mapping) : find_keras(outside, &wanted, mapping);
    int64_t rows = array->rows, columns = array->columns, n;
    bool kernel, two;

    if (!entry && strcmp(wanted.weight, "recurrent_bias") == 0) { /* PyTorch's second one */
        memset(array->value, 0, (size_t)(rows * columns) * sizeof(*array->value));
        return true;
    }
    if (!entry)
        return is_missing(outside, array->name, error);
    n = values_of(entry);
    kernel = strstr(mapping->keras, "kernel") != NULL;
    two = strcmp(wanted.kind, "gru") == 0 && !kernel &&
          (second_bias || strcmp(wanted.weight, "recurrent_bias") == 0);
    if (n != rows * columns * (two ? 2 : 1) ||
        (kernel && entry->size[entry->n_dimensions - 1] != rows) ||
        (two && (entry->n_dimensions != 2 || entry->size[0] != 2)))
        return refuse(outside, array, entry, error);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) {
            int64_t from = keras_row(&wanted, r, rows);
            int64_t at = kernel ? c * rows + from : from * columns + c;

            array->value[r * columns + c] =
                (real)entry->value[at + (two ? mapping->row * rows : 0)];
        }
    return true;
}

static bool is_keras(const struct outside *outside)
{
    return outside->n > 0 && !source_name_ends(outside->path, ".npz");
}

/* An archive's layer may be called otherwise, too: "theirs.weight". */
static bool read_plain(const struct outside *outside, const struct model_array *array,
                       struct error *error)
{
    const char *name = name_there(outside, array->name);
    scoped(buffer_release) struct buffer whole = {0};
    const struct entry *entry;

    if (!buffer_append_format(&whole, error, "%s%s", name ? name : "",
                              name ? strchr(array->name, '.') : array->name))
        return false;
    entry = find_plain(outside, whole.data);
    if (!entry)
        return is_missing(outside, whole.data, error);
    if (values_of(entry) != array->rows * array->columns || entry->size[0] != array->rows)
        return refuse(outside, array, entry, error);
    for (int64_t i = 0; i < values_of(entry); i++)
        array->value[i] = (real)entry->value[i];
    return true;
}

bool outside_read(const struct outside *outside, struct model *model, int64_t index,
                  struct error *error)
{
    struct model_array array;

    (void)model_array(model, index, &array);
    return is_keras(outside) ? read_keras(outside, &array, has_second_bias(model, index), error)
                             : read_plain(outside, &array, error);
}
