#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buffer.h"
#include "common/owner.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/roles.h"
#include "worker/engine/dataset/source/source.h"

static char folder[] = "/tmp/nightjar-table-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/t.csv", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool open_source(enum table_header header, struct source **ret, struct error *error)
{
    const struct source_request request = {.path = path, .format = {.header = header}};

    return source_open(&request, ret, error) && source_profile(*ret, error);
}

static struct source *source_of(const char *text, enum table_header header)
{
    struct source *source = NULL;
    struct error error;

    write_file(text);
    if (!open_source(header, &source, &error))
        fail_msg("%s", error.message);
    return source;
}

/* ---- types ------------------------------------------------------------------------------------*/

static void types_come_from_the_whole_column(void **state)
{
    scoped(source_free) struct source *source = NULL;
    const enum column_type expected[] = {COLUMN_INTEGER, COLUMN_REAL, COLUMN_TEXT, COLUMN_REAL,
                                         COLUMN_REAL,    COLUMN_TEXT, COLUMN_REAL};

    (void)state;
    source = source_of("i,r,t,z,e,n,m\n"
                       "1,1,1,007,1,nan2,\n"
                       "-5,2,2,5,1e3,inf,NA\n"
                       "?,2.5,x,6,2,nan,?\n",
                       TABLE_HEADER_AUTO);
    assert_int_equal(source->profile.n_rows, 3);
    assert_int_equal(source->profile.n_columns, 7);
    for (int i = 0; i < 7; i++)
        assert_int_equal(source->profile.column[i].type, expected[i]);
    assert_int_equal(source->profile.column[0].n_missing, 1);
    assert_int_equal(source->profile.column[0].missing_line, 4);
    assert_int_equal(source->profile.column[2].text_line, 4);
    assert_int_equal(source->profile.column[6].n_missing, 3);
    assert_int_equal(table_profile_find(&source->profile, "e"), 4);
    assert_int_equal(table_profile_find(&source->profile, "E"), -1);
}

static void header_is_found_or_said(void **state)
{
    static const struct {
        const char *text;
        enum table_header header;
        bool has_header;
        const char *first_name;
    } expected[] = {
        {"a,b\n1,2\n", TABLE_HEADER_AUTO, true, "a"},
        {"1,2\n3,4\n", TABLE_HEADER_AUTO, false, "c1"},
        {"a,a\nb,c\n", TABLE_HEADER_AUTO, false, "c1"},
        {"a,\n1,2\n", TABLE_HEADER_AUTO, false, "c1"},
        {"1,2\n3,4\n", TABLE_HEADER_YES, true, "1"},
        {"a,b\nc,d\n", TABLE_HEADER_NO, false, "c1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        scoped(source_free) struct source *source = NULL;

        source = source_of(expected[i].text, expected[i].header);
        assert_int_equal(source->profile.header, expected[i].has_header);
        assert_string_equal(source->profile.column[0].name, expected[i].first_name);
    }
}

static void tables_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *text, *message;
        enum table_header header;
    } bad[] = {
        {"a,b\n", "has a header and no rows", TABLE_HEADER_AUTO},
        {"\n\n", "has no records", TABLE_HEADER_AUTO},
        {"a,b,a\n1,2,3\n", "columns 1 and 3 are both called 'a'", TABLE_HEADER_YES},
    };
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        scoped(source_free) struct source *source = NULL;

        write_file(bad[i].text);
        assert_false(open_source(bad[i].header, &source, &error));
        if (!strstr(error.message, bad[i].message))
            fail_msg("'%s' is not in '%s'", bad[i].message, error.message);
    }
}

static void columns_are_loaded_in_their_forms(void **state)
{
    const enum column_form form[] = {FORM_INTEGER, FORM_REAL, FORM_TEXT, FORM_SKIP};
    scoped(source_free) struct source *source = NULL;
    scoped(table_release) struct table table = {0};
    struct error error;

    (void)state;
    source =
        source_of("i,r,t,s\n9007199254740993,1.5,x,1\n-2,NA,y,2\n3,-1e-3,x,3\n", TABLE_HEADER_AUTO);
    assert_true(source_load(source, form, &table, NULL, &error));
    assert_int_equal(table.n_rows, 3);
    assert_true(table.column[0].integer[0] == 9007199254740993);
    assert_true(table.column[1].real[0] == 1.5 && isnan(table.column[1].real[1]) &&
                table.column[1].real[2] == -1e-3);
    assert_int_equal(table.column[2].code[0], table.column[2].code[2]);
    assert_string_equal(table.column[2].dictionary.text[table.column[2].code[1]], "y");
    assert_null(table.column[3].real);
}

