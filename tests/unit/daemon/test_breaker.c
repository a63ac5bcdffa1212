/* Failures alike, retries that wait. */
#include "store_fixture.h"

#include "daemon/failure.h"

#define FIVE                                                                          \
    "{'base':{'command':['x','{a}'],'queue':{'breaker':3}},'sweep':{'method':'grid'," \
    "'parameters':{'a':[1,2,3,4,5,6]}}}"

static void fail_with(int64_t id, const char *message)
{
    struct experiment_exit end = {.status = 1};

    (void)snprintf(end.message, sizeof(end.message), "%s", message);
    run_to_running(id);
    (void)apply_exit(id, EXPERIMENT_EVENT_EXIT, &end);
}

static void what_varies_is_folded_out_of_a_message(void **state)
{
    static const struct {
        const char *message, *folded;
    } cases[] = {
        {"ValueError: bad rate 0.031 in /tmp/run-12/a.csv", "ValueError: bad rate # in /"},
        {"bad rate 3e-5 in data/b.csv", "bad rate # in /"},
        {"segfault at 0x7ffd10aa ip deadbeef01", "segfault at # ip #"},
        {"facade of a decade", "facade of a decade"},
        {"expected float32, got (12, 7)", "expected float32, got (#, #)"},
        {"", ""},
    };
    char text[256], cut[5];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        failure_fold(cases[i].message, text, sizeof(text));
        assert_string_equal(text, cases[i].folded);
    }
    failure_fold("longer than that", cut, sizeof(cut));
    assert_string_equal(cut, "long");
}

static void another_status_is_another_failure(void **state)
{
    const struct experiment_exit one = {.status = 1, .message = "m"};
    const struct experiment_exit two = {.status = 2, .message = "m"};
    char a[HASH_TEXT_SIZE], b[HASH_TEXT_SIZE];

    (void)state;
    assert_string_not_equal(failure_fingerprint(&one, a), failure_fingerprint(&two, b));
}

static void third_configuration_that_fails_alike_holds_the_rest(void **state)
{
    int64_t id = submit(FIVE);
    scoped(json_free) cJSON *row = NULL;

    (void)state;
    fail_with(id, "no room for 12 rows");
    fail_with(id + 1, "no room for 7 rows");
    assert_string_equal(state_of(id + 5), "queued");
    run_to_running(id + 3);
    fail_with(id + 2, "no room for 99 rows");
    assert_string_equal(state_of(id + 3), "running");
    assert_string_equal(state_of(id + 4), "held");
    row = row_of(id + 5);
    assert_string_equal(json_text(row, "state", ""), "held");
    assert_string_equal(json_text(row, "message", ""),
                        "3 configurations of batch 1 failed alike (exit status 1: no room for 99 "
                        "rows); the rest is held: nj release batch:1");
}

static void release_begins_to_count_anew(void **state)
{
    int64_t id = submit(FIVE);

    (void)state;
    for (int64_t i = 0; i < 3; i++)
        fail_with(id + i, "alike");
    assert_true(apply(id + 3, EXPERIMENT_EVENT_RELEASE).decision.allowed);
    assert_true(apply(id + 4, EXPERIMENT_EVENT_RELEASE).decision.allowed);
    assert_true(apply(id + 5, EXPERIMENT_EVENT_RELEASE).decision.allowed);
    fail_with(id + 3, "alike");
    fail_with(id + 4, "alike");
    assert_string_equal(state_of(id + 5), "queued");
}

static void restart_begins_to_count_anew(void **state)
{
    int64_t id = submit(FIVE);

    (void)state;
    for (int i = 0; i < 3; i++)
        fail_with(id + i, "alike");
    apply(id, EXPERIMENT_EVENT_RESTART);
    apply(id + 1, EXPERIMENT_EVENT_RESTART);
    fail_with(id, "alike");
    assert_string_equal(state_of(id + 1), "queued");
    assert_string_equal(state_of(id + 4), "held");
}

static void success_and_other_failures_do_not_count(void **state)
{
    int64_t id = submit(FIVE);

    (void)state;
    fail_with(id, "alike");
    fail_with(id + 1, "alike");
    run_to_end(id + 2, 0);
    fail_with(id + 3, "alike");
    fail_with(id + 4, "another one");
    assert_string_equal(state_of(id + 5), "queued");
}

