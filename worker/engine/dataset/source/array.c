#include "worker/engine/dataset/source/array.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "common/utf8.h"
#include "worker/engine/dataset/source/batch.h"
#include "worker/engine/dataset/source/cell.h"

#define COLUMNS_MAX 1000000
#define BLOCK_BYTES (1024 * 1024)
#define ENTRY_BYTES_MAX ((int64_t)1024 * 1024 * 1024)

void array_list_release(struct array_list *list)
{
    for (int64_t i = 0; i < list->n; i++)
        free(list->item[i].name);
    free(list->item);
    *list = (struct array_list){0};
}

struct array *array_list_add(struct array_list *list, const char *name)
{
    struct array *item = realloc(list->item, (size_t)(list->n + 1) * sizeof(*item));

    if (!item)
        return NULL;
    list->item = item;
    item += list->n;
    *item = (struct array){.name = strdup(name)};
    if (!item->name)
        return NULL;
    list->n++;
    return item;
}

bool array_list_choose(struct array_list *list, const struct setting_texts *names, const char *path,
                       struct error *error)
{
    for (size_t i = 0; i < names->n; i++) {
        int64_t at = (int64_t)i;
        struct array found;

        while (at < list->n && strcmp(list->item[at].name, names->item[i]) != 0)
            at++;
        if (at >= list->n)
            return error_set_at(error, ERROR_INVALID, "data.format.arrays",
                                "%s has no array '%s' of one to three dimensions", path,
                                names->item[i]);
        found = list->item[at];
        list->item[at] = list->item[i];
        list->item[i] = found;
    }
    for (; names->n > 0 && list->n > (int64_t)names->n; list->n--)
        free(list->item[list->n - 1].name);
    return true;
}

int64_t array_width(const struct array *array)
{
    int64_t width = 1;

    for (int i = 1; i < array->n_dimensions; i++)
        width *= array->size[i];
    return width;
}

static size_t value_size(const struct array *array)
{
    return array->type == ARRAY_TEXT ? array->text_size : sizeof(double);
}

/* ---- shapes -----------------------------------------------------------------------------------*/

static bool has_series(const struct array_list *list)
{
    for (int64_t i = 0; i < list->n; i++)
        if (list->item[i].n_dimensions == 3)
            return true;
    return false;
}

static bool is_of_series(const struct array_list *list, const struct array *array)
{
    return has_series(list) && array->n_dimensions < 3;
}

static int64_t columns_of(const struct array *array)
{
    return array->n_dimensions == 1 ? 1 : array->size[array->n_dimensions - 1];
}

/* Rows of an entry. */
static int64_t steps_of(const struct array_list *list)
{
    for (int64_t i = 0; i < list->n; i++)
        if (list->item[i].n_dimensions == 3)
            return list->item[i].size[1];
    return 1;
}

static bool check_shapes(const char *path, const struct array_list *list, struct error *error)
{
    int64_t steps = steps_of(list), columns = 0;

    if (list->n == 0)
        return error_set(error, ERROR_INVALID, "%s: has no array of one to three dimensions", path);
    for (int64_t i = 0; i < list->n; i++) {
        const struct array *array = &list->item[i];

        if (array->size[0] != list->item[0].size[0])
            return error_set(error, ERROR_INVALID,
                             "%s: '%s' has %lld entries where '%s' has %lld; data.format.arrays "
                             "names those to read",
                             path, array->name, (long long)array->size[0], list->item[0].name,
                             (long long)list->item[0].size[0]);
        if (array->n_dimensions == 3 && array->size[1] != steps)
            return error_set(error, ERROR_INVALID, "%s: '%s' has %lld steps where another has %lld",
                             path, array->name, (long long)array->size[1], (long long)steps);
        if (array_width(array) > ENTRY_BYTES_MAX / (int64_t)value_size(array))
            return error_set(error, ERROR_INVALID, "%s: an entry of '%s' is over a GiB", path,
                             array->name);
        columns += columns_of(array);
    }
    if (list->item[0].size[0] == 0 || steps == 0 || columns == 0)
        return error_set(error, ERROR_INVALID, "%s: has no values", path);
    return columns <= COLUMNS_MAX ||
           error_set(error, ERROR_INVALID, "%s: more than %d columns", path, COLUMNS_MAX);
}

/* `given`: by data.names; NULL: by none. */
static char *column_name(const struct array *array, int64_t i, const char *given)
{
    char *name = NULL;

    if (given)
        return strdup(given);
    if (array->n_dimensions == 1)
        return strdup(array->name);
    return asprintf(&name, "%s%lld", array->name, (long long)i + 1) < 0 ? NULL : name;
}

static bool make_columns(const struct source *source, const struct array_list *list,
                         struct table_profile *profile, struct error *error)
{
    int64_t n = 0;
    size_t named = 0;

