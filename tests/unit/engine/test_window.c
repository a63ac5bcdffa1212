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
#include "common/file.h"
#include "common/owner.h"
#include "tests/support/near.h"
#include "worker/engine/dataset/samples.h"
#include "worker/engine/dataset/split/split.h"
#include "worker/engine/dataset/told.h"
#include "worker/engine/dataset/window.h"
#include "worker/engine/engine_spec.h"

#define ROWS 60 /* of each recording: what test_window.c's table has of them */

/* Two recordings of one file, interleaved, their times sorted as texts; x is 1000 * seat + time,
 * y is the class of the time. Row numbers in memory: the first recording's 60, then the other's. */
struct fixture {
    char path[64];
    struct engine_spec spec;
    struct dataset *dataset;
    struct split_plan plan;
    struct stretches stretches;
    struct preparation *preparation;
    struct samples *samples;
    struct warning_list warnings;
    struct error error;
};

static int by_text(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* A row is left out where time is `hole`, and stands twice where it is `twice`. */
static void write_table(const char *path, int hole, int twice)
{
    char time[ROWS][8];
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (int i = 0; i < ROWS; i++)
        (void)snprintf(time[i], sizeof(time[i]), "%d.0", i);
    qsort(time, ROWS, sizeof(time[0]), by_text);
    (void)fprintf(file, "crew,seat,time,x,y\n");
    for (int i = 0; i < ROWS; i++)
        for (int seat = 0; seat < 2; seat++) {
            int t = atoi(time[i]);

            for (int n = t == twice && seat == 1 ? 2 : 1; n > 0 && t != hole; n--)
                (void)fprintf(file, "1,%d,%s,%d,%c\n", seat, time[i], 1000 * seat + t,
                              t / 10 % 2 ? 'b' : 'a');
        }
    assert_int_equal(fclose(file), 0);
}

static void begin(struct fixture *fixture, const char *data, const char *prepare)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *root = NULL;
    scoped(buffer_release) struct buffer text = {0};
    struct error *error = &fixture->error;

    assert_true(buffer_append_format(&text, error,
                                     "{\"data\":{\"source\":\"%s\",\"series\":[\"crew\",\"seat\"],"
                                     "\"time\":\"time\",\"target\":\"y\"%s},\"prepare\":[%s]}",
                                     fixture->path, data, prepare));
    assert_true(json_parse(text.data, text.size, &root, error));
    (void)settings_parse(engine_settings, root, "", &fixture->spec, &diagnostics);
    assert_int_equal(diagnostics.n, 1); /* the model is missing, and not needed here */
}

static bool import(struct fixture *fixture)
{
    return dataset_import(&fixture->spec.data, NULL, &fixture->dataset, &fixture->warnings,
                          &fixture->error);
}

static bool divide(struct fixture *fixture)
{
    return split_make(&fixture->spec.data, NULL, fixture->dataset,
                      window_find(&fixture->spec.prepare), 1, &fixture->plan, &fixture->error);
}

/* The whole way from the table to samples. */
static void make(struct fixture *fixture, const char *data, const char *prepare)
{
    begin(fixture, data, prepare);
    if (!import(fixture) || !divide(fixture) ||
        !split_stretches(&fixture->plan, fixture->dataset, &fixture->stretches, &fixture->error) ||
        !preparation_fit(fixture->dataset, split_fit_rows(&fixture->plan), &fixture->plan.split,
                         &fixture->stretches, &fixture->spec.data, &fixture->spec.prepare,
                         &fixture->preparation, &fixture->warnings, &fixture->error) ||
        !samples_make(fixture->dataset, fixture->preparation, window_find(&fixture->spec.prepare),
                      &fixture->stretches, &fixture->samples, &fixture->error))
        fail_msg("%s: %s", fixture->error.path, fixture->error.message);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    (void)snprintf(fixture->path, sizeof(fixture->path), "/tmp/nightjar-window-%d.csv", getpid());
    write_table(fixture->path, -1, -1);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    samples_free(&fixture->samples);
    preparation_free(&fixture->preparation);
    stretches_release(&fixture->stretches);
    split_plan_release(&fixture->plan);
    dataset_free(&fixture->dataset);
    engine_spec_release(&fixture->spec);
    (void)unlink(fixture->path);
    free(fixture);
    return 0;
}

