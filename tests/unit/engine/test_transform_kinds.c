/* What every transform of the registry keeps, whatever it is called. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/engine_spec.h"
#include "worker/engine/transform/affine.h"
#include "worker/engine/transform/apply.h"
#include "worker/engine/transform/kinds.h"
#include "worker/engine/transform/preparation.h"
#include "worker/engine/transform/row_stream.h"

#define ROWS 700 /* several blocks */
#define TRAIN_ROWS 500
#define COLUMNS 6

struct small_table {
    struct dataset dataset;
    struct feature feature[COLUMNS];
    float value[ROWS * COLUMNS];
    double target[ROWS];
    int64_t row[ROWS];
    char *color[4];
    struct split split;
    struct data_config config;
    struct engine_spec spec;
    struct warning_list warnings;
    char *target_name[1];
};

/* Columns: normal, large and narrow, positive with a long tail, constant, with holes, categories.
 */
static void fill(struct small_table *table)
{
    for (int64_t i = 0; i < ROWS; i++) {
        float *row = table->value + i * COLUMNS;

        row[0] = (float)random_normal(1, (uint64_t)i, 0, 0);
        row[1] = (float)(1e5 + 3 * random_normal(1, (uint64_t)i, 1, 0));
        row[2] = (float)exp(random_normal(1, (uint64_t)i, 2, 0));
        row[3] = 2.5F;
        row[4] = i % 7 == 3 ? NAN : (float)random_uniform(1, (uint64_t)i, 3, 0);
        row[5] = i % 11 == 5 ? NAN : (float)random_below(1, (uint64_t)i, 4, 0, 3);
        table->target[i] = (double)row[0] + (double)row[2];
        table->row[i] = i;
    }
}

static struct small_table *make(const char *prepare)
{
    static char target[] = "y";
    static const char *const names[COLUMNS] = {"normal",   "large", "tail",
                                               "constant", "holes", "color"};
    static const char *const colors[] = {"blue", "green", "red"};
    struct small_table *table = calloc(1, sizeof(*table));
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *root = cJSON_CreateObject();
    cJSON *list;
    struct error error;
    int32_t code;

    assert_non_null(table);
    for (int i = 0; i < COLUMNS; i++) {
        table->feature[i].name = strdup(names[i]);
        assert_non_null(table->feature[i].name);
    }
    table->feature[5].categorical = true;
    table->feature[4].n_missing = 100;
    for (int i = 0; i < 3; i++)
        assert_true(dictionary_add(&table->feature[5].dictionary, colors[i], strlen(colors[i]),
                                   &code, &error));
    table->target_name[0] = target;
    fill(table);
    table->dataset = (struct dataset){.path = (char[]){"memory"},
                                      .n_rows = ROWS,
                                      .feature = table->feature,
                                      .n_features = COLUMNS,
                                      .value = table->value,
                                      .task = TASK_REGRESSION,
                                      .target = table->target,
                                      .n_targets = 1,
                                      .target_name = table->target_name};
    table->split.part[SPLIT_TRAIN] = (struct row_list){.row = table->row, .n = TRAIN_ROWS};
    table->split.part[SPLIT_TEST] =
        (struct row_list){.row = table->row + TRAIN_ROWS, .n = ROWS - TRAIN_ROWS};
    table->config.max_categories = 10;
    assert_true(json_parse(prepare, strlen(prepare), &list, &error));
    assert_true(json_add_item(root, "prepare", &list));
    (void)settings_parse(engine_settings, root, "", &table->spec, &diagnostics);
    for (size_t i = 0; i < diagnostics.n; i++) /* data and model are not needed here */
        assert_null(strstr(diagnostics.item[i].path, "prepare"));
    return table;
}

static void unmake(struct small_table **table)
{
    for (int i = 0; i < COLUMNS; i++) {
        free((*table)->feature[i].name);
        dictionary_release(&(*table)->feature[i].dictionary);
    }
    engine_spec_release(&(*table)->spec);
    free(take(table));
}

static struct preparation *fit(struct small_table *table)
{
    struct preparation *preparation = NULL;
    struct error error = {0};

    if (!preparation_fit(&table->dataset, &table->split, &table->split, NULL, &table->config,
                         &table->spec.prepare, &preparation, &table->warnings, &error))
        fail_msg("%s: %s", error.path, error.message);
    return preparation;
}

/* `kind` with its defaults, after what makes any column fit for it. */
#define STEPS                                                                                  \
    "[\"impute\",{\"type\":\"drop\",\"columns\":[\"large\",\"color\"]},{\"type\":\"reshape\"," \
    "\"steps\":4},"

