/* Promises of the store that only show in what comes later. */
#include "tests/unit/daemon/store_fixture.h"

#include "daemon/store/internal.h"

#include <inttypes.h>

static int64_t integer(const char *sql)
{
    struct error error;
    int64_t value;

    if (!store_integer(store, -1, &value, &error, sql, NULL))
        fail_msg("%s", error.message);
    return value;
}

static int64_t next_candidate(const struct scheduler_source *source, bool skip_alike)
{
    struct scheduler_candidate candidate;
    struct error error;
    bool ended;

    assert_true(source->next(source->context, skip_alike, &candidate, &ended, &error));
    return ended ? 0 : candidate.id;
}

static int64_t first_candidate(void)
{
    struct scheduler_source source;
    struct error error;

    assert_true(store_candidates(store, &source, &error));
    return next_candidate(&source, false);
}

/* ---- transactions ---- */

/* 2 is FULL, 1 is NORMAL. */
static void only_relaxed_commits_are_not_synced(void **state)
{
    struct error error;

    (void)state;
    assert_true(store_begin(store, &error));
    assert_int_equal(integer("PRAGMA synchronous"), 2);
    assert_true(store_commit(store, &error));
    assert_true(store_begin_relaxed(store, &error));
    assert_int_equal(integer("PRAGMA synchronous"), 1);
    assert_true(store_commit(store, &error));
    assert_true(store_begin(store, &error));
    assert_int_equal(integer("PRAGMA synchronous"), 2);
    assert_true(store_commit(store, &error));
}

