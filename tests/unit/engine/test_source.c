#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>
#include <zlib.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "worker/engine/dataset/source/date.h"
#include "worker/engine/dataset/source/name_pattern.h"
#include "worker/engine/dataset/source/source.h"

static char folder[] = "/tmp/nightjar-source-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[64];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command); /* NOLINT(cert-env33-c) */
}

/* A file below the folder; its path is valid until the next call. */
static const char *put_bytes(const char *name, const void *data, size_t size)
{
    static char path[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static const char *put(const char *name, const char *text)
{
    return put_bytes(name, text, strlen(text));
}

/* Kind and settings as data.format has them; NULL: recognised. */
static bool open_as(const char *path, const char *format, int threads, struct source **ret,
                    struct error *error)
{
    static const struct setting table[] = {
        SETTING_KIND(struct source_request, kind, &source_registry, NULL, 0, ""), {0}};
    scoped(json_free) cJSON *json = NULL;
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct source_request request = {.path = path, .threads = threads};
    scoped(buffer_release) struct buffer text = {0};
    bool good;

    if (format) {
        assert_true(buffer_append_format(&text, error, "{\"kind\":%s}", format));
        assert_true(json_parse(text.data, text.size, &json, error));
        if (!settings_parse(table, json, "data", &request, &diagnostics))
            fail_msg("%s: %s", diagnostics.item[0].path, diagnostics.item[0].message);
    }
    good = source_open(&request, ret, error) && source_profile(*ret, error);
    /* the kind's config is borrowed: what needs it is done before it goes */
    if (good && format) {
        (*ret)->own_config = take(&request.kind.config);
        (*ret)->config = (*ret)->own_config;
    } else if (format) {
        source_free(ret);
        settings_release(table, &request);
    }
    return good;
}

struct loaded {
    struct source *source;
    struct table table;
    int64_t *length;
};

static void loaded_release(struct loaded *loaded)
{
    source_free(&loaded->source);
    table_release(&loaded->table);
    free(loaded->length);
}

static enum column_form form_of(const struct column_profile *column)
{
    return column->type == COLUMN_TEXT      ? FORM_TEXT
           : column->type == COLUMN_INTEGER ? FORM_INTEGER
                                            : FORM_REAL;
}

static bool load_as(const char *path, const char *format, struct loaded *loaded,
                    struct error *error)
{
    scoped(memory_free) enum column_form *form = NULL;

    if (!open_as(path, format, 1, &loaded->source, error))
        return false;
    form = calloc((size_t)loaded->source->profile.n_columns, sizeof(*form));
    assert_non_null(form);
    for (int64_t i = 0; i < loaded->source->profile.n_columns; i++) {
        const struct column_profile *column = &loaded->source->profile.column[i];

        form[i] =
            column->n_missing > 0 && column->type == COLUMN_INTEGER ? FORM_REAL : form_of(column);
    }
    return source_load(loaded->source, form, &loaded->table, &loaded->length, error);
}

static struct loaded load(const char *path, const char *format)
{
    struct loaded loaded = {0};
    struct error error = {0};

    if (!load_as(path, format, &loaded, &error))
        fail_msg("%s", error.message);
    return loaded;
}

static const char *name_of(const struct loaded *loaded, int64_t column)
{
    return loaded->table.column[column].name;
}

static const char *text_at(const struct loaded *loaded, int64_t column, int64_t row)
{
    const struct column *from = &loaded->table.column[column];

    return from->code[row] < 0 ? NULL : from->dictionary.text[from->code[row]];
}

struct bad_file {
    const char *text, *message;
};

static void refuse(const char *name, const struct bad_file *bad, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        scoped(loaded_release) struct loaded loaded = {0};
        struct error error = {0};
        const char *path = put(name, bad[i].text);

        if (load_as(path, NULL, &loaded, &error))
            fail_msg("was read: %s", bad[i].text);
        if (!strstr(error.message, bad[i].message) || !strstr(error.message, path))
            fail_msg("'%s' is not in '%s'", bad[i].message, error.message);
        if (strchr(error.message, '\n'))
            fail_msg("more than a line: '%s'", error.message);
    }
}

/* ---- the registry -----------------------------------------------------------------------------*/

static void registry_lists_every_format_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; source_registry.kind[i]; i++) {
        const struct source_kind *kind = (const struct source_kind *)source_registry.kind[i];

        assert_true(i == 0 || strcmp(source_registry.kind[i - 1]->name, kind->kind.name) < 0);
        assert_true(kind->profile && kind->read && kind->recognise && kind->row_name);
        assert_true(kind->kind.help[strlen(kind->kind.help) - 1] == '.');
    }
}