static void value_of_the_wrong_kind_is_told_with_its_place(void **state)
{
    static const struct {
        const char *text;
        enum column_form form;
        const char *message;
    } bad[] = {
        {"a,b\n1,2\n1,x\n", FORM_REAL, "line 3, column 'b': 'x' is not a number"},
        {"a,b\n1,2\n1,1e999\n", FORM_REAL, "line 3, column 'b': '1e999' is beyond the range"},
        {"a,b\n1,2\n1,-inf\n", FORM_REAL, "line 3, column 'b': '-inf' is not a finite number"},
        {"a,b\n1,2\n1,2.5\n", FORM_INTEGER, "line 3, column 'b': '2.5' is not an integer"},
        {"a,b\n1,2\n1,\n", FORM_INTEGER, "line 3, column 'b': the value is missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const enum column_form form[] = {FORM_SKIP, bad[i].form};
        scoped(source_free) struct source *source = NULL;
        struct table table;
        struct error error;

        source = source_of(bad[i].text, TABLE_HEADER_AUTO);
        assert_false(source_load(source, form, &table, NULL, &error));
        if (!strstr(error.message, bad[i].message))
            fail_msg("'%s' is not in '%s'", bad[i].message, error.message);
    }
}

/* Records are read column by column, some at a time: of their mistakes the one that stands first in
 * the file is told nevertheless. */
static void the_first_mistake_of_neighbours_is_told(void **state)
{
    static const struct {
        int at_b, at_c; /* rows */
        const char *message;
    } mistakes[] = {
        {90003, 90001, "line 90003, column 'c': 'o' is not a number"},
        {90001, 90003, "line 90003, column 'b': 'o' is not a number"},
        {90002, 90002, "line 90004, column 'b': 'o' is not a number"},
    };
    const enum column_form form[] = {FORM_REAL, FORM_REAL, FORM_REAL};

    (void)state;
    for (size_t k = 0; k < sizeof(mistakes) / sizeof(mistakes[0]); k++) {
        scoped(source_free) struct source *source = NULL;
        FILE *file = fopen(path, "wb");
        struct table table;
        struct error error;

        assert_non_null(file);
        (void)fprintf(file, "a,b,c\n");
        for (int i = 0; i < 100000; i++)
            (void)fprintf(file, "%d.5,%s,%s\n", i, i == mistakes[k].at_b ? "o" : "1.25",
                          i == mistakes[k].at_c ? "o" : "-2.125");
        assert_int_equal(fclose(file), 0);
        if (!open_source(TABLE_HEADER_AUTO, &source, &error))
            fail_msg("%s", error.message);
        assert_false(source_load(source, form, &table, NULL, &error));
        if (!strstr(error.message, mistakes[k].message))
            fail_msg("'%s' is not in '%s'", mistakes[k].message, error.message);
    }
}

static void file_that_changes_between_the_passes_is_noticed(void **state)
{
    const enum column_form form[] = {FORM_REAL};
    scoped(source_free) struct source *source = NULL;
    struct table table;
    struct error error;

    (void)state;
    source = source_of("a\n1\n2\n", TABLE_HEADER_AUTO);
    write_file("a\n1\n2\n3\n");
    assert_false(source_load(source, form, &table, NULL, &error));
    assert_non_null(strstr(error.message, "changed while it was read"));
    write_file("a\n1\n");
    assert_false(source_load(source, form, &table, NULL, &error));
    assert_non_null(strstr(error.message, "changed while it was read"));
}

static void setting_that_a_format_does_not_read_is_refused(void **state)
{
    static const struct source_kind deaf = {.kind = {.name = "deaf"}};
    const struct source_request request = {
        .path = path, .format = {.skip = 2}, .kind = {.kind = &deaf.kind}};
    struct source *source = NULL;
    struct error error;

    (void)state;
    assert_false(source_open(&request, &source, &error));
    assert_string_equal(error.path, "data.skip");
    assert_non_null(strstr(error.message, "is not read from files of the format deaf"));
}

/* ---- dictionaries -----------------------------------------------------------------------------*/

static void dictionary_sorts_numbers_by_value_and_texts_by_bytes(void **state)
{
    const char *const number[] = {"10", "9", "-1", "2.5"};
    const char *const text[] = {"b", "10", "a", "9"};
    scoped(dictionary_release) struct dictionary numbers = {0}, texts = {0};
    scoped(memory_free) int32_t *first = NULL, *second = NULL;
    struct error error;
    int32_t code;

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_true(dictionary_add(&numbers, number[i], strlen(number[i]), &code, &error));
        assert_true(dictionary_add(&texts, text[i], strlen(text[i]), &code, &error));
        assert_int_equal(code, i);
    }
    assert_true(dictionary_sort(&numbers, &first, &error));
    assert_string_equal(numbers.text[0], "-1");
    assert_string_equal(numbers.text[3], "10");
    assert_int_equal(first[0], 3);
    assert_true(dictionary_sort(&texts, &second, &error));
    assert_string_equal(texts.text[0], "10");
    assert_string_equal(texts.text[3], "b");
    assert_int_equal(dictionary_find(&texts, "b", 1), 3);
    assert_int_equal(dictionary_find(&texts, "bb", 2), -1);
}

