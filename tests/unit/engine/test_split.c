#include <fcntl.h>
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
#include "common/random.h"
#include "worker/engine/dataset/split/split.h"

#define SEEDS 200

/* ---- data sets of labels and groups -----------------------------------------------------------*/

struct fixture {
    struct dataset dataset;
    int32_t *label, *group, *split_value; /* owned: the data set's */
    struct data_config config;
};

static int32_t *add_codes(struct dictionary *names, int64_t n, const char *prefix,
                          const int64_t *value)
{
    int32_t *code = malloc((size_t)n * sizeof(*code));
    struct error error;

    assert_non_null(code);
    for (int64_t i = 0; i < n; i++) {
        char text[32];
        int size = snprintf(text, sizeof(text), "%s%d", prefix, (int)value[i]);

        assert_true(dictionary_add(names, text, (size_t)size, &code[i], &error));
    }
    return code;
}

/* Rows with `n_groups` groups of uneven sizes and 3 uneven classes. */
static void make(struct fixture *fixture, int64_t n_rows, int64_t n_groups, const char *settings)
{
    scoped(memory_free) int64_t *value = malloc((size_t)n_rows * sizeof(*value));
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *json = NULL;
    struct dataset *dataset = &fixture->dataset;
    struct error error;

    memset(fixture, 0, sizeof(*fixture));
    assert_non_null(value);
    assert_true(json_parse(settings, strlen(settings), &json, &error));
    assert_true(json_add_text(json, "source", "x") && json_add_text(json, "target", "y"));
    if (!settings_parse(data_settings, json, "data", &fixture->config, &diagnostics))
        fail_msg("%s: %s", diagnostics.item[0].path, diagnostics.item[0].message);
    data_check(&fixture->config, json, &diagnostics);
    if (diagnostics.n)
        fail_msg("%s: %s", diagnostics.item[0].path, diagnostics.item[0].message);
    dataset->n_rows = n_rows;
    for (int64_t i = 0; i < n_rows; i++)
        value[i] = i % 10 < 6 ? 0 : i % 10 < 9 ? 1 : 2;
    dataset->label = fixture->label = add_codes(&dataset->classes, n_rows, "class", value);
    for (int64_t i = 0; i < n_rows; i++)
        value[i] = (int64_t)(sqrt((double)i / (double)n_rows) * (double)n_groups);
    if (n_groups > 0)
        dataset->group = fixture->group = add_codes(&dataset->groups, n_rows, "", value);
    if (split_by_column(&fixture->config.split)) {
        for (int64_t i = 0; i < n_rows; i++)
            value[i] = i % 5;
        dataset->split_value = fixture->split_value =
            add_codes(&dataset->split_values, n_rows, "fold", value);
    }
}

static void unmake(struct fixture *fixture)
{
    free(fixture->label);
    free(fixture->group);
    free(fixture->split_value);
    dictionary_release(&fixture->dataset.classes);
    dictionary_release(&fixture->dataset.groups);
    dictionary_release(&fixture->dataset.split_values);
    settings_release(data_settings, &fixture->config);
}

static struct split_plan split(const struct fixture *fixture, uint64_t seed)
{
    struct split_plan plan = {0};
    struct error error = {0};

    if (!split_make(&fixture->config, NULL, &fixture->dataset, NULL, seed, &plan, &error))
        fail_msg("%s: %s", error.path, error.message);
    return plan;
}

static const char *refusal(const struct fixture *fixture)
{
    static struct error error;
    struct split_plan plan = {0};

    error = (struct error){0};
    assert_false(split_make(&fixture->config, NULL, &fixture->dataset, NULL, 1, &plan, &error));
    return error.message;
}