static int32_t length[2]; /* of the last windows gathered */

/* The value of step `step` of the window that predicts `row`. */
static double value_at(const struct fixture *fixture, int64_t row, int64_t step)
{
    const struct sample_set *set = &fixture->samples->set;
    int64_t steps = set->input->shape.steps;
    scoped(memory_free) real *data = calloc((size_t)steps * 2, sizeof(*data));
    const int64_t rows[] = {row, row};
    struct tensor x = {.data = data, .steps = steps, .rows = 2, .width = 1};
    int32_t *lengths = set->input->varies ? length : NULL;

    assert_int_equal(set->input->shape.width, 1);
    set->gather(set, rows, 2, &x, &lengths);
    assert_true(data[step * 2] == data[step * 2 + 1]);
    return (double)data[step * 2];
}

static int64_t count_warnings(const struct fixture *fixture, const char *where)
{
    int64_t n = 0;

    for (int i = 0; i < fixture->warnings.n; i++)
        n += strcmp(fixture->warnings.item[i].where, where) == 0;
    return n;
}

#define ALL ",\"split\":{\"train\":1,\"valid\":0,\"test\":0}"

static void recordings_are_ordered_by_time_as_a_number(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, ALL, "");
    assert_int_equal(fixture->dataset->series.n, 2);
    assert_int_equal(fixture->dataset->n_rows, 2 * ROWS);
    for (int64_t row = 0; row < 2 * ROWS; row++) {
        assert_true(fixture->dataset->time[row] == (double)(row % ROWS));
        assert_true((double)fixture->dataset->value[row] ==
                    (double)(row / ROWS * 1000 + row % ROWS));
    }
    assert_int_equal(count_warnings(fixture, "data.checks.duplicates"), 0);
}

static void windows_lie_where_length_stride_and_offset_say(void **state)
{
    struct fixture *fixture = *state;
    const struct row_list *train;

    make(fixture, ALL, "{\"type\":\"window\",\"length\":8,\"stride\":5,\"offset\":2}");
    train = &fixture->plan.split.part[SPLIT_TRAIN];
    assert_int_equal(train->n, 2 * ((ROWS - 2 - 8) / 5 + 1));
    for (int64_t i = 0; i < train->n; i++) {
        int64_t per = train->n / 2, first = 2 + i % per * 5;

        assert_int_equal(row_list_at(train, i), i / per * ROWS + first + 7);
        for (int64_t step = 0; step < 8; step++)
            assert_true(value_at(fixture, row_list_at(train, i), step) ==
                        (double)(i / per * 1000 + first + step));
    }
}

/* Where a window is read from is known before it is gathered. */
static void windows_are_foreseen_where_they_lie(void **state)
{
    static const char *const prepare[] = {
        "{\"type\":\"window\",\"length\":8,\"stride\":5,\"offset\":2}",
        "{\"type\":\"window\",\"length\":10,\"label\":\"first\"}",
        "{\"type\":\"window\",\"length\":20,\"horizon\":3}",
    };
    for (size_t k = 0; k < sizeof(prepare) / sizeof(prepare[0]); k++) {
        scoped(row_array_release) struct row_array rows = {0};
        struct fixture *fixture = *state;
        const struct prefetch_array *values;
        const struct sample_set *set;
        struct prefetch prefetch;

        make(fixture, ALL, prepare[k]);
        set = &fixture->samples->set;
        assert_true(row_array_open(&fixture->plan.split.part[SPLIT_TRAIN], &rows, &fixture->error));
        prefetch = (struct prefetch){.row = rows.row, .n = 4, .ids = k > 0};
        set->foresee(set, &prefetch);
        values = &prefetch.array[0];
        assert_true(values->lines * PREFETCH_LINE >= set->input->shape.steps * 4);
        for (int64_t i = 0; i < prefetch.n; i++) {
            const char *place = values->base + (rows.row[i] - values->before) * values->stride;

            assert_true((double)*(const float *)(const void *)place ==
                        value_at(fixture, rows.row[i], 0));
        }
        assert_int_equal(prefetch.n_arrays, k > 0 ? 3 : 2); /* identities if wanted, and labels */
        if (prefetch.ids)
            assert_ptr_equal(prefetch.array[1].base, set->row_id);
        assert_ptr_equal(prefetch.array[prefetch.n_arrays - 1].base, set->label);
        tear_down(state);
        set_up(state);
    }
}

