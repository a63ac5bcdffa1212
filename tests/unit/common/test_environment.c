/* Lists of NAME=value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/environment.h"

static char home[] = "HOME=/home/me";
static char empty[] = "EMPTY=";
static char odd[] = "NO_VALUE";
static char *given[] = {home, empty, odd, NULL};

static void copy_holds_every_entry(void **state)
{
    struct environment environment;
    struct error error;

    (void)state;
    assert_true(environment_copy(given, &environment, &error));
    assert_int_equal(environment.n, 3);
    assert_string_equal(environment.item[2], "NO_VALUE");
    assert_null(environment.item[3]);
    assert_string_equal(environment_get(&environment, "HOME"), "/home/me");
    assert_string_equal(environment_get(&environment, "EMPTY"), "");
    assert_null(environment_get(&environment, "NO_VALUE"));
    assert_null(environment_get(&environment, "HOM"));
    environment_release(&environment);
    assert_null(environment.item);
}

static void set_replaces_what_is_there_and_adds_what_is_not(void **state)
{
    struct environment environment;
    struct error error;

    (void)state;
    assert_true(environment_copy(given, &environment, &error));
    assert_true(environment_set(&environment, "HOME", "/root", &error));
    assert_int_equal(environment.n, 3);
    assert_string_equal(environment.item[0], "HOME=/root");
    assert_true(environment_set(&environment, "HOM", "a=b", &error));
    assert_int_equal(environment.n, 4);
    assert_string_equal(environment_get(&environment, "HOM"), "a=b");
    assert_null(environment.item[4]);
    environment_release(&environment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_holds_every_entry),
        cmocka_unit_test(set_replaces_what_is_there_and_adds_what_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