/* Every row at most once, lists ascending, counts right. */
static void check_disjoint(const struct fixture *fixture, const struct split_plan *plan)
{
    int64_t n = fixture->dataset.n_rows, used = 0;
    scoped(memory_free) uint8_t *seen = calloc((size_t)n, 1);

    assert_non_null(seen);
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        const struct row_list *part = &plan->split.part[i];

        for (int64_t j = 0; j < part->n; j++) {
            assert_true(row_list_at(part, j) >= 0 && row_list_at(part, j) < n);
            assert_true(j == 0 || row_list_at(part, j) > row_list_at(part, j - 1));
            assert_int_equal(seen[row_list_at(part, j)]++, 0);
        }
        used += part->n;
    }
    assert_int_equal(used + plan->n_unused, n);
}

static void check_groups_apart(const struct fixture *fixture, const struct split_plan *plan)
{
    const struct dataset *dataset = &fixture->dataset;
    scoped(memory_free) int *part_of = malloc((size_t)dataset->groups.n * sizeof(*part_of));

    assert_non_null(part_of);
    memset(part_of, -1, (size_t)dataset->groups.n * sizeof(*part_of));
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        for (int64_t j = 0; j < plan->split.part[i].n; j++) {
            int32_t group = dataset->group[row_list_at(&plan->split.part[i], j)];

            assert_true(part_of[group] < 0 || part_of[group] == i);
            part_of[group] = i;
        }
    assert_int_equal(plan->n_shared_groups, 0);
}

static int64_t count(const struct split_plan *plan, enum split_part part)
{
    return plan->split.part[part].n;
}

/* ---- properties -------------------------------------------------------------------------------*/

static void fraction_gives_exact_shares_for_every_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fixture fixture;
        scoped(split_plan_release) struct split_plan plan = {0};
        int64_t n = 10 + (int64_t)seed * 3;

        make(&fixture, n, 0, "{}");
        plan = split(&fixture, seed);
        check_disjoint(&fixture, &plan);
        assert_int_equal(plan.n_unused, 0);
        assert_int_equal(count(&plan, SPLIT_TEST), (int64_t)floor(0.15 * (double)n + 0.5));
        assert_int_equal(count(&plan, SPLIT_VALID), (int64_t)floor(0.15 * (double)n + 0.5));
        unmake(&fixture);
    }
}

static void seed_decides_and_nothing_else(void **state)
{
    struct fixture fixture;
    struct split_plan first, same, other, pinned;

    (void)state;
    make(&fixture, 500, 0, "{}");
    first = split(&fixture, 7);
    same = split(&fixture, 7);
    other = split(&fixture, 8);
    assert_true(row_list_hash(&first.split.part[0]) == row_list_hash(&same.split.part[0]));
    assert_true(row_list_hash(&first.split.part[0]) != row_list_hash(&other.split.part[0]));
    fixture.config.split.seed = 7;
    pinned = split(&fixture, 99);
    assert_true(row_list_hash(&first.split.part[0]) == row_list_hash(&pinned.split.part[0]));
    assert_int_equal(pinned.seed, 7);
    split_plan_release(&first);
    split_plan_release(&same);
    split_plan_release(&other);
    split_plan_release(&pinned);
    unmake(&fixture);
}

static void shares_below_one_leave_rows_unused(void **state)
{
    struct fixture fixture;
    scoped(split_plan_release) struct split_plan plan = {0};

    (void)state;
    make(&fixture, 1000, 0, "{\"split\":{\"train\":0.1,\"test\":0.2}}");
    plan = split(&fixture, 3);
    check_disjoint(&fixture, &plan);
    assert_int_equal(count(&plan, SPLIT_TRAIN), 100);
    assert_int_equal(count(&plan, SPLIT_VALID), 0);
    assert_int_equal(count(&plan, SPLIT_TEST), 200);
    assert_int_equal(plan.n_unused, 700);
    unmake(&fixture);
}