/* ---- .ts --------------------------------------------------------------------------------------*/

#define TS_HEADER                                                                     \
    "#comment\n@problemName x\n@timeStamps false\n@missing true\n@univariate false\n" \
    "@dimensions 2\n@equalLength false\n@classLabel true a b\n@data\n"

static void ts_samples_are_series(void **state)
{
    scoped(loaded_release) struct loaded loaded =
        load(put("x.ts", TS_HEADER "1,2,3:4,5,?:a\n\n6,7:8,9.5:b\r\n"), NULL);
    const struct table_profile *profile = &loaded.source->profile;

    (void)state;
    assert_int_equal(profile->n_series, 2);
    assert_int_equal(profile->n_rows, 5);
    assert_int_equal(loaded.length[0], 3);
    assert_int_equal(loaded.length[1], 2);
    assert_string_equal(name_of(&loaded, 2), "dim2");
    assert_string_equal(name_of(&loaded, 3), "label");
    assert_true(profile->column[3].of_series && !profile->column[2].of_series);
    assert_int_equal(loaded.table.column[1].integer[4], 7);
    assert_true(isnan(loaded.table.column[2].real[2]) && loaded.table.column[2].real[4] == 9.5);
    assert_string_equal(text_at(&loaded, 3, 0), "a");
    assert_string_equal(text_at(&loaded, 3, 4), "b");
    assert_int_equal(profile->column[2].n_missing, 1);
    assert_int_equal(loaded.table.column[0].integer[2], 0);
    assert_int_equal(loaded.table.column[0].integer[3], 1);
}

static void ts_with_stamps_and_a_target(void **state)
{
    scoped(loaded_release) struct loaded loaded =
        load(put("x.ts", "@timeStamps true\n@targetLabel true\n@data\n(0,1.5),(3,2):7.25\n"), NULL);

    (void)state;
    assert_string_equal(name_of(&loaded, 1), "time");
    assert_int_equal(loaded.table.column[1].integer[1], 3);
    assert_true(loaded.table.column[2].real[0] == 1.5);
    assert_true(loaded.table.column[3].real[1] == 7.25);
}

static void bad_ts_is_told_with_its_line(void **state)
{
    static const struct bad_file bad[] = {
        {"@problemName x\n1,2:a\n", "line 2: expected a keyword"},
        {"@classLabel maybe a\n@data\n1:a\n", "line 1: 'maybe' is neither true nor false"},
        {TS_HEADER "1,2:3,4:c\n", "line 10: the class 'c' is not among"},
        {TS_HEADER "1,2:3:a\n", "line 10: dimension 2 has 1 values where dimension 1 has 2"},
        {TS_HEADER "1,2:a\n", "line 10: 1 dimensions where the header has 2"},
        {TS_HEADER "1,2:3,4\n", "line 10: 1 dimensions where"},
        {TS_HEADER "1,x:3,4:a\n", "line 10, column 'dim1': 'x' is not a number"},
        {TS_HEADER "1,1e999:3,4:a\n", "line 10, column 'dim1': '1e999' is beyond the range"},
        {TS_HEADER, "has no samples"},
        {"@problemName x\n", "has no line @data"},
        {"@equalLength true\n@classLabel false\n@data\n1,2\n1,2,3\n", "line 5: 3 values where"},
        {"@timeStamps true\n@classLabel false\n@data\n(1,2),3\n",
         "line 4: byte 7: expected (time,value)"},
        {"@classLabel true a a\n@data\n1:a\n", "line 1: the class 'a' is named twice"},
        {"@dimensions 0\n@data\n1:a\n", "line 1: '0' is no number from 1"},
        {"@data\n1,2\xff\n", "line 2, byte 4: invalid UTF-8"},
    };

    (void)state;
    refuse("x.ts", bad, sizeof(bad) / sizeof(bad[0]));
}

static void nul_in_a_line_is_told_with_its_place(void **state)
{
    static const char text[] = "@data\n1,\0002\n";
    struct source *source = NULL;
    struct error error;

    (void)state;
    assert_false(open_as(put_bytes("x.ts", text, sizeof(text) - 1), NULL, 1, &source, &error));
    assert_non_null(strstr(error.message, "line 2, byte 3: a NUL byte"));
    source_free(&source);
}

