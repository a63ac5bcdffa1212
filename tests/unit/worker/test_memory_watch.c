/* When the watch looks again, and when it says that a limit is passed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "common/process.h"
#include "worker/memory_watch.h"

#define LIMIT 1000000

static void less_room_means_an_earlier_look(void **state)
{
    struct memory_watch watch = memory_watch_of(LIMIT, 0);

    (void)state;
    assert_false(memory_watch_note(&watch, 0, 0, 0));
    assert_int_equal(watch.next_ms, MEMORY_WATCH_LONGEST_MS);
    watch.used_bytes = LIMIT / 2;
    assert_false(memory_watch_note(&watch, LIMIT / 2, 1000, 0));
    assert_int_equal(watch.next_ms, 1000 + MEMORY_WATCH_LONGEST_MS / 2);
    watch.used_bytes = LIMIT;
    assert_false(memory_watch_note(&watch, LIMIT, 2000, 0));
    assert_int_equal(watch.next_ms, 2000 + MEMORY_WATCH_SHORTEST_MS);
}

static void growth_means_a_look_before_the_limit_is_reached(void **state)
{
    struct memory_watch watch = memory_watch_of(LIMIT, 0);

    (void)state;
    assert_false(memory_watch_note(&watch, LIMIT / 5, 20, 0)); /* a hundredth a millisecond */
    assert_int_equal(watch.next_ms, 20 + 40);
}

static void looking_costs_at_most_a_twentieth(void **state)
{
    struct memory_watch watch = memory_watch_of(LIMIT, 0);

    (void)state;
    watch.used_bytes = LIMIT;
    assert_false(memory_watch_note(&watch, LIMIT, 100, 30));
    assert_int_equal(watch.next_ms, 100 + 600);
}

static void limit_is_passed_and_the_peak_is_kept(void **state)
{
    struct memory_watch watch = memory_watch_of(LIMIT, 0);

    (void)state;
    assert_false(memory_watch_note(&watch, LIMIT - 1, 1, 0));
    assert_true(memory_watch_note(&watch, LIMIT + 1, 2, 0));
    assert_int_equal(watch.peak_bytes, LIMIT + 1);
    assert_false(memory_watch_note(&watch, 10, 3, 0));
    assert_int_equal(watch.peak_bytes, LIMIT + 1);
}

static void process_has_memory_and_one_that_is_gone_has_none(void **state)
{
    (void)state;
    assert_true(process_memory(getpid()) > 50 * 1024);
    assert_int_equal(process_memory(0), 0);
}

static void backstop_is_far_beyond_the_limit_or_none(void **state)
{
    int64_t backstop = memory_backstop_bytes(LIMIT);

    (void)state;
    assert_true(backstop == 0 || backstop > 4 * (int64_t)LIMIT);
    assert_int_equal(memory_backstop_bytes(0), 0);
    assert_int_equal(memory_backstop_bytes(INT64_MAX / 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_room_means_an_earlier_look),
        cmocka_unit_test(growth_means_a_look_before_the_limit_is_reached),
        cmocka_unit_test(looking_costs_at_most_a_twentieth),
        cmocka_unit_test(limit_is_passed_and_the_peak_is_kept),
        cmocka_unit_test(backstop_is_far_beyond_the_limit_or_none),
        cmocka_unit_test(process_has_memory_and_one_that_is_gone_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
