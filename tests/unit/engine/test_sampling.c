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
#include "worker/engine/sampling/sampling.h"

#define ROWS 1000
#define CLASSES 3
#define GROUPS 21

static int32_t label[ROWS], group[ROWS];
static uint64_t row_id[ROWS];
static int64_t row[ROWS];

/* Classes 0, 1, 2 in 70, 20 and 10 of 100 rows. */
static int fill(void **state)
{
    (void)state;
    for (int64_t i = 0; i < ROWS; i++) {
        label[i] = i % 10 < 7 ? 0 : i % 10 < 9 ? 1 : 2;
        row_id[i] = (uint64_t)(5000 + 3 * i);
        row[i] = i;
        group[i] = (int32_t)(i % 20); /* 50 rows each, and none of the last */
    }
    return 0;
}

static struct row_list subset(int by, int64_t rows, double share, uint64_t seed)
{
    const struct subset_config config = {.by = by, .rows = rows, .share = share};
    const struct subset_keys keys = {
        .row_id = row_id, .label = label, .n_classes = CLASSES, .group = group, .n_groups = GROUPS};
    struct row_list list = {.row = malloc(sizeof(row)), .n = ROWS};
    struct error error;

    assert_non_null(list.row);
    memcpy(list.row, row, sizeof(row));
    assert_true(sampling_subset(&config, &keys, seed, &list, &error));
    return list;
}

static void check_order(const struct row_list *list)
{
    for (int64_t i = 1; i < list->n; i++)
        assert_true(list->row[i - 1] < list->row[i]);
}

static bool holds(const struct row_list *list, int64_t wanted)
{
    for (int64_t i = 0; i < list->n; i++)
        if (list->row[i] == wanted)
            return true;
    return false;
}

static void smaller_subset_lies_in_the_larger_one(void **state)
{
    static const int kinds[] = {SUBSET_RANDOM, SUBSET_STRATIFIED, SUBSET_HEAD, SUBSET_GROUP};

    (void)state;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        for (int64_t n = 10; n <= 640; n *= 2) {
            struct row_list small = subset(kinds[k], n, 1, 7),
                            large = subset(kinds[k], 2 * n, 1, 7);

            if (kinds[k] != SUBSET_STRATIFIED && kinds[k] != SUBSET_GROUP)
                assert_int_equal(small.n, n);
            check_order(&small);
            for (int64_t i = 0; i < small.n; i++)
                assert_true(holds(&large, small.row[i]));
            free(small.row);
            free(large.row);
        }
}

static void groups_are_taken_whole(void **state)
{
    static const int64_t wanted[] = {1, 50, 99, 100, 777, 1000};

    (void)state;
    for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++) {
        struct row_list list = subset(SUBSET_GROUP, wanted[k], 1, 7);
        int64_t of_group[GROUPS] = {0};

        check_order(&list);
        for (int64_t i = 0; i < list.n; i++)
            of_group[group[list.row[i]]]++;
        for (int i = 0; i < GROUPS; i++)
            assert_true(of_group[i] == 0 || of_group[i] == 50);
        assert_int_equal(list.n, wanted[k] < 50 ? 50 : wanted[k] / 50 * 50);
        free(list.row);
    }
}

static void subset_depends_on_the_seed_and_not_on_the_place(void **state)
{
    struct row_list one = subset(SUBSET_RANDOM, 100, 1, 7), same = subset(SUBSET_RANDOM, 100, 1, 7);
    struct row_list other = subset(SUBSET_RANDOM, 100, 1, 8);

    (void)state;
    assert_memory_equal(one.row, same.row, 100 * sizeof(int64_t));
    assert_true(memcmp(one.row, other.row, 100 * sizeof(int64_t)) != 0);
    free(one.row);
    free(same.row);
    free(other.row);
}