static void stratified_parts_have_the_classes_of_the_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fixture fixture;
        scoped(split_plan_release) struct split_plan plan = {0};

        make(&fixture, 300 + (int64_t)seed, 0,
             "{\"split\":{\"stratified\":true,\"valid\":0.2,\"test\":0.2}}");
        plan = split(&fixture, seed);
        check_disjoint(&fixture, &plan);
        assert_int_equal(plan.n_unused, 0);
        for (int i = 0; i < SPLIT_PART_COUNT; i++) {
            const struct row_list *part = &plan.split.part[i];
            double share[3] = {0};

            for (int64_t j = 0; j < part->n; j++)
                share[fixture.dataset.label[row_list_at(part, j)]] += 1.0 / (double)part->n;
            assert_true(fabs(share[0] - 0.6) < 0.02 && fabs(share[1] - 0.3) < 0.02 &&
                        fabs(share[2] - 0.1) < 0.02);
        }
        unmake(&fixture);
    }
}

static void groups_are_never_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fixture fixture;
        scoped(split_plan_release) struct split_plan plan = {0};

        make(&fixture, 400, 3 + (int64_t)(seed % 30),
             "{\"group\":\"g\",\"split\":{\"by\":\"group\"}}");
        plan = split(&fixture, seed);
        check_disjoint(&fixture, &plan);
        check_groups_apart(&fixture, &plan);
        assert_int_equal(plan.n_unused, 0);
        for (int i = 0; i < SPLIT_PART_COUNT; i++)
            assert_true(count(&plan, (enum split_part)i) > 0);
        unmake(&fixture);
    }
}

static void many_groups_come_near_their_shares(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fixture fixture;
        scoped(split_plan_release) struct split_plan plan = {0};

        make(&fixture, 2000, 100,
             "{\"group\":\"g\",\"split\":{\"by\":\"group\",\"train\":0.5,\"valid\":0.2,\"test\":0."
             "2}}");
        plan = split(&fixture, seed);
        check_groups_apart(&fixture, &plan);
        assert_true(labs(count(&plan, SPLIT_TRAIN) - 1000) <= 60);
        assert_true(labs(count(&plan, SPLIT_VALID) - 400) <= 60);
        assert_true(labs(count(&plan, SPLIT_TEST) - 400) <= 60);
        assert_true(labs(plan.n_unused - 200) <= 60);
        unmake(&fixture);
    }
}

/* One group holds half of the rows and is to be in training, whenever its turn comes. */
static void big_group_finds_its_place(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fixture fixture;
        scoped(split_plan_release) struct split_plan plan = {0};
        int64_t n = 1000;

        make(&fixture, n, 21,
             "{\"group\":\"g\",\"split\":{\"by\":\"group\",\"train\":0.6,\"valid\":0.2,"
             "\"test\":0.2}}");
        for (int64_t i = 0; i < n; i++)
            fixture.group[i] = i < n / 2 ? 0 : (int32_t)(1 + (i - n / 2) / 25);
        plan = split(&fixture, seed);
        check_disjoint(&fixture, &plan);
        check_groups_apart(&fixture, &plan);
        assert_int_equal(count(&plan, SPLIT_TRAIN), 600);
        assert_int_equal(count(&plan, SPLIT_VALID), 200);
        assert_int_equal(count(&plan, SPLIT_TEST), 200);
        unmake(&fixture);
    }
}

static void listed_groups_go_where_they_are_listed(void **state)
{
    struct fixture fixture;
    scoped(split_plan_release) struct split_plan plan = {0};

    (void)state;
    make(&fixture, 500, 10,
         "{\"group\":\"g\",\"split\":{\"by\":\"group\",\"valid\":[2],\"test\":[\"8\",9]}}");
    plan = split(&fixture, 1);
    check_disjoint(&fixture, &plan);
    check_groups_apart(&fixture, &plan);
    assert_int_equal(plan.n_groups[SPLIT_TRAIN], 7);
    assert_int_equal(plan.n_groups[SPLIT_VALID], 1);
    assert_int_equal(plan.n_groups[SPLIT_TEST], 2);
    for (int64_t i = 0; i < count(&plan, SPLIT_TEST); i++) {
        int32_t group = fixture.dataset.group[row_list_at(&plan.split.part[SPLIT_TEST], i)];

        assert_true(atoi(fixture.dataset.groups.text[group]) >= 8);
    }
    unmake(&fixture);
}

