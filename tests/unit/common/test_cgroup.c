/* Control groups, in a folder that has the files of one: what the kernel does with them is the
 * system tests' matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cgroup.h"
#include "common/file.h"
#include "common/owner.h"

#define MARKER "0123456789abcdef/12/3"
#define NAME "nightjar-0123456789abcdef-12-3"

static char place[64];

static int make_place(void **state)
{
    (void)state;
    (void)snprintf(place, sizeof(place), "/tmp/nightjar-cgroup-XXXXXX");
    return mkdtemp(place) ? 0 : -1;
}

static int remove_place(void **state)
{
    struct error error;

    (void)state;
    return file_remove_tree(AT_FDCWD, place, &error) ? 0 : -1;
}

static void put(const char *name, const char *text)
{
    char path[128];
    struct error error;

    (void)snprintf(path, sizeof(path), "%s/%s", place, name);
    assert_true(file_replace_fast(AT_FDCWD, path, text, strlen(text), &error));
}

static void assert_holds(const char *name, const char *text)
{
    char path[128];
    scoped(memory_free) char *found = NULL;
    size_t size = 0;
    struct error error;

    (void)snprintf(path, sizeof(path), "%s/%s", place, name);
    assert_true(file_read(AT_FDCWD, path, 4096, &found, &size, &error));
    assert_string_equal(found, text);
}

static void group_is_named_after_its_run_and_told_from_others(void **state)
{
    char path[CGROUP_PATH_SIZE];

    (void)state;
    assert_true(cgroup_path("/groups", MARKER, path));
    assert_string_equal(path, "/groups/" NAME);
    assert_true(cgroup_belongs("/elsewhere/" NAME, MARKER));
    assert_false(cgroup_belongs("/elsewhere/" NAME, "0123456789abcdef/12/4"));
    assert_false(cgroup_belongs("/elsewhere/" NAME "/inner", MARKER));
    assert_false(cgroup_belongs("elsewhere/" NAME, MARKER));
    assert_false(cgroup_belongs("", MARKER));
}

static void place_is_what_was_wanted_or_nothing(void **state)
{
    char found[CGROUP_PATH_SIZE];

    (void)state;
    cgroup_find_place(place, found);
    assert_string_equal(found, place);
    cgroup_find_place("none", found);
    assert_string_equal(found, "");
    cgroup_find_place("/does/not/exist", found);
    assert_string_equal(found, "");
}

static void memory_controller_is_asked_for_where_it_is_there_and_off(void **state)
{
    char found[CGROUP_PATH_SIZE];

    (void)state;
    put("cgroup.controllers", "cpu memory_like memory pids\n");
    put("cgroup.subtree_control", "");
    cgroup_find_place(place, found);
    assert_holds("cgroup.subtree_control", "+memory");
    put("cgroup.subtree_control", "cpu memory\n");
    cgroup_find_place(place, found);
    assert_holds("cgroup.subtree_control", "cpu memory\n");
    put("cgroup.controllers", "cpu memory_like\n");
    put("cgroup.subtree_control", "");
    cgroup_find_place(place, found);
    assert_holds("cgroup.subtree_control", "");
}

static void limit_needs_the_memory_controller_and_nothing_else(void **state)
{
    struct error error;

    (void)state;
    assert_false(cgroup_limit_memory(place, 4096, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    put("memory.max", "");
    assert_true(cgroup_limit_memory(place, 4096, &error));
    assert_holds("memory.max", "4096");
    put("memory.swap.max", "");
    put("memory.oom.group", "");
    assert_true(cgroup_limit_memory(place, 8192, &error));
    assert_holds("memory.swap.max", "0");
    assert_holds("memory.oom.group", "1");
}

static void figures_are_read_where_the_kernel_shows_them(void **state)
{
    (void)state;
    assert_int_equal(cgroup_memory_kills(place), 0);
    assert_int_equal(cgroup_memory_peak(place), -1);
    put("memory.events", "low 0\nhigh 0\nmax 12\noom 2\noom_kill 3\noom_group_kill 1\n");
    put("memory.peak", "123456\n");
    assert_int_equal(cgroup_memory_kills(place), 3);
    assert_int_equal(cgroup_memory_peak(place), 123456);
}

static void removal_takes_the_groups_in_it_along_and_is_content_without_one(void **state)
{
    char path[CGROUP_PATH_SIZE], inner[CGROUP_PATH_SIZE + 32];
    struct error error;

    (void)state;
    assert_true(cgroup_path(place, MARKER, path));
    assert_int_equal(cgroup_kill(path), 0);
    assert_true(cgroup_remove(path));
    assert_true(cgroup_make(path, &error));
    assert_true(cgroup_make(path, &error));
    (void)snprintf(inner, sizeof(inner), "%s/a/b", path);
    assert_true(file_make_folders(inner, &error));
    assert_true(cgroup_remove(path));
    assert_false(file_exists(AT_FDCWD, path));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(group_is_named_after_its_run_and_told_from_others),
        TEST(place_is_what_was_wanted_or_nothing),
        TEST(memory_controller_is_asked_for_where_it_is_there_and_off),
        TEST(limit_needs_the_memory_controller_and_nothing_else),
        TEST(figures_are_read_where_the_kernel_shows_them),
        TEST(removal_takes_the_groups_in_it_along_and_is_content_without_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
