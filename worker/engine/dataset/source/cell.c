#include "worker/engine/dataset/source/cell.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/engine/dataset/number.h"
#include "worker/engine/dataset/source/date.h"

static char *const default_missing[] = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"};

struct missing_texts missing_texts_of(const struct table_format *format)
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

bool cell_is_missing(const struct cell *cell, const struct missing_texts *missing)
{
    if (!missing->begins[cell->size ? (unsigned char)cell->text[0] : 0])
        return false;
    for (size_t i = 0; i < missing->n; i++)
        if (strncmp(missing->item[i], cell->text, cell->size) == 0 &&
            missing->item[i][cell->size] == '\0')
            return true;
    return false;
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

void cell_look(const struct cell *cell, const struct missing_texts *missing, int64_t line,
               struct column_profile *column)
{
    int64_t integer;
    double real;

    if (cell_is_missing(cell, missing)) {
        count_first(&column->n_missing, &column->missing_line, line);
        return;
    }
    switch (number_parse(cell->text, cell->size, &integer, &real)) {
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

void column_look_real(struct column_profile *column, double value, int64_t row)
{
    if (isnan(value)) {
        count_first(&column->n_missing, &column->missing_line, row);
    } else if (isinf(value)) {
        count_first(&column->n_special, &column->special_line, row);
    } else {
        column->n_plain++;
        column->fraction = true;
    }
}

void column_look_integer(struct column_profile *column, int64_t value)
{
    column->n_plain++;
    count_distinct(column, value);
}

/* "nan" and "inf" alone make no column of numbers: somebody's texts may be called so. */
enum column_type column_type_of(const struct column_profile *column)
{
    int64_t n_numbers = column->n_plain + column->n_overflow;

    if (column->n_text > 0 || (n_numbers == 0 && column->n_special > 0))
        return COLUMN_TEXT;
    if (n_numbers == 0 || column->fraction || column->n_special > 0 || column->n_overflow > 0)
        return COLUMN_REAL;
    return COLUMN_INTEGER;
}

static const char *place_name(const struct cell_place *place)
{
    return place->what ? place->what : "line";
}

bool cell_read_date(struct cell *cell, const struct cell_place *place, const char *column,
                    char text[CELL_DATE_SIZE], struct error *error)
{
    int shown = cell->size > 40 ? 40 : (int)cell->size;
    double seconds = 0;
    enum date_kind kind = date_parse(cell->text, cell->size, &seconds);

    if (kind != DATE_GOOD)
        return error_set(error, ERROR_INVALID, "%s: %s %lld, column '%s': '%.*s' %s", place->path,
                         place_name(place), (long long)place->line, column, shown, cell->text,
                         kind == DATE_NONE ? "is not a date as 2021-05-17T23:59:01"
                                           : "is a date that does not exist");
    cell->size = (size_t)snprintf(text, CELL_DATE_SIZE, "%.17g", seconds);
    cell->text = text;
    return true;
}

static bool not_a_number(const struct column *column, const struct cell *cell,
                         const struct cell_place *place, enum number_kind kind, struct error *error)
{
    int shown = cell->size > 40 ? 40 : (int)cell->size;
    const char *why = kind == NUMBER_OVERFLOW  ? "is beyond the range of numbers"
                      : kind == NUMBER_SPECIAL ? "is not a finite number"
                      : kind == NUMBER_NONE    ? "is not a number"
                                               : "is not an integer";

    return error_set(error, ERROR_INVALID, "%s: %s %lld, column '%s': '%.*s' %s", place->path,
                     place_name(place), (long long)place->line, column->name, shown, cell->text,
                     why);
}

bool cell_store(const struct cell *cell, const struct missing_texts *missing,
                const struct cell_place *place, struct column *column, int64_t row,
                struct error *error)
{
    bool absent = cell_is_missing(cell, missing);
    enum number_kind kind;
    int64_t integer = 0;
    double real = NAN;

    if (column->form == FORM_TEXT) {
        column->code[row] = -1;
        return absent || dictionary_add(&column->dictionary, cell->text, cell->size,
                                        &column->code[row], error);
    }
    if (absent && column->form == FORM_INTEGER)
        return error_set(error, ERROR_INVALID, "%s: %s %lld, column '%s': the value is missing",
                         place->path, place_name(place), (long long)place->line, column->name);
    kind = absent ? NUMBER_REAL : number_parse(cell->text, cell->size, &integer, &real);
    if (kind != NUMBER_INTEGER && (kind != NUMBER_REAL || column->form == FORM_INTEGER))
        return not_a_number(column, cell, place, kind, error);
    if (column->form == FORM_INTEGER)
        column->integer[row] = integer;
    else
        column->real[row] = real;
    return true;
}