static void column_values_decide(void **state)
{
    struct fixture fixture;
    scoped(split_plan_release) struct split_plan plan = {0};

    (void)state;
    make(&fixture, 100, 0,
         "{\"split\":{\"by\":\"column\",\"column\":\"c\",\"train\":[\"fold0\",\"fold1\"],"
         "\"test\":\"fold4\"}}");
    plan = split(&fixture, 1);
    check_disjoint(&fixture, &plan);
    assert_int_equal(count(&plan, SPLIT_TRAIN), 40);
    assert_int_equal(count(&plan, SPLIT_TEST), 20);
    assert_int_equal(plan.n_unused, 40);
    assert_int_equal(row_list_at(&plan.split.part[SPLIT_TEST], 1), 9);
    unmake(&fixture);
}

/* Over all folds every row is tested once. */
static void check_folds(const char *by, const char *more, int64_t n_rows, int64_t n_groups,
                        int folds, int64_t most_uneven)
{
    scoped(memory_free) uint8_t *tested = calloc((size_t)n_rows, 1);

    assert_non_null(tested);
    for (int fold = 0; fold < folds; fold++) {
        struct fixture fixture;
        scoped(split_plan_release) struct split_plan plan = {0};
        char settings[256];

        (void)snprintf(settings, sizeof(settings),
                       "{\"group\":\"g\",\"split\":{\"by\":\"%s\",\"folds\":%d,\"fold\":%d%s}}", by,
                       folds, fold, more);
        make(&fixture, n_rows, n_groups, settings);
        plan = split(&fixture, 5);
        check_disjoint(&fixture, &plan);
        if (n_groups > 0)
            check_groups_apart(&fixture, &plan);
        assert_int_equal(plan.n_unused, 0);
        assert_true(labs(count(&plan, SPLIT_TEST) * folds - n_rows) <= most_uneven * folds);
        for (int64_t i = 0; i < count(&plan, SPLIT_TEST); i++)
            tested[row_list_at(&plan.split.part[SPLIT_TEST], i)]++;
        unmake(&fixture);
    }
    for (int64_t i = 0; i < n_rows; i++)
        assert_int_equal(tested[i], 1);
}

static void folds_test_every_row_once(void **state)
{
    (void)state;
    for (int folds = 2; folds <= 11; folds += 3) {
        check_folds("kfold", "", 103, 0, folds, 1);
        check_folds("kfold", ",\"stratified\":true,\"valid\":0.25", 103, 0, folds, 1);
        check_folds("group_kfold", ",\"valid\":0.2", 400, 40, folds, 20);
    }
}

/* ---- files of row numbers ---------------------------------------------------------------------*/

static void index_files_decide(void **state)
{
    char path[] = "/tmp/nightjar-index-XXXXXX", settings[256];
    struct fixture fixture;
    scoped(split_plan_release) struct split_plan plan = {0};
    int fd = mkstemp(path);
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"3\n50\n", "line 2: '50' is no row number from 0 to 49"},
        {"3\n-1\n", "line 2: '-1' is no row number"},
        {"1.5\n", "line 1: '1.5' is no row number"},
        {"1\nx\n", "line 2: 'x' is no row number"},
        {"3\n4\n3\n", "line 3: row 3 is in test already"},
        {"\n", "the test part is empty"},
    };

    (void)state;
    assert_true(fd >= 0);
    (void)snprintf(settings, sizeof(settings), "{\"split\":{\"by\":\"index\",\"test\":\"%s\"}}",
                   path);
    make(&fixture, 50, 0, settings);
    assert_int_equal(pwrite(fd, "0 7\r\n49\n", 8, 0), 8);
    plan = split(&fixture, 1);
    check_disjoint(&fixture, &plan);
    assert_int_equal(count(&plan, SPLIT_TEST), 3);
    assert_int_equal(count(&plan, SPLIT_TRAIN), 47);
    assert_int_equal(row_list_at(&plan.split.part[SPLIT_TEST], 1), 7);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *message;

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_true(pwrite(fd, bad[i].text, strlen(bad[i].text), 0) > 0);
        message = refusal(&fixture);
        if (!strstr(message, bad[i].message))
            fail_msg("'%s' is not in '%s'", bad[i].message, message);
    }
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
    unmake(&fixture);
}

