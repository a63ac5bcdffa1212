#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/number.h"

static const char *keep(char *text, size_t size, const char *message)
{
    (void)snprintf(text, size, "%s", message);
    return text;
}

/* All records as "a|b|c\n"; errors as their message. */
static const char *read_bytes(const void *data, size_t size, char delimiter, int64_t skip)
{
    static char text[1 << 16];
    scoped(csv_free) struct csv_reader *reader = NULL;
    const struct csv_record *record;
    struct error error = {0};
    size_t n = 0;

    if (!csv_open_memory(data, size, "x.csv", delimiter, skip, &reader, &error))
        return keep(text, sizeof(text), error.message);
    for (;;) {
        if (!csv_next(reader, &record, &error))
            return keep(text, sizeof(text), error.message);
        if (!record)
            break;
        for (int64_t i = 0; i < record->n_fields; i++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", i ? "|" : "",
                                  (int)record->field[i].size, record->field[i].text);
        n += (size_t)snprintf(text + n, sizeof(text) - n, "\n");
    }
    text[n] = '\0';
    return text;
}

#define READ(text) read_bytes(text, sizeof(text) - 1, ',', 0)

static void plain_records_are_read(void **state)
{
    (void)state;
    assert_string_equal(READ("a,b\n1,2\n"), "a|b\n1|2\n");
    assert_string_equal(READ("a,b\n1,2"), "a|b\n1|2\n");
    assert_string_equal(READ("a,b\r\n1,2\r\n"), "a|b\n1|2\n");
    assert_string_equal(READ("a,b\r1,2\r"), "a|b\n1|2\n");
    assert_string_equal(READ(",\n1,\n"), "|\n1|\n");
    assert_string_equal(READ("a\n\n\r\n  \nb\n"), "a\nb\n");
}

static void quotes_follow_rfc_4180(void **state)
{
    (void)state;
    assert_string_equal(READ("\"a,b\",\"c\"\"d\"\n"), "a,b|c\"d\n");
    assert_string_equal(READ("\"two\nlines\",x\r\n1,2\n"), "two\nlines|x\n1|2\n");
    assert_string_equal(READ("\"\",\"\"\"\"\n"), "|\"\n");
    assert_string_equal(READ("  \" kept \"  , dropped \n"), " kept |dropped\n");
    assert_string_equal(READ("\"\"\n"), "\n");
}

static void byte_order_mark_is_passed_over(void **state)
{
    (void)state;
    assert_string_equal(READ("\xef\xbb\xbf"
                             "a,b\n"),
                        "a|b\n");
    assert_string_equal(READ("\xef\xbb\xbf\"a\",b\n"), "a|b\n");
    assert_non_null(strstr(READ("\xff\xfe"
                                "a\0,\0b\0"),
                           "UTF-16"));
}

static void other_delimiters_and_skipped_lines_work(void **state)
{
    const char tabs[] = "# note, with \" quote\na\tb c\n1\t\"x\"\n";

    (void)state;
    assert_string_equal(read_bytes(tabs, sizeof(tabs) - 1, '\t', 1), "a|b c\n1|x\n");
    assert_string_equal(read_bytes("1  2\n", 5, ' ', 0), "1||2\n");
    assert_string_equal(read_bytes("1;2\n", 4, ';', 0), "1|2\n");
}

static void torture_is_refused_with_line_and_column(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        const char *message;
    } bad[] = {
#define BAD(text, message) {text, sizeof(text) - 1, message}
        BAD("", "x.csv: is empty"),
        BAD("\xef\xbb\xbf", "x.csv: is empty"),
        BAD("a,b\n1\n", "x.csv: line 2: 1 fields where the first record has 2"),
        BAD("a,b\n1,2,3\n", "x.csv: line 2: 3 fields where the first record has 2"),
        BAD("a,b\n\"x\ny\",2\n1\n", "x.csv: line 4: 1 fields where the first record has 2"),
        BAD("a,b\n1,\"x\n2,3\n", "x.csv: line 2, column 2: a quote that is never closed"),
        BAD("a,\"", "x.csv: line 1, column 2: a quote that is never closed"),
        BAD("a\n\"x\"y\n", "x.csv: line 2, column 1: text behind a closing quote"),
        BAD("a,b\n1,5\" pipe\n", "x.csv: line 2, column 2: a quote inside an unquoted field"),
        BAD("a,b\n1,\0\n", "x.csv: line 2, column 2: a NUL byte"),
        BAD("a,b\n\xff,1\n", "x.csv: line 2, column 1: invalid UTF-8 (byte 0xff)"),
        BAD("a,b\n1,\xc0\xaf\n", "x.csv: line 2, column 2: invalid UTF-8 (byte 0xc0)"),
        BAD("a,b\n1,\xed\xa0\x80\n", "x.csv: line 2, column 2: invalid UTF-8 (byte 0xed)"),
        BAD("a,b\n1,\xe2\x82\n", "x.csv: line 2, column 2: invalid UTF-8 (byte 0xe2)"),
#undef BAD
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(read_bytes(bad[i].text, bad[i].size, ',', 0), bad[i].message);
    assert_string_equal(READ("\xc3\xa9,\xe2\x82\xac,\xf0\x9f\xa6\x89\n"),
                        "\xc3\xa9|\xe2\x82\xac|\xf0\x9f\xa6\x89\n");
}

