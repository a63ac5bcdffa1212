#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/dataset/samples.h"
#include "worker/engine/dataset/split/split.h"
#include "worker/engine/engine_spec.h"
#include "worker/engine/transform/preparation.h"

#define TABLE "tests/data/mixed.csv"
#define WIDTH 11 /* small large holes constant, three colors, four doors */

static cJSON *golden;

static int read_golden(void **state)
{
    scoped(memory_free) char *text = NULL;
    struct error error;
    size_t size;

    (void)state;
    if (!file_read(AT_FDCWD, "tests/golden/preparation.json", 1 << 24, &text, &size, &error) ||
        !json_parse(text, size, &golden, &error))
        return -1;
    return 0;
}

static int drop_golden(void **state)
{
    (void)state;
    json_free(&golden);
    return 0;
}

/* A data set of the golden table, split as the golden values were. */
struct fixture {
    struct engine_spec spec;
    struct dataset *dataset;
    struct split split;
    struct warning_list warnings;
};

static void make(struct fixture *fixture, const cJSON *prepare)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *root = cJSON_CreateObject();
    const cJSON *test = json_member(golden, "test");
    cJSON *data = json_add_object(root, "data");
    cJSON *copy = cJSON_Duplicate(prepare, true);
    struct error error = {0};
    int64_t n;

    memset(fixture, 0, sizeof(*fixture));
    assert_true(json_add_text(data, "source", TABLE) && json_add_text(data, "target", "y") &&
                json_add_text(data, "categorical", "door"));
    assert_true(json_add_item(root, "prepare", &copy));
    (void)settings_parse(engine_settings, root, "", &fixture->spec, &diagnostics);
    assert_int_equal(diagnostics.n, 1); /* the model is missing, and not needed here */
    if (!dataset_import(&fixture->spec.data, NULL, &fixture->dataset, &fixture->warnings, &error))
        fail_msg("%s: %s", error.path, error.message);
    n = fixture->dataset->n_rows;
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        fixture->split.part[i].row = calloc((size_t)n, sizeof(int64_t));
    for (int64_t row = 0, i = 0; row < n; row++) {
        const cJSON *next = cJSON_GetArrayItem(test, (int)i);
        bool is_test = next && (int64_t)next->valuedouble == row;
        struct row_list *part = &fixture->split.part[is_test ? SPLIT_TEST : SPLIT_TRAIN];

        i += is_test;
        part->row[part->n++] = row;
    }
}

static void unmake(struct fixture *fixture)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        free(fixture->split.part[i].row);
    dataset_free(&fixture->dataset);
    engine_spec_release(&fixture->spec);
}

static struct preparation *fit(struct fixture *fixture)
{
    struct preparation *preparation = NULL;
    struct error error = {0};

    if (!preparation_fit(fixture->dataset, &fixture->split, &fixture->split, NULL,
                         &fixture->spec.data, &fixture->spec.prepare, &preparation,
                         &fixture->warnings, &error))
        fail_msg("%s: %s", error.path, error.message);
    return preparation;
}

static void check_rows(const struct fixture *fixture, const struct preparation *preparation,
                       const cJSON *rows)
{
    scoped(samples_free) struct samples *samples = NULL;
    struct error error;

    assert_true(samples_make(fixture->dataset, preparation, NULL, NULL, &samples, &error));
    assert_int_equal(samples->set.input->shape.width, WIDTH);
    assert_int_equal(cJSON_GetArraySize(rows), fixture->dataset->n_rows);
    for (int64_t row = 0; row < fixture->dataset->n_rows; row++) {
        real got[WIDTH];
        struct tensor x = {.data = got, .steps = 1, .rows = 1, .width = WIDTH};
        const cJSON *expected = cJSON_GetArrayItem(rows, (int)row);
        int32_t *length = NULL;
        struct prefetch prefetch = {.row = &row, .n = 1};

        samples->set.foresee(&samples->set, &prefetch);
        assert_ptr_equal(prefetch.array[0].base, fixture->dataset->value);
        assert_int_equal(prefetch.array[0].stride, fixture->dataset->n_features * 4);
        assert_int_equal(prefetch.array[0].before, 0);
        samples->set.gather(&samples->set, &row, 1, &x, &length);
        assert_int_equal(cJSON_GetArraySize(expected), WIDTH);
        for (int i = 0; i < WIDTH; i++) {
            double value = cJSON_GetArrayItem(expected, i)->valuedouble;
            /* what float32 keeps of 1e5 with a deviation of 3 is worth 1e-3 deviations */
            double bound = i == 1 ? 2e-3 : 1e-6 * fmax(1, fabs(value));

            if (!(fabs((double)got[i] - value) <= bound))
                fail_msg("row %d, input %d: %.9g is not %.9g", (int)row, i, (double)got[i], value);
        }
    }
}