static struct small_table *make_for(const struct kind *kind)
{
    static const struct {
        const char *kind, *prepare;
    } special[] = {
        {"drop", "[\"impute\",{\"type\":\"drop\",\"columns\":[\"large\",\"color\"]}]"},
        {"exp", "[\"impute\",\"minmax\",\"exp\"]"},
        {"indicator", "[\"indicator\",\"impute\"]"},
        {"log", "[{\"type\":\"log\",\"columns\":\"tail\"},\"impute\"]"},
        {"log1p", "[\"minmax\",\"log1p\",\"impute\"]"},
        {"sqrt", "[\"minmax\",\"sqrt\",\"impute\"]"},
        {"band_pass", STEPS "{\"type\":\"band_pass\",\"order\":2,\"rate\":256}]"},
        {"difference", STEPS "\"difference\"]"},
        {"last_value", STEPS "\"last_value\"]"},
        {"moving_average", STEPS "\"moving_average\"]"},
        {"paa", STEPS "{\"type\":\"paa\",\"segments\":3}]"},
        {"row_yeo_johnson",
         "[\"impute\",{\"type\":\"drop\",\"columns\":[\"large\",\"color\"]},\"row_yeo_johnson\"]"},
        {"reshape", STEPS "{\"type\":\"reshape\",\"width\":2,\"steps\":0}]"},
        {"series_scale", STEPS "\"series_scale\"]"},
        {"set_steps", STEPS "{\"type\":\"set_steps\",\"steps\":2}]"},
        {"steps", STEPS "{\"type\":\"steps\",\"from\":1,\"every\":2}]"},
        {"summary", STEPS "\"summary\"]"},
        {"window", "[\"impute\"]"}, /* needs a series: test_window.c */
        {"top_k", "[\"impute\",{\"type\":\"top_k\",\"k\":2}]"},
    };
    char prepare[128];

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        if (strcmp(special[i].kind, kind->name) == 0)
            return make(special[i].prepare);
    (void)snprintf(prepare, sizeof(prepare), "[\"impute\",\"%s\"]", kind->name);
    return make(prepare);
}

static char *text_of(const struct preparation *preparation)
{
    scoped(json_free) cJSON *json = preparation_json(preparation);
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    assert_true(json_print(json, &text, &error));
    return buffer_take(&text);
}

static int64_t sample_size(const struct preparation *preparation)
{
    return preparation->steps * preparation->width;
}

/* Tensors for the inputs of n samples, one after the other in `memory`. */
static void make_inputs(const struct preparation *preparation, int64_t n, real *memory,
                        struct tensor x[])
{
    for (int i = 0; i < preparation->n_inputs; i++) {
        const struct shape *shape = &preparation->input[i].shape;

        x[i] = (struct tensor){
            .data = memory, .steps = shape->steps, .rows = n, .width = shape->width};
        memory += shape->steps * shape->width * n;
    }
}

/* [row][step][column] */
static real *gather(const struct small_table *table, const struct preparation *preparation,
                    int64_t batch)
{
    scoped(applier_free) struct applier *applier = NULL;
    int64_t size = sample_size(preparation), width = preparation->width;
    real *x = calloc((size_t)(ROWS * size), sizeof(*x));
    scoped(memory_free) real *time_major = calloc((size_t)(batch * size), sizeof(*x));
    struct error error;

    assert_true(x && time_major);
    assert_true(applier_make(preparation, &table->dataset, NULL, &applier, &error));
    for (int64_t at = 0; at < ROWS; at += batch) {
        int64_t n = ROWS - at < batch ? ROWS - at : batch;
        struct tensor to[SAMPLE_INPUTS_MAX];

        make_inputs(preparation, n, time_major, to);
        applier_gather_rows(applier, table->row + at, n, to);
        for (int64_t k = 0; k < n * size; k++) {
            const struct prepared_column *column = &preparation->column[k % width];
            const struct tensor *from = &to[column->input];
            int64_t step = column->step + k % size / width;

            x[at * size + k] = from->data[(step * n + k / size) * from->width + column->at];
        }
    }
    return x;
}

static void registry_is_in_order(void **state)
{
    (void)state;
    for (size_t i = 1; transform_registry.kind[i]; i++)
        assert_true(strcmp(transform_registry.kind[i - 1]->name, transform_registry.kind[i]->name) <
                    0);
}

