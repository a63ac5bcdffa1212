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
        cmocka_unit_test(stages_follow_one_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