static void prepared_rows_equal_scikit_learns(void **state)
{
    const cJSON *item;
    int n = 0;

    (void)state;
    cJSON_ArrayForEach(item, json_member(golden, "cases"))
    {
        struct fixture fixture;
        scoped(preparation_free) struct preparation *preparation = NULL;

        make(&fixture, json_member(item, "prepare"));
        preparation = fit(&fixture);
        check_rows(&fixture, preparation, json_member(item, "rows"));
        unmake(&fixture);
        n++;
    }
    assert_int_equal(n, 4);
}

static void types_and_missing_values_are_pandas(void **state)
{
    const struct source_request request = {.path = TABLE};
    scoped(source_free) struct source *source = NULL;
    const struct table_profile *profile;
    struct error error;

    (void)state;
    assert_true(source_open(&request, &source, &error) && source_profile(source, &error));
    profile = &source->profile;
    assert_int_equal(profile->n_columns, cJSON_GetArraySize(json_member(golden, "types")));
    for (int64_t i = 0; i < profile->n_columns; i++) {
        const struct column_profile *column = &profile->column[i];
        const char *pandas = json_text(json_member(golden, "types"), column->name, "");
        static const char *const type[] = {
            [COLUMN_INTEGER] = "int64", [COLUMN_REAL] = "float64", [COLUMN_TEXT] = "object"};

        assert_string_equal(type[column->type], pandas);
        assert_int_equal(column->n_missing,
                         json_integer(json_member(golden, "missing"), column->name, -1));
    }
}

static void stored_preparation_reads_back_the_same(void **state)
{
    struct fixture fixture;
    const cJSON *item = cJSON_GetArrayItem(json_member(golden, "cases"), 1);
    scoped(preparation_free) struct preparation *preparation = NULL, *again = NULL;
    scoped(json_free) cJSON *json = NULL, *parsed = NULL;
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    (void)state;
    make(&fixture, json_member(item, "prepare"));
    preparation = fit(&fixture);
    json = preparation_json(preparation);
    assert_true(json_print(json, &text, &error));
    assert_true(json_parse(text.data, text.size, &parsed, &error));
    assert_true(preparation_parse(parsed, &again, &error));
    assert_int_equal(again->width, preparation->width);
    assert_int_equal(again->n_classes, 2);
    assert_string_equal(again->class_name[1], "yes");
    assert_string_equal(again->target_name[0], "y");
    for (int64_t i = 0; i < preparation->n_features; i++) {
        const struct prepared_feature *one = &preparation->feature[i], *other = &again->feature[i];

        assert_string_equal(one->name, other->name);
        assert_int_equal(one->needed, other->needed);
        assert_int_equal(one->n_categories, other->n_categories);
    }
    check_rows(&fixture, again, json_member(item, "rows"));
    unmake(&fixture);
}

#define TRANSFORMED(transform)                                                                \
    "{\"classes\":[],\"targets\":[],\"target_offset\":[],\"target_scale\":[],\"features\":[{" \
    "\"name\":\"x\"}],\"transforms\":[" transform "],\"steps\":1,\"columns\":[\"x\"]}"

