#include "worker/engine/dataset/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/number.h"

static char *const default_missing[] = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"};

void table_profile_release(struct table_profile *profile)
{
    for (int64_t i = 0; i < profile->n_columns; i++)
        free(profile->column[i].name);
    free(profile->column);
    *profile = (struct table_profile){0};
}

int64_t table_profile_find(const struct table_profile *profile, const char *name)
{
    for (int64_t i = 0; name && i < profile->n_columns; i++)
        if (strcmp(profile->column[i].name, name) == 0)
            return i;
    return -1;
}

void column_release(struct column *column)
{
    free(column->name);
    free(column->real);
    free(column->integer);
    free(column->code);
    dictionary_release(&column->dictionary);
    *column = (struct column){0};
}

void table_release(struct table *table)
{
    for (int64_t i = 0; i < table->n_columns; i++)
        column_release(&table->column[i]);
    free(table->column);
    *table = (struct table){0};
}

/* ---- what both passes share -------------------------------------------------------------------*/

struct missing_texts {
    char *const *item;
    size_t n;
    bool begins[256]; /* whether one of them begins with this byte; 0: one is empty */
};

static struct missing_texts missing_of(const struct table_format *format)
{
    struct missing_texts missing = {.item = default_missing,
                                    .n = sizeof(default_missing) / sizeof(default_missing[0])};

    if (format->missing.n > 0) {
        missing.item = format->missing.item;
        missing.n = format->missing.n;
    }
    for (size_t i = 0; i < missing.n; i++)
        missing.begins[(unsigned char)missing.item[i][0]] = true;
    return missing;
}

static bool is_missing(const struct missing_texts *missing, const struct csv_field *field)
{
    if (!missing->begins[field->size ? (unsigned char)field->text[0] : 0])
        return false;
    for (size_t i = 0; i < missing->n; i++)
        if (strncmp(missing->item[i], field->text, field->size) == 0 &&
            missing->item[i][field->size] == '\0')
            return true;
    return false;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), n = strlen(end);

    return size >= n && strcmp(text + size - n, end) == 0;
}

static bool open_table(const char *path, const struct table_format *format, struct csv_reader **ret,
                       struct error *error)
{
    bool tabs = ends_with(path, ".tsv") || ends_with(path, ".tsv.gz");
    char delimiter = format->delimiter ? format->delimiter : tabs ? '\t' : ',';

    return csv_open(path, delimiter, format->skip, ret, error);
}

/* ---- the first pass ---------------------------------------------------------------------------*/

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

        if (is_missing(missing, field) ||
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

        if (!dictionary_add(&seen, name, strlen(name), &code, error))
            return false;
        if (code != i)
            return error_set(error, ERROR_INVALID, "%s: columns %d and %lld are both called '%s'",
                             path, code + 1, (long long)i + 1, name);
    }
    return true;
}

static char *column_name(const struct table_format *format, const struct csv_record *record,
                         bool header, int64_t i)
{
    char *name = NULL;

    if (format->names.n > 0)
        return strdup(format->names.item[i]);
    if (header && record->field[i].size > 0)
        return strndup(record->field[i].text, record->field[i].size);
    return asprintf(&name, "c%lld", (long long)i + 1) < 0 ? NULL : name;
}

static bool name_columns(const char *path, const struct table_format *format,
                         const struct csv_record *record, struct table_profile *profile,
                         struct error *error)
{
    int64_t n = record->n_fields;

    if (format->names.n > 0 && (int64_t)format->names.n != n)
        return error_set_at(error, ERROR_INVALID, "data.names",
                            "%zu names where %s has %lld columns", format->names.n, path,
                            (long long)n);
    profile->column = calloc((size_t)n, sizeof(*profile->column));
    if (!profile->column)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    for (; profile->n_columns < n; profile->n_columns++) {
        struct column_profile *column = &profile->column[profile->n_columns];

        column->name = column_name(format, record, profile->header, profile->n_columns);
        if (!column->name)
            return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    }
    return check_names(profile, path, error);
}

