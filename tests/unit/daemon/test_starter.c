/* What is kept back after starts that failed, by a clock that stands where the test puts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/starter.h"

static struct clock_manual manual;
static struct clock clock_by_hand;
static struct starter starter;

static int set_up(void **state)
{
    (void)state;
    manual = (struct clock_manual){.monotonic_ms = 1000000};
    clock_by_hand = clock_manual_of(&manual);
    starter = (struct starter){.clock = &clock_by_hand, .home = "/"};
    return 0;
}

static void fail_again(int64_t experiment)
{
    manual.monotonic_ms += starter_own_delay_ms(&starter, experiment) + 10;
    assert_null(starter_obstacle(&starter, experiment));
    starter_failed(&starter, experiment, false, "no");
}

static void failed_start_keeps_that_one_alone_for_a_while(void **state)
{
    (void)state;
    assert_int_equal(starter_delay_ms(&starter), -1);
    starter_failed(&starter, 7, false, "no");
    assert_string_equal(starter_obstacle(&starter, 7), "no");
    assert_null(starter_obstacle(&starter, 8));
    assert_int_equal(starter_own_delay_ms(&starter, 7), STARTER_RETRY_MS);
    assert_int_equal(starter_own_delay_ms(&starter, 8), 0);
    assert_int_equal(starter_delay_ms(&starter), STARTER_RETRY_MS);
}

static void what_everybody_needs_keeps_everybody(void **state)
{
    (void)state;
    starter_failed(&starter, 7, true, "none left");
    starter_failed(&starter, 7, true, "none left");
    assert_string_equal(starter_obstacle(&starter, 8), "none left");
    assert_int_equal(starter_own_delay_ms(&starter, 7), 0);
    assert_int_equal(starter_delay_ms(&starter), STARTER_RETRY_MS);
}

static void one_that_fails_again_and_again_waits_twice_as_long_each_time(void **state)
{
    (void)state;
    starter_failed(&starter, 7, false, "no");
    for (int64_t wanted = 2 * STARTER_RETRY_MS; wanted < STARTER_RETRY_LIMIT_MS; wanted *= 2) {
        fail_again(7);
        assert_int_equal(starter_own_delay_ms(&starter, 7), wanted);
    }
    for (int i = 0; i < 3; i++) {
        fail_again(7);
        assert_int_equal(starter_own_delay_ms(&starter, 7), STARTER_RETRY_LIMIT_MS);
    }
    fail_again(8);
    assert_int_equal(starter_own_delay_ms(&starter, 8), STARTER_RETRY_MS);
}

static void one_that_was_well_meanwhile_begins_anew(void **state)
{
    (void)state;
    starter_failed(&starter, 7, false, "no");
    fail_again(7);
    manual.monotonic_ms += 4 * STARTER_RETRY_MS + 1;
    starter_failed(&starter, 7, false, "no");
    assert_int_equal(starter_own_delay_ms(&starter, 7), STARTER_RETRY_MS);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failed_start_keeps_that_one_alone_for_a_while),
        TEST(what_everybody_needs_keeps_everybody),
        TEST(one_that_fails_again_and_again_waits_twice_as_long_each_time),
        TEST(one_that_was_well_meanwhile_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
