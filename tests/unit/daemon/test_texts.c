/* What many experiments say, told once. */
#include "daemon/report/texts.h"

#include "common/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void add(struct texts *texts, const char *text, int64_t experiment)
{
    struct error error;

    if (!texts_add(texts, text, experiment, &error))
        fail_msg("%s", error.message);
}

static cJSON *report_of(struct texts *texts, size_t limit)
{
    cJSON *object = cJSON_CreateObject();
    struct error error;

    assert_non_null(object);
    if (!texts_report(texts, "warnings", "text", limit, object, &error))
        fail_msg("%s", error.message);
    return object;
}

static void numbers_that_differ_are_shown_as_a_range(void **state)
{
    static const struct {
        const char *text[3], *merged;
    } cases[] = {
        {{"the weights of epoch 26 (valid.loss 0.53)", "the weights of epoch 3 (valid.loss 0.53)",
          "the weights of epoch 22 (valid.loss 0.4)"},
         "the weights of epoch 3 .. 26 (valid.loss 0.4 .. 0.53)"},
        {{"ends at 9.", "ends at 10.", "ends at -1e3."}, "ends at -1e3 .. 10."},
        {{"2", "2.0", "2"}, "2"},
        {{"layer2 is dead", "layer2 is dead", "layer2 is dead"}, "layer2 is dead"},
        {{"", "", ""}, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        scoped(texts_release) struct texts texts = {0};
        scoped(json_free) cJSON *told = NULL;

        for (int64_t id = 1; id <= 3; id++)
            add(&texts, cases[i].text[id - 1], id);
        told = report_of(&texts, 9);
        assert_string_equal(json_text(json_at(told, "warnings[0]"), "text", "-"), cases[i].merged);
        assert_int_equal(json_integer(json_at(told, "warnings[0]"), "count", 0), 3);
        assert_int_equal(json_integer(json_at(told, "warnings_total"), "kinds", 0), 1);
    }
}

static void most_frequent_comes_first_and_all_are_counted(void **state)
{
    scoped(texts_release) struct texts texts = {0};
    scoped(json_free) cJSON *told = NULL;

    (void)state;
    for (int64_t id = 1; id <= 150; id++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "loss %lld.5 is high", (long long)id);
        add(&texts, "rare", 500 + id / 150);
        (void)snprintf(text + 40, sizeof(text) - 40, "kind%lld", (long long)id);
        add(&texts, text + 40, id);
        add(&texts, text, id);
    }
    told = report_of(&texts, 2);
    assert_int_equal(cJSON_GetArraySize(json_member(told, "warnings")), 2);
    assert_string_equal(json_text(json_at(told, "warnings[0]"), "text", ""), "rare");
    assert_int_equal(cJSON_GetArraySize(json_at(told, "warnings[0].experiments")), 2);
    assert_string_equal(json_text(json_at(told, "warnings[1]"), "text", ""),
                        "loss 1.5 .. 150.5 is high");
    assert_int_equal(json_integer(json_at(told, "warnings[1]"), "count", 0), 150);
    assert_int_equal(cJSON_GetArraySize(json_at(told, "warnings[1].experiments")), 20);
    assert_int_equal(json_integer(json_at(told, "warnings_total"), "kinds", 0), 152);
    assert_int_equal(json_integer(json_at(told, "warnings_total"), "count", 0), 450);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_differ_are_shown_as_a_range),
        cmocka_unit_test(most_frequent_comes_first_and_all_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
