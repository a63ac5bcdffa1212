/* The store without memory: whatever allocation fails, nothing is half stored. */
#include "tests/unit/daemon/store_fixture.h"

#include <inttypes.h>

#include "tests/double/database_double.h"
#include "tests/double/memory_double.h"

static void expect_count(const char *sum, int64_t n)
{
    scoped(json_free) cJSON *counts = NULL;
    struct error error;

    assert_true(store_counts(store, &counts, &error));
    assert_int_equal(json_integer(counts, sum, 0), n);
}

/* One submission whose allocation `n` fails; whether there was one. */
static bool submit_without(const cJSON *params, int64_t n)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *reply = NULL;
    struct error error = {0}, undo;
    bool good, failed;

    assert_true(store_begin(store, &error));
    assert_true(store_savepoint(store, &error));
    memory_double_start(n);
    good = store_submit(store, params, now_ms, &reply, &diagnostics, &error);
    failed = memory_double_stop();
    if (good) {
        /* SQLite does without some of its memory, and we only where all is there all the same */
        assert_int_equal(json_integer(reply, "count", 0), 4);
        assert_true(store_keep(store, &error));
        if (failed) {
            expect_count("queued", 5);
            store_rollback(store);
            return true;
        }
        assert_true(store_commit(store, &error));
        return false;
    }
    assert_true(failed);
    if (error.kind != ERROR_NO_MEMORY)
        fail_msg("allocation %" PRId64 ": %s", n, error.message);
    (void)store_undo(store, &undo);
    store_rollback(store);
    return true;
}

static void submission_without_memory_stores_nothing(void **state)
{
    scoped(json_free) cJSON *params = parse_json(
        "{'name':'s','question':'q','token':'t','environment':['A=b'],'base':{'command':['x',"
        "'{a}'],'queue':{'after':['1']}},'sweep':{'parameters':{'a':{'choice':{'l':1,'m':2}}},"
        "'replicates':2}}");
    int64_t n = 0;

    (void)state;
    submit("{'base':{'command':['true']}}");
    while (submit_without(params, n)) {
        expect_count("queued", 1);
        n++;
    }
    expect_count("queued", 5);
    assert_true(n > 100);
}

/* Want of memory while the file is checked is no damage of the file. */
static void opening_without_memory_is_told_and_calls_nothing_damaged(void **state)
{
    bool failed = true;
    int64_t n = 0;

    (void)state;
    submit("{'base':{'command':['true']}}");
    for (; failed; n += 3) {
        struct error error = {0};
        bool good;

        store_free(&store);
        memory_double_start(n);
        good = store_open(home, &store, &error);
        failed = memory_double_stop();
        if (!good && error.kind != ERROR_NO_MEMORY)
            fail_msg("allocation %" PRId64 ": %s", n, error.message);
        assert_true(good || failed);
    }
    expect_count("queued", 1);
    assert_true(n > 300);
}

static void reading_without_memory_is_told(void **state)
{
    int64_t n = 0;

    (void)state;
    submit("{'base':{'command':['x','{a}']},'sweep':{'parameters':{'a':[1,2]}}}");
    run_to_running(1);
    report(1, 0, "{'event':'metric','name':'loss','value':1.5,'step':3}");
    report(1, 100, "{'event':'warning','text':'hm'}");
    end_with(1, 0);
    for (;; n++) {
        scoped(json_free) cJSON *shown = NULL;
        struct error error = {0};
        bool good;

        memory_double_start(n);
        good = store_show(store, 1, now_ms, &shown, &error);
        if (!memory_double_stop())
            break;
        if (good)
            assert_non_null(json_at(shown, "runs[0].log"));
        else
            assert_int_equal(error.kind, ERROR_NO_MEMORY);
    }
    assert_true(n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(submission_without_memory_stores_nothing, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(opening_without_memory_is_told_and_calls_nothing_damaged,
                                        open_store, close_store),
        cmocka_unit_test_setup_teardown(reading_without_memory_is_told, open_store, close_store),
    };

    if (!database_double_use_malloc())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
