/* clang-format off: cmocka needs these first */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* clang-format on */
#include <cmocka.h>

#include "worker/engine/dataset/prefetch.h"

static const int64_t some_rows[] = {3, 0, 9, 1};

static void lines_of_rows_are_counted(void **state)
{
    static _Alignas(64) char memory[128];
    struct prefetch prefetch = {.row = some_rows, .n = 4};

    (void)state;
    prefetch_add(&prefetch, memory, 64, 0, 65);
    assert_int_equal(prefetch.array[0].lines, 2);
    prefetch_add(&prefetch, memory + 4, 64, 0, 66); /* from the end of a line on: three of them */
    assert_int_equal(prefetch.array[1].lines, 3);
    prefetch_add(&prefetch, memory + 4, 4, 2, 4);
    assert_int_equal(prefetch.array[2].lines, 1);
    assert_int_equal(prefetch.array[2].before, 2);
    assert_int_equal(prefetch.n_lines, 4 * 6);
    prefetch_add(&prefetch, memory, 4, 0, 4);
    prefetch_add(&prefetch, memory, 4, 0, 4); /* no room for another one */
    assert_int_equal(prefetch.n_arrays, PREFETCH_ARRAYS);
    assert_int_equal(prefetch.n_lines, 4 * 7);
}

static void what_is_nowhere_too_long_or_too_much_is_left_out(void **state)
{
    static _Alignas(64) char memory[64];
    const int64_t longest = (int64_t)PREFETCH_LINE * PREFETCH_RUN;
    struct prefetch few = {.row = some_rows, .n = 4};
    struct prefetch many = {.row = some_rows, .n = PREFETCH_LINES / PREFETCH_RUN + 1};

    (void)state;
    prefetch_add(&few, NULL, 8, 0, 8);
    prefetch_add(&few, memory, longest + PREFETCH_LINE, 0, longest + PREFETCH_LINE);
    assert_int_equal(few.n_arrays, 0);
    prefetch_add(&few, memory, longest, 0, longest);
    assert_int_equal(few.n_lines, 4 * PREFETCH_RUN);
    prefetch_add(&many, memory, longest, 0, longest);
    assert_int_equal(many.n_arrays, 0);
    assert_int_equal(many.n_lines, 0);
}

/* Also from places that nothing can be read from: asking only asks. */
static void asking_reads_nothing(void **state)
{
    static _Alignas(64) char memory[10 * 640];
    struct prefetch prefetch = {.row = some_rows, .n = 4};

    (void)state;
    prefetch_ask(&prefetch); /* for nothing */
    prefetch_add(&prefetch, memory, 640, 2, 1280);
    prefetch_add(&prefetch, (const void *)(uintptr_t)64, 64, 0, 64);
    prefetch_ask(&prefetch);
    assert_int_equal(prefetch.n_arrays, 2);
    for (size_t i = 0; i < sizeof(memory); i++)
        assert_int_equal(memory[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_rows_are_counted),
        cmocka_unit_test(what_is_nowhere_too_long_or_too_much_is_left_out),
        cmocka_unit_test(asking_reads_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