static void dictionary_finds_all_of_many(void **state)
{
    scoped(dictionary_release) struct dictionary dictionary = {0};
    struct error error;
    char text[16];
    int32_t code;

    (void)state;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 20000; i++) {
            int n = snprintf(text, sizeof(text), "k%d", i);

            assert_true(dictionary_add(&dictionary, text, (size_t)n, &code, &error));
            assert_int_equal(code, i);
        }
    assert_int_equal(dictionary.n, 20000);
}

/* ---- data sets --------------------------------------------------------------------------------*/

static bool import(const char *text, const char *settings, struct dataset **ret,
                   struct error *error)
{
    scoped(json_free) cJSON *json = NULL;
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(memory_free) struct warning_list *warnings = calloc(1, sizeof(*warnings));
    struct data_config config = {0};
    bool imported;

    write_file(text);
    assert_true(json_parse(settings, strlen(settings), &json, error));
    assert_true(json_add_text(json, "source", "t.csv"));
    if (!settings_parse(data_settings, json, "data", &config, &diagnostics))
        fail_msg("%s: %s", diagnostics.item[0].path, diagnostics.item[0].message);
    imported = dataset_import(&config, folder, ret, warnings, error);
    settings_release(data_settings, &config);
    return imported;
}

static void roles_and_types_make_a_data_set(void **state)
{
    scoped(dataset_free) struct dataset *dataset = NULL;
    scoped(buffer_release) struct buffer id = {0};
    struct error error;

    (void)state;
    assert_true(import("key,who,t,x,color,note,y\n"
                       "007,ann,0.25,1.5,red,n1,b\n"
                       "8,bob,0.5,2,blue,n2,a\n"
                       "9,ann,1,-3,,n3,b\n",
                       "{\"id\":\"key\",\"group\":\"who\",\"time\":\"t\",\"ignore\":[\"note\"],"
                       "\"target\":\"y\"}",
                       &dataset, &error));
    assert_int_equal(dataset->n_features, 2);
    assert_string_equal(dataset->feature[0].name, "x");
    assert_true(dataset->feature[1].categorical && !dataset->feature[0].categorical);
    assert_true(dataset->value[0] == 1.5F && dataset->value[4] == -3.0F);
    assert_true(isnan(dataset->value[5]));
    assert_int_equal(dataset->task, TASK_CLASSIFICATION);
    assert_string_equal(dataset->classes.text[0], "a");
    assert_int_equal(dataset->label[0], 1);
    assert_int_equal(dataset->label[1], 0);
    assert_int_equal(dataset->group[0], dataset->group[2]);
    assert_true(dataset_write_id(dataset, 0, &id, &error));
    assert_string_equal(id.data, "007");
}

static void task_follows_the_target(void **state)
{
    static const struct {
        const char *column, *settings;
        enum task task;
    } expected[] = {
        {"1\n2\n3", "{\"target\":\"y\"}", TASK_CLASSIFICATION},
        {"1.5\n2\n3", "{\"target\":\"y\"}", TASK_REGRESSION},
        {"u\nv\nw", "{\"target\":\"y\"}", TASK_CLASSIFICATION},
        {"1\n2\n3", "{\"target\":\"y\",\"task\":\"regression\"}", TASK_REGRESSION},
        {"1.5\n2\n3", "{\"target\":\"y\",\"task\":\"classification\"}", TASK_CLASSIFICATION},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        scoped(dataset_free) struct dataset *dataset = NULL;
        char text[64], *out = text + sprintf(text, "y,x\n");
        struct error error;

        for (const char *at = expected[i].column; *at; at++)
            out += sprintf(out, *at == '\n' ? ",1\n" : "%c", *at);
        (void)sprintf(out, ",2\n");
        assert_true(import(text, expected[i].settings, &dataset, &error));
        assert_int_equal(dataset->task, expected[i].task);
    }
}