static void results_are_finite(void **state)
{
    (void)state;
    for (size_t i = 0; transform_registry.kind[i]; i++) {
        scoped(unmake) struct small_table *table = make_for(transform_registry.kind[i]);
        scoped(preparation_free) struct preparation *preparation = fit(table);
        scoped(memory_free) real *x = gather(table, preparation, ROWS);

        for (int64_t k = 0; k < ROWS * sample_size(preparation); k++)
            if (!isfinite((double)x[k]))
                fail_msg("%s: column %d of row %d is %g", transform_registry.kind[i]->name,
                         (int)(k % preparation->width), (int)(k / preparation->width),
                         (double)x[k]);
    }
}

static void fitting_sees_training_rows_only(void **state)
{
    (void)state;
    for (size_t i = 0; transform_registry.kind[i]; i++) {
        scoped(unmake) struct small_table *table = make_for(transform_registry.kind[i]);
        scoped(preparation_free) struct preparation *preparation = fit(table), *again = NULL;
        scoped(memory_free) char *text = text_of(preparation), *other = NULL;

        for (int64_t k = TRAIN_ROWS * COLUMNS; k < ROWS * COLUMNS; k++)
            if (k % COLUMNS != 5)
                table->value[k] = (float)(1e6 * random_normal(9, (uint64_t)k, 0, 0));
        again = fit(table);
        other = text_of(again);
        assert_string_equal(text, other);
    }
}

static void stored_transforms_do_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; transform_registry.kind[i]; i++) {
        scoped(unmake) struct small_table *table = make_for(transform_registry.kind[i]);
        scoped(preparation_free) struct preparation *preparation = fit(table), *stored = NULL;
        scoped(memory_free) char *text = text_of(preparation);
        scoped(memory_free) real *x = gather(table, preparation, ROWS), *y = NULL;
        scoped(json_free) cJSON *json = NULL;
        struct error error;

        assert_true(json_parse(text, strlen(text), &json, &error));
        assert_true(preparation_parse(json, &stored, &error));
        y = gather(table, stored, ROWS);
        assert_memory_equal(x, y, (size_t)(ROWS * sample_size(preparation)) * sizeof(real));
    }
}

static void batches_of_any_size_are_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; transform_registry.kind[i]; i++) {
        scoped(unmake) struct small_table *table = make_for(transform_registry.kind[i]);
        scoped(preparation_free) struct preparation *preparation = fit(table);
        scoped(memory_free) real *x = gather(table, preparation, ROWS);
        scoped(memory_free) real *y = gather(table, preparation, 3);

        assert_memory_equal(x, y, (size_t)(ROWS * sample_size(preparation)) * sizeof(real));
    }
}

/* Whatever was fitted on a column, unmap() finds the training values again. `preparation` ends
 * before `transform`. */
static void check_inverse(const struct preparation *before, const struct transform *transform,
                          const struct small_table *table)
{
    scoped(applier_free) struct applier *applier = NULL;
    struct error error;

    assert_true(applier_make(before, &table->dataset, NULL, &applier, &error));
    for (int64_t row = 0; row < TRAIN_ROWS; row++) {
        const struct block *block = applier_rows(applier, &row, 1);

        for (int64_t i = 0; i < transform->n_columns; i++) {
            const double *state = transform_state(transform, i);
            int64_t n = transform_state_size(transform, i);
            double x = *block_column(block, transform->column[i]), y = x;

            if (isnan(x))
                continue;
            transform->kind->map(state, n, &y, 1);
            transform->kind->unmap(state, n, &y, 1);
            if (!(fabs(y - x) <= 1e-9 * fmax(1, fabs(x))))
                fail_msg("%s: %.17g came back as %.17g", transform->kind->kind.name, x, y);
        }
    }
}

static void help_says_which_kinds_have_an_inverse(void **state)
{
    (void)state;
    for (size_t i = 0; transform_registry.kind[i]; i++) {
        const struct transform_kind *kind =
            (const struct transform_kind *)transform_registry.kind[i];

        if ((kind->unmap != NULL) != (strstr(kind->kind.help, "Has an inverse.") != NULL))
            fail_msg("%s: '%s'", kind->kind.name, kind->kind.help);
    }
}