static void count_distinct(struct column_profile *column, int64_t value)
{
    if (column->n_distinct > COLUMN_DISTINCT_MAX)
        return;
    for (int64_t i = 0; i < column->n_distinct; i++)
        if (column->distinct[i] == value)
            return;
    if (column->n_distinct < COLUMN_DISTINCT_MAX)
        column->distinct[column->n_distinct] = value;
    column->n_distinct++;
}

static void count_first(int64_t *count, int64_t *first_line, int64_t line)
{
    if ((*count)++ == 0)
        *first_line = line;
}

static void look_at(struct column_profile *column, const struct csv_field *field,
                    const struct missing_texts *missing, int64_t line)
{
    int64_t integer;
    double real;

    if (is_missing(missing, field)) {
        count_first(&column->n_missing, &column->missing_line, line);
        return;
    }
    switch (number_parse(field->text, field->size, &integer, &real)) {
    case NUMBER_NONE:
        count_first(&column->n_text, &column->text_line, line);
        return;
    case NUMBER_SPECIAL:
        count_first(&column->n_special, &column->special_line, line);
        return;
    case NUMBER_OVERFLOW:
        count_first(&column->n_overflow, &column->overflow_line, line);
        return;
    case NUMBER_INTEGER:
        column->n_plain++;
        count_distinct(column, integer);
        return;
    case NUMBER_REAL:
        column->n_plain++;
        column->fraction = true;
        return;
    }
}

/* "nan" and "inf" alone make no column of numbers: somebody's texts may be called so. */
static enum column_type type_of(const struct column_profile *column)
{
    int64_t n_numbers = column->n_plain + column->n_overflow;

    if (column->n_text > 0 || (n_numbers == 0 && column->n_special > 0))
        return COLUMN_TEXT;
    if (n_numbers == 0 || column->fraction || column->n_special > 0 || column->n_overflow > 0)
        return COLUMN_REAL;
    return COLUMN_INTEGER;
}

static bool profile_records(struct csv_reader *reader, const char *path,
                            const struct table_format *format, struct table_profile *profile,
                            struct error *error)
{
    struct missing_texts missing = missing_of(format);
    const struct csv_record *record;

    if (!csv_next(reader, &record, error))
        return false;
    if (!record)
        return error_set(error, ERROR_INVALID, "%s: has no records", path);
    profile->header = format->header == TABLE_HEADER_YES ||
                      (format->header == TABLE_HEADER_AUTO && looks_like_header(record, &missing));
    if (!name_columns(path, format, record, profile, error))
        return false;
    if (profile->header && !csv_next(reader, &record, error))
        return false;
    while (record) {
        profile->n_rows++;
        for (int64_t i = 0; i < record->n_fields; i++)
            look_at(&profile->column[i], &record->field[i], &missing, record->line);
        if (!csv_next(reader, &record, error))
            return false;
    }
    if (profile->n_rows == 0)
        return error_set(error, ERROR_INVALID, "%s: has a header and no rows", path);
    for (int64_t i = 0; i < profile->n_columns; i++)
        profile->column[i].type = type_of(&profile->column[i]);
    return true;
}

bool table_profile_read(const char *path, const struct table_format *format,
                        struct table_profile *ret_profile, struct error *error)
{
    scoped(csv_free) struct csv_reader *reader = NULL;
    struct table_profile profile = {0};

    if (!open_table(path, format, &reader, error))
        return false;
    if (!profile_records(reader, path, format, &profile, error)) {
        table_profile_release(&profile);
        return false;
    }
    *ret_profile = profile;
    return true;
}

/* ---- the second pass --------------------------------------------------------------------------*/

struct place {
    const char *path;
    int64_t row, line;
};

static bool allocate_column(struct column *column, enum column_form form, const char *name,
                            int64_t n_rows)
{
    size_t n = (size_t)n_rows;

    column->form = form;
    column->name = strdup(name);
    if (form == FORM_REAL)
        column->real = malloc(n * sizeof(*column->real));
    else if (form == FORM_INTEGER)
        column->integer = malloc(n * sizeof(*column->integer));
    else if (form == FORM_TEXT)
        column->code = malloc(n * sizeof(*column->code));
    return column->name && (form == FORM_SKIP || column->real || column->integer || column->code);
}