static void damaged_preparation_is_refused(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"classes\":[],\"targets\":[1],\"features\":[]}",
        "{\"classes\":[],\"targets\":[],\"target_offset\":[],\"target_scale\":[],"
        "\"features\":[{\"scale\":1}]}",
        "{\"classes\":[],\"targets\":[],\"target_offset\":[],\"target_scale\":[],"
        "\"features\":[{\"name\":\"x\"}]}",
        TRANSFORMED("{\"type\":\"magic\",\"columns\":[0],\"state\":[[1]],\"steps\":1,\"width\":1}"),
        TRANSFORMED(
            "{\"type\":\"minmax\",\"columns\":[1],\"state\":[[1,0,0]],\"steps\":1,\"width\":1}"),
        TRANSFORMED("{\"type\":\"minmax\",\"columns\":[0],\"state\":[],\"steps\":1,\"width\":1}"),
        TRANSFORMED(
            "{\"type\":\"minmax\",\"columns\":[0],\"state\":[[\"a\"]],\"steps\":1,\"width\":1}"),
        TRANSFORMED(
            "{\"type\":\"minmax\",\"columns\":[0],\"state\":[[1]],\"steps\":1,\"width\":1}"),
        TRANSFORMED(
            "{\"type\":\"minmax\",\"columns\":[0],\"state\":[[1,0,0]],\"steps\":-1,\"width\":1}"),
        TRANSFORMED(
            "{\"type\":\"minmax\",\"columns\":[0],\"state\":[[1,0,0]],\"steps\":1,\"width\":2}"),
        "{\"task\":\"regression\",\"classes\":[],\"targets\":[\"y\"],\"target_offset\":[],"
        "\"target_scale\":[1],\"features\":[]}",
        "{\"classes\":[],\"targets\":[],\"target_offset\":[],\"target_scale\":[],"
        "\"features\":[{\"name\":\"x\",\"categories\":[3]}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        scoped(json_free) cJSON *json = NULL;
        struct preparation *preparation = NULL;
        struct error error;

        assert_true(json_parse(bad[i], strlen(bad[i]), &json, &error));
        assert_false(preparation_parse(json, &preparation, &error));
        assert_int_equal(error.kind, ERROR_CORRUPT);
        assert_null(preparation);
    }
}

static void missing_values_are_refused_without_imputation(void **state)
{
    struct fixture fixture;
    scoped(json_free) cJSON *prepare = cJSON_CreateArray();
    struct preparation *preparation = NULL;
    struct error error;

    (void)state;
    make(&fixture, prepare);
    assert_false(preparation_fit(fixture.dataset, &fixture.split, &fixture.split, NULL,
                                 &fixture.spec.data, &fixture.spec.prepare, &preparation,
                                 &fixture.warnings, &error));
    assert_string_equal(error.path, "data.features");
    assert_non_null(strstr(error.message, "'holes' is missing in 9 rows"));
    unmake(&fixture);
}

static bool warned(const struct fixture *fixture, const char *where, const char *text)
{
    for (int i = 0; i < fixture->warnings.n; i++)
        if (strcmp(fixture->warnings.item[i].where, where) == 0 &&
            strstr(fixture->warnings.item[i].text, text))
            return true;
    return false;
}

static void constant_features_and_unknown_categories_are_told(void **state)
{
    struct fixture fixture;
    const cJSON *item = cJSON_GetArrayItem(json_member(golden, "cases"), 0);
    scoped(preparation_free) struct preparation *preparation = NULL;

    (void)state;
    make(&fixture, json_member(item, "prepare"));
    preparation = fit(&fixture);
    assert_true(
        warned(&fixture, "data.features", "1 feature is the same in all training rows: constant"));
    assert_true(warned(&fixture, "color, door", "a category that no training row has"));
    assert_false(warned(&fixture, "small", ""));
    unmake(&fixture);
}

static void same_warning_of_many_columns_is_one_line(void **state)
{
    scoped(memory_free) struct warning_list *list = calloc(1, sizeof(*list));
    size_t length;

    (void)state;
    assert_non_null(list);
    warning_add(list, "a", 7, "is %s", "odd");
    warning_add(list, "b", 1, "is %s", "even");
    assert_true(list->item[0].figure == 7);
    for (int i = 0; i < 1000; i++)
        warning_add(list, "column", 7, "is %s", "odd");
    assert_int_equal(list->n, 2);
    assert_true(list->item[0].figure == 1001);
    assert_memory_equal(list->item[0].where, "a, column, column", 17);
    length = strlen(list->item[0].where);
    assert_string_equal(list->item[0].where + length - 5, ", ...");
    assert_string_equal(list->item[1].where, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepared_rows_equal_scikit_learns),
        cmocka_unit_test(types_and_missing_values_are_pandas),
        cmocka_unit_test(stored_preparation_reads_back_the_same),
        cmocka_unit_test(damaged_preparation_is_refused),
        cmocka_unit_test(missing_values_are_refused_without_imputation),
        cmocka_unit_test(constant_features_and_unknown_categories_are_told),
        cmocka_unit_test(same_warning_of_many_columns_is_one_line),
    };

    return cmocka_run_group_tests(tests, read_golden, drop_golden);
}