static void labels_come_from_where_the_window_says(void **state)
{
    struct fixture *fixture = *state;
    const struct sample_set *set;
    const struct row_list *train;

    make(fixture, ALL, "{\"type\":\"window\",\"length\":10,\"label\":\"first\"}");
    set = &fixture->samples->set;
    train = &fixture->plan.split.part[SPLIT_TRAIN];
    for (int64_t i = 0; i < train->n; i++)
        assert_int_equal(set->label[row_list_at(train, i)],
                         (int)value_at(fixture, row_list_at(train, i), 0) % 1000 / 10 % 2);
    assert_int_equal(set->label[row_list_at(train, 9)], 0);
    assert_int_equal(set->label[row_list_at(train, 10)], 1);
}

static void the_majority_of_a_window_is_its_label(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, ALL, "{\"type\":\"window\",\"length\":8,\"label\":\"majority\"}");
    /* rows 6 .. 13 have four of each: the last one's counts; rows 5 .. 12 have five of a */
    assert_int_equal(fixture->samples->set.label[13], 1);
    assert_int_equal(fixture->samples->set.label[12], 0);
    assert_int_equal(fixture->samples->set.label[ROWS + 13], 1);
}

static void a_horizon_predicts_a_row_behind_the_window(void **state)
{
    struct fixture *fixture = *state;
    const struct row_list *train;

    make(fixture, ALL, "{\"type\":\"window\",\"length\":4,\"horizon\":3}");
    train = &fixture->plan.split.part[SPLIT_TRAIN];
    assert_int_equal(train->n, 2 * (ROWS - 6));
    assert_int_equal(row_list_at(train, 0), 6);
    assert_true(value_at(fixture, 6, 3) == 3);
}

static void no_window_crosses_a_gap(void **state)
{
    struct fixture *fixture = *state;
    const struct row_list *train;

    write_table(fixture->path, 30, -1);
    make(fixture, ALL ",\"rate\":1", "{\"type\":\"window\",\"length\":8}");
    train = &fixture->plan.split.part[SPLIT_TRAIN];
    assert_int_equal(train->n, 2 * (30 - 7 + 29 - 7));
    for (int64_t i = 0; i < train->n; i++)
        assert_true(value_at(fixture, row_list_at(train, i), 7) -
                        value_at(fixture, row_list_at(train, i), 0) ==
                    7);
    assert_int_equal(count_warnings(fixture, "data.checks.gaps"), 1);
}

static void a_check_stops_the_run_where_it_is_an_error(void **state)
{
    struct fixture *fixture = *state;

    write_table(fixture->path, -1, 7);
    begin(fixture, ",\"checks\":{\"duplicates\":\"error\"}", "");
    assert_false(import(fixture));
    assert_string_equal(fixture->error.path, "data.checks.duplicates");
    assert_non_null(strstr(fixture->error.message, "recording 1/1"));
    engine_spec_release(&fixture->spec);
    begin(fixture, ",\"checks\":{\"order\":\"error\"}", "");
    assert_false(import(fixture));
    assert_string_equal(fixture->error.path, "data.checks.order");
    engine_spec_release(&fixture->spec);
    begin(fixture, ",\"constant\":[\"crew\",\"x\"]", "");
    assert_false(import(fixture));
    assert_string_equal(fixture->error.path, "data.checks.constant");
    engine_spec_release(&fixture->spec);
    fixture->warnings.n = 0;
    begin(fixture, ",\"constant\":\"crew\",\"checks\":{\"duplicates\":\"off\"}", "");
    assert_true(import(fixture));
    assert_int_equal(fixture->warnings.n, 0);
}