static void truncated_gzip_is_noticed(void **state)
{
    scoped(buffer_release) struct buffer text = {0};
    static unsigned char packed[1 << 20];
    struct source *source = NULL;
    struct error error;
    char path[64];
    gzFile file;
    FILE *raw;
    size_t size;

    (void)state;
    assert_true(buffer_append_text(&text, "@classLabel false\n@data\n", &error));
    for (int i = 0; i < 20000; i++)
        assert_true(buffer_append_format(&text, &error, "%d,%d\n", i * 7919 % 10007, i));
    (void)snprintf(path, sizeof(path), "%s/x.ts.gz", folder);
    file = gzopen(path, "wb");
    assert_int_equal(gzwrite(file, text.data, (unsigned)text.size), text.size);
    assert_int_equal(gzclose(file), Z_OK);
    assert_true(open_as(path, NULL, 1, &source, &error));
    assert_int_equal(source->profile.n_series, 20000);
    source_free(&source);
    raw = fopen(path, "rb");
    size = fread(packed, 1, sizeof(packed), raw);
    assert_int_equal(fclose(raw), 0);
    assert_false(open_as(put_bytes("x.ts.gz", packed, size / 2), NULL, 1, &source, &error));
    assert_non_null(strstr(error.message, "the gzip file is truncated"));
    source_free(&source);
}

/* ---- ARFF -------------------------------------------------------------------------------------*/

#define ARFF_HEADER                                                            \
    "% comment\n@RELATION r\n@attribute 'a b' numeric\n@ATTRIBUTE when date\n" \
    "@attribute kind {x,'y z'}\n@attribute note string\n@DATA\n"

static void arff_rows_are_typed(void **state)
{
    scoped(loaded_release) struct loaded loaded =
        load(put("x.arff", ARFF_HEADER "1.5,1970-01-02,'y z',\"it's\"\n?, \"1970-01-01T00:00:01\" "
                                       ",x, ?\n{0 3, 2 'y z'}\n"),
             NULL);

    (void)state;
    assert_int_equal(loaded.table.n_rows, 3);
    assert_string_equal(name_of(&loaded, 0), "a b");
    assert_true(loaded.table.column[0].real[0] == 1.5 && isnan(loaded.table.column[0].real[1]) &&
                loaded.table.column[0].real[2] == 3);
    assert_true(loaded.table.column[1].real[0] == 86400 && loaded.table.column[1].real[1] == 1);
    assert_string_equal(text_at(&loaded, 2, 0), "y z");
    assert_string_equal(text_at(&loaded, 2, 1), "x");
    assert_string_equal(text_at(&loaded, 2, 2), "y z");
    assert_string_equal(text_at(&loaded, 3, 0), "it's");
    assert_null(text_at(&loaded, 3, 1));
}

static void nominal_numbers_are_names(void **state)
{
    scoped(loaded_release) struct loaded loaded =
        load(put("x.arff", "@attribute a {0,1}\n@data\n1\n0\n"), NULL);

    (void)state;
    assert_int_equal(loaded.source->profile.column[0].type, COLUMN_TEXT);
}

static void bad_arff_is_told_with_its_place(void **state)
{
    static const struct bad_file bad[] = {
        {ARFF_HEADER "1,1970-01-02,q,n\n", "line 8, column 'kind': 'q' is not among"},
        {ARFF_HEADER "z,1970-01-02,x,n\n", "line 8, column 'a b': 'z' is not a number"},
        {ARFF_HEADER "1,1970-02-30,x,n\n", "line 8, column 'when': '1970-02-30' is a date that"},
        {ARFF_HEADER "1,yesterday,x,n\n", "line 8, column 'when': 'yesterday' is not a date"},
        {ARFF_HEADER "1,1970-01-02,x\n", "line 8: 3 values where there are 4 attributes"},
        {ARFF_HEADER "1,1970-01-02,x,'n\n", "line 8, byte 16: a quote that is never closed"},
        {ARFF_HEADER "1,1970-01-02,x,'n'm\n", "line 8, byte 19: text behind a closing quote"},
        {ARFF_HEADER "{9 1}\n", "line 8, byte 2: expected a position from 0 to 3"},
        {ARFF_HEADER "{1 1970-01-01, 0 1}\n", "expected a position from 2 to 3"},
        {ARFF_HEADER, "has a header and no rows"},
        {"@attribute a numeric\n@attribute a numeric\n@data\n1,2\n",
         "attributes 1 and 2 are both called 'a'"},
        {"@attribute a relational\n@data\n", "line 1, byte 24: 'relational' is no type"},
        {"@data\n1\n", "has no attributes"},
        {"1\n", "line 1, byte 2: expected @attribute or @data"},
    };

    (void)state;
    refuse("x.arff", bad, sizeof(bad) / sizeof(bad[0]));
}