/* ---- refusals ---------------------------------------------------------------------------------*/

static void leak_is_refused_unless_a_reason_is_given(void **state)
{
    struct fixture fixture;
    scoped(split_plan_release) struct split_plan plan = {0};

    (void)state;
    make(&fixture, 100, 4, "{\"group\":\"speaker\"}");
    assert_non_null(strstr(refusal(&fixture), "leaks: 4 of the 4 groups of 'speaker' (100 rows)"));
    unmake(&fixture);
    make(&fixture, 100, 4, "{\"group\":\"speaker\",\"allow_leak\":\"to show it\"}");
    plan = split(&fixture, 1);
    assert_int_equal(plan.n_shared_groups, 4);
    assert_int_equal(plan.n_shared_rows, 100);
    unmake(&fixture);
}

static void reason_without_a_leak_marks_nothing(void **state)
{
    struct fixture fixture;
    scoped(split_plan_release) struct split_plan plan = {0};

    (void)state;
    make(&fixture, 100, 10,
         "{\"group\":\"g\",\"allow_leak\":\"perhaps\",\"split\":{\"by\":\"group\"}}");
    plan = split(&fixture, 1);
    assert_int_equal(plan.n_shared_groups, 0);
    unmake(&fixture);
}

static void parts_that_cannot_be_filled_are_refused(void **state)
{
    static const struct {
        const char *settings, *message;
        int64_t n_rows, n_groups;
    } bad[] = {
        {"{\"split\":{\"test\":0.01}}", "the test part is empty", 20, 0},
        {"{\"split\":{\"train\":0,\"test\":0.5}}", "the train part is empty", 20, 0},
        {"{\"group\":\"g\",\"split\":{\"by\":\"group\",\"test\":0.5,\"valid\":0.2}}",
         "part is empty", 20, 2},
        {"{\"group\":\"g\",\"split\":{\"by\":\"group\",\"test\":[77]}}", "there is no group '77'",
         20, 2},
        {"{\"group\":\"g\",\"split\":{\"by\":\"group\",\"test\":[1],\"valid\":[1]}}",
         "group '1' is in valid too", 20, 2},
        {"{\"split\":{\"by\":\"column\",\"column\":\"c\",\"test\":[\"no\"]}}",
         "there is no value 'no'", 20, 0},
        {"{\"split\":{\"by\":\"column\",\"column\":\"c\"}}", "the train part is empty", 20, 0},
        {"{\"split\":{\"by\":\"kfold\",\"folds\":30}}", "30 folds of 20 rows", 20, 0},
        {"{\"group\":\"g\",\"split\":{\"by\":\"group_kfold\",\"folds\":5}}", "5 folds of 2 groups",
         20, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fixture fixture;
        const char *message;

        make(&fixture, bad[i].n_rows, bad[i].n_groups, bad[i].settings);
        message = refusal(&fixture);
        if (!strstr(message, bad[i].message))
            fail_msg("'%s' is not in '%s'", bad[i].message, message);
        unmake(&fixture);
    }
}

/* What is written of it; owned by the caller. */
static char *written(const struct split_plan *plan, const struct dataset *dataset, size_t *ret_size)
{
    struct error error;
    char path[64], *text;

    (void)snprintf(path, sizeof(path), "/tmp/nightjar-split-%d.json", getpid());
    assert_true(split_write(plan, dataset, path, &error));
    assert_true(file_read(AT_FDCWD, path, (size_t)1 << 30, &text, ret_size, &error));
    (void)unlink(path);
    return text;
}

static cJSON *stored(const struct split_plan *plan, const struct dataset *dataset)
{
    scoped(memory_free) char *text = NULL;
    cJSON *json = NULL;
    struct error error;
    size_t size;

    text = written(plan, dataset, &size);
    assert_true(json_parse(text, size, &json, &error));
    return json;
}

static void stored_split_lists_the_rows(void **state)
{
    struct fixture fixture;
    scoped(split_plan_release) struct split_plan plan = {0};
    scoped(json_free) cJSON *json = NULL, *event = NULL;

    (void)state;
    make(&fixture, 40, 4, "{\"group\":\"g\",\"split\":{\"by\":\"group\",\"test\":[3]}}");
    plan = split(&fixture, 11);
    json = stored(&plan, &fixture.dataset);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "train")), count(&plan, SPLIT_TRAIN));
    assert_int_equal(cJSON_GetArrayItem(json_member(json, "test"), 0)->valuedouble,
                     row_list_at(&plan.split.part[SPLIT_TEST], 0));
    assert_int_equal(json_integer(json, "seed", -1), 11);
    event = split_event(&plan);
    assert_int_equal(json_integer(event, "train", -1), count(&plan, SPLIT_TRAIN));
    assert_int_equal(json_integer(json_member(event, "groups"), "test", -1), 1);
    unmake(&fixture);
}