static void a_fraction_cuts_stretches_of_each_recording(void **state)
{
    struct fixture *fixture = *state;
    const struct split *rows, *windows;

    make(fixture, ",\"split\":{\"train\":0.5,\"valid\":0.25,\"test\":0.25}",
         "{\"type\":\"window\",\"length\":8}");
    rows = &fixture->plan.rows;
    windows = &fixture->plan.split;
    assert_int_equal(rows->part[SPLIT_TRAIN].n, 60);
    assert_int_equal(rows->part[SPLIT_VALID].n, 30);
    assert_int_equal(row_list_at(&rows->part[SPLIT_TRAIN], 30), ROWS);
    assert_int_equal(row_list_at(&rows->part[SPLIT_TEST], 0), 45);
    assert_int_equal(windows->part[SPLIT_TRAIN].n, 2 * (30 - 7));
    assert_int_equal(windows->part[SPLIT_TEST].n, 2 * (15 - 7));
    assert_int_equal(fixture->plan.n_unused, 2 * (ROWS - 7) - 2 * (30 - 7) - 4 * (15 - 7));
    assert_int_equal(fixture->plan.n_shared_rows, 0);
}

static void folds_are_stretches_too(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, ",\"split\":{\"by\":\"kfold\",\"folds\":3,\"fold\":1}",
         "{\"type\":\"window\",\"length\":8}");
    assert_int_equal(row_list_at(&fixture->plan.rows.part[SPLIT_TEST], 0), 20);
    assert_int_equal(fixture->plan.split.part[SPLIT_TEST].n, 2 * (20 - 7));
    assert_int_equal(fixture->plan.split.part[SPLIT_TRAIN].n, 4 * (20 - 7));
}

static void single_windows_leak_and_that_is_counted(void **state)
{
    struct fixture *fixture = *state;

    begin(fixture, ",\"split\":{\"windows\":\"random\"}", "{\"type\":\"window\",\"length\":8}");
    assert_true(import(fixture));
    assert_false(divide(fixture));
    assert_string_equal(fixture->error.path, "data.split");
    assert_non_null(strstr(fixture->error.message, "rows lie in windows of several parts"));
    dataset_free(&fixture->dataset);
    engine_spec_release(&fixture->spec);
    make(fixture, ",\"allow_leak\":\"to show it\",\"split\":{\"windows\":\"random\"}",
         "{\"type\":\"window\",\"length\":8}");
    assert_in_range(fixture->plan.n_shared_rows, 1, 2 * ROWS);
}

static void single_windows_that_do_not_overlap_are_no_leak(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, ",\"split\":{\"windows\":\"random\"}",
         "{\"type\":\"window\",\"length\":4,\"stride\":4}");
    assert_int_equal(fixture->plan.n_shared_rows, 0);
    assert_int_equal(fixture->plan.rows.part[SPLIT_TRAIN].n,
                     4 * fixture->plan.split.part[SPLIT_TRAIN].n);
}

static void groups_and_times_split_windows(void **state)
{
    struct fixture *fixture = *state;
    const struct split *split = &fixture->plan.split;

    make(fixture, ",\"group\":\"seat\",\"split\":{\"by\":\"leave_one_group_out\",\"fold\":1}",
         "{\"type\":\"window\",\"length\":8}");
    assert_int_equal(split->part[SPLIT_TEST].n, ROWS - 7);
    assert_int_equal(row_list_at(&split->part[SPLIT_TEST], 0), ROWS + 7);
    tear_down(state);
    set_up(state);
    fixture = *state;
    split = &fixture->plan.split;
    make(fixture, ",\"split\":{\"by\":\"time\",\"train\":0.5,\"test\":0.5}",
         "{\"type\":\"window\",\"length\":8}");
    assert_int_equal(split->part[SPLIT_TRAIN].n, 2 * (30 - 7));
    assert_int_equal(row_list_at(&split->part[SPLIT_TEST], 0), 37);
}