static void dates_are_those_of_the_calendar(void **state)
{
    static const struct {
        const char *text;
        enum date_kind kind;
        double seconds;
    } expected[] = {
        {"1970-01-01", DATE_GOOD, 0},
        {"2000-02-29T12:00:00Z", DATE_GOOD, 951825600},
        {"2021-05-17 23:59:01.5", DATE_GOOD, 1621295941.5},
        {"2021-05-17T23:59+02:00", DATE_GOOD, 1621288740},
        {"1600-03-01", DATE_GOOD, -11670912000},
        {"1900-02-29", DATE_ABSURD, 0},
        {"2021-13-01", DATE_ABSURD, 0},
        {"2021-01-01T25:00", DATE_ABSURD, 0},
        {"0000-01-01", DATE_ABSURD, 0},
        {"2021-5-17", DATE_NONE, 0},
        {"2021-05-17x", DATE_NONE, 0},
        {"", DATE_NONE, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        double seconds = 0;

        assert_int_equal(date_parse(expected[i].text, strlen(expected[i].text), &seconds),
                         expected[i].kind);
        assert_true(seconds == expected[i].seconds);
    }
}

/* ---- arrays -----------------------------------------------------------------------------------*/

/* An .npy file in `out`. */
static void npy(struct buffer *out, const char *type, const char *shape, const void *data,
                size_t size)
{
    char header[128];
    struct error error;
    int n = snprintf(header, sizeof(header),
                     "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", type, shape);
    const char head[] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)n, (char)(n >> 8)};

    buffer_clear(out);
    assert_true(buffer_append(out, head, sizeof(head), &error) &&
                buffer_append(out, header, (size_t)n, &error) &&
                buffer_append(out, data, size, &error));
}

static void npy_numbers_of_every_kind(void **state)
{
    static const struct {
        const char *type;
        const char *bytes; /* of two values: 1 and -2, or 1 and 2 where unsigned */
        size_t size;
        double second;
    } expected[] = {
        {"<f8", "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0", 16, -2},
        {"<f4", "\0\0\x80\x3f\0\0\0\xc0", 8, -2},
        {"<f2", "\0\x3c\0\xc0", 4, -2},
        {">f4", "\x3f\x80\0\0\xc0\0\0\0", 8, -2},
        {"<i8", "\1\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", 16, -2},
        {">i2", "\0\1\xff\xfe", 4, -2},
        {"|i1", "\1\xfe", 2, -2},
        {"|u1", "\1\2", 2, 2},
        {"|b1", "\1\0", 2, 0},
    };
    scoped(buffer_release) struct buffer file = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        scoped(loaded_release) struct loaded loaded = {0};
        const struct column *column;

        npy(&file, expected[i].type, "(2,)", expected[i].bytes, expected[i].size);
        loaded = load(put_bytes("x.npy", file.data, file.size), NULL);
        column = &loaded.table.column[0];
        assert_string_equal(column->name, "c1");
        assert_true((column->real ? column->real[0] : (double)column->integer[0]) == 1);
        assert_true((column->real ? column->real[1] : (double)column->integer[1]) ==
                    expected[i].second);
    }
}

static void three_dimensions_are_series(void **state)
{
    const double value[2][3][2] = {{{1, 2}, {3, 4}, {5, 6}}, {{7, 8}, {9, NAN}, {11, 12}}};
    scoped(buffer_release) struct buffer file = {0};
    scoped(loaded_release) struct loaded loaded = {0};

    (void)state;
    npy(&file, "<f8", "(2, 3, 2)", value, sizeof(value));
    loaded = load(put_bytes("x.npy", file.data, file.size), NULL);
    assert_int_equal(loaded.source->profile.n_series, 2);
    assert_int_equal(loaded.length[1], 3);
    assert_true(loaded.table.column[1].real[3] == 8 && isnan(loaded.table.column[1].real[4]));
    assert_int_equal(loaded.source->profile.column[1].missing_line, 4);
    assert_string_equal(name_of(&loaded, 2), "series");
    assert_int_equal(loaded.table.column[2].integer[3], 1);
}