static void assert_lists(const cJSON *json, const struct split_plan *plan,
                         const struct dataset *dataset)
{
    for (int part = 0; part < SPLIT_PART_COUNT; part++) {
        const cJSON *item = json_member(json, split_part_name[part])->child;

        for (struct row_walk walk = {.list = &plan->split.part[part]}; row_walk(&walk);) {
            assert_non_null(item);
            assert_true(item->valuedouble == (double)dataset_file_row(dataset, walk.row));
            item = item->next;
        }
        assert_null(item);
    }
}

/* More than is written at a time, numbers of every length; and parts without any. */
static void every_row_is_stored_whatever_their_number(void **state)
{
    static const int rows[] = {1, 3, 120000};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scoped(split_plan_release) struct split_plan plan = {0};
        scoped(json_free) cJSON *json = NULL;
        struct fixture fixture;

        make(&fixture, rows[i], 1, "{\"allow_leak\":\"a test\",\"split\":{\"by\":\"fraction\"}}");
        plan = split(&fixture, 1);
        json = stored(&plan, &fixture.dataset);
        assert_int_equal(json_integer(json, "rows", -1), rows[i]);
        assert_lists(json, &plan, &fixture.dataset);
        unmake(&fixture);
    }
}

static void assert_read_back(const char *text, size_t size, const struct split_plan *plan,
                             int64_t n_rows)
{
    scoped(split_stored_release) struct split_stored stored = {0};
    struct error error;

    assert_true(split_read(text, size, &stored, &error));
    assert_int_equal(stored.n_rows, n_rows);
    assert_true(stored.windows == plan->windows);
    for (int part = 0; part < SPLIT_PART_COUNT; part++) {
        struct row_walk a = {.list = &plan->split.part[part]};
        struct row_walk b = {.list = &stored.split.part[part]};

        while (row_walk(&a)) {
            assert_true(row_walk(&b));
            assert_true(a.row == b.row);
        }
        assert_false(row_walk(&b));
    }
}

static void stored_split_is_read_back(void **state)
{
    static const int rows[] = {10, 40, 5000};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int windows = 0; windows < 2; windows++) {
            scoped(split_plan_release) struct split_plan plan = {0};
            scoped(memory_free) char *text = NULL;
            struct fixture fixture;
            struct error error;
            size_t size;

            make(&fixture, rows[i], 1,
                 "{\"allow_leak\":\"a test\",\"split\":{\"by\":\"fraction\",\"test\":0.3}}");
            plan = split(&fixture, 1);
            plan.windows = windows;
            text = written(&plan, &fixture.dataset, &size);
            assert_read_back(text, size, &plan, rows[i]);
            for (size_t cut = 0; cut < size && rows[i] < 100; cut++) {
                struct split_stored stored = {0};

                assert_false(split_read(text, cut, &stored, &error));
            }
            unmake(&fixture);
        }
}

