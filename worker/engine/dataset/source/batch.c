#include "worker/engine/dataset/source/batch.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (1024 * 1024)
#define BATCH_ROWS_MAX 65536

static bool no_memory(const struct source *source, struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading %s", source->path);
}

static int64_t rows_of_a_batch(const struct source *source, const enum column_form *form)
{
    int64_t of_row = 1, rows;

    for (int64_t i = 0; i < source->profile.n_columns; i++)
        of_row += form[i] == FORM_SKIP ? 0 : (int64_t)sizeof(double);
    rows = BATCH_BYTES / of_row + 1;
    return rows < BATCH_ROWS_MAX ? rows : BATCH_ROWS_MAX;
}

bool batch_init(struct batch *batch, const struct source *source, const enum column_form *form,
                int64_t room, int64_t series_room, struct error *error)
{
    const struct table_profile *profile = &source->profile;
    int64_t usual = rows_of_a_batch(source, form);

    batch->room = room > usual ? room : usual;
    batch->series_room = series_room;
    batch->column = calloc((size_t)profile->n_columns, sizeof(*batch->column));
    batch->length = calloc((size_t)series_room + 1, sizeof(*batch->length));
    if (!batch->column || !batch->length)
        return no_memory(source, error);
    for (; batch->n_columns < profile->n_columns; batch->n_columns++) {
        const struct column_profile *column = &profile->column[batch->n_columns];

        if (!column_init(&batch->column[batch->n_columns], form[batch->n_columns], column->name,
                         column->of_series ? batch->series_room : batch->room)) {
            batch->n_columns++;
            return no_memory(source, error);
        }
    }
    return true;
}

void batch_release(struct batch *batch)
{
    for (int64_t i = 0; i < batch->n_columns; i++)
        column_release(&batch->column[i]);
    free(batch->column);
    free(batch->length);
    *batch = (struct batch){0};
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
