/* Starts of what the store has from another version, or damaged. */
#include "tests/unit/daemon/store_fixture.h"

#include "daemon/store/internal.h"

#define PIPELINE                                                            \
    "{'base':{'data':{'source':'a.csv'},'model':[{'type':'dense'}],'train'" \
    ":{'epochs':1},'queue':{'retries':2}},'cwd':'/'}"
#define LEARNS                                                                                  \
    "{'base':{'command':['x','{c}'],'queue':{'retries':2}},'sweep':{'method':'tpe','trials':2," \
    "'goal':{'minimize':'loss'},'parameters':{'c':{'low':0,'high':1}}}}"

static void spoil(const char *sql)
{
    assert_int_equal(sqlite3_exec(store->database, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* As the starter does it; what was wrong, borrowed until the next. */
static const char *start_refused(int64_t id)
{
    static struct error failure;
    struct store_launch launch;
    struct error error;

    assert_true(store_begin(store, &error));
    assert_true(store_savepoint(store, &error));
    assert_false(store_start(store, id, 0, now_ms, &launch, &failure));
    assert_int_equal(failure.kind, ERROR_INVALID);
    assert_true(store_undo(store, &error));
    if (!store_refuse(store, id, &failure, now_ms, &error))
        fail_msg("%s", error.message);
    assert_true(store_commit(store, &error));
    return failure.message;
}

static void assert_ended(int64_t id, const char *verdict, const char *message)
{
    scoped(json_free) cJSON *row = row_of(id);
    scoped(json_free) cJSON *shown = NULL;
    struct error error;

    assert_string_equal(json_text(row, "state", ""), "failed");
    assert_string_equal(json_text(row, "verdict", ""), verdict);
    if (!strstr(json_text(row, "message", ""), message))
        fail_msg("%s", json_text(row, "message", "no message"));
    assert_true(store_show(store, id, now_ms, &shown, &error));
    assert_int_equal(cJSON_GetArraySize(json_member(shown, "runs")), 1);
}

static void spec_out_of_range_ends_its_experiment_and_is_not_tried_again(void **state)
{
    int64_t id = submit("{'base':{'command':['x'],'queue':{'retries':2}}}");
    int64_t needs = submit_after("after_ok", id);

    (void)state;
    spoil("UPDATE batch SET base = json_set(base, '$.resources.cpus', 0.01) WHERE id = 1");
    assert_string_equal(start_refused(id), "the stored spec of experiment 1: resources.cpus: "
                                           "0.01 is outside [0.1, 1024]");
    assert_ended(id, "failed", "could not be started: the stored spec of experiment 1: ");
    assert_string_equal(state_of(needs), "cancelled");
    assert_true(apply(id, EXPERIMENT_EVENT_RESTART).decision.allowed);
}

static void bad_spec_of_a_pipeline_is_invalid_as_its_engine_would_say(void **state)
{
    int64_t id = submit(PIPELINE);

    (void)state;
    spoil("UPDATE batch SET base = json_set(base, '$.resources.time', 'soon')");
    (void)start_refused(id);
    assert_ended(id, "invalid", "resources.time: ");
}

static void sweep_that_cannot_be_read_ends_its_trials(void **state)
{
    int64_t id = submit(LEARNS);

    (void)state;
    spoil("UPDATE batch SET sweep = json_set(sweep, '$.method', 'oracle')");
    (void)start_refused(id);
    assert_ended(id, "failed", "could not be started: the stored sweep: ");
    assert_string_equal(state_of(id + 1), "queued");
}

static void text_that_is_no_json_ends_its_experiment(void **state)
{
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    spoil("UPDATE batch SET base = '{'");
    assert_non_null(strstr(start_refused(id), "stored JSON"));
    assert_string_equal(state_of(id), "failed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spec_out_of_range_ends_its_experiment_and_is_not_tried_again),
        TEST(bad_spec_of_a_pipeline_is_invalid_as_its_engine_would_say),
        TEST(sweep_that_cannot_be_read_ends_its_trials),
        TEST(text_that_is_no_json_ends_its_experiment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