static void stratified_subset_keeps_the_shares(void **state)
{
    struct row_list list = subset(SUBSET_STRATIFIED, 0, 0.1, 7);
    int64_t count[CLASSES] = {0};

    (void)state;
    for (int64_t i = 0; i < list.n; i++)
        count[label[list.row[i]]]++;
    assert_int_equal(count[0], 70);
    assert_int_equal(count[1], 20);
    assert_int_equal(count[2], 10);
    free(list.row);
}

static void balanced_rows_have_each_class_as_often(void **state)
{
    const struct row_list rows = {.row = row, .n = ROWS};

    (void)state;
    for (int oversample = 0; oversample < 2; oversample++) {
        struct row_list list;
        struct error error;
        int64_t count[CLASSES] = {0};

        assert_true(sampling_balance(oversample, row_id, label, CLASSES, 3, &rows, &list, &error));
        assert_int_equal(list.n, oversample ? 2100 : 300);
        for (int64_t i = 0; i < list.n; i++)
            count[label[list.row[i]]]++;
        for (int i = 0; i < CLASSES; i++)
            assert_int_equal(count[i], list.n / CLASSES);
        for (int64_t i = 0; oversample && i < ROWS; i++)
            assert_true(holds(&list, i));
        free(list.row);
    }
}

static void weights_make_classes_equal(void **state)
{
    const struct row_list rows = {.row = row, .n = ROWS};
    scoped(memory_free) double *weight = NULL;
    double sum[CLASSES] = {0}, all = 0;
    struct error error;

    (void)state;
    assert_true(sampling_weights(label, CLASSES, ROWS, &rows, &weight, &error));
    for (int64_t i = 0; i < ROWS; i++) {
        sum[label[i]] += weight[i];
        all += weight[i];
    }
    assert_true(fabs(all - ROWS) < 1e-9);
    for (int i = 0; i < CLASSES; i++)
        assert_true(fabs(sum[i] - all / CLASSES) < 1e-9);
}

/* Rows of the training part only: what is validated and tested counts as it comes. */
static void other_rows_weigh_one(void **state)
{
    const struct row_list rows = {.row = row, .n = ROWS / 2};
    scoped(memory_free) double *weight = NULL;
    struct error error;

    (void)state;
    assert_true(sampling_weights(label, CLASSES, ROWS, &rows, &weight, &error));
    for (int64_t i = 0; i < ROWS; i++) {
        const double expected[CLASSES] = {1 / 2.1, 1 / 0.6, 1 / 0.3};

        assert_true(fabs(weight[i] - (i < ROWS / 2 ? expected[label[i]] : 1)) < 1e-12);
    }
}

/* A stride that shares a factor with the repeats of a key always meets the same ones. */
static void coverage_tells_which_keys_a_stride_meets(void **state)
{
    struct row_list list = subset(SUBSET_STRIDE, 20, 1, 7);
    scoped(buffer_release) struct buffer text = {0};
    struct dataset dataset = {.n_rows = ROWS};
    int32_t group_of_row[ROWS];
    struct error error;

    (void)state;
    for (int32_t i = 0; i < ROWS; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%04d/%02d", (int)i / 10, (int)i % 10);
        assert_true(dictionary_add(&dataset.groups, name, strlen(name), &group_of_row[i], &error));
    }
    dataset.group = group_of_row;
    assert_true(sampling_coverage(&dataset, &list, &text, &error));
    assert_string_equal(text.data, "20 of 1000 groups, 20 of 100 in its column 1, 1 of 10 in its "
                                   "column 2");
    dictionary_release(&dataset.groups);
    free(list.row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smaller_subset_lies_in_the_larger_one),
        cmocka_unit_test(groups_are_taken_whole),
        cmocka_unit_test(subset_depends_on_the_seed_and_not_on_the_place),
        cmocka_unit_test(stratified_subset_keeps_the_shares),
        cmocka_unit_test(balanced_rows_have_each_class_as_often),
        cmocka_unit_test(weights_make_classes_equal),
        cmocka_unit_test(other_rows_weigh_one),
        cmocka_unit_test(coverage_tells_which_keys_a_stride_meets),
    };

    return cmocka_run_group_tests(tests, fill, NULL);
}
