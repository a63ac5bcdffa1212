#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/affinity.h"

static struct affinity machine_of(int n)
{
    struct affinity affinity = {0};

    for (int i = 0; i < n; i++)
        CPU_SET(2 * i, &affinity.machine); /* not the first ones, and not in a row */
    return affinity;
}

/* "0 4", borrowed until the next call; the run is there from then on. */
static const char *give(struct affinity *affinity, double cpus)
{
    static char text[256];
    cpu_set_t set;

    affinity_choose(affinity, cpus, &set);
    affinity_add(affinity, &set, cpus);
    text[0] = '\0';
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d",
                           text[0] ? " " : "", i);
    return text;
}

static void whole_processors_are_given_once(void **state)
{
    struct affinity affinity = machine_of(4);

    (void)state;
    assert_string_equal(give(&affinity, 1), "0");
    assert_string_equal(give(&affinity, 2), "2 4");
    assert_string_equal(give(&affinity, 1), "6");
}

static void parts_fill_up_a_processor(void **state)
{
    struct affinity affinity = machine_of(3);

    (void)state;
    assert_string_equal(give(&affinity, 0.5), "0");
    assert_string_equal(give(&affinity, 0.3), "0");
    assert_string_equal(give(&affinity, 0.4), "2");
    assert_string_equal(give(&affinity, 0.2), "0");
    assert_string_equal(give(&affinity, 1), "4");
}

static void one_and_a_half_may_use_two(void **state)
{
    struct affinity affinity = machine_of(3);

    (void)state;
    assert_string_equal(give(&affinity, 1.5), "0 2");
    assert_string_equal(give(&affinity, 1), "4");
}

static void more_than_there_are_is_all_of_them(void **state)
{
    struct affinity affinity = machine_of(2);

    (void)state;
    assert_string_equal(give(&affinity, 64), "0 2");
    assert_string_equal(give(&affinity, 1), "0");
    assert_string_equal(give(&affinity, 0.5), "2");
}

static void what_a_process_was_given_is_found_again(void **state)
{
    struct affinity affinity;
    cpu_set_t set;

    (void)state;
    affinity_start(&affinity);
    assert_true(affinity_of(getpid(), &set));
    assert_true(CPU_EQUAL(&set, &affinity.machine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_processors_are_given_once),
        cmocka_unit_test(parts_fill_up_a_processor),
        cmocka_unit_test(one_and_a_half_may_use_two),
        cmocka_unit_test(more_than_there_are_is_all_of_them),
        cmocka_unit_test(what_a_process_was_given_is_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