    for (int64_t i = 0; i < list->n; i++)
        n += columns_of(&list->item[i]);
    if (!table_check_names(&source->format, source->path, n, error))
        return false;
    profile->column = calloc((size_t)n + 1, sizeof(*profile->column));
    for (int64_t i = 0; profile->column && i < list->n; i++)
        for (int64_t j = 0; j < columns_of(&list->item[i]); j++) {
            struct column_profile *column = &profile->column[profile->n_columns];

            column->name =
                column_name(&list->item[i], j, table_next_name(&source->format, n, &named));
            column->of_series = is_of_series(list, &list->item[i]);
            if (!column->name)
                return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
            profile->n_columns++;
        }
    return profile->column || error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
}

/* Behind all others: the number of the series. */
static bool add_series(const struct source *source, const struct array_list *list,
                       struct table_profile *profile, struct error *error)
{
    struct column_profile *column = &profile->column[profile->n_columns];

    if (!has_series(list))
        return true;
    column->name = strdup("series");
    if (!column->name)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    profile->n_columns++;
    profile->n_series = list->item[0].size[0];
    column->of_series = column->aside = column->numbers_series = true;
    for (int64_t i = 0; i < profile->n_series; i++)
        column_look_integer(column, i);
    return true;
}

/* ---- values -----------------------------------------------------------------------------------*/

/* Entries of all arrays, some at a time. */
struct block {
    const struct source *source;
    const struct array_list *list;
    array_reader *read;
    struct missing_texts missing;
    char **data; /* owned, each too: [list->n] */
    int64_t first, n, room;
};

static void block_release(struct block *block)
{
    for (int64_t i = 0; block->data && i < block->list->n; i++)
        free(block->data[i]);
    free(block->data);
}

static bool block_init(struct block *block, struct error *error)
{
    int64_t of_entry = 0;

    for (int64_t i = 0; i < block->list->n; i++)
        of_entry += array_width(&block->list->item[i]) * (int64_t)value_size(&block->list->item[i]);
    assert(of_entry > 0); /* an array of no values was refused when it was opened */
    block->room = BLOCK_BYTES / of_entry + 1;
    block->missing = missing_texts_of(&block->source->format);
    block->data = calloc((size_t)block->list->n, sizeof(*block->data));
    for (int64_t i = 0; block->data && i < block->list->n; i++) {
        const struct array *array = &block->list->item[i];

        block->data[i] = malloc((size_t)(block->room * array_width(array)) * value_size(array));
        if (!block->data[i])
            break;
    }
    return (block->data && block->data[block->list->n - 1]) ||
           error_set(error, ERROR_NO_MEMORY, "reading %s", block->source->path);
}

/* *ret false: the end. */
static bool block_next(struct block *block, bool *ret, struct error *error)
{
    int64_t n_entries = block->list->item[0].size[0];

    block->first += block->n;
    block->n = n_entries - block->first < block->room ? n_entries - block->first : block->room;
    *ret = block->n > 0;
    for (int64_t i = 0; *ret && i < block->list->n; i++)
        if (!block->read(&block->list->item[i], block->first, block->n, block->data[i], error))
            return false;
    return true;
}

/* Values of one column: every stride-th of an array's in a block. */
struct slice {
    const struct array *array;
    const char *data;
    int64_t n, stride, first_row;
    const char *path, *name;
};

static struct slice slice_of(const struct block *block, int64_t array, int64_t column)
{
    const struct array *from = &block->list->item[array];
    int64_t stride = columns_of(from), of_entry = array_width(from) / stride;

    return (struct slice){
        .array = from,
        .data = block->data[array] + (size_t)column * value_size(from),
        .n = block->n * of_entry,
        .stride = stride,
        .first_row = block->first * of_entry,
        .path = block->source->path,
    };
}

static const void *value_at(const struct slice *slice, int64_t i)
{
    return slice->data + (size_t)(i * slice->stride) * value_size(slice->array);
}

/* As a text, which `number` may be needed for. */
static bool cell_of(const struct slice *slice, int64_t i, char number[32], struct cell *ret,
                    struct error *error)
{
    const char *text = value_at(slice, i);
    size_t size;

    if (slice->array->type == ARRAY_INTEGER) {
        (void)snprintf(number, 32, "%lld", (long long)*(const int64_t *)(const void *)text);
    } else if (slice->array->type == ARRAY_REAL) {
        double value = *(const double *)(const void *)text;

        (void)snprintf(number, 32, "%.15g", value);
        if (strtod(number, NULL) != value)
            (void)snprintf(number, 32, "%.17g", value);
        if (isnan(value))
            number[0] = '\0';
    }
    if (slice->array->type != ARRAY_TEXT) {
        *ret = (struct cell){number, strlen(number)};
        return true;
    }
    size = strnlen(text, slice->array->text_size);
    for (size_t at = 0, n; at < size; at += n)
        if ((n = utf8_size(text + at, size - at)) == 0)
            return error_set(error, ERROR_INVALID, "%s: row %lld of '%s': invalid UTF-8",
                             slice->path, (long long)(slice->first_row + i), slice->array->name);
    *ret = (struct cell){text, size};
    return true;
}

