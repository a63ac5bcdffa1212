#include "worker/engine/dataset/source/batch.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (1024 * 1024)
#define BATCH_ROWS_MAX 65536

static int64_t rows_of_a_batch(const struct source *source, const enum column_form *form)
{
    int64_t of_row = 1, rows;

    for (int64_t i = 0; i < source->profile.n_columns; i++)
        of_row += form[i] == FORM_SKIP ? 0 : (int64_t)sizeof(double);
    rows = BATCH_BYTES / of_row + 1;
    return rows < BATCH_ROWS_MAX ? rows : BATCH_ROWS_MAX;
}

/* Columns for batch->room rows and batch->series_room series; those of before are thrown away. */
static bool allocate(struct batch *batch, const struct source *source, const enum column_form *form,
                     struct error *error)
{
    const struct table_profile *profile = &source->profile;
    bool good = true;

    for (int64_t i = 0; i < batch->n_columns; i++)
        column_release(&batch->column[i]);
    free(batch->length);
    batch->n_columns = profile->n_columns;
    batch->length = calloc((size_t)batch->series_room + 1, sizeof(*batch->length));
    for (int64_t i = 0; i < profile->n_columns; i++)
        good = column_init(&batch->column[i], form[i], profile->column[i].name,
                           profile->column[i].of_series ? batch->series_room : batch->room) &&
               good;
    return (good && batch->length) || error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
}

bool batch_init(struct batch *batch, const struct source *source, const enum column_form *form,
                int64_t room, int64_t series_room, struct error *error)
{
    int64_t usual = rows_of_a_batch(source, form);

    batch->room = room > usual ? room : usual;
    if (source->profile.n_series > 0)
        batch->series_room = series_room > usual ? series_room : usual;
    batch->column = calloc((size_t)source->profile.n_columns, sizeof(*batch->column));
    if (!batch->column)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    return allocate(batch, source, form, error);
}

void batch_release(struct batch *batch)
{
    for (int64_t i = 0; i < batch->n_columns; i++)
        column_release(&batch->column[i]);
    free(batch->column);
    free(batch->length);
    *batch = (struct batch){0};
}

static bool grow(struct batch *batch, const struct source *source, int64_t n_rows, int64_t n_series,
                 struct error *error)
{
    enum column_form *form = calloc((size_t)batch->n_columns, sizeof(*form));
    bool good;

    if (!form)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
    for (int64_t i = 0; i < batch->n_columns; i++)
        form[i] = batch->column[i].form;
    batch->room = n_rows > batch->room ? n_rows : batch->room;
    batch->series_room = n_series > batch->series_room ? n_series : batch->series_room;
    good = allocate(batch, source, form, error);
    free(form);
    return good;
}

bool batch_make_room(struct batch *batch, const struct source *source, int64_t n_rows,
                     int64_t n_series, const struct source_sink *sink, struct error *error)
{
    if (batch->n_rows + n_rows <= batch->room && batch->n_series + n_series <= batch->series_room)
        return true;
    if (!batch_flush(batch, sink, error))
        return false;
    return (n_rows <= batch->room && n_series <= batch->series_room) ||
           grow(batch, source, n_rows, n_series, error);
}

bool batch_flush(struct batch *batch, const struct source_sink *sink, struct error *error)
{
    const struct source_chunk chunk = {
        .first_row = batch->first_row,
        .n_rows = batch->n_rows,
        .first_series = batch->first_series,
        .n_series = batch->n_series,
        .length = batch->length,
        .column = batch->column,
    };

    if (batch->n_rows == 0 && batch->n_series == 0)
        return true;
    if (!sink->take(sink->context, &chunk, error))
        return false;
    batch->first_row += batch->n_rows;
    batch->first_series += batch->n_series;
    batch->n_rows = 0;
    batch->n_series = 0;
    for (int64_t i = 0; i < batch->n_columns; i++)
        dictionary_release(&batch->column[i].dictionary);
    return true;
}