static void what_is_no_stored_split_is_refused(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[1,2]",
        "{\"rows\":9}",
        "{\"rows\":0,\"train\":[],\"valid\":[],\"test\":[]}",
        "{\"rows\":9,\"train\":[1,,2],\"valid\":[],\"test\":[]}",
        "{\"rows\":9,\"train\":[-1],\"valid\":[],\"test\":[]}",
        "{\"rows\":9,\"train\":[1 ,2],\"valid\":[],\"test\":[]}",
        "{\"rows\":9,\"train\":[1],\"valid\":[]}",
        "{\"rows\":9,\"train\":[1234567890123456789],\"valid\":[],\"test\":[]}",
        "{\"rows\":9,\"windows\":{\"train\":[1],\"valid\":[],\"test\":[]}}",
        "{\"rows\":9,\"windows\":{\"train\":[[9,1,1]],\"valid\":[],\"test\":[]}}",
        "{\"rows\":9,\"windows\":{\"train\":[[0,0,1]],\"valid\":[],\"test\":[]}}",
        "{\"rows\":9,\"windows\":{\"train\":[[0,3,0]],\"valid\":[],\"test\":[]}}",
        "{\"rows\":9,\"windows\":{\"train\":[[0,10,1]],\"valid\":[],\"test\":[]}}",
        "{\"rows\":9,\"windows\":{\"train\":[[0,999999999999999999,1]],\"valid\":[],\"test\":[]}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct split_stored stored = {0};
        struct error error;

        if (split_read(bad[i], strlen(bad[i]), &stored, &error))
            fail_msg("%s is read", bad[i]);
    }
}

static void equal_splits_have_equal_hashes(void **state)
{
    static const uint64_t seed[] = {11, 11, 12};
    char hash[3][HASH_TEXT_SIZE];

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct fixture fixture;
        scoped(split_plan_release) struct split_plan plan = {0};
        scoped(json_free) cJSON *json = NULL, *event = NULL;

        make(&fixture, 40, 4,
             "{\"allow_leak\":\"a test\",\"split\":{\"by\":\"fraction\",\"test\":0.3}}");
        plan = split(&fixture, seed[i]);
        json = stored(&plan, &fixture.dataset);
        event = split_event(&plan);
        (void)snprintf(hash[i], sizeof(hash[i]), "%s", json_text(json, "hash", ""));
        assert_string_equal(hash[i], json_text(event, "hash", ""));
        assert_int_equal(strlen(hash[i]), HASH_TEXT_SIZE - 1);
        unmake(&fixture);
    }
    assert_string_equal(hash[0], hash[1]);
    assert_string_not_equal(hash[0], hash[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fraction_gives_exact_shares_for_every_seed),
        cmocka_unit_test(seed_decides_and_nothing_else),
        cmocka_unit_test(shares_below_one_leave_rows_unused),
        cmocka_unit_test(stratified_parts_have_the_classes_of_the_whole),
        cmocka_unit_test(groups_are_never_cut),
        cmocka_unit_test(many_groups_come_near_their_shares),
        cmocka_unit_test(big_group_finds_its_place),
        cmocka_unit_test(listed_groups_go_where_they_are_listed),
        cmocka_unit_test(column_values_decide),
        cmocka_unit_test(folds_test_every_row_once),
        cmocka_unit_test(index_files_decide),
        cmocka_unit_test(leak_is_refused_unless_a_reason_is_given),
        cmocka_unit_test(reason_without_a_leak_marks_nothing),
        cmocka_unit_test(parts_that_cannot_be_filled_are_refused),
        cmocka_unit_test(stored_split_lists_the_rows),
        cmocka_unit_test(every_row_is_stored_whatever_their_number),
        cmocka_unit_test(stored_split_is_read_back),
        cmocka_unit_test(what_is_no_stored_split_is_refused),
        cmocka_unit_test(equal_splits_have_equal_hashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