static bool look_at_slice(const struct slice *slice, const struct missing_texts *missing,
                          struct column_profile *column, struct error *error)
{
    char number[32];
    struct cell cell;

    for (int64_t i = 0; i < slice->n; i++) {
        int64_t row = slice->first_row + i;

        if (slice->array->type == ARRAY_REAL)
            column_look_real(column, *(const double *)value_at(slice, i), row);
        else if (slice->array->type == ARRAY_INTEGER)
            column_look_integer(column, *(const int64_t *)value_at(slice, i));
        else if (!cell_of(slice, i, number, &cell, error))
            return false;
        else
            cell_look(&cell, missing, row, column);
    }
    return true;
}

static bool store_slice(const struct slice *slice, const struct missing_texts *missing,
                        struct column *column, int64_t first, struct error *error)
{
    enum array_type type = slice->array->type;
    struct cell_place place = {.path = slice->path, .what = "row"};
    char number[32];
    struct cell cell;

    for (int64_t i = 0; i < slice->n; i++) {
        const void *value = value_at(slice, i);

        place.line = slice->first_row + i;
        if (column->form == FORM_INTEGER && type == ARRAY_INTEGER) {
            column->integer[first + i] = *(const int64_t *)value;
        } else if (column->form == FORM_REAL && type == ARRAY_INTEGER) {
            column->real[first + i] = (double)*(const int64_t *)value;
        } else if (column->form == FORM_REAL && type == ARRAY_REAL &&
                   !isinf(*(const double *)value)) {
            column->real[first + i] = *(const double *)value;
        } else if (!cell_of(slice, i, number, &cell, error) ||
                   !cell_store(&cell, missing, &place, column, first + i, error)) {
            return false;
        }
    }
    return true;
}

/* ---- the passes -------------------------------------------------------------------------------*/

bool array_profile(const struct source *source, const struct array_list *list, array_reader *read,
                   struct table_profile *profile, struct error *error)
{
    scoped(block_release) struct block block = {.source = source, .list = list, .read = read};
    bool more;

    if (!check_shapes(source->path, list, error) || !make_columns(source, list, profile, error) ||
        !block_init(&block, error))
        return false;
    profile->n_rows = list->item[0].size[0] * steps_of(list);
    if (!add_series(source, list, profile, error))
        return false;
    while (block_next(&block, &more, error) && more)
        for (int64_t i = 0, column = 0; i < list->n; i++)
            for (int64_t j = 0; j < columns_of(&list->item[i]); j++, column++) {
                struct slice slice = slice_of(&block, i, j);

                if (!look_at_slice(&slice, &block.missing, &profile->column[column], error))
                    return false;
            }
    for (int64_t i = 0; i < profile->n_columns; i++)
        profile->column[i].type = column_type_of(&profile->column[i]);
    return !more;
}

/* The number of the block's series i. */
static bool store_number(const struct block *block, int64_t i, struct batch *batch,
                         struct error *error)
{
    struct column *column = &batch->column[batch->n_columns - 1];
    const struct cell_place place = {.path = block->source->path, .what = "row"};
    char text[32];
    int size = snprintf(text, sizeof(text), "%" PRId64, block->first + i);

    return column->form == FORM_SKIP ||
           cell_store(&(struct cell){text, (size_t)size}, &block->missing, &place, column,
                      batch->n_series, error);
}

static bool store_block(const struct block *block, struct batch *batch, struct error *error)
{
    const struct table_profile *profile = &block->source->profile;

    for (int64_t i = 0, at = 0; i < block->list->n; i++)
        for (int64_t j = 0; j < columns_of(&block->list->item[i]); j++, at++) {
            struct slice slice = slice_of(block, i, j);
            struct column *column = &batch->column[at];

            if (column->form != FORM_SKIP &&
                !store_slice(&slice, &block->missing, column,
                             profile->column[at].of_series ? batch->n_series : batch->n_rows,
                             error))
                return false;
        }
    for (int64_t i = 0; profile->n_series > 0 && i < block->n; i++) {
        if (!store_number(block, i, batch, error))
            return false;
        batch->length[batch->n_series++] = steps_of(block->list);
    }
    batch->n_rows += block->n * steps_of(block->list);
    return true;
}

bool array_read(const struct source *source, const struct array_list *list, array_reader *read,
                const enum column_form *form, const struct source_sink *sink, struct error *error)
{
    scoped(block_release) struct block block = {.source = source, .list = list, .read = read};
    scoped(batch_release) struct batch batch = {0};
    bool more;

    if (!block_init(&block, error) || !batch_init(&batch, source, form, 0, 0, error))
        return false;
    while (block_next(&block, &more, error) && more)
        if (!batch_make_room(&batch, source, block.n * steps_of(list),
                             source->profile.n_series > 0 ? block.n : 0, sink, error) ||
            !store_block(&block, &batch, error))
            return false;
    return !more && batch_flush(&batch, sink, error);
}