static void field_over_a_mebibyte_is_refused(void **state)
{
    size_t size = CSV_FIELD_LIMIT + 10;
    scoped(memory_free) char *text = malloc(size + 4);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', size + 4);
    text[0] = 'a';
    text[1] = '\n';
    text[size] = '\n';
    assert_string_equal(read_bytes(text, size + 1, ',', 0),
                        "x.csv: line 2, column 1: a field of over 1024 KiB");
    text[2] = '"';
    text[size - 1] = '"';
    assert_string_equal(read_bytes(text, size + 1, ',', 0),
                        "x.csv: line 2, column 1: a field of over 1024 KiB");
}

/* The window is refilled in the middle of records, quotes and line ends. */
static void records_are_whole_wherever_the_window_ends(void **state)
{
    enum { RECORDS = 60000 };
    scoped(buffer_release) struct buffer text = {0};
    scoped(csv_free) struct csv_reader *reader = NULL;
    const struct csv_record *record;
    struct error error;

    (void)state;
    for (int i = 0; i < RECORDS; i++)
        assert_true(buffer_append_format(&text, &error, "%d,\"q\"\"%d\r\n\",%*d\r\n", i, i,
                                         i % 17 + 1, i % 10));
    assert_true(csv_open_memory(text.data, text.size, "x", ',', 0, &reader, &error));
    for (int i = 0; i < RECORDS; i++) {
        char quoted[32];
        int n = snprintf(quoted, sizeof(quoted), "q\"%d\r\n", i);

        assert_true(csv_next(reader, &record, &error));
        assert_non_null(record);
        assert_int_equal(record->n_fields, 3);
        assert_int_equal(strtol(record->field[0].text, NULL, 10), i);
        assert_int_equal(record->field[1].size, n);
        assert_memory_equal(record->field[1].text, quoted, (size_t)n);
        assert_int_equal(record->field[2].size, 1);
        assert_int_equal(record->line, 2 * i + 1);
    }
    assert_true(csv_next(reader, &record, &error));
    assert_null(record);
}

static void write_gzip(const char *path, const char *text, size_t cut)
{
    gzFile file = gzopen(path, "wb");

    assert_non_null(file);
    assert_true(gzwrite(file, text, (unsigned)strlen(text)) > 0);
    assert_int_equal(gzclose(file), Z_OK);
    if (cut > 0) {
        FILE *whole = fopen(path, "rb");

        assert_non_null(whole);
        assert_int_equal(fseek(whole, 0, SEEK_END), 0);
        assert_int_equal(truncate(path, ftell(whole) - (long)cut), 0);
        (void)fclose(whole);
    }
}

static const char *read_file(const char *path)
{
    static char text[2048];
    scoped(csv_free) struct csv_reader *reader = NULL;
    const struct csv_record *record;
    struct error error = {0};
    int n = 0;

    if (!csv_open(path, ',', 0, &reader, &error))
        return keep(text, sizeof(text), error.message);
    do {
        if (!csv_next(reader, &record, &error))
            return keep(text, sizeof(text), error.message);
        n += record != NULL;
    } while (record);
    (void)snprintf(text, sizeof(text), "%d records", n);
    return text;
}

static void gzip_is_read_and_damage_is_told(void **state)
{
    char folder[] = "/tmp/nightjar-csv-XXXXXX", path[64];
    FILE *plain;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/x.csv.gz", folder);
    write_gzip(path, "a,b\n1,2\n3,4\n", 0);
    assert_string_equal(read_file(path), "3 records");
    write_gzip(path, "a,b\n1,2\n3,4\n", 9);
    assert_non_null(strstr(read_file(path), "truncated"));
    write_gzip(path, "a,b\n1,2\n3,4\n", 3);
    assert_non_null(strstr(read_file(path), "truncated"));
    plain = fopen(path, "wb");
    assert_non_null(plain);
    (void)fputs("a,b\n1,2\n", plain);
    (void)fclose(plain);
    assert_non_null(strstr(read_file(path), "is not a gzip file"));
    assert_int_equal(unlink(path), 0);
    assert_non_null(strstr(read_file(path), "No such file"));
    assert_non_null(strstr(read_file(folder), "is a folder"));
    assert_int_equal(rmdir(folder), 0);
}