static void bad_npy_is_told(void **state)
{
    static const struct {
        const char *type, *shape;
        size_t size;
        const char *message;
    } bad[] = {
        {"<f8", "(3,)", 16, "is truncated: its header promises 3 values of 8 bytes"},
        {"<c16", "(1,)", 16, "holds neither numbers"},
        {"<f8", "()", 8, "is a single value"},
        {"<f8", "(1, 1, 1, 1)", 8, "has more than three dimensions"},
        {"<f8", "(9223372036854775807, 9)", 8, "has a shape that is not understood"},
        {"<f8", "(0,)", 0, "has no values"},
        {"x", "(1,)", 8, "has a type that is not understood"},
    };
    static const char zeros[64];
    scoped(buffer_release) struct buffer file = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct source *source = NULL;
        struct error error;

        npy(&file, bad[i].type, bad[i].shape, zeros, bad[i].size);
        assert_false(open_as(put_bytes("x.npy", file.data, file.size), NULL, 1, &source, &error));
        if (!strstr(error.message, bad[i].message))
            fail_msg("'%s' is not in '%s'", bad[i].message, error.message);
        source_free(&source);
    }
}

static const char *make_hdf5(void)
{
    static char path[64];
    const double x[2][3] = {{1, 2, 3}, {4, 5, 6}};
    const int64_t id[] = {9007199254740993, -1};
    const char *const name[] = {"ann", "bob"};
    hsize_t shape[] = {2, 3}, many[] = {5};
    hid_t file, space, set, text = H5Tcopy(H5T_C_S1);

    (void)snprintf(path, sizeof(path), "%s/x.h5", folder);
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    space = H5Screate_simple(2, shape, NULL);
    set = H5Dcreate2(file, "x", H5T_IEEE_F32BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    space = H5Screate_simple(1, shape, NULL);
    set = H5Dcreate2(file, "id", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, id) >= 0);
    (void)H5Dclose(set);
    (void)H5Tset_size(text, H5T_VARIABLE);
    set = H5Dcreate2(file, "name", text, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, name) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    space = H5Screate_simple(1, many, NULL);
    set = H5Dcreate2(file, "other", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    (void)H5Tclose(text);
    assert_true(H5Fclose(file) >= 0);
    return path;
}

static void hdf5_datasets_are_columns(void **state)
{
    const char *path = make_hdf5();
    scoped(loaded_release) struct loaded loaded =
        load(path, "{\"type\":\"hdf5\",\"arrays\":[\"name\",\"id\",\"x\"]}");
    struct source *source = NULL;
    struct error error;

    (void)state;
    assert_int_equal(loaded.table.n_columns, 5);
    assert_string_equal(text_at(&loaded, 0, 1), "bob");
    assert_true(loaded.table.column[1].integer[0] == 9007199254740993);
    assert_string_equal(name_of(&loaded, 4), "x3");
    assert_true(loaded.table.column[4].real[1] == 6);
    assert_false(open_as(path, NULL, 1, &source, &error));
    assert_non_null(strstr(error.message, "'other' has 5 entries where 'id' has 2"));
    source_free(&source);
}

/* Any byte of the file wrong: an error or other values, never anything worse. */
static void damaged_hdf5_is_survived(void **state)
{
    const char *path = make_hdf5();
    static unsigned char whole[1 << 16];
    FILE *file = fopen(path, "rb");
    size_t size = fread(whole, 1, sizeof(whole), file);
    int failures = 0;

    (void)state;
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < size; i += 149) {
        scoped(loaded_release) struct loaded loaded = {0};
        struct error error;
        unsigned char was = whole[i];

        whole[i] ^= 0xff;
        failures +=
            !load_as(put_bytes("y.h5", whole, size),
                     "{\"type\":\"hdf5\",\"arrays\":[\"id\",\"name\",\"x\"]}", &loaded, &error);
        whole[i] = was;
    }
    assert_true(failures > 0);
    for (size_t i = 0; i < size; i += size / 17 + 1) {
        scoped(loaded_release) struct loaded loaded = {0};
        struct error error;

        assert_false(load_as(put_bytes("y.h5", whole, i), "{\"type\":\"hdf5\"}", &loaded, &error));
        assert_non_null(strstr(error.message, "y.h5"));
    }
}

