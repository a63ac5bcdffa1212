#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/dataset/row_list.h"

#define ROWS 600

static uint8_t part[ROWS];

/* Stretches of a length of their own of each of 3 values; 0: single rows. */
static void fill(uint64_t seed, int64_t stretch)
{
    for (int64_t row = 0; row < ROWS; row++) {
        int64_t of = stretch ? row / stretch : row;

        part[row] = (uint8_t)(random_block(seed, (uint64_t)of, 0, 1).word[0] % 3);
    }
}

/* Every way of reading says the same: the rows that have the value, ascending. */
static void check(const struct row_list *list, bool (*keep)(const void *, int64_t), uint8_t value)
{
    scoped(row_array_release) struct row_array array = {0};
    struct row_walk at = {.list = list};
    struct error error;
    int64_t n = 0, some[7];

    assert_true(row_array_open(list, &array, &error));
    for (int64_t row = 0; row < ROWS; row++) {
        if (part[row] != value || (keep && !keep(NULL, row)))
            continue;
        assert_true(n < list->n && row_walk(&at));
        assert_int_equal(at.row, row);
        assert_int_equal(row_list_at(list, n), row);
        assert_int_equal(array.row[n++], row);
    }
    assert_false(row_walk(&at));
    assert_int_equal(list->n, n);
    for (int64_t i = 0; i + 7 <= n; i++) {
        row_list_copy(list, i, 7, some);
        assert_memory_equal(some, array.row + i, sizeof(some));
    }
}

static bool is_even(const void *context, int64_t row)
{
    (void)context;
    return row % 2 == 0;
}

static bool is_late(const void *context, int64_t row)
{
    (void)context;
    return row >= 100;
}

static void every_way_of_reading_says_the_same(void **state)
{
    static const int64_t stretch[] = {0, 1, 2, 8, 9, 50, ROWS};
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(stretch) / sizeof(stretch[0]); i++)
        for (uint8_t value = 0; value < 3; value++) {
            scoped(row_list_release) struct row_list list = {0}, same = {0};

            fill(i, stretch[i]);
            assert_true(row_list_of_bytes(part, ROWS, value, &list, &error) &&
                        row_list_of_bytes(part, ROWS, value, &same, &error));
            check(&list, NULL, value);
            assert_true(row_list_hash(&list) == row_list_hash(&same));
            assert_true(row_list_filter(&list, is_late, NULL, &error));
            check(&list, is_late, value);
            assert_true(row_list_filter(&same, is_even, NULL, &error));
            check(&same, is_even, value);
        }
}

static void long_stretches_are_runs_and_single_rows_are_not(void **state)
{
    scoped(row_list_release) struct row_list runs = {0}, rows = {0}, few = {0};
    struct error error;

    (void)state;
    fill(1, 50);
    assert_true(row_list_of_bytes(part, ROWS, part[0], &runs, &error));
    assert_true(!runs.row && runs.n_runs > 0 && runs.n_runs * 50 <= runs.n);
    fill(1, 0);
    assert_true(row_list_of_bytes(part, ROWS, part[0], &rows, &error));
    assert_true(rows.row && !rows.run);
    fill(1, 5);
    assert_true(row_list_of_bytes(part, ROWS, part[0], &few, &error));
    assert_true(few.row && !few.run);
}

static void tell_strides(const void *context, struct row_teller *to)
{
    (void)context;
    row_tell(to, 3, 5, 20);
    row_tell(to, 0, 1, 0);
    row_tell(to, 200, 1, 7);
    row_tell(to, 300, 9, 30);
}

static void a_list_is_cut_anywhere(void **state)
{
    struct error error;

    (void)state;
    for (int64_t n = 0; n <= 57; n++) {
        scoped(row_list_release) struct row_list list = {0};
        int64_t i = 0;

        assert_true(row_list_make(tell_strides, NULL, &list, &error));
        assert_int_equal(list.n, 57);
        assert_int_equal(list.n_runs, 3);
        row_list_truncate(&list, n);
        for (struct row_walk at = {.list = &list}; row_walk(&at); i++)
            assert_int_equal(at.row, i < 20   ? 3 + 5 * i
                                     : i < 27 ? 200 + i - 20
                                              : 300 + 9 * (i - 27));
        assert_int_equal(i, n);
    }
}

static void an_empty_list_has_no_rows(void **state)
{
    scoped(row_list_release) struct row_list list = {0};
    struct row_walk at = {.list = &list};
    struct error error;

    (void)state;
    assert_false(row_walk(&at));
    assert_true(row_list_filter(&list, is_even, NULL, &error));
    assert_int_equal(list.n, 0);
    memset(part, 1, sizeof(part));
    row_list_release(&list);
    assert_true(row_list_of_bytes(part, ROWS, 2, &list, &error));
    assert_int_equal(list.n, 0);
    assert_int_equal(bytes_run_end(part, 13, ROWS), ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_of_reading_says_the_same),
        cmocka_unit_test(long_stretches_are_runs_and_single_rows_are_not),
        cmocka_unit_test(a_list_is_cut_anywhere),
        cmocka_unit_test(an_empty_list_has_no_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