static void inverse_leads_back(void **state)
{
    int n = 0;

    (void)state;
    for (size_t i = 0; transform_registry.kind[i]; i++) {
        scoped(unmake) struct small_table *table = make_for(transform_registry.kind[i]);
        scoped(preparation_free) struct preparation *preparation = fit(table);

        for (int64_t k = 0; k < preparation->n_transforms; k++) {
            struct preparation before = *preparation;

            before.n_transforms = k;
            if (!preparation->transform[k].kind->unmap)
                continue;
            check_inverse(&before, &preparation->transform[k], table);
            n++;
        }
    }
    assert_true(n > 20);
}

static void affine_transforms_fold(void **state)
{
    scoped(unmake) struct small_table *table =
        make("[{\"type\":\"impute\",\"by\":\"constant\",\"value\":3},\"minmax\",\"standard\"]");
    scoped(preparation_free) struct preparation *preparation = fit(table);
    scoped(memory_free) real *x = gather(table, preparation, ROWS);

    (void)state;
    for (int64_t row = 0; row < ROWS; row++)
        for (int64_t column = 0; column < 5; column++) {
            double value = (double)table->value[row * COLUMNS + column];

            for (int64_t k = 0; k < 3; k++) {
                const struct transform *transform = &preparation->transform[k];

                transform->kind->map(transform_state(transform, column), 3, &value, 1);
            }
            assert_true(fabs((double)x[row * preparation->width + column] - value) <=
                        1e-6 * fmax(1, fabs(value)));
        }
}

static int by_value(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;

    return (a > b) - (a < b);
}

/* So many rows are counted by their digits, not sorted. */
#define MANY_ROWS 70000
static void quantiles_of_many_rows_are_exact(void **state)
{
    static const double fraction[] = {0, 0.25, 0.5, 1};
    scoped(memory_free) float *value = calloc(MANY_ROWS, sizeof(*value));
    scoped(memory_free) int64_t *row = calloc(MANY_ROWS, sizeof(*row));
    scoped(applier_free) struct applier *applier = NULL;
    struct feature feature = {.name = NULL};
    struct prepared_feature prepared = {.name = NULL};
    const struct preparation preparation = {.feature = &prepared, .n_features = 1};
    const struct dataset dataset = {
        .n_rows = MANY_ROWS, .feature = &feature, .n_features = 1, .value = value};
    struct row_list list = {.row = row, .n = MANY_ROWS};
    struct row_stream stream = {.rows = &list};
    const int64_t column = 0;
    struct error error;
    double got[4];

    (void)state;
    for (int64_t i = 0; i < MANY_ROWS; i++) {
        row[i] = i;
        value[i] = (float)(i % 3 ? random_normal(3, (uint64_t)i, 0, 0) : (double)(i % 5));
    }
    assert_true(applier_make(&preparation, &dataset, NULL, &applier, &error));
    stream.applier = applier;
    assert_true(row_stream_quantiles(&stream, &column, 1, fraction, 4, got, &error));
    qsort(value, MANY_ROWS, sizeof(*value), by_value);
    for (int i = 0; i < 4; i++) {
        double place = fraction[i] * (MANY_ROWS - 1);
        int64_t below = (int64_t)place, above = below + 1 < MANY_ROWS ? below + 1 : below;
        double part = place - (double)below;

        assert_true(got[i] ==
                    (double)value[below] + ((double)value[above] - (double)value[below]) * part);
    }
}

