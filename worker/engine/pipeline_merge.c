/*
 * Files of predictions averaged to one, row by row: no model is needed.
 *
 * Of the first file's columns "predicted[y]" and "p[class]" are averaged, "predicted" becomes the
 * class of the largest mean, and what tells a distribution (mean[y], sd[y], q0.5[y]) is left out:
 * that of a mean is not the mean of those. All others, ids and what is true, have to be the same in
 * every file, so that no row is averaged with another one.
 */
#include <assert.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/output_place.h"
#include "worker/engine/pipeline.h"

enum column_use { COLUMN_COPIED, COLUMN_AVERAGED, COLUMN_LABEL, COLUMN_DROPPED };

struct merged_column { /* of the first file */
    char *name;        /* owned */
    enum column_use use;
    const char *class_name; /* borrowed from name, its bracket cut off: of p[class]; else NULL */
    int64_t at[SCORE_FILES_MAX];
};

struct merging {
    const char *const *file; /* borrowed */
    int n_files;
    struct csv_reader *reader[SCORE_FILES_MAX];       /* owned */
    const struct csv_record *record[SCORE_FILES_MAX]; /* borrowed from it */
    struct merged_column *column;                     /* owned */
    int64_t n_columns;
    struct buffer out;
};

static void merging_release(struct merging *merging)
{
    for (int i = 0; i < merging->n_files; i++)
        if (merging->reader[i])
            csv_free(&merging->reader[i]);
    for (int64_t i = 0; i < merging->n_columns; i++)
        free(merging->column[i].name);
    free(merging->column);
    buffer_release(&merging->out);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "averaging predictions");
}

/* ---- columns ----------------------------------------------------------------------------------*/

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static enum column_use use_of(const char *name)
{
    bool quantile = name[0] == 'q' && name[1] >= '0' && name[1] <= '9' && strchr(name, '[');

    if (begins(name, "predicted[") || begins(name, "p["))
        return COLUMN_AVERAGED;
    if (strcmp(name, "predicted") == 0)
        return COLUMN_LABEL;
    return begins(name, "mean[") || begins(name, "sd[") || quantile ? COLUMN_DROPPED
                                                                    : COLUMN_COPIED;
}

static int64_t find(const struct csv_record *header, const char *name)
{
    for (int64_t i = 0; i < header->n_fields; i++)
        if (header->field[i].size == strlen(name) &&
            memcmp(header->field[i].text, name, header->field[i].size) == 0)
            return i;
    return -1;
}

static bool place(struct merging *merging, struct merged_column *column, struct error *error)
{
    for (int i = 0; i < merging->n_files; i++) {
        column->at[i] = find(merging->record[i], column->name);
        if (column->at[i] < 0 && column->use != COLUMN_DROPPED)
            return error_set(error, ERROR_INVALID, "%s: has no column %s, which %s has",
                             merging->file[i], column->name, merging->file[0]);
    }
    return true;
}

static bool read_headers(struct merging *merging, struct error *error)
{
    const struct csv_record *first;
    bool any = false;

    for (int i = 0; i < merging->n_files; i++)
        if (!csv_open(merging->file[i], ',', 0, &merging->reader[i], error) ||
            !csv_next(merging->reader[i], &merging->record[i], error))
            return false;
    first = merging->record[0];
    assert(first); /* a file without a record is refused */
    merging->column = calloc((size_t)first->n_fields, sizeof(*merging->column));
    if (!merging->column)
        return no_memory(error);
    for (int64_t i = 0; i < first->n_fields; i++) {
        struct merged_column *column = &merging->column[merging->n_columns];

        column->name = strndup(first->field[i].text, first->field[i].size);
        if (!column->name)
            return no_memory(error);
        merging->n_columns++;
        column->use = use_of(column->name);
        any = any || column->use == COLUMN_AVERAGED;
        if (!place(merging, column, error))
            return false;
    }
    return any || error_set(error, ERROR_INVALID,
                            "%s: has no columns of predictions (p[class], predicted[y])",
                            merging->file[0]);
}

static bool write_header(struct merging *merging, struct error *error)
{
    bool first = true;

    for (int64_t i = 0; i < merging->n_columns; i++) {
        struct merged_column *column = &merging->column[i];

        if (column->use == COLUMN_DROPPED)
            continue;
        if (!csv_write_field(&merging->out, column->name, first, error))
            return false;
        first = false;
        if (begins(column->name, "p[")) {
            column->name[strlen(column->name) - 1] = '\0';
            column->class_name = column->name + 2;
        }
    }
    return buffer_append_text(&merging->out, "\n", error);
}

/* ---- rows -------------------------------------------------------------------------------------*/

static const struct csv_field *field_of(const struct merging *merging, int file, int64_t column)
{
    return &merging->record[file]->field[merging->column[column].at[file]];
}