static void many_integers_are_values_and_few_are_classes(void **state)
{
    scoped(dataset_free) struct dataset *few = NULL, *many = NULL;
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    (void)state;
    assert_true(buffer_append_text(&text, "y,x\n", &error));
    for (int i = 0; i < 40; i++)
        assert_true(buffer_append_format(&text, &error, "%d,1\n", i % 20));
    assert_true(import(text.data, "{\"target\":\"y\"}", &few, &error));
    assert_int_equal(few->task, TASK_CLASSIFICATION);
    assert_int_equal(few->classes.n, 20);
    assert_true(buffer_append_text(&text, "20,1\n", &error));
    assert_true(import(text.data, "{\"target\":\"y\"}", &many, &error));
    assert_int_equal(many->task, TASK_REGRESSION);
    assert_true(many->target[40] == 20);
}

static void data_that_cannot_be_used_are_refused(void **state)
{
    static const struct {
        const char *text, *settings, *path, *message;
    } bad[] = {
        {"x,y\n1,a\n2,b\n", "{\"target\":\"z\"}", "data.target", "has no column 'z'"},
        {"speed,y\n1,a\n2,b\n", "{\"target\":\"y\",\"ignore\":\"sped\"}", "data.ignore",
         "did you mean 'speed'?"},
        {"x,y\n1,a\n2,\n3,b\n", "{\"target\":\"y\"}", "data.target", "'y' is missing in 1 row of"},
        {"x,y\n1,1.5\n2,nan\n3,2\n", "{\"target\":\"y\"}", "data.target", "first in line 3"},
        {"x,y\n1,1.5\n2,inf\n3,2\n", "{\"target\":\"y\"}", "data.source",
         "line 3, column 'y': 'inf' is not a finite number"},
        {"x,y\n1,a\n2,a\n", "{\"target\":\"y\"}", "data.target", "one class only, 'a'"},
        {"x,y\n1,a\n2,b\n", "{\"target\":\"y\",\"features\":[\"x\",\"y\"]}", "data.features",
         "'y' is the target, too"},
        {"x,y\n1,a\n2,b\n", "{\"target\":\"y\",\"ignore\":\"y\"}", "data.ignore",
         "'y' cannot have another role too"},
        {"y\na\nb\n", "{\"target\":\"y\"}", "data.features", "no column left for a feature"},
        {"k,x,y\n1,1,a\n1,2,b\n", "{\"target\":\"y\",\"id\":\"k\"}", "data.id",
         "'1' stands in rows 0 and 1"},
        {"g,x,y\n,1,a\n1,2,b\n", "{\"target\":\"y\",\"group\":\"g\"}", "data.group",
         "'g' is missing in 1 row of"},
        {"x,y\n1e300,a\n1,b\n", "{\"target\":\"y\"}", "data.source",
         "1e+300 in row 0 is beyond the range of float32"},
        {"x,y\n1,a\n2,b\n", "{\"target\":\"y\",\"names\":[\"u\"]}", "data.names", "1 names where"},
        {"x,y\n1,a\n2,b\n3,a\n4,a\n5,a\n6,a\n7,a\n8,a\n9,a\n10,a\nl1,b\n", "{\"target\":\"y\"}",
         "data.features", "'x' holds 10 numbers and 1 texts, the first in line 12"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dataset *dataset = NULL;
        struct error error = {0};

        if (import(bad[i].text, bad[i].settings, &dataset, &error))
            fail_msg("case %zu was imported", i);
        assert_string_equal(error.path, bad[i].path);
        if (!strstr(error.message, bad[i].message))
            fail_msg("'%s' is not in '%s'", bad[i].message, error.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_come_from_the_whole_column),
        cmocka_unit_test(header_is_found_or_said),
        cmocka_unit_test(tables_that_cannot_be_are_refused),
        cmocka_unit_test(columns_are_loaded_in_their_forms),
        cmocka_unit_test(value_of_the_wrong_kind_is_told_with_its_place),
        cmocka_unit_test(the_first_mistake_of_neighbours_is_told),
        cmocka_unit_test(file_that_changes_between_the_passes_is_noticed),
        cmocka_unit_test(setting_that_a_format_does_not_read_is_refused),
        cmocka_unit_test(dictionary_sorts_numbers_by_value_and_texts_by_bytes),
        cmocka_unit_test(dictionary_finds_all_of_many),
        cmocka_unit_test(roles_and_types_make_a_data_set),
        cmocka_unit_test(task_follows_the_target),
        cmocka_unit_test(many_integers_are_values_and_few_are_classes),
        cmocka_unit_test(data_that_cannot_be_used_are_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
