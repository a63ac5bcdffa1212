/* What scikit-learn makes of a table, and what the transforms do: equal to 1e-6. */
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
#include "worker/engine/engine_spec.h"
#include "worker/engine/transform/apply.h"
#include "worker/engine/transform/preparation.h"

#define COLUMNS_MAX 16
#define TOLERANCE 1e-6

static cJSON *golden;

static int read_golden(void **state)
{
    scoped(memory_free) char *text = NULL;
    struct error error;
    size_t size;

    (void)state;
    if (!file_read(AT_FDCWD, "tests/golden/transforms.json", 1 << 24, &text, &size, &error) ||
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

struct fixture {
    struct dataset dataset;
    struct feature feature[COLUMNS_MAX];
    float *value;
    double *target;
    int64_t *row;
    struct split split;
    struct data_config config;
    struct engine_spec spec;
    struct warning_list warnings;
    struct preparation *preparation;
    struct applier *applier;
};

static void take_columns(struct fixture *fixture)
{
    const cJSON *column, *value;
    int64_t n = 0;

    cJSON_ArrayForEach(column, json_member(golden, "columns"))
    {
        int64_t rows = cJSON_GetArraySize(column), row = 0;

        if (n == 0) {
            fixture->dataset.n_rows = rows;
            fixture->dataset.value = fixture->value =
                calloc((size_t)(rows * COLUMNS_MAX), sizeof(float));
            assert_non_null(fixture->dataset.value);
        }
        fixture->feature[n].name = column->string;
        cJSON_ArrayForEach(value, column)
            fixture->value[row++ * cJSON_GetArraySize(json_member(golden, "columns")) + n] =
            (float)value->valuedouble;
        n++;
    }
    fixture->dataset.n_features = n;
}

static void set_up(struct fixture *fixture)
{
    int64_t n, train = json_integer(golden, "train", 0);

    memset(fixture, 0, sizeof(*fixture));
    take_columns(fixture);
    fixture->dataset.feature = fixture->feature;
    fixture->dataset.path = (char *)(uintptr_t) "golden";
    fixture->dataset.task = TASK_REGRESSION;
    n = fixture->dataset.n_rows;
    fixture->dataset.target = fixture->target = calloc((size_t)n, sizeof(double));
    fixture->dataset.n_targets = 1;
    fixture->dataset.target_name = (char **)calloc(1, sizeof(char *));
    fixture->row = calloc((size_t)n, sizeof(*fixture->row));
    assert_true(fixture->dataset.target && fixture->dataset.target_name && fixture->row);
    fixture->dataset.target_name[0] = fixture->feature[0].name;
    for (int64_t row = 0; row < n; row++) {
        const float *value = fixture->dataset.value + row * fixture->dataset.n_features;

        fixture->row[row] = row;
        fixture->target[row] = (double)value[2] - 3 * (double)value[4] + 0.1 * (double)value[1];
    }
    fixture->split.part[SPLIT_TRAIN] = (struct row_list){.row = fixture->row, .n = train};
    fixture->split.part[SPLIT_TEST] =
        (struct row_list){.row = fixture->row + train, .n = n - train};
    fixture->config.max_categories = 100;
}

static void tear_down(struct fixture *fixture)
{
    applier_free(&fixture->applier);
    preparation_free(&fixture->preparation);
    engine_spec_release(&fixture->spec);
    for (int i = 0; i < COLUMNS_MAX; i++)
        dictionary_release(&fixture->feature[i].dictionary);
    free(fixture->value);
    free(fixture->target);
    free((void *)fixture->dataset.target_name);
    free(fixture->row);
}

static void make_holes(struct fixture *fixture)
{
    int64_t every = json_integer(json_member(golden, "holes"), "every", 0);

    for (int64_t row = 0; row < fixture->dataset.n_rows; row += every) {
        fixture->value[row * fixture->dataset.n_features] = NAN;
        fixture->feature[0].n_missing++;
    }
}

static void fit(struct fixture *fixture, const cJSON *prepare)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *root = cJSON_CreateObject();
    cJSON *copy = cJSON_Duplicate(prepare, true);
    struct error error = {0};

    assert_true(json_add_item(root, "prepare", &copy));
    (void)settings_parse(engine_settings, root, "", &fixture->spec, &diagnostics);
    for (size_t i = 0; i < diagnostics.n; i++) /* data and model are not needed here */
        if (strstr(diagnostics.item[i].path, "prepare"))
            fail_msg("%s: %s", diagnostics.item[i].path, diagnostics.item[i].message);
    if (!preparation_fit(&fixture->dataset, &fixture->split, &fixture->split, NULL,
                         &fixture->config, &fixture->spec.prepare, &fixture->preparation,
                         &fixture->warnings, &error) ||
        !applier_make(fixture->preparation, &fixture->dataset, NULL, &fixture->applier, &error))
        fail_msg("%s: %s", error.path, error.message);
}

static void check_value(double got, double expected, const char *what, int64_t row, int64_t column)
{
    if (!(fabs(got - expected) <= TOLERANCE * fmax(1, fabs(expected))))
        fail_msg("%s: row %d, column %d: %.9g is not %.9g", what, (int)row, (int)column, got,
                 expected);
}

static void check_case(const cJSON *item, bool holes)
{
    scoped(buffer_release) struct buffer name = {0};
    struct error error;
    int64_t shown = json_integer(golden, "shown", 1), row = 0;
    const cJSON *expected;
    struct fixture fixture;

    assert_true(json_print(json_member(item, "prepare"), &name, &error));
    set_up(&fixture);
    if (holes)
        make_holes(&fixture);
    fit(&fixture, json_member(item, "prepare"));
    cJSON_ArrayForEach(expected, json_member(item, "rows"))
    {
        const struct block *block = applier_rows(fixture.applier, &row, 1);

        assert_int_equal(cJSON_GetArraySize(expected), fixture.preparation->width);
        assert_int_equal(block->steps, 1);
        for (int64_t i = 0; i < block->width; i++)
            check_value(*block_column(block, i), cJSON_GetArrayItem(expected, (int)i)->valuedouble,
                        name.data, row, i);
        row += shown;
    }
    assert_true(row > 0);
    tear_down(&fixture);
}

static void transforms_equal_scikit_learns(void **state)
{
    const cJSON *item;
    int n = 0;

    (void)state;
    cJSON_ArrayForEach(item, json_member(golden, "cases"))
    {
        check_case(item, false);
        n++;
    }
    assert_int_equal(n, 25);
}

static void transforms_of_missing_values_equal_scikit_learns(void **state)
{
    const cJSON *item;
    int n = 0;

    (void)state;
    cJSON_ArrayForEach(item, json_member(golden, "cases_with_holes"))
    {
        check_case(item, true);
        n++;
    }
    assert_int_equal(n, 4);
}

/* The column of ties as categories. */
static void make_categories(struct fixture *fixture, int64_t column)
{
    struct feature *feature = &fixture->feature[column];
    struct error error;

    feature->categorical = true;
    for (int64_t row = 0; row < fixture->dataset.n_rows; row++) {
        float *value = &fixture->value[row * fixture->dataset.n_features + column];
        char text[16];
        int32_t code;

        (void)snprintf(text, sizeof(text), "%d", (int)*value);
        assert_true(dictionary_add(&feature->dictionary, text, strlen(text), &code, &error));
        *value = (float)code;
    }
}

static void encodings_equal_scikit_learns(void **state)
{
    static const char *const kinds[] = {"ordinal", "frequency"};
    int64_t shown = json_integer(golden, "shown", 1);

    (void)state;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        scoped(json_free) cJSON *prepare = cJSON_CreateString(kinds[k]);
        const cJSON *expected = json_member(json_member(golden, "categories"), kinds[k]), *item;
        struct fixture fixture;
        int64_t row = 0;

        set_up(&fixture);
        make_categories(&fixture, 3);
        fit(&fixture, prepare);
        cJSON_ArrayForEach(item, expected)
        {
            const struct block *block = applier_rows(fixture.applier, &row, 1);

            check_value(*block_column(block, 3), item->valuedouble, kinds[k], row, 3);
            row += shown;
        }
        assert_true(row > 0);
        tear_down(&fixture);
    }
}