/* A sample's values are a column's, side by side. */
static void a_row_is_transformed_as_a_column_of_its_values(void **state)
{
    enum { VALUES = 40 };
    float rows[VALUES * VALUES], columns[VALUES * VALUES];
    struct feature feature[VALUES] = {0};
    struct prepared_feature prepared[VALUES] = {0};
    int64_t number[VALUES], first[VALUES + 1] = {0};
    scoped(layout_release) struct layout layout = {.steps = 1};
    struct transform row = {.kind = &transform_row_yeo_johnson,
                            .column = number,
                            .n_columns = VALUES,
                            .first = first,
                            .width = VALUES};
    struct transform column = {
        .kind = &transform_yeo_johnson, .column = number, .n_columns = VALUES, .width = VALUES};
    struct row_list list = {.row = number, .n = VALUES};
    struct dataset dataset = {.n_rows = VALUES, .feature = feature, .n_features = VALUES};
    struct preparation of_rows = {.feature = prepared, .n_features = VALUES, .transform = &row};
    struct preparation of_columns = of_rows;
    scoped(applier_free) struct applier *applier = NULL, *other = NULL;
    struct row_stream stream = {.rows = &list};
    const struct transform_config config = {.fit_on = FIT_ON_TRAIN};
    struct fitting fitting = {.config = &config,
                              .path = "",
                              .dataset = &dataset,
                              .rows = &stream,
                              .layout = &layout,
                              .transform = &column};
    const struct block *block;
    struct error error;

    (void)state;
    of_columns.transform = &column;
    for (int64_t i = 0; i < VALUES * VALUES; i++) {
        double z = random_normal(7, (uint64_t)i, 0, 0);

        rows[i] = columns[i % VALUES * VALUES + i / VALUES] =
            (float)(i / VALUES % 3 == 0   ? exp(z)
                    : i / VALUES % 3 == 1 ? z
                                          : -exp(z) + 2);
    }
    for (int64_t i = 0; i < VALUES; i++) {
        char name[] = "v";

        number[i] = i;
        assert_true(
            layout_add(&layout, &(struct layout_column){.name = name, .feature = i}, &error));
    }
    dataset.value = columns;
    assert_true(applier_make(&of_columns, &dataset, NULL, &stream.applier, &error));
    assert_true(column.kind->fit(&fitting, &error));
    applier_free(&stream.applier);
    of_columns.n_transforms = of_rows.n_transforms = 1;
    assert_true(applier_make(&of_columns, &dataset, NULL, &other, &error));
    block = applier_rows(other, number, VALUES);
    for (int64_t i = 0; i < VALUES * VALUES; i++) /* of the column i / VALUES row i % VALUES */
        columns[i] = (float)block->value[i];
    dataset.value = rows;
    assert_true(applier_make(&of_rows, &dataset, NULL, &applier, &error));
    block = applier_rows(applier, number, VALUES);
    for (int64_t i = 0; i < VALUES * VALUES; i++) {
        double got = block->value[i % VALUES * VALUES + i / VALUES], expected = (double)columns[i];

        assert_true(fabs(got - expected) < 1e-5 * fmax(1, fabs(expected)));
    }
    free(column.first);
    free(column.state);
}

/* Whichever exponent is best of a sample's few values, they stay apart in a float. */
static void a_row_keeps_its_values_apart(void **state)
{
    static const double samples[][6] = {{1.826, 2.978, 4.073, 2.437, 1.858, 1.716},
                                        {2.2, 4.4, 2.6, 2, 2.3, 2.4},
                                        {1000, 1001, 1000.5, 1000.25, 1000.75, 1000.375},
                                        {-1.8, -3, -4.1, -2.4, -1.9, -1.7},
                                        {-1000, -1001, -1000.5, -1000.25, -1000.75, -1000.4}};
    int64_t column[] = {0, 1, 2, 3, 4, 5};
    const struct transform row = {
        .kind = &transform_row_yeo_johnson, .column = column, .n_columns = 6, .width = 6};

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        double value[6], result[6];
        struct block in = {.value = value, .n = 1, .steps = 1, .width = 6};
        struct block out = {.value = result, .n = 1, .steps = 1, .width = 6};

        memcpy(value, samples[i], sizeof(value));
        row.kind->apply(&row, &in, &out);
        for (int a = 0; a < 6; a++)
            for (int b = 0; b < 6; b++)
                assert_true(value[a] < value[b] ? (float)result[a] < (float)result[b]
                                                : value[a] > value[b] || a == b);
        if (i == 0) /* scipy.stats.yeojohnson's exponent is -2.4267287598 */
            assert_true(fabs(result[0] - 0.37895615) < 1e-6);
    }
}

/* Two recordings: nothing goes from one into the other, and windows see what was computed along
 * them. */
static void recordings_are_gone_along(void **state)
{
    int64_t segment[] = {0, 300, ROWS};
    scoped(unmake) struct small_table *table = make(
        "[\"minmax\",{\"type\":\"drop\",\"columns\":[\"holes\",\"color\"]},{\"type\":"
        "\"difference\","
        "\"lag\":2},{\"type\":\"moving_average\",\"columns\":\"normal\",\"length\":2},\"square\"]");
    scoped(preparation_free) struct preparation *preparation = NULL;
    scoped(memory_free) real *x = NULL;
    const double *scale;

    (void)state;
    table->dataset.series =
        (struct series){.n = 2, .first = segment, .n_segments = 2, .segment = segment};
    preparation = fit(table);
    x = gather(table, preparation, 64);
    scale = transform_state(&preparation->transform[0], 0);
    for (int64_t row = 0; row < ROWS; row++) {
        int64_t first = row < 300 ? 0 : 300;
        double sum = 0;

        for (int64_t i = row > first ? row - 1 : row; i <= row; i++)
            sum += i - 2 < first ? 0
                                 : scale[0] * ((double)table->value[i * COLUMNS] -
                                               (double)table->value[(i - 2) * COLUMNS]);
        sum /= row > first ? 2 : 1;
        assert_true(fabs((double)x[row * preparation->width] - sum * sum) < 1e-5);
    }
}