/* What a model is given of the training part, where the rows of the others hold `other`. */
static real *training_values(struct fixture *fixture, float other, int64_t *ret_n)
{
    struct dataset *dataset = fixture->dataset;
    const struct row_list *train = &fixture->plan.split.part[SPLIT_TRAIN];
    const float *stored = dataset->value;
    scoped(memory_free) float *value = malloc((size_t)dataset->n_rows * sizeof(*value));
    scoped(memory_free) int32_t *lengths = calloc((size_t)train->n + 1, sizeof(*lengths));
    scoped(row_array_release) struct row_array rows = {0};
    struct tensor x = {.rows = train->n};
    const struct window_config *window = window_find(&fixture->spec.prepare);

    assert_non_null(value);
    for (int64_t row = 0; row < dataset->n_rows; row++)
        value[row] = other;
    for (int64_t i = 0; i < split_fit_rows(&fixture->plan)->part[SPLIT_TRAIN].n; i++) {
        int64_t row = row_list_at(&split_fit_rows(&fixture->plan)->part[SPLIT_TRAIN], i);

        value[row] = row % 7 == 0 ? NAN : stored[row] * stored[row];
    }
    dataset->value = value;
    dataset->feature[0].n_missing = 1;
    samples_free(&fixture->samples);
    preparation_free(&fixture->preparation);
    if (!preparation_fit(dataset, split_fit_rows(&fixture->plan), &fixture->plan.split,
                         &fixture->stretches, &fixture->spec.data, &fixture->spec.prepare,
                         &fixture->preparation, &fixture->warnings, &fixture->error) ||
        !samples_make(dataset, fixture->preparation, window, &fixture->stretches, &fixture->samples,
                      &fixture->error))
        fail_msg("%s: %s", fixture->error.path, fixture->error.message);
    x.steps = fixture->samples->set.input->shape.steps;
    x.width = fixture->samples->set.input->shape.width;
    *ret_n = x.steps * x.rows * x.width;
    x.data = calloc((size_t)*ret_n + 1, sizeof(real));
    assert_non_null(x.data);
    assert_true(row_array_open(train, &rows, &fixture->error));
    fixture->samples->set.gather(&fixture->samples->set, rows.row, train->n, &x,
                                 &(int32_t *){NULL});
    dataset->value = stored;
    return x.data;
}

static void what_goes_along_recordings_sees_no_row_of_another_part(void **state)
{
    static const char *const split[] = {
        ",\"split\":{\"by\":\"kfold\",\"folds\":3,\"fold\":1,\"valid\":0.2}",
        ",\"split\":{\"by\":\"kfold\",\"folds\":3,\"fold\":0}",
        ",\"split\":{\"train\":0.5,\"valid\":0.25,\"test\":0.25}",
        ",\"split\":{\"by\":\"time\",\"train\":0.5,\"test\":0.5}",
        ",\"split\":{\"by\":\"column\",\"column\":\"y\",\"train\":\"b\",\"test\":\"a\"}",
    };
    static const char *const along[] = {
        "\"last_value\",{\"type\":\"impute\",\"by\":\"mean\"}",
        "\"impute\",{\"type\":\"difference\",\"lag\":3}",
        "\"impute\",{\"type\":\"moving_average\",\"length\":6}",
        "\"impute\",{\"type\":\"band_pass\",\"order\":2,\"rate\":256}",
        "\"impute\",{\"type\":\"series_scale\",\"by\":\"robust\"}",
        "\"impute\",\"standard\",{\"type\":\"set_steps\",\"steps\":2}",
    };

    for (size_t i = 0; i < sizeof(split) / sizeof(split[0]); i++)
        for (size_t k = 0; k < sizeof(along) / sizeof(along[0]); k++)
            for (int windows = 0; windows < 2; windows++) {
                struct fixture *fixture = *state;
                scoped(memory_free) real *before = NULL;
                scoped(memory_free) real *after = NULL;
                char prepare[256];
                int64_t n, again;

                (void)snprintf(prepare, sizeof(prepare), "%s%s", along[k],
                               windows ? ",{\"type\":\"window\",\"length\":4}" : "");
                make(fixture, split[i], prepare);
                before = training_values(fixture, 7, &n);
                after = training_values(fixture, -1e6F, &again);
                assert_true(n > 0 && n == again);
                if (memcmp(before, after, (size_t)n * sizeof(*before)) != 0)
                    fail_msg("%s sees test rows of %s", prepare, split[i]);
                tear_down(state);
                set_up(state);
            }
}