static bool mean_of(const struct merging *merging, int64_t column, double *ret, struct error *error)
{
    *ret = 0;
    for (int i = 0; i < merging->n_files; i++) {
        const struct csv_field *field = field_of(merging, i, column);
        char text[64] = "", *end = text;
        double value = NAN;

        if (field->size > 0 && field->size < sizeof(text)) {
            memcpy(text, field->text, field->size);
            value = strtod(text, &end);
        }
        if (end == text || *end || !isfinite(value))
            return error_set(error, ERROR_INVALID,
                             "%s: line %lld, column %lld: '%.*s' is no number", merging->file[i],
                             (long long)merging->record[i]->line,
                             (long long)merging->column[column].at[i] + 1,
                             field->size < 40 ? (int)field->size : 40, field->text);
        *ret += value / merging->n_files;
    }
    return true;
}

static bool check_same(const struct merging *merging, int64_t column, struct error *error)
{
    const struct csv_field *first = field_of(merging, 0, column);

    for (int i = 1; i < merging->n_files; i++) {
        const struct csv_field *field = field_of(merging, i, column);

        if (field->size != first->size || memcmp(field->text, first->text, first->size) != 0)
            return error_set(error, ERROR_INVALID,
                             "%s: line %lld: %s is '%.*s', and in %s '%.*s': not the same row",
                             merging->file[i], (long long)merging->record[i]->line,
                             merging->column[column].name, field->size < 40 ? (int)field->size : 40,
                             field->text, merging->file[0],
                             first->size < 40 ? (int)first->size : 40, first->text);
    }
    return true;
}

/* The class of the largest mean. */
static bool label_of(const struct merging *merging, const char **ret, struct error *error)
{
    double most = -(double)INFINITY, mean;

    *ret = "";
    for (int64_t i = 0; i < merging->n_columns; i++) {
        if (!merging->column[i].class_name)
            continue;
        if (!mean_of(merging, i, &mean, error))
            return false;
        if (mean > most) {
            most = mean;
            *ret = merging->column[i].class_name;
        }
    }
    return true;
}

static bool write_column(struct merging *merging, int64_t column, bool first, struct error *error)
{
    scoped(memory_free) char *copy = NULL;
    const struct csv_field *field;
    const char *label;
    char number[40];
    double mean;

    switch (merging->column[column].use) {
    case COLUMN_AVERAGED:
        if (!mean_of(merging, column, &mean, error))
            return false;
        (void)snprintf(number, sizeof(number), "%.17g", mean);
        return csv_write_field(&merging->out, number, first, error);
    case COLUMN_LABEL:
        return label_of(merging, &label, error) &&
               csv_write_field(&merging->out, label, first, error);
    case COLUMN_COPIED:
        field = field_of(merging, 0, column);
        copy = strndup(field->text, field->size);
        return (copy || no_memory(error)) && check_same(merging, column, error) &&
               csv_write_field(&merging->out, copy, first, error);
    case COLUMN_DROPPED:
        break;
    }
    return true;
}

/* *ret_more: no file has ended. */
static bool next_rows(struct merging *merging, bool *ret_more, struct error *error)
{
    int ended = 0;

    for (int i = 0; i < merging->n_files; i++) {
        if (!csv_next(merging->reader[i], &merging->record[i], error))
            return false;
        ended += !merging->record[i];
    }
    *ret_more = ended == 0;
    return ended == 0 || ended == merging->n_files ||
           error_set(error, ERROR_INVALID, "the files have not as many rows as one another");
}

static bool merge_rows(struct merging *merging, struct error *error)
{
    bool more;

    for (;;) {
        bool first = true;

        if (!next_rows(merging, &more, error))
            return false;
        if (!more)
            return true;

        for (int64_t i = 0; i < merging->n_columns; i++) {
            if (!write_column(merging, i, first, error))
                return false;
            first = first && merging->column[i].use == COLUMN_DROPPED;
        }
        if (!buffer_append_text(&merging->out, "\n", error))
            return false;
    }
}

bool pipeline_merge(const char *const *file, size_t n_files, const char *output, bool *ret_actual,
                    struct error *error)
{
    scoped(merging_release) struct merging merging = {.file = file, .n_files = (int)n_files};
    size_t size = strlen(output);

    if (size < 5 || strcmp(output + size - 4, ".csv") != 0)
        return error_set(error, ERROR_INVALID, "%s: a mean of predictions is a .csv file", output);
    for (size_t i = 0; i < n_files; i++)
        if (!output_place_spares(output, file[i], "--predictions", error))
            return false;
    if (!(read_headers(&merging, error) && write_header(&merging, error) &&
          merge_rows(&merging, error) &&
          file_replace(AT_FDCWD, output, merging.out.data, merging.out.size, error)))
        return false;
    *ret_actual = false;
    for (int64_t i = 0; i < merging.n_columns; i++)
        *ret_actual = *ret_actual || strcmp(merging.column[i].name, "actual") == 0 ||
                      begins(merging.column[i].name, "actual[");
    return true;
}