static bool not_a_number(const struct column *column, const struct csv_field *field,
                         const struct place *place, enum number_kind kind, struct error *error)
{
    int shown = field->size > 40 ? 40 : (int)field->size;
    const char *why = kind == NUMBER_OVERFLOW  ? "is beyond the range of numbers"
                      : kind == NUMBER_SPECIAL ? "is not a finite number"
                      : kind == NUMBER_NONE    ? "is not a number"
                                               : "is not an integer";

    return error_set(error, ERROR_INVALID, "%s: line %lld, column '%s': '%.*s' %s", place->path,
                     (long long)place->line, column->name, shown, field->text, why);
}

static bool store(struct column *column, const struct csv_field *field,
                  const struct missing_texts *missing, const struct place *place,
                  struct error *error)
{
    bool absent = is_missing(missing, field);
    enum number_kind kind;
    int64_t integer = 0;
    double real = NAN;

    if (column->form == FORM_TEXT) {
        column->code[place->row] = -1;
        return absent || dictionary_add(&column->dictionary, field->text, field->size,
                                        &column->code[place->row], error);
    }
    if (absent && column->form == FORM_INTEGER)
        return error_set(error, ERROR_INVALID, "%s: line %lld, column '%s': the value is missing",
                         place->path, (long long)place->line, column->name);
    kind = absent ? NUMBER_REAL : number_parse(field->text, field->size, &integer, &real);
    if (kind != NUMBER_INTEGER && (kind != NUMBER_REAL || column->form == FORM_INTEGER))
        return not_a_number(column, field, place, kind, error);
    if (column->form == FORM_INTEGER)
        column->integer[place->row] = integer;
    else
        column->real[place->row] = real;
    return true;
}

static bool load_records(struct csv_reader *reader, const char *path,
                         const struct table_format *format, const struct table_profile *profile,
                         struct table *table, struct error *error)
{
    struct missing_texts missing = missing_of(format);
    const struct csv_record *record;

    if (!csv_next(reader, &record, error) ||
        (profile->header && record && !csv_next(reader, &record, error)))
        return false;
    for (struct place place = {.path = path}; record; place.row++) {
        if (place.row == profile->n_rows || record->n_fields != profile->n_columns)
            return error_set(error, ERROR_INVALID, "%s: changed while it was read", path);
        place.line = record->line;
        for (int64_t i = 0; i < record->n_fields; i++)
            if (table->column[i].form != FORM_SKIP &&
                !store(&table->column[i], &record->field[i], &missing, &place, error))
                return false;
        table->n_rows = place.row + 1;
        if (!csv_next(reader, &record, error))
            return false;
    }
    if (table->n_rows != profile->n_rows)
        return error_set(error, ERROR_INVALID, "%s: changed while it was read", path);
    return true;
}

bool table_load(const char *path, const struct table_format *format,
                const struct table_profile *profile, const enum column_form *form,
                struct table *ret_table, struct error *error)
{
    scoped(csv_free) struct csv_reader *reader = NULL;
    scoped(table_release) struct table table = {0};

    if (!open_table(path, format, &reader, error))
        return false;
    table.column = calloc((size_t)profile->n_columns, sizeof(*table.column));
    if (!table.column)
        return error_set(error, ERROR_NO_MEMORY, "reading %s", path);
    for (; table.n_columns < profile->n_columns; table.n_columns++)
        if (!allocate_column(&table.column[table.n_columns], form[table.n_columns],
                             profile->column[table.n_columns].name, profile->n_rows)) {
            table.n_columns++;
            return error_set(error, ERROR_NO_MEMORY, "reading %s: %lld rows", path,
                             (long long)profile->n_rows);
        }
    if (!load_records(reader, path, format, profile, &table, error))
        return false;
    *ret_table = table;
    table = (struct table){0};
    return true;
}
