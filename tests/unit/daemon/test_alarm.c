/* A real timer in a real loop. How long the machine slept cannot be tried here: which clock the
 * timer goes by can be read from the kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/alarm.h"

static uv_loop_t loop;
static struct alarm alarm_under_test;
static int n_rings;

static void on_ring(void *context)
{
    assert_ptr_equal(context, &n_rings);
    n_rings++;
    uv_stop(&loop);
}

static int set_up(void **state)
{
    struct error error;

    (void)state;
    n_rings = 0;
    return uv_loop_init(&loop) == 0 &&
                   alarm_open(&alarm_under_test, &loop, on_ring, &n_rings, &error)
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    alarm_close(&alarm_under_test);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 && alarm_under_test.fd == -1 ? 0 : -1;
}

/* Of what the kernel tells about the timer. */
static void read_timer(char *text, size_t size)
{
    char path[64];
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", alarm_under_test.fd);
    file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    (void)fclose(file);
}

static void alarm_goes_by_the_clock_that_runs_on_in_suspend(void **state)
{
    char text[512], wanted[32];

    (void)state;
    (void)snprintf(wanted, sizeof(wanted), "clockid: %d", CLOCK_BOOTTIME);
    read_timer(text, sizeof(text));
    assert_non_null(strstr(text, wanted));
}

static void it_rings_once(void **state)
{
    (void)state;
    alarm_within(&alarm_under_test, 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(n_rings, 1);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(n_rings, 1);
    alarm_within(&alarm_under_test, 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(n_rings, 2);
}

/* The later one never comes: the test would not end. */
static void earlier_time_counts_whichever_was_set_first(void **state)
{
    (void)state;
    alarm_within(&alarm_under_test, 86400000);
    alarm_within(&alarm_under_test, 1);
    alarm_within(&alarm_under_test, 86400000);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(n_rings, 1);
}

static void what_is_due_already_rings_in_the_next_turn(void **state)
{
    (void)state;
    alarm_within(&alarm_under_test, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    alarm_within(&alarm_under_test, -5);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(n_rings, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(alarm_goes_by_the_clock_that_runs_on_in_suspend),
        TEST(it_rings_once),
        TEST(earlier_time_counts_whichever_was_set_first),
        TEST(what_is_due_already_rings_in_the_next_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