static void band_pass_equals_scipys(void **state)
{
    const struct kind *kind = kind_find(&transform_registry, "band_pass");
    const struct transform_kind *filter = (const struct transform_kind *)kind;
    int64_t n = cJSON_GetArraySize(json_member(golden, "series"));
    const cJSON *item;

    (void)state;
    assert_true(n > 100);
    cJSON_ArrayForEach(item, json_member(golden, "band_pass"))
    {
        scoped(json_free) cJSON *settings = cJSON_Duplicate(item, true);
        scoped(memory_free) void *config = calloc(1, kind->config_size);
        scoped(memory_free) double *x = calloc((size_t)n, sizeof(*x));
        scoped(diagnostics_release) struct diagnostics diagnostics = {0};
        struct transform transform = {.kind = filter, .n_columns = 1};
        struct fitting fitting = {.config = config, .transform = &transform};
        struct error error;

        cJSON_DeleteItemFromObjectCaseSensitive(settings, "y");
        assert_true(settings_parse(kind->settings, settings, "", config, &diagnostics));
        assert_true(filter->fit(&fitting, &error));
        for (int64_t i = 0; i < n; i++)
            x[i] = cJSON_GetArrayItem(json_member(golden, "series"), (int)i)->valuedouble;
        filter->map(transform.state, transform_state_size(&transform, 0), x, n);
        for (int64_t i = 0; i < n; i++)
            check_value(x[i], cJSON_GetArrayItem(json_member(item, "y"), (int)i)->valuedouble,
                        "band_pass", i, 0);
        transform_release(&transform);
        settings_release(kind->settings, config);
    }
}

/* Yeo and Johnson's function at points that were computed by hand. */
static void yeo_johnson_has_its_values(void **state)
{
    static const struct {
        double x, k, y;
    } point[] = {{1.5, 0.5, 1.1622776602},
                 {-1.5, 0.5, -1.9685647168},
                 {1.5, 0, 0.9162907319},
                 {-0.02, 1.3, -0.0199405141}};
    const struct transform_kind *kind =
        (const struct transform_kind *)kind_find(&transform_registry, "yeo_johnson");

    (void)state;
    for (size_t i = 0; i < sizeof(point) / sizeof(point[0]); i++) {
        double x = point[i].x;

        kind->map(&point[i].k, 1, &x, 1);
        assert_true(fabs(x - point[i].y) < 1e-10);
        kind->unmap(&point[i].k, 1, &x, 1);
        assert_true(fabs(x - point[i].x) < 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_equal_scikit_learns),
        cmocka_unit_test(transforms_of_missing_values_equal_scikit_learns),
        cmocka_unit_test(encodings_equal_scikit_learns),
        cmocka_unit_test(band_pass_equals_scipys),
        cmocka_unit_test(yeo_johnson_has_its_values),
    };

    return cmocka_run_group_tests(tests, read_golden, drop_golden);
}