static void what_is_no_hdf5_is_told(void **state)
{
    static const struct bad_file bad[] = {{"hello\n", "is not an HDF5 file"}};

    (void)state;
    refuse("z.h5", bad, 1);
}

/* ---- folders of text --------------------------------------------------------------------------*/

#define FOLDER_FORMAT                                                                     \
    "{\"type\":\"text_folder\",\"name\":\"{planet:2}_{draw}.txt\",\"labels\":\"params\"," \
    "\"lines\":\"columns\"}"

static void make_text_folder(void)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/noisy", folder);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof(path), "%s/params", folder);
    (void)mkdir(path, 0777);
    (void)put("noisy/02_1.txt", "# temp: 5\n# period: 1.5\n7\t8\t9\n10\t11\t12\n");
    (void)put("noisy/01_1.txt", "# temp: 4\n# period: 2.5\n1\t2\t3\n4\t5\t6\n");
    (void)put("noisy/01_2.txt", "# temp: 4\n# period: 2.5\n1\t2\t3\n4\t5\t6.5\n");
    (void)put("params/02_1.txt", "# sma: 3\n0.5\t0.25\n");
    (void)put("params/01_1.txt", "# sma: 4\n0.125\t1\n");
    (void)put("params/01_2.txt", "# sma: 4\n0.125\t1\n");
}

static void files_of_a_folder_are_series(void **state)
{
    static const char *const name[] = {"planet", "draw", "temp", "period", "c1",
                                       "c2",     "sma",  "y1",   "y2"};
    char path[64];
    scoped(loaded_release) struct loaded loaded = {0};

    (void)state;
    make_text_folder();
    (void)snprintf(path, sizeof(path), "%s/noisy", folder);
    loaded = load(path, FOLDER_FORMAT);
    assert_int_equal(loaded.table.n_columns, 9);
    for (int i = 0; i < 9; i++)
        assert_string_equal(name_of(&loaded, i), name[i]);
    assert_int_equal(loaded.source->profile.n_series, 3);
    assert_int_equal(loaded.table.n_rows, 9);
    assert_string_equal(text_at(&loaded, 0, 8), "02");
    assert_true(loaded.table.column[4].real[6] == 7);
    assert_true(loaded.source->profile.column[0].aside && loaded.source->profile.column[7].aside &&
                !loaded.source->profile.column[4].aside);
    assert_true(loaded.table.column[7].real[0] == 0.125 && loaded.table.column[8].real[6] == 0.25);
}

struct counting {
    pthread_mutex_t lock;
    double sum;
    int64_t rows, chunks;
};

static bool count_chunk(void *context, const struct source_chunk *chunk, struct error *error)
{
    struct counting *counting = context;

    (void)error;
    (void)pthread_mutex_lock(&counting->lock);
    for (int64_t i = 0; i < chunk->n_rows; i++)
        counting->sum += chunk->column[4].real[i] * (double)(chunk->first_row + i + 1);
    counting->rows += chunk->n_rows;
    counting->chunks++;
    (void)pthread_mutex_unlock(&counting->lock);
    return true;
}

static void threads_read_the_same_rows(void **state)
{
    const enum column_form form[9] = {[4] = FORM_REAL};
    char path[64], name[64];
    double sum[2];

    (void)state;
    make_text_folder();
    for (int i = 10; i < 60; i++) {
        (void)snprintf(name, sizeof(name), "params/%d_9.txt", i);
        (void)put(name, "# sma: 4\n0.125\t1\n");
        (void)snprintf(name, sizeof(name), "noisy/%d_9.txt", i);
        (void)put(name, "# temp: 4\n# period: 2.5\n1\t2\t3\n4\t5\t6\n");
    }
    (void)snprintf(path, sizeof(path), "%s/noisy", folder);
    for (int i = 0; i < 2; i++) {
        scoped(source_free) struct source *source = NULL;
        struct counting counting = {.lock = PTHREAD_MUTEX_INITIALIZER};
        const struct source_sink sink = {.context = &counting, .take = count_chunk};
        struct error error;

        assert_true(open_as(path, FOLDER_FORMAT, i ? 4 : 1, &source, &error));
        assert_true(source_read(source, form, &sink, &error));
        assert_int_equal(counting.rows, source->profile.n_rows);
        sum[i] = counting.sum;
    }
    assert_true(sum[0] == sum[1]);
}

