/* Clocks: the system's go forward, the manual one stands, times print as people read them. */
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void system_clocks_tell_the_time(void **state)
{
    const struct clock *clock = &clock_system;
    int64_t before = time(NULL);
    int64_t wall = clock->wall_ms(clock->context);
    int64_t monotonic = clock->monotonic_ms(clock->context);

    (void)state;
    assert_true(wall / 1000 >= before - 1 && wall / 1000 <= time(NULL) + 1);
    assert_true(clock->monotonic_ms(clock->context) >= monotonic);
    assert_true(clock->boot_ms(clock->context) >= monotonic);
}

static void manual_clock_stands_where_it_is_put(void **state)
{
    struct clock_manual manual = {.wall_ms = 1, .monotonic_ms = 2, .boot_ms = 3};
    struct clock clock = clock_manual_of(&manual);

    (void)state;
    assert_int_equal(clock.wall_ms(clock.context), 1);
    assert_int_equal(clock.monotonic_ms(clock.context), 2);
    assert_int_equal(clock.boot_ms(clock.context), 3);
    manual.wall_ms = -5;
    assert_int_equal(clock.wall_ms(clock.context), -5);
}

static void boot_id_is_a_uuid_that_stays(void **state)
{
    char first[37], second[37];

    (void)state;
    assert_int_equal(strlen(clock_boot_id(first)), 36);
    assert_int_equal(first[8], '-');
    assert_string_equal(first, clock_boot_id(second));
}

static void local_time_follows_the_zone(void **state)
{
    char text[20];

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_string_equal(clock_format_local(0, text), "1970-01-01 00:00:00");
    assert_string_equal(clock_format_local(-1, text), "1969-12-31 23:59:59");
    assert_string_equal(clock_format_local(1790000000999, text), "2026-09-21 14:13:20");
    setenv("TZ", "EST5", 1);
    tzset();
    assert_string_equal(clock_format_local(1790000000999, text), "2026-09-21 09:13:20");
    assert_string_equal(clock_format_local(INT64_MAX, text), "");
}

static void duration_shows_its_two_largest_units(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-5, "0s"},
        {0, "0s"},
        {999, "0s"},
        {42000, "42s"},
        {59999, "59s"},
        {60000, "1m 00s"},
        {200000, "3m 20s"},
        {3599999, "59m 59s"},
        {3600000, "1h 00m"},
        {7500000, "2h 05m"},
        {86400000, "1d 0h"},
        {273600000, "3d 4h"},
        {INT64_MAX, "106751991167d 7h"},
    };
    char text[24];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(clock_format_duration(cases[i].ms, text), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_clocks_tell_the_time),
        cmocka_unit_test(manual_clock_stands_where_it_is_put),
        cmocka_unit_test(boot_id_is_a_uuid_that_stays),
        cmocka_unit_test(local_time_follows_the_zone),
        cmocka_unit_test(duration_shows_its_two_largest_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