/* Across gaps, and for each part by itself. */
static void a_recording_has_a_scale_of_its_own(void **state)
{
    static const struct {
        const char *by;
        double center, width; /* of 0 .. 29 without 7, in which a gap is */
    } wanted[] = {{"standard", 428.0 / 29, 8.688697},
                  {"minmax", 0, 29},
                  {"maxabs", 0, 29},
                  {"robust", 15, 14}};

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct fixture *fixture = *state;
        double offset = strcmp(wanted[i].by, "maxabs") == 0 ? 0 : 1000, width = wanted[i].width;
        char prepare[80];

        (void)snprintf(prepare, sizeof(prepare), "{\"type\":\"series_scale\",\"by\":\"%s\"}",
                       wanted[i].by);
        write_table(fixture->path, 7, -1);
        make(fixture, ",\"rate\":1,\"split\":{\"by\":\"time\",\"train\":0.5,\"test\":0.5}",
             prepare);
        assert_near(value_at(fixture, 10, 0), (11 - wanted[i].center) / width, 1e-4);
        if (strcmp(wanted[i].by, "maxabs") == 0)
            width = 1029;
        assert_near(value_at(fixture, 59 + 10, 0), (1011 - offset - wanted[i].center) / width,
                    1e-4);
        if (strcmp(wanted[i].by, "minmax") == 0)
            assert_near(value_at(fixture, 40, 0), 11.0 / 29, 1e-4); /* test rows: 30 .. 59 */
        tear_down(state);
        set_up(state);
    }
}

static void every_row_is_predicted_where_edges_repeat(void **state)
{
    struct fixture *fixture = *state;
    scoped(row_list_release) struct row_list list = {0}, telling = {0};

    make(fixture, ALL, "{\"type\":\"window\",\"length\":8,\"stride\":4}");
    assert_true(samples_list_all(fixture->samples, &telling, &list, &fixture->error));
    assert_int_equal(list.n, 2 * ROWS);
    for (int64_t i = 0; i < list.n; i++)
        assert_int_equal(dataset_file_row(fixture->dataset, row_list_at(&list, i)), i);
    assert_true(value_at(fixture, ROWS + 2, 0) == 1000);
    assert_true(value_at(fixture, ROWS + 2, 5) == 1000);
    assert_true(value_at(fixture, ROWS + 2, 7) == 1002);
}

static void what_a_window_lacks_is_masked(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, ALL, "{\"type\":\"window\",\"length\":8,\"edges\":\"mask\"}");
    assert_true(fixture->samples->set.input->varies);
    assert_true(value_at(fixture, ROWS + 2, 2) == 1002);
    assert_int_equal(length[1], 3);
    assert_true(value_at(fixture, ROWS + 2, 3) == 0);
    assert_true(value_at(fixture, ROWS + 9, 7) == 1009);
    assert_int_equal(length[1], 8);
}

static void short_recordings_are_samples_of_their_own_length_where_they_are_kept(void **state)
{
    struct fixture *fixture = *state;
    const struct row_list *train = &fixture->plan.split.part[SPLIT_TRAIN];

    write_table(fixture->path, 50, -1);
    make(fixture, ALL ",\"rate\":1",
         "\"standard\",{\"type\":\"window\",\"length\":20,\"stride\":20,\"edges\":\"mask\","
         "\"shorter\":\"keep\"},{\"type\":\"standard\",\"divide\":false}");
    /* 0 .. 49 of each holds two windows, 51 .. 59 is shorter */
    assert_int_equal(train->n, 6);
    assert_int_equal(row_list_at(train, 2), 58);
    assert_int_equal(row_list_at(train, 5), 2 * 59 - 1);
    assert_int_equal(fixture->plan.rows.part[SPLIT_TRAIN].n, 2 * 59);
    (void)value_at(fixture, row_list_at(train, 2), 0);
    assert_int_equal(length[1], 9);
    assert_true(value_at(fixture, row_list_at(train, 2), 9) == 0);
    (void)value_at(fixture, row_list_at(train, 1), 0);
    assert_int_equal(length[1], 20);
    {
        double sum = 0; /* fitted on the rows that are there: their mean is 0 */

        for (int64_t i = 0; i < 6; i++)
            for (int64_t step = 0; step < (i % 3 == 2 ? 9 : 20); step++)
                sum += value_at(fixture, row_list_at(train, i), step);
        assert_true(fabs(sum) < 1e-4);
    }
}

