/* Where a run's time goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/engine/stages.h"

static void a_long_stage_without_work_waited(void **state)
{
    (void)state;
    assert_true(stage_waited(&(struct stage){.wall_s = 60, .processor_s = 3}));
    assert_false(stage_waited(&(struct stage){.wall_s = 60, .processor_s = 50}));
    assert_false(stage_waited(&(struct stage){.wall_s = 60, .processor_s = 110})); /* two threads */
    assert_false(stage_waited(&(struct stage){.wall_s = 2, .processor_s = 0}));    /* soon over */
}

static void an_import_that_waited_is_told_with_its_rate(void **state)
{
    const struct stage slow = {.name = "import", .wall_s = 61, .processor_s = 3};
    const struct stage busy = {.name = "import", .wall_s = 61, .processor_s = 60};
    struct warning_list warnings = {0};

    (void)state;
    stage_warn_slow(&busy, 61, &warnings);
    assert_int_equal(warnings.n, 0);
    stage_warn_slow(&slow, 61, &warnings); /* "1 item per second" */
    assert_int_equal(warnings.n, 1);
    assert_string_equal(warnings.item[0].where, "data.source");
    assert_string_equal(warnings.item[0].text,
                        "reading it took 61 s, most of which no processor worked: 1 rows a second; "
                        "a copy on a disk of this machine would be faster");
    assert_true(warnings.item[0].figure > 0.99 && warnings.item[0].figure < 1.01);
}

static void stages_follow_one_another(void **state)
{
    struct stages stages = {0};

    (void)state;
    stages_start(&stages);
    stages_end(&stages, "import");
    stages_end(&stages, "prepare");
    assert_int_equal(stages.n, 2);
    assert_string_equal(stages.stage[0].name, "import");
    for (int i = 0; i < stages.n; i++)
        assert_true(stages.stage[i].wall_s >= 0 && stages.stage[i].processor_s >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_stage_without_work_waited),
        cmocka_unit_test(an_import_that_waited_is_told_with_its_rate),
        cmocka_unit_test(stages_follow_one_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