static void transaction_that_sqlite_gave_up_cannot_be_kept(void **state)
{
    scoped(json_free) cJSON *note = parse_json("{'id':1,'text':'x'}");
    struct error error;
    int64_t today;

    (void)state;
    submit("{" COMMAND "}");
    assert_int_equal(sqlite3_exec(store->database,
                                  "CREATE TEMP TRIGGER no BEFORE INSERT ON note BEGIN"
                                  " SELECT RAISE(ROLLBACK, 'given up'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_true(store_begin(store, &error));
    assert_true(store_savepoint(store, &error));
    assert_false(store_note(store, note, now_ms, &today, &error));
    assert_false(store_keep(store, &error));
    assert_false(store_undo(store, &error));
    assert_false(store_set_setting(store, "slots", 3, &error));
    assert_false(store_commit(store, &error));
    assert_false(store_in_transaction(store));
    assert_int_equal(submit("{" COMMAND "}"), 2);
}

static void undone_savepoint_leaves_the_outer_one(void **state)
{
    struct error error;

    (void)state;
    assert_true(store_begin(store, &error));
    assert_true(store_savepoint(store, &error));
    assert_true(store_set_setting(store, "slots", 3, &error));
    assert_true(store_savepoint(store, &error));
    assert_true(store_set_setting(store, "slots", 4, &error));
    assert_true(store_undo(store, &error));
    assert_true(store_keep(store, &error));
    assert_true(store_commit(store, &error));
    assert_int_equal(integer("SELECT value FROM setting WHERE name = 'slots'"), 3);
}

/* ---- dependencies ---- */

static void of_after_and_after_ok_the_stricter_counts(void **state)
{
    int64_t first = submit("{" COMMAND "}");
    int64_t both = submit("{'base':{'command':['true'],'queue':{'after':['1'],'after_ok':['1']}}}");

    (void)state;
    run_to_end(first, 1);
    assert_string_equal(state_of(both), "cancelled");
}

static void dependency_that_was_met_before_does_not_block(void **state)
{
    int64_t first = submit("{" COMMAND "}"), after, after_ok;

    (void)state;
    run_to_end(first, 1);
    after = submit("{'base':{'command':['true'],'queue':{'after':['1']}}}");
    after_ok = submit("{'base':{'command':['true'],'queue':{'after_ok':['1']}}}");
    assert_int_equal(first_candidate(), after);
    assert_string_equal(state_of(after_ok), "cancelled");
}

/* ---- restarts ---- */

static void restart_forgets_that_it_was_cancelled(void **state)
{
    const struct experiment_exit end = {.signal = 15};
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    assert_true(apply(id, EXPERIMENT_EVENT_CANCEL).decision.allowed);
    apply_exit(id, EXPERIMENT_EVENT_EXIT, &end);
    assert_string_equal(state_of(id), "cancelled");
    assert_true(apply(id, EXPERIMENT_EVENT_RESTART).decision.allowed);
    start(id);
    end_with(id, 3);
    assert_string_equal(state_of(id), "failed");
}

static void restarted_batch_is_announced_again(void **state)
{
    int64_t id = submit("{" COMMAND ",'on_finish':'notify'}");

    (void)state;
    run_to_end(id, 1);
    for (int times = 0; times < 2; times++) {
        scoped(store_ended_batch_release) struct store_ended_batch batch = {0};
        struct error error;
        bool found;

        assert_true(store_next_finished(store, &batch, &found, &error));
        assert_true(found);
        assert_true(store_begin(store, &error));
        assert_true(store_set_finish_started(store, batch.id, &error));
        assert_true(store_commit(store, &error));
        assert_true(apply(id, EXPERIMENT_EVENT_RESTART).decision.allowed);
        start(id);
        end_with(id, 0);
    }
}

static size_t count_cleanable(void)
{
    scoped(json_free) cJSON *clean = parse_json("{'select':{'all':true}}");
    scoped(store_ids_release) struct store_ids ids = {0};
    struct error error;

    assert_true(store_cleanable(store, clean, now_ms, &ids, &error));
    return ids.n;
}

static void set_cleaned(int64_t id)
{
    struct error error;

    assert_true(store_begin(store, &error));
    assert_true(store_set_cleaned(store, id, &error));
    assert_true(store_commit(store, &error));
}

static void cleaned_is_cleaned_once_a_run(void **state)
{
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_end(id, 0);
    set_cleaned(id);
    assert_int_equal(count_cleanable(), 0);
    assert_true(apply(id, EXPERIMENT_EVENT_RESTART).decision.allowed);
    set_cleaned(id); /* too late: it is queued again */
    start(id);
    end_with(id, 0);
    assert_int_equal(count_cleanable(), 1);
}

static void absurd_ages_are_refused(void **state)
{
    static const char *const params[] = {"{'older_s':1e300}", "{'older_s':-1}"};

    (void)state;
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        scoped(json_free) cJSON *clean = parse_json(params[i]);
        struct store_ids ids;
        struct error error;

        assert_false(store_cleanable(store, clean, now_ms, &ids, &error));
        assert_string_equal(error.path, "older_s");
    }
}

/* ---- journals ---- */

static void old_started_line_does_not_touch_a_restarted_one(void **state)
{
    scoped(store_launch_release) struct store_launch launch = {0};
    struct error error;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_end(id, 1);
    assert_true(apply(id, EXPERIMENT_EVENT_RESTART).decision.fresh);
    take_line(id, 1, STORE_JOURNAL_EVENTS, 0, "{'event':'started','t':1790000000}");
    assert_string_equal(state_of(id), "queued");
    assert_true(store_begin(store, &error));
    assert_true(store_start(store, id, 0, now_ms, &launch, &error));
    assert_true(store_commit(store, &error));
    assert_true(launch.fresh);
}

static void checkpoint_only_moves_forward(void **state)
{
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    report(id, 0, "{'event':'checkpoint','step':10}");
    report(id, 100, "{'event':'checkpoint','step':5}");
    assert_int_equal(integer("SELECT checkpoint_step FROM experiment"), 10);
}

static void progress_that_is_read_again_does_not_go_back(void **state)
{
    scoped(json_free) cJSON *row = NULL;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    report(id, 0, "{'event':'progress','done':1,'total':4}");
    report(id, 100, "{'event':'progress','done':2,'total':4}");
    report(id, 0, "{'event':'progress','done':1,'total':4}");
    row = row_of(id);
    assert_near(json_number(json_member(row, "progress"), "done", 0), 2, 1e-9);
}

static void time_beyond_all_calendars_is_not_taken(void **state)
{
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    start(id);
    take_line(id, 1, STORE_JOURNAL_EVENTS, 0, "{'event':'started','t':1e300}");
    assert_int_equal(integer("SELECT started_ms FROM run"), now_ms);
}

/* ---- the scheduler's walk ---- */

static void candidates_alike_are_skipped_at_once(void **state)
{
    struct scheduler_source source;
    struct error error;

    (void)state;
    submit("{" COMMAND ",'experiments':[{},{},{'resources':{'cpus':2}},{}]}");
    assert_true(store_candidates(store, &source, &error));
    assert_int_equal(next_candidate(&source, false), 1);
    assert_int_equal(next_candidate(&source, true), 3);
    assert_int_equal(next_candidate(&source, false), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_relaxed_commits_are_not_synced),
        TEST(transaction_that_sqlite_gave_up_cannot_be_kept),
        TEST(undone_savepoint_leaves_the_outer_one),
        TEST(of_after_and_after_ok_the_stricter_counts),
        TEST(dependency_that_was_met_before_does_not_block),
        TEST(restart_forgets_that_it_was_cancelled),
        TEST(restarted_batch_is_announced_again),
        TEST(cleaned_is_cleaned_once_a_run),
        TEST(absurd_ages_are_refused),
        TEST(old_started_line_does_not_touch_a_restarted_one),
        TEST(checkpoint_only_moves_forward),
        TEST(progress_that_is_read_again_does_not_go_back),
        TEST(time_beyond_all_calendars_is_not_taken),
        TEST(candidates_alike_are_skipped_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
