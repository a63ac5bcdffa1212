/* Ids as people write them. */
#include "client/select.h"

#include "common/buffer.h"
#include "common/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *state, bool last, const char *json)
{
    struct selection selection;
    struct buffer printed = {0};
    struct error error;

    if (!selection_parse(&text, text ? 1 : 0, "all", state, &selection, &error))
        fail_msg("%s: %s", text, error.message);
    assert_true(json_print(selection.select, &printed, &error));
    assert_string_equal(printed.data, json);
    assert_int_equal(selection.last, last);
    buffer_release(&printed);
    selection_release(&selection);
}

static void refuse(const char *text, const char *state, const char *message)
{
    struct selection selection;
    struct error error = {0};

    assert_false(selection_parse(&text, text ? 1 : 0, NULL, state, &selection, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    if (!strstr(error.message, message))
        fail_msg("'%s' lacks '%s'", error.message, message);
}

static void ids_ranges_and_batches_become_a_selection(void **state)
{
    (void)state;
    expect("12", NULL, false, "{\"ids\":[[12,12]]}");
    expect("3-9,12", NULL, false, "{\"ids\":[[3,9],[12,12]]}");
    expect("batch:4,7", NULL, false, "{\"batch\":[4],\"ids\":[[7,7]]}");
    expect("all", NULL, false, "{\"all\":true}");
    expect("last", NULL, true, "{}");
    expect("batch:last", NULL, true, "{}");
    expect("last,3", NULL, true, "{\"ids\":[[3,3]]}");
}

static void nothing_said_means_the_fallback(void **state)
{
    (void)state;
    expect(NULL, NULL, false, "{\"all\":true}");
    expect(NULL, "failed", false, "{\"all\":true,\"state\":[\"failed\"]}");
    refuse(NULL, NULL, "which experiments?");
}

static void states_cut_a_selection_down(void **state)
{
    (void)state;
    expect("1-5", "done,failed", false, "{\"ids\":[[1,5]],\"state\":[\"done\",\"failed\"]}");
    expect("1-5", "ended", false,
           "{\"ids\":[[1,5]],\"state\":[\"done\",\"failed\",\"cancelled\"]}");
    expect("1-5", "active", false,
           "{\"ids\":[[1,5]],\"state\":[\"held\",\"queued\",\"starting\",\"running\",\"paused\","
           "\"stopping\"]}");
    refuse("1", "finished", "'finished' is none of held");
}

static void what_is_no_id_is_refused_by_name(void **state)
{
    static const char *const bad[] = {
        "x",     "0",    "-3",   "3-", "3-x",     "12a", "1.5", "batch:", "batch:x",
        "batch", "LAST", "3--9", "+3", "batch:0", " 3",  "1:5", "3-9-12", "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        refuse(bad[i], NULL, bad[i]);
    refuse("9-3", NULL, "'9-3' is an empty range");
}

static void ended_states_are_the_last_three(void **state)
{
    (void)state;
    assert_true(state_has_ended("done"));
    assert_true(state_has_ended("failed"));
    assert_true(state_has_ended("cancelled"));
    assert_false(state_has_ended("stopping"));
    assert_false(state_has_ended("held"));
    assert_false(state_has_ended(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_ranges_and_batches_become_a_selection),
        cmocka_unit_test(nothing_said_means_the_fallback),
        cmocka_unit_test(states_cut_a_selection_down),
        cmocka_unit_test(what_is_no_id_is_refused_by_name),
        cmocka_unit_test(ended_states_are_the_last_three),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
