/* Schedules: beside PyTorch's (tests/golden/make_numeric.py), together, and over their ends. */
#include "tests/unit/engine/golden_network.h"

#include "worker/engine/schedule/schedule.h"

static void parse_schedule(struct train_config *config, const cJSON *schedule)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *train = cJSON_CreateObject();

    assert_true(cJSON_AddItemReferenceToObject(train, "schedule", (cJSON *)(uintptr_t)schedule));
    if (!settings_parse(train_settings, train, "train", config, &diagnostics))
        fail_msg("%s: %s", diagnostics.item[0].path, diagnostics.item[0].message);
}

static void assert_factor(const struct schedule *schedule, const struct schedule_time *time,
                          double expected)
{
    double factor = schedule_factor(schedule, time);

    if (!(fabs(factor - expected) <= 1e-12))
        fail_msg("%s: %.15g is not %.15g at batch %d", schedule->choices->item[0].kind->name,
                 factor, expected, (int)time->step);
}

/* PyTorch's by epochs change at their ends; ours go on between where they can. */
static void check_golden(const cJSON *golden)
{
    const cJSON *factors = json_member(golden, "factors"), *values = json_member(golden, "values");
    bool by_batch = cJSON_IsTrue(json_member(golden, "by_batch"));
    struct train_config config = {0};
    struct schedule schedule = {.choices = &config.schedule};
    struct schedule_time time = {.steps_per_epoch = json_integer(golden, "steps", 0),
                                 .epochs = json_integer(golden, "epochs", 0)};

    parse_schedule(&config, json_member(golden, "schedule"));
    assert_true(cJSON_GetArraySize(factors) >= 12);
    for (int i = 0; i < cJSON_GetArraySize(factors); i++) {
        time.step = by_batch ? i : i * time.steps_per_epoch;
        assert_factor(&schedule, &time, cJSON_GetArrayItem(factors, i)->valuedouble);
        if (i < cJSON_GetArraySize(values))
            schedule_judge(&schedule, cJSON_GetArrayItem(values, i)->valuedouble,
                           cJSON_IsTrue(json_member(golden, "maximize")));
    }
    settings_release(train_settings, &config);
}

static void schedules_agree_with_pytorch(void **state)
{
    scoped(json_free) cJSON *cases = golden_read("tests/golden/schedules.json");
    const cJSON *golden;

    (void)state;
    cJSON_ArrayForEach(golden, cases) check_golden(golden);
    assert_int_equal(cJSON_GetArraySize(cases), 9);
}

static struct schedule make(struct train_config *config, const char *text)
{
    scoped(json_free) cJSON *json = NULL;
    struct error error;

    assert_true(json_parse(text, strlen(text), &json, &error));
    parse_schedule(config, json);
    return (struct schedule){.choices = &config->schedule};
}

static void every_schedule_is_finite_before_and_after_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; schedule_registry.kind[i]; i++)
        for (int64_t steps = 1; steps <= 3; steps++) {
            struct train_config config = {0};
            struct schedule_time time = {.steps_per_epoch = steps, .epochs = 2};
            char text[64];
            struct schedule schedule;

            (void)snprintf(text, sizeof(text), "\"%s\"", schedule_registry.kind[i]->name);
            schedule = make(&config, text);
            for (time.step = 0; time.step < 20; time.step++) {
                double factor = schedule_factor(&schedule, &time);

                assert_true(isfinite(factor) && factor >= 0 && factor <= 1);
                schedule_judge(&schedule, time.step == 3 ? NAN : 1, false);
            }
            settings_release(train_settings, &config);
        }
}

static void factors_of_several_are_multiplied(void **state)
{
    struct train_config config = {0};
    struct schedule schedule = make(
        &config, "[{\"type\": \"warm_up\", \"batches\": 10, \"start\": 0.5},"
                 " {\"type\": \"step\", \"every\": 1, \"factor\": 0.1}, {\"type\": \"constant\"}]");
    struct schedule_time time = {.step = 5, .steps_per_epoch = 5, .epochs = 4};

    (void)state;
    assert_factor(&schedule, &time, 0.75 * 0.1);
    time.step = 10;
    assert_factor(&schedule, &time, 0.01);
    assert_false(schedule_ends(&schedule));
    settings_release(train_settings, &config);
    schedule = make(&config, "[\"warm_up\", \"cosine\"]");
    assert_true(schedule_ends(&schedule));
    settings_release(train_settings, &config);
}

static void range_test_rises_by_the_same_share_to_its_end(void **state)
{
    struct train_config config = {0};
    struct schedule schedule = make(&config, "[{\"type\": \"range_test\", \"from\": 0.0001}]");
    struct schedule_time time = {.steps_per_epoch = 7, .epochs = 3};

    (void)state;
    assert_factor(&schedule, &time, 1e-4);
    for (time.step = 5; time.step <= 30; time.step += 5)
        assert_factor(&schedule, &time, fmin(1, 1e-4 * pow(10, (double)time.step / 5)));
    time.step = 7;
    assert_factor(&schedule, &time, 1e-4 * pow(10, 1.4));
    settings_release(train_settings, &config);
}

/* Of few batches the last one still has the least, and the one before it all. */
static void one_cycle_falls_however_few_batches_it_has(void **state)
{
    struct train_config config = {0};
    struct schedule schedule = make(&config, "\"one_cycle\"");
    struct schedule_time time = {.steps_per_epoch = 1, .epochs = 2};

    (void)state;
    assert_factor(&schedule, &time, 1);
    time.step = 1;
    assert_factor(&schedule, &time, 1 / 25.0 / 1e4);
    time = (struct schedule_time){.steps_per_epoch = 1, .epochs = 3};
    assert_factor(&schedule, &time, 1 / 25.0);
    time.step = 1;
    assert_factor(&schedule, &time, 1);
    time.step = 2;
    assert_factor(&schedule, &time, 1 / 25.0 / 1e4);
    settings_release(train_settings, &config);
}

static void without_a_schedule_the_rate_is_as_configured(void **state)
{
    const struct schedule schedule = {0};
    const struct schedule_time time = {.step = 7, .steps_per_epoch = 5, .epochs = 4};

    (void)state;
    assert_true(schedule_factor(&schedule, &time) == 1);
}

static void what_is_no_number_lowers_no_rate(void **state)
{
    struct train_config config = {0};
    struct schedule schedule = make(&config, "{\"type\": \"plateau\", \"patience\": 1}");
    const struct schedule_time time = {.steps_per_epoch = 5, .epochs = 4};

    (void)state;
    for (int i = 0; i < 4; i++)
        schedule_judge(&schedule, NAN, false);
    assert_factor(&schedule, &time, 1);
    schedule_judge(&schedule, 1, false); /* the first number is the best so far */
    assert_true(schedule.memory[0].best == 1);
    schedule_judge(&schedule, 2, false);
    schedule_judge(&schedule, NAN, false);
    assert_factor(&schedule, &time, 1);
    schedule_judge(&schedule, 2, false);
    assert_factor(&schedule, &time, 0.1);
    settings_release(train_settings, &config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_agree_with_pytorch),
        cmocka_unit_test(every_schedule_is_finite_before_and_after_its_end),
        cmocka_unit_test(factors_of_several_are_multiplied),
        cmocka_unit_test(range_test_rises_by_the_same_share_to_its_end),
        cmocka_unit_test(one_cycle_falls_however_few_batches_it_has),
        cmocka_unit_test(without_a_schedule_the_rate_is_as_configured),
        cmocka_unit_test(what_is_no_number_lowers_no_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