static void replicates_of_one_configuration_are_one(void **state)
{
    int64_t id = submit("{'base':{'command':['x','{a}']},'sweep':{'method':'grid',"
                        "'parameters':{'a':[1]},'replicates':5}}");

    (void)state;
    for (int64_t i = 0; i < 4; i++)
        fail_with(id + i, "alike");
    assert_string_equal(state_of(id + 4), "queued");
}

static void breaker_of_zero_never_holds(void **state)
{
    int64_t id = submit("{'base':{'command':['x','{a}'],'queue':{'breaker':0}},'sweep':{'method':"
                        "'grid','parameters':{'a':[1,2,3,4,5,6]}}}");

    (void)state;
    for (int64_t i = 0; i < 5; i++)
        fail_with(id + i, "alike");
    assert_string_equal(state_of(id + 5), "queued");
}

static bool is_candidate(int64_t id)
{
    struct scheduler_candidate candidate;
    struct scheduler_source source;
    struct error error;
    bool ended = false;

    assert_true(store_begin(store, &error));
    assert_true(store_release_due(store, now_ms, &error));
    assert_true(store_commit(store, &error));
    assert_true(store_candidates(store, &source, &error));
    assert_true(source.next(source.context, false, &candidate, &ended, &error));
    return !ended && candidate.id == id;
}

static int64_t next_due(void)
{
    struct error error;
    int64_t delay_ms;

    assert_true(store_next_due(store, now_ms, &delay_ms, &error));
    return delay_ms;
}

static void retry_waits_four_times_as_long_each_time(void **state)
{
    const struct experiment_exit failure = {.status = 3, .message = "boom"};
    int64_t id = submit("{'base':{'command':['x'],'queue':{'retries':2}}}");

    (void)state;
    assert_int_equal(next_due(), -1);
    run_to_running(id);
    (void)apply_exit(id, EXPERIMENT_EVENT_EXIT, &failure);
    assert_int_equal(next_due(), 1000);
    assert_false(is_candidate(id));
    reopen();
    assert_int_equal(next_due(), 1000);
    now_ms += 1000;
    assert_int_equal(next_due(), 0);
    assert_true(is_candidate(id));
    assert_int_equal(next_due(), -1);
    start(id);
    (void)apply_exit(id, EXPERIMENT_EVENT_EXIT, &failure);
    assert_int_equal(next_due(), 4000);
}

static void retry_that_was_taken_back_is_still_waited_for(void **state)
{
    int64_t id = submit("{'base':{'command':['x'],'queue':{'retries':1}}}");
    struct error error;

    (void)state;
    fail_with(id, "boom");
    now_ms += 1000;
    assert_true(store_begin(store, &error));
    assert_true(store_release_due(store, now_ms, &error));
    assert_int_equal(next_due(), -1);
    store_rollback(store);
    assert_int_equal(next_due(), 0);
    assert_true(is_candidate(id));
}

static void clock_set_back_keeps_nobody_waiting(void **state)
{
    int64_t id = submit("{'base':{'command':['x'],'queue':{'retries':1}}}");

    (void)state;
    fail_with(id, "boom");
    now_ms -= INT64_C(24) * 3600 * 1000;
    assert_true(is_candidate(id));
}

static void held_or_cancelled_retry_is_not_waited_for(void **state)
{
    int64_t id = submit("{'base':{'command':['x'],'queue':{'retries':1}}}");

    (void)state;
    fail_with(id, "boom");
    assert_true(apply(id, EXPERIMENT_EVENT_HOLD).decision.allowed);
    assert_int_equal(next_due(), -1);
    assert_true(apply(id, EXPERIMENT_EVENT_RELEASE).decision.allowed);
    assert_true(is_candidate(id));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_varies_is_folded_out_of_a_message),
        TEST(another_status_is_another_failure),
        TEST(third_configuration_that_fails_alike_holds_the_rest),
        TEST(release_begins_to_count_anew),
        TEST(success_and_other_failures_do_not_count),
        TEST(replicates_of_one_configuration_are_one),
        TEST(restart_begins_to_count_anew),
        TEST(breaker_of_zero_never_holds),
        TEST(retry_waits_four_times_as_long_each_time),
        TEST(retry_that_was_taken_back_is_still_waited_for),
        TEST(clock_set_back_keeps_nobody_waiting),
        TEST(held_or_cancelled_retry_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