static void rows_that_do_not_follow_one_another_are_not_gone_along(void **state)
{
    scoped(unmake) struct small_table *table = make("[\"impute\",\"difference\"]");
    struct preparation *preparation = NULL;
    struct error error;

    (void)state;
    assert_false(preparation_fit(&table->dataset, &table->split, &table->split, NULL,
                                 &table->config, &table->spec.prepare, &preparation,
                                 &table->warnings, &error));
    assert_string_equal(error.path, "prepare[1]");
    assert_non_null(strstr(error.message, "difference needs rows that follow one another"));
}

/* In units of y's last place, or of what is lost where the offset and the product cancel. */
static double error_of(const struct column_map *map, float x)
{
    double y = map->scale * (double)x + map->offset;
    struct centred_map centred;

    assert_true(affine_centre(map, &centred));
    return fabs((double)affine_centred(&centred, x) - y) /
           (0x1p-24 * fabs(y) + 0x1p-46 * fabs(map->offset) + 0x1p-140);
}

static void scaling_in_floats_keeps_nearly_all_digits(void **state)
{
    static const double deviation[] = {1e-20, 1e-3, 1, 3, 1e6, 1e20};
    static const double mean[] = {0, 0.3, -7, 1e5, -1e9};
    double worst = 0;

    (void)state;
    for (uint64_t i = 0; i < 30000; i++) {
        double size = deviation[i % 6], middle = mean[i / 6 % 5] * size;
        struct column_map map = {.scale = 1 / size, .offset = -middle / size};

        worst = fmax(worst, error_of(&map, (float)(middle + size * random_normal(1, i, 0, 0))));
    }
    assert_true(worst < 4);
    assert_true(error_of(&(struct column_map){.scale = 1}, 0.1F) == 0);
    assert_true(error_of(&(struct column_map){.scale = 1, .offset = 5}, 1e-30F) < 1);
}

static void what_floats_cannot_scale_is_scaled_in_double(void **state)
{
    static const struct column_map map[] = {{.scale = 1e31},
                                            {.scale = 1e-31},
                                            {.scale = 1e-5, .offset = 1e30},
                                            {.scale = (double)NAN},
                                            {.scale = 1e-200, .offset = 1},
                                            {.scale = 1, .offset = (double)INFINITY}};
    struct centred_map centred;

    (void)state;
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        assert_false(affine_centre(&map[i], &centred));
}

/* Whether a value is missing elsewhere decides how rows are read, not what they say. */
static void rows_are_the_same_beside_others_that_miss_a_value(void **state)
{
    scoped(unmake) struct small_table *table =
        make("[{\"type\":\"drop\",\"columns\":[\"holes\",\"color\"]},\"standard\"]");
    scoped(preparation_free) struct preparation *preparation = fit(table);
    scoped(memory_free) real *with = gather(table, preparation, 50);
    scoped(memory_free) real *without = NULL;

    (void)state;
    table->feature[4].n_missing = table->feature[5].n_missing = 0;
    without = gather(table, preparation, 50);
    assert_memory_equal(with, without, (size_t)(ROWS * sample_size(preparation)) * sizeof(*with));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_is_in_order),
        cmocka_unit_test(results_are_finite),
        cmocka_unit_test(fitting_sees_training_rows_only),
        cmocka_unit_test(stored_transforms_do_the_same),
        cmocka_unit_test(batches_of_any_size_are_the_same),
        cmocka_unit_test(help_says_which_kinds_have_an_inverse),
        cmocka_unit_test(inverse_leads_back),
        cmocka_unit_test(affine_transforms_fold),
        cmocka_unit_test(scaling_in_floats_keeps_nearly_all_digits),
        cmocka_unit_test(what_floats_cannot_scale_is_scaled_in_double),
        cmocka_unit_test(rows_are_the_same_beside_others_that_miss_a_value),
        cmocka_unit_test(quantiles_of_many_rows_are_exact),
        cmocka_unit_test(a_row_is_transformed_as_a_column_of_its_values),
        cmocka_unit_test(a_row_keeps_its_values_apart),
        cmocka_unit_test(recordings_are_gone_along),
        cmocka_unit_test(rows_that_do_not_follow_one_another_are_not_gone_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
