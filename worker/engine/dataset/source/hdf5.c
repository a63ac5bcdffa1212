/* Datasets of an HDF5 file as columns: see array.h for what dimensions mean. */
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/source/array.h"
#include "worker/engine/dataset/source/kinds.h"
#include "worker/engine/hdf5_foreign.h"

#define TEXT_SIZE 1024 /* for texts of any length */
#define NAMES_MAX 10000
#define MAGIC "\x89HDF\r\n\x1a\n"
#define MAGIC_SIZE 8

struct hdf5_config {
    struct setting_texts arrays;
};

static const struct setting hdf5_settings[] = {
    SETTING_TEXTS(struct hdf5_config, arrays, 0, NAMES_MAX,
                  "Which datasets are read, as group/name; their columns are called so. Left out: "
                  "all that hold numbers or texts and have one to three dimensions."),
    {0},
};

struct hdf5_item { /* behind an array's context */
    const struct hdf5_foreign *file;
    const struct hdf5_array *array;
};

struct hdf5_source {
    struct hdf5_foreign *file;
    struct array_list list;
    struct hdf5_item *item; /* owned */
};

static void close_hdf5(struct source *source)
{
    struct hdf5_source *state = source->state;

    if (!state)
        return;
    array_list_release(&state->list);
    hdf5_foreign_close(&state->file);
    free(state->item);
    free(state);
}

static bool read_values(const struct array *array, int64_t first, int64_t n, void *out,
                        struct error *error)
{
    const struct hdf5_item *item = array->context;

    return hdf5_foreign_read(item->file, item->array, first, n, array->text_size, out, error);
}

static bool add_array(struct hdf5_source *state, int64_t i)
{
    static const enum array_type type[] = {
        [HDF5_REAL] = ARRAY_REAL, [HDF5_INTEGER] = ARRAY_INTEGER, [HDF5_TEXT] = ARRAY_TEXT};
    const struct hdf5_array *from = hdf5_foreign_array(state->file, i);
    struct array *array = array_list_add(&state->list, from->path);

    if (!array)
        return false;
    state->item[i] = (struct hdf5_item){.file = state->file, .array = from};
    array->context = &state->item[i];
    array->type = type[from->type];
    array->n_dimensions = from->n_dimensions;
    array->text_size = from->text_size ? from->text_size : TEXT_SIZE;
    for (int j = 0; j < from->n_dimensions; j++)
        array->size[j] = from->size[j];
    return true;
}

static bool open_hdf5(struct source *source, struct error *error)
{
    const struct hdf5_config *config = source->config;
    struct hdf5_source *state = calloc(1, sizeof(*state));
    int64_t n;

    source->state = state;
    if (!state)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    if (!hdf5_foreign_open(source->path, &state->file, error))
        return false;
    n = hdf5_foreign_count(state->file);
    state->item = calloc((size_t)n + 1, sizeof(*state->item));
    for (int64_t i = 0; i < n; i++)
        if (!state->item || !add_array(state, i))
            return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    return array_list_choose(&state->list, &config->arrays, source->path, error);
}

static bool profile_hdf5(struct source *source, struct table_profile *profile, struct error *error)
{
    const struct hdf5_source *state = source->state;

    return array_profile(source, &state->list, read_values, profile, error);
}

static bool read_hdf5(struct source *source, const enum column_form *form,
                      const struct source_sink *sink, struct error *error)
{
    const struct hdf5_source *state = source->state;

    return array_read(source, &state->list, read_values, form, sink, error);
}

static bool is_hdf5(const char *path, const void *head, size_t size)
{
    return head && ((size >= MAGIC_SIZE && memcmp(head, MAGIC, MAGIC_SIZE) == 0) ||
                    source_name_ends(path, ".h5") || source_name_ends(path, ".hdf5"));
}

const struct source_kind source_hdf5 = {
    .kind = {.name = "hdf5",
             .help = "Datasets of an HDF5 file: the first dimension counts rows, or with three "
                     "dimensions recordings.",
             .config_size = sizeof(struct hdf5_config),
             .settings = hdf5_settings},
    .reads = SOURCE_READS_MISSING | SOURCE_READS_NAMES,
    .row_name = "row",
    .recognise = is_hdf5,
    .open = open_hdf5,
    .profile = profile_hdf5,
    .read = read_hdf5,
    .close = close_hdf5,
};