static void bad_file_of_a_folder_is_named(void **state)
{
    static const struct {
        const char *name, *text, *message;
    } bad[] = {
        {"noisy/01_2.txt", "# temp: 4\n# period: 2\n1\t2\n4\t5\n", "01_2.txt: 2 steps where"},
        {"noisy/01_2.txt", "# temp: 4\n1\t2\t3\n4\t5\t6\n", "01_2.txt: 1 header lines and 2"},
        {"noisy/01_2.txt", "# temp: 4\n# p: 2\n1\t2\t3\n4\t5\t6\n", "01_2.txt: header 'p' where"},
        {"noisy/01_2.txt", "# temp: 4\n# period: 2\n1\t2\t3\n4\tx\t6\n",
         "01_2.txt: line 4, column 'c2': 'x' is not a number"},
        {"noisy/01_2.txt", "# temp: 4\n# period: 2\n1\t2\t3\n4\t5\n", "01_2.txt: line 4: 2 num"},
        {"noisy/01_2.txt", "# temp: 4\n", "01_2.txt: has no line of numbers"},
        {"params/01_2.txt", "# sma: 4\n0.125\n", "01_2.txt: 1 labels where 01_1.txt has 2"},
        {"noisy/03_1.txt", "# temp: 4\n# period: 2\n1\t2\t3\n4\t5\t6\n", "has no partner"},
        {"noisy/xyz.txt", "", "xyz.txt is not called as it says"},
    };
    char path[64], file[300];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/noisy", folder);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        scoped(loaded_release) struct loaded loaded = {0};
        struct error error;

        make_text_folder();
        (void)snprintf(file, sizeof(file), "%s", put(bad[i].name, bad[i].text));
        assert_false(load_as(path, FOLDER_FORMAT, &loaded, &error));
        if (!strstr(error.message, bad[i].message))
            fail_msg("'%s' is not in '%s'", bad[i].message, error.message);
        (void)unlink(file);
    }
}

static void names_carry_keys(void **state)
{
    scoped(name_pattern_release) struct name_pattern pattern = {0};
    struct name_pattern none;
    struct cell key[NAME_PATTERN_KEYS_MAX];
    struct error error;

    (void)state;
    assert_true(name_pattern_parse("a_{x:4}_{y}.txt", "name", &pattern, &error));
    assert_true(name_pattern_match(&pattern, "a_0001_b_c.txt", key));
    assert_memory_equal(key[0].text, "0001", 4);
    assert_int_equal(key[1].size, 3);
    assert_false(name_pattern_match(&pattern, "a_001_b.txt", key));
    assert_false(name_pattern_match(&pattern, "a_0001_.txt", key));
    assert_false(name_pattern_match(&pattern, "a_0001_b.txt.bak", key));
    assert_false(name_pattern_parse("plain.txt", "name", &none, &error));
    assert_false(name_pattern_parse("{x", "name", &none, &error));
    assert_false(name_pattern_parse("{x}_{x}.txt", "name", &none, &error));
    assert_false(name_pattern_parse("{x:0}.txt", "name", &none, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_lists_every_format_in_order),
        cmocka_unit_test(ts_samples_are_series),
        cmocka_unit_test(ts_with_stamps_and_a_target),
        cmocka_unit_test(bad_ts_is_told_with_its_line),
        cmocka_unit_test(nul_in_a_line_is_told_with_its_place),
        cmocka_unit_test(truncated_gzip_is_noticed),
        cmocka_unit_test(arff_rows_are_typed),
        cmocka_unit_test(nominal_numbers_are_names),
        cmocka_unit_test(bad_arff_is_told_with_its_place),
        cmocka_unit_test(dates_are_those_of_the_calendar),
        cmocka_unit_test(npy_numbers_of_every_kind),
        cmocka_unit_test(three_dimensions_are_series),
        cmocka_unit_test(bad_npy_is_told),
        cmocka_unit_test(hdf5_datasets_are_columns),
        cmocka_unit_test(damaged_hdf5_is_survived),
        cmocka_unit_test(what_is_no_hdf5_is_told),
        cmocka_unit_test(files_of_a_folder_are_series),
        cmocka_unit_test(threads_read_the_same_rows),
        cmocka_unit_test(bad_file_of_a_folder_is_named),
        cmocka_unit_test(names_carry_keys),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