static void short_recordings_in_two_parts_are_in_none(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, ",\"split\":{\"by\":\"leave_one_group_out\",\"fold\":1},\"group\":\"seat\"",
         "{\"type\":\"window\",\"length\":100,\"edges\":\"mask\",\"shorter\":\"keep\"}");
    assert_int_equal(fixture->plan.split.part[SPLIT_TRAIN].n, 1);
    assert_int_equal(row_list_at(&fixture->plan.split.part[SPLIT_TEST], 0), 2 * ROWS - 1);
    tear_down(state);
    set_up(state);
    fixture = *state;
    begin(fixture, ",\"split\":{\"train\":0.5,\"test\":0.5}",
          "{\"type\":\"window\",\"length\":100,\"edges\":\"mask\",\"shorter\":\"keep\"}");
    assert_true(import(fixture));
    assert_false(divide(fixture));
    assert_non_null(strstr(fixture->error.message, "has no whole window"));
}

static void rows_without_a_window_are_left_out_where_edges_drop(void **state)
{
    struct fixture *fixture = *state;
    scoped(row_list_release) struct row_list list = {0}, telling = {0};

    make(fixture, ALL, "{\"type\":\"window\",\"length\":8,\"edges\":\"drop\"}");
    assert_true(samples_list_all(fixture->samples, &telling, &list, &fixture->error));
    assert_int_equal(list.n, 2 * (ROWS - 7));
}

/* ---- a label for each step ---- */

static void assert_truth(const struct fixture *fixture, int64_t row, int64_t first, int64_t n,
                         int64_t step)
{
    const struct truth_span truth = sample_truth(&fixture->samples->set, row);

    assert_int_equal(truth.first, first);
    assert_int_equal(truth.n, n);
    assert_int_equal(truth.step, step);
}

static void each_step_predicts_its_row(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, ALL, "{\"type\":\"window\",\"length\":8,\"stride\":4,\"label\":\"each\"}");
    assert_int_equal(fixture->samples->set.truth_steps, 8);
    assert_truth(fixture, ROWS + 20, ROWS + 13, 8, 0);
    assert_true(value_at(fixture, ROWS + 20, 0) == 1013);
    assert_truth(fixture, ROWS + 2, ROWS, 3, 5);
    tear_down(state);
    set_up(state);
    fixture = *state;
    make(fixture, ALL, "{\"type\":\"window\",\"length\":8,\"label\":\"each\",\"edges\":\"mask\"}");
    assert_truth(fixture, ROWS + 2, ROWS, 3, 0);
    tear_down(state);
    set_up(state);
    fixture = *state;
    make(fixture, ALL, "{\"type\":\"window\",\"length\":8,\"label\":\"each\",\"horizon\":3}");
    assert_truth(fixture, ROWS + 20, ROWS + 13, 8, 0);
    assert_true(value_at(fixture, ROWS + 20, 0) == 1010);
    assert_truth(fixture, ROWS + 7, ROWS, 8, 0); /* of the first row, repeated */
}

/* Overlapping windows of each part: its rows, each once, and never those of another part. */
static void every_row_of_a_part_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    int64_t seen[2 * ROWS] = {0}, rows = 0;

    make(fixture, ",\"split\":{\"train\":0.5,\"valid\":0.25,\"test\":0.25}",
         "{\"type\":\"window\",\"length\":7,\"stride\":3,\"label\":\"each\"}");
    assert_int_equal(fixture->plan.n_shared_rows, 0);
    for (int part = 0; part < SPLIT_PART_COUNT; part++) {
        const struct row_list *list = &fixture->plan.split.part[part];
        scoped(told_release) struct told told = {0};
        int64_t before = -1;

        assert_true(told_open(&fixture->samples->set, list, &told, &fixture->error));
        for (struct row_walk at = {.list = told.rows}; row_walk(&at); rows++) {
            const struct truth_span truth =
                sample_truth(&fixture->samples->set, row_list_reach(list, at.row));

            assert_true(at.row > before);
            assert_int_equal(seen[at.row]++, 0);
            assert_in_range(at.row, truth.first, truth.first + truth.n - 1);
            before = at.row;
        }
    }
    assert_true(rows > 2 * (ROWS - 3 * 3) - 1);
}

