/* CSV and its like: columns and their types. csv_read.c reads the values. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/number.h"
#include "worker/engine/dataset/source/cell.h"
#include "worker/engine/dataset/source/csv_read.h"
#include "worker/engine/dataset/source/kinds.h"

#define GUESS_ROWS 1000

static bool open_reader(const struct source *source, struct csv_reader **ret, struct error *error)
{
    return csv_open(source->path, csv_delimiter(source), source->format.skip, ret, error);
}

/* ---- the profile ------------------------------------------------------------------------------*/

static bool same_text(const struct csv_field *a, const struct csv_field *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

static bool looks_like_header(const struct csv_record *record, const struct missing_texts *missing)
{
    for (int64_t i = 0; i < record->n_fields; i++) {
        const struct csv_field *field = &record->field[i];
        int64_t integer;
        double real;

        if (cell_is_missing(&(struct cell){field->text, field->size}, missing) ||
            number_parse(field->text, field->size, &integer, &real) != NUMBER_NONE)
            return false;
        for (int64_t j = 0; j < i && i < 1000; j++)
            if (same_text(field, &record->field[j]))
                return false;
    }
    return true;
}

static bool check_names(const struct table_profile *profile, const char *path, struct error *error)
{
    scoped(dictionary_release) struct dictionary seen = {0};

    for (int64_t i = 0; i < profile->n_columns; i++) {
        const char *name = profile->column[i].name;
        int32_t code;

        assert(name);
        if (!dictionary_add(&seen, name, strlen(name), &code, error))
            return false;
        if (code != i)
            return error_set(error, ERROR_INVALID, "%s: columns %d and %lld are both called '%s'",
                             path, code + 1, (long long)i + 1, name);
    }
    return true;
}

/* `given`: by data.names; NULL: by none. */
static char *column_name(const char *given, const struct csv_record *record, bool header, int64_t i)
{
    char *name = NULL;

    if (given)
        return strdup(given);
    if (header && record->field[i].size > 0)
        return strndup(record->field[i].text, record->field[i].size);
    return asprintf(&name, "c%lld", (long long)i + 1) < 0 ? NULL : name;
}

static bool mark_dates(const char *path, const struct table_format *format,
                       struct table_profile *profile, struct error *error)
{
    for (size_t i = 0; i < format->dates.n; i++) {
        int64_t column = table_profile_find(profile, format->dates.item[i]);

        if (column < 0 && format->joined)
            continue;
        if (column < 0)
            return error_set_at(error, ERROR_INVALID, "data.dates", "%s has no column '%s'", path,
                                format->dates.item[i]);
        profile->column[column].date = true;
    }
    return true;
}

static bool name_columns(const char *path, const struct table_format *format,
                         const struct csv_record *record, struct table_profile *profile,
                         struct error *error)
{
    int64_t n = record->n_fields;
    size_t named = 0;

    if (!table_check_names(format, path, n, error))
        return false;
    profile->column = calloc((size_t)n, sizeof(*profile->column));
    if (!profile->column)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    for (; profile->n_columns < n; profile->n_columns++) {
        struct column_profile *column = &profile->column[profile->n_columns];

        column->name = column_name(table_next_name(format, n, &named), record, profile->header,
                                   profile->n_columns);
        if (!column->name)
            return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    }
    return check_names(profile, path, error) && mark_dates(path, format, profile, error);
}

static bool look_at_record(const struct csv_record *record, const char *path,
                           const struct missing_texts *missing, struct table_profile *profile,
                           struct error *error)
{
    const struct cell_place place = {.path = path, .line = record->line};

    for (int64_t i = 0; i < record->n_fields; i++) {
        struct column_profile *column = &profile->column[i];
        struct cell cell = {record->field[i].text, record->field[i].size};
        char date[CELL_DATE_SIZE];

        if (column->date && !cell_is_missing(&cell, missing) &&
            !cell_read_date(&cell, &place, column->name, date, error))
            return false;
        cell_look(&cell, missing, record->line, column);
    }
    return true;
}

/* Looks at so many rows, or at all where `limit` is 0. */
static bool profile_records(struct csv_reader *reader, const struct source *source, int64_t limit,
                            struct table_profile *profile, struct error *error)
{
    const struct table_format *format = &source->format;
    struct missing_texts missing = missing_texts_of(format);
    const struct csv_record *record;

    if (!csv_next(reader, &record, error))
        return false;
    if (!record)
        return error_set(error, ERROR_INVALID, "%s: has no records", source->path);
    profile->header = format->header == TABLE_HEADER_YES ||
                      (format->header == TABLE_HEADER_AUTO && looks_like_header(record, &missing));
    if (!name_columns(source->path, format, record, profile, error))
        return false;
    if (profile->header && !csv_next(reader, &record, error))
        return false;
    while (record && (limit == 0 || profile->n_rows < limit)) {
        profile->n_rows++;
        if (!look_at_record(record, source->path, &missing, profile, error))
            return false;
        if (!csv_next(reader, &record, error))
            return false;
    }
    if (profile->n_rows == 0)
        return error_set(error, ERROR_INVALID, "%s: has a header and no rows", source->path);
    for (int64_t i = 0; i < profile->n_columns; i++)
        profile->column[i].type = column_type_of(&profile->column[i]);
    return true;
}

static bool profile_csv(struct source *source, struct table_profile *profile, struct error *error)
{
    scoped(csv_free) struct csv_reader *reader = NULL;

    return open_reader(source, &reader, error) &&
           profile_records(reader, source, 0, profile, error);
}

/* A few rows show what most files hold in all. Not worth it where a column has numbers and texts.
 */
static bool guess_csv(struct source *source, struct table_profile *profile, struct error *error)
{
    scoped(csv_free) struct csv_reader *reader = NULL;

    if (!open_reader(source, &reader, error) ||
        !profile_records(reader, source, GUESS_ROWS, profile, error))
        return false;
    for (int64_t i = 0; i < profile->n_columns; i++)
        if (profile->column[i].n_text > 0 && profile->column[i].n_plain > 0) {
            table_profile_release(profile);
            return profile_csv(source, profile, error);
        }
    source->guessed = profile->n_rows == GUESS_ROWS;
    return true;
}

static bool is_csv(const char *path, const void *head, size_t size)
{
    (void)size;
    return head && (source_name_ends(path, ".csv") || source_name_ends(path, ".tsv"));
}

const struct source_kind source_csv = {
    .kind = {.name = "csv",
             .help = "Text with one record a line and a comma between its fields, or a tab where "
                     "the name ends in .tsv."},
    .reads = SOURCE_READS_LAYOUT | SOURCE_READS_MISSING | SOURCE_READS_NAMES | SOURCE_READS_DATES,
    .row_name = "line",
    .recognise = is_csv,
    .profile = profile_csv,
    .guess = guess_csv,
    .read = csv_read,
};
