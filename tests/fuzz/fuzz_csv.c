/*
 * Any bytes as a CSV file. Reading ends; every record has as many fields as the first and grows the
 * line; every field is valid as it is handed out; what was read, written and read again is the
 * same. The vectors of the fast way find the same fields as the plain loop, and what they take for
 * a number is the one that number_parse() reads.
 *
 * Input: the first byte chooses delimiter and skipped lines, the rest is the file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/number.h"
#include "worker/engine/dataset/source/csv_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void use_field(const struct csv_field *field)
{
    int64_t integer = 0;
    double real = 0;
    enum number_kind kind = number_parse(field->text, field->size, &integer, &real);

    must(field->size <= CSV_FIELD_LIMIT);
    must(!memchr(field->text, '\0', field->size));
    must(kind != NUMBER_INTEGER || real == (double)integer);
}

/* A record that is written with commas reads back as it was. Another field stands before it, as a
 * field of three bytes may be a byte order mark where it begins a file. */
static void check_round_trip(const struct csv_record *record)
{
    scoped(buffer_release) struct buffer out = {0};
    scoped(csv_free) struct csv_reader *reader = NULL;
    const struct csv_record *again;
    struct error error;

    must(csv_write_field(&out, "first", true, &error));
    for (int64_t i = 0; i < record->n_fields; i++) {
        scoped(memory_free) char *text = strndup(record->field[i].text, record->field[i].size);

        must(text && csv_write_field(&out, text, false, &error));
    }
    must(csv_open_memory(out.data, out.size, "written", ',', 0, &reader, &error));
    must(csv_next(reader, &again, &error) && again && again->n_fields == record->n_fields + 1);
    for (int64_t i = 0; i < record->n_fields; i++)
        must(again->field[i + 1].size == record->field[i].size &&
             memcmp(again->field[i + 1].text, record->field[i].text, record->field[i].size) == 0);
}

/* Of n fields that follow one another as if they were a column. */
static void check_numbers(const struct number_column *column, int64_t n)
{
    double real[NUMBER_COLUMN_MAX], plain[NUMBER_COLUMN_MAX];
    uint64_t odd = number_read_reals(column, n, real);
    uint64_t odd_plain = number_read_reals_plain(column, n, plain);

    for (int64_t k = 0; k < n; k++) {
        const uint32_t *separator = column->separator + k * column->stride;
        uint32_t from = separator[0] + 1;
        int64_t integer = 0;
        double wanted = 0;
        enum number_kind kind =
            number_parse(column->text + from, separator[1] - from, &integer, &wanted);

        must((odd >> k & 1) || kind == NUMBER_INTEGER || kind == NUMBER_REAL);
        must((odd_plain >> k & 1) || kind == NUMBER_INTEGER || kind == NUMBER_REAL);
        must((odd >> k & 1) || memcmp(&real[k], &wanted, sizeof(wanted)) == 0);
        must((odd_plain >> k & 1) || memcmp(&plain[k], &wanted, sizeof(wanted)) == 0);
    }
}

static void check_fast_way(const uint8_t *data, size_t size, char delimiter)
{
    char *text = calloc(size + CSV_FIELDS_PADDING, 1);
    struct csv_fields fields = {0}, plain = {0};
    struct csv_census census, census_plain;

    must(text != NULL);
    memcpy(text, data, size);
    census = csv_fields_count(text, size);
    census_plain = csv_fields_count_plain(text, size);
    must(census.n_newlines == census_plain.n_newlines && census.returns == census_plain.returns &&
         census.others == census_plain.others);
    must(csv_fields_find(&fields, text, size, delimiter) &&
         csv_fields_find_plain(&plain, text, size, delimiter));
    must(fields.n_fields == plain.n_fields && fields.n_lines == plain.n_lines);
    must(memcmp(fields.separator, plain.separator,
                (size_t)(plain.n_fields + 1) * sizeof(*plain.separator)) == 0);
    must(memcmp(fields.line, plain.line, (size_t)(plain.n_lines + 1) * sizeof(*plain.line)) == 0);
    for (int64_t i = 0; i < fields.n_fields; i += NUMBER_COLUMN_MAX) {
        const struct number_column column = {text, fields.separator + i, 1};
        int64_t n = fields.n_fields - i;

        check_numbers(&column, n < NUMBER_COLUMN_MAX ? n : NUMBER_COLUMN_MAX);
    }
    csv_fields_release(&fields);
    csv_fields_release(&plain);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = ",;\t |";
    scoped(csv_free) struct csv_reader *reader = NULL;
    const struct csv_record *record;
    struct error error;
    int64_t line = 0, width = 0;

    if (size > 0)
        check_fast_way(data + 1, size - 1, delimiters[data[0] % 5]);
    if (size == 0 || !csv_open_memory(data + 1, size - 1, "x", delimiters[data[0] % 5],
                                      data[0] / 5 % 3, &reader, &error))
        return 0;
    while (csv_next(reader, &record, &error) && record) {
        must(record->line > line && record->n_fields > 0);
        must(width == 0 || record->n_fields == width);
        line = record->line;
        width = record->n_fields;
        for (int64_t i = 0; i < width; i++)
            use_field(&record->field[i]);
        if (record->n_fields < 64)
            check_round_trip(record);
    }
    return 0;
}