static void windows_cover_every_row_that_is_predicted(void **state)
{
    static const struct {
        const char *how;
        int64_t windows, rows;
    } wanted[] = {
        {"\"stride\":7", 2 * 9, 2 * ROWS},
        {"\"stride\":3", 2 * 19, 2 * ROWS},
        {"\"stride\":50", 2 * 9, 2 * ROWS},
        {"\"stride\":7,\"horizon\":4", 2 * 9, 2 * ROWS},
        {"\"stride\":7,\"horizon\":4,\"edges\":\"drop\"", 2 * 8, 2 * (ROWS - 4)},
        {"\"stride\":7,\"edges\":\"mask\"", 2 * 9, 2 * ROWS},
    };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct fixture *fixture = *state;
        scoped(row_list_release) struct row_list list = {0}, telling = {0};
        char prepare[128];

        (void)snprintf(prepare, sizeof(prepare),
                       "{\"type\":\"window\",\"length\":7,\"label\":\"each\",%s}", wanted[i].how);
        make(fixture, ALL, prepare);
        assert_true(samples_list_all(fixture->samples, &telling, &list, &fixture->error));
        assert_int_equal(telling.n, wanted[i].windows);
        assert_int_equal(list.n, wanted[i].rows);
        for (int64_t k = 1; k < list.n; k++) /* in the order of the file */
            assert_true(dataset_file_row(fixture->dataset, row_list_at(&list, k - 1)) <
                        dataset_file_row(fixture->dataset, row_list_at(&list, k)));
        tear_down(state);
        set_up(state);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct window_config *window;

    begin(fixture, ",\"split\":{\"train\":0.6,\"test\":0.4}",
          "{\"type\":\"window\",\"length\":61}");
    assert_true(import(fixture));
    assert_false(divide(fixture));
    assert_string_equal(fixture->error.path, "prepare");
    assert_non_null(strstr(fixture->error.message, "the longest recording"));
    window = fixture->spec.prepare.item[0].config;
    window->length = 40; /* fits into a recording, but into no part */
    assert_false(divide(fixture));
    assert_non_null(strstr(fixture->error.message, "has no whole window"));
    free(take(&fixture->spec.data.time));
    fixture->spec.data.series.n = 0;
    assert_false(window_check(&fixture->spec.prepare, &fixture->spec.data, &fixture->error));
    assert_string_equal(fixture->error.path, "prepare[0]");
    fixture->spec.data.series.n = 2;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(recordings_are_ordered_by_time_as_a_number),
        TEST(windows_lie_where_length_stride_and_offset_say),
        TEST(windows_are_foreseen_where_they_lie),
        TEST(labels_come_from_where_the_window_says),
        TEST(the_majority_of_a_window_is_its_label),
        TEST(a_horizon_predicts_a_row_behind_the_window),
        TEST(no_window_crosses_a_gap),
        TEST(a_check_stops_the_run_where_it_is_an_error),
        TEST(a_fraction_cuts_stretches_of_each_recording),
        TEST(folds_are_stretches_too),
        TEST(single_windows_leak_and_that_is_counted),
        TEST(single_windows_that_do_not_overlap_are_no_leak),
        TEST(groups_and_times_split_windows),
        TEST(what_goes_along_recordings_sees_no_row_of_another_part),
        TEST(a_recording_has_a_scale_of_its_own),
        TEST(every_row_is_predicted_where_edges_repeat),
        TEST(what_a_window_lacks_is_masked),
        TEST(short_recordings_are_samples_of_their_own_length_where_they_are_kept),
        TEST(short_recordings_in_two_parts_are_in_none),
        TEST(rows_without_a_window_are_left_out_where_edges_drop),
        TEST(each_step_predicts_its_row),
        TEST(every_row_of_a_part_is_told_once),
        TEST(windows_cover_every_row_that_is_predicted),
        TEST(what_cannot_be_is_refused),
    };

    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