static void written_fields_read_back(void **state)
{
    static const char *const field[] = {"a",  "b,c",      "d\"e", "two\nlines", " blank",
                                        "x ", "\xc3\xa9", "\"",   "cr\rx",      "1"};
    scoped(buffer_release) struct buffer out = {0};
    scoped(csv_free) struct csv_reader *reader = NULL;
    const struct csv_record *record;
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
        assert_true(csv_write_field(&out, field[i], i == 0, &error));
    assert_true(csv_open_memory(out.data, out.size, "x", ',', 0, &reader, &error));
    assert_true(csv_next(reader, &record, &error));
    assert_int_equal(record->n_fields, sizeof(field) / sizeof(field[0]));
    for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
        assert_int_equal(record->field[i].size, strlen(field[i]));
        assert_memory_equal(record->field[i].text, field[i], strlen(field[i]));
    }
}

/* ---- numbers ----------------------------------------------------------------------------------*/

static enum number_kind parse(const char *text, int64_t *integer, double *real)
{
    return number_parse(text, strlen(text), integer, real);
}

static void numbers_are_told_from_texts(void **state)
{
    static const struct {
        const char *text;
        enum number_kind kind;
    } expected[] = {
        {"0", NUMBER_INTEGER},
        {"-17", NUMBER_INTEGER},
        {"9223372036854775807", NUMBER_INTEGER},
        {"-9223372036854775808", NUMBER_INTEGER},
        {"9223372036854775808", NUMBER_REAL},
        {"007", NUMBER_REAL},
        {"+1", NUMBER_REAL},
        {"-0", NUMBER_REAL},
        {"1.5", NUMBER_REAL},
        {".5", NUMBER_REAL},
        {"5.", NUMBER_REAL},
        {"1e5", NUMBER_REAL},
        {"1E-400", NUMBER_REAL},
        {"1e309", NUMBER_OVERFLOW},
        {"-1e999999999999", NUMBER_OVERFLOW},
        {"nan", NUMBER_SPECIAL},
        {"-Inf", NUMBER_SPECIAL},
        {"Infinity", NUMBER_SPECIAL},
        {"", NUMBER_NONE},
        {".", NUMBER_NONE},
        {"-", NUMBER_NONE},
        {"1e", NUMBER_NONE},
        {"1e+", NUMBER_NONE},
        {"1.2.3", NUMBER_NONE},
        {"0x10", NUMBER_NONE},
        {"1 2", NUMBER_NONE},
        {"1,5", NUMBER_NONE},
        {"abc", NUMBER_NONE},
        {"infinite", NUMBER_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        int64_t integer = 0;
        double real = 0;

        if (parse(expected[i].text, &integer, &real) != expected[i].kind)
            fail_msg("'%s' is not of kind %d", expected[i].text, (int)expected[i].kind);
    }
}

/* Every value must be the double that strtod makes of the same text. */
static void numbers_are_exact(void **state)
{
    uint64_t word = 88172645463325252U;
    int64_t integer;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        double real = 0, value;

        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        if (i % 3 == 0)
            (void)snprintf(text, sizeof(text), "%.*f", (int)(word % 9),
                           (double)(int64_t)word / 1e13);
        else if (i % 3 == 1)
            (void)snprintf(text, sizeof(text), "%.*e", (int)(word % 20),
                           (double)(word >> 11) * 1e-300 * 1e290);
        else
            (void)snprintf(text, sizeof(text), "%lld.%llu", (long long)(word % 100000),
                           (unsigned long long)(word >> 40));
        value = strtod(text, NULL);
        assert_true(parse(text, &integer, &real) != NUMBER_NONE);
        if (real != value || signbit(real) != signbit(value))
            fail_msg("%s: %.17g is not %.17g", text, real, value);
    }
    assert_int_equal(parse("-9223372036854775808", &integer, &(double){0}), NUMBER_INTEGER);
    assert_true(integer == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_records_are_read),
        cmocka_unit_test(quotes_follow_rfc_4180),
        cmocka_unit_test(byte_order_mark_is_passed_over),
        cmocka_unit_test(other_delimiters_and_skipped_lines_work),
        cmocka_unit_test(torture_is_refused_with_line_and_column),
        cmocka_unit_test(field_over_a_mebibyte_is_refused),
        cmocka_unit_test(records_are_whole_wherever_the_window_ends),
        cmocka_unit_test(gzip_is_read_and_damage_is_told),
        cmocka_unit_test(written_fields_read_back),
        cmocka_unit_test(numbers_are_told_from_texts),
        cmocka_unit_test(numbers_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
