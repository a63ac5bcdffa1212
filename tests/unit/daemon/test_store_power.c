/*
 * The store on a disk that fails and forgets, at every write, truncation, sync and removal in turn,
 * and without memory, at many allocations of ours and SQLite's (NIGHTJAR_TEST_INJECTIONS=all: every
 * one).
 *
 * A life is a list of steps as the daemon takes them: each is one transaction, or the opening, or
 * the moving of the log into the database. A step that has returned true is acknowledged. What was
 * cut short is begun again from the first step, as a daemon does that was started again: a
 * submission has its token, a line its offset, and a start or a verdict is decided by the state
 * that is found. However a life was disturbed, it ends with the same queue.
 */
#include "tests/unit/daemon/store_fixture.h"

#include <sys/stat.h>

#include "tests/double/database_double.h"
#include "tests/double/memory_double.h"

/* Memory fails in the store alone, not in what the test does. */
static cJSON *parse_held(const char *text)
{
    cJSON *json;

    memory_double_hold(true);
    json = parse_json(text);
    memory_double_hold(false);
    return json;
}

#define ALLOCATION_STRIDE 97 /* a prime: no loop of allocations is met at the same place always */

static bool is_in_state(int64_t id, const char *const *states)
{
    const char *state;

    memory_double_hold(true);
    state = state_of(id);
    memory_double_hold(false);
    for (; *states; states++)
        if (strcmp(state, *states) == 0)
            return true;
    return false;
}
#define IS_IN(id, ...) is_in_state(id, (const char *const[]){__VA_ARGS__, NULL})

static bool committed(bool good, struct error *error)
{
    if (good && store_commit(store, error))
        return true;
    store_rollback(store);
    return false;
}

/* ---- steps ---- */

static bool open_queue(struct error *error)
{
    return store || store_open(home, &store, error);
}

static bool submit_as(const char *params, struct error *error)
{
    scoped(json_free) cJSON *json = parse_held(params);
    scoped(json_free) cJSON *reply = NULL;
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};

    return store_begin(store, error) &&
           committed(store_submit(store, json, now_ms, &reply, &diagnostics, error), error);
}

static bool submit_two(struct error *error)
{
    return submit_as("{'token':'a','environment':['A=b'],'base':{'command':['x','{n}']},"
                     "'sweep':{'parameters':{'n':[1,2]}}}",
                     error);
}

static bool submit_third(struct error *error)
{
    return submit_as("{'token':'b','base':{'command':['y']}}", error);
}

static bool start_one(int64_t id, struct error *error)
{
    struct store_launch launch = {0};
    bool good;

    if (!IS_IN(id, "queued"))
        return true;
    good = store_begin(store, error) &&
           committed(store_start(store, id, 0, now_ms, &launch, error), error);
    store_launch_release(&launch);
    return good;
}

static bool take_one(int64_t id, enum store_journal journal, int64_t offset, const char *text,
                     struct error *error)
{
    scoped(json_free) cJSON *line = parse_held(text);

    return store_begin_relaxed(store, error) &&
           committed(
               store_take_line(store, id, 1, journal, line, offset, offset + 100, now_ms, error),
               error);
}

static bool end_one(int64_t id, enum experiment_event event, struct error *error)
{
    const struct experiment_exit end = {.status = 0, .wall_s = 2};
    struct store_change change;

    if (!IS_IN(id, "running"))
        return true;
    return store_begin(store, error) &&
           committed(store_apply(store, id, event, &end, now_ms, &change, error), error);
}

#define STARTED "{'event':'started','t':1790000000,'worker':4711,'worker_start':9,'boot':'b'}"

static bool start_first(struct error *error)
{
    return start_one(1, error);
}

static bool take_started(struct error *error)
{
    return !IS_IN(1, "starting") || take_one(1, STORE_JOURNAL_EVENTS, 0, STARTED, error);
}

static bool take_metric(struct error *error)
{
    return take_one(1, STORE_JOURNAL_REPORTED, 0,
                    "{'event':'metric','name':'loss','value':0.5,'step':1}", error);
}

static bool end_first(struct error *error)
{
    return end_one(1, EXPERIMENT_EVENT_EXIT, error);
}

static bool start_second(struct error *error)
{
    return start_one(2, error);
}

static bool move_log(struct error *error)
{
    return store_checkpoint(store, error);
}

static bool close_queue(struct error *error)
{
    (void)error;
    store_free(&store);
    return true;
}

static bool (*const step[])(struct error *error) = {
    open_queue, submit_two,   start_first, take_started, take_metric, end_first,   start_second,
    move_log,   submit_third, close_queue, open_queue,   move_log,    close_queue,
};
#define STEPS (sizeof(step) / sizeof(step[0]))
enum {
    OPENED,
    SUBMITTED_TWO,
    STARTED_FIRST,
    TOOK_STARTED,
    TOOK_METRIC,
    ENDED_FIRST,
    STARTED_SECOND
};
#define SUBMITTED_THIRD 8

/* How many steps were acknowledged. */
static size_t live(size_t from, struct error *error)
{
    size_t n = from;

    while (n < STEPS && step[n](error))
        n++;
    return n;
}

/* ---- what is there ---- */

static int64_t count(void)
{
    scoped(json_free) cJSON *params = parse_json("{'select':{'all':true}}");
    scoped(json_free) cJSON *reply = NULL;
    struct error error;

    assert_true(store_list(store, params, now_ms, &reply, &error));
    return json_integer(reply, "total", -1);
}

/* All of the queue as text; caller frees. */
static char *describe(void)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    for (int64_t id = 1; id <= count(); id++) {
        scoped(json_free) cJSON *shown = NULL;
        scoped(json_free) cJSON *history = NULL;
        scoped(json_free) cJSON *params = cJSON_CreateObject();

        assert_true(json_add_integer(params, "id", id));
        assert_true(store_show(store, id, now_ms, &shown, &error));
        assert_true(store_history(store, params, &history, &error));
        assert_true(json_print(shown, &text, &error) && json_print(history, &text, &error));
    }
    return buffer_take(&text);
}

static void assert_acknowledged(size_t n)
{
    int64_t there = count();

    assert_true(there == 0 || there == 2 || there == 3); /* never a part of a batch */
    if (n > SUBMITTED_TWO)
        assert_true(there >= 2);
    if (n > SUBMITTED_THIRD)
        assert_int_equal(there, 3);
    if (n > STARTED_FIRST)
        assert_true(IS_IN(1, "starting", "running", "done"));
    if (n > ENDED_FIRST)
        assert_true(IS_IN(1, "done"));
    if (n > STARTED_SECOND)
        assert_true(IS_IN(2, "starting"));
}

static void open_or_fail(const char *when, int64_t call)
{
    struct error error;

    if (!store_open(home, &store, &error))
        fail_msg("%s %d: %s", when, (int)call, error.message);
}

/* An empty home again, under the same name. */
static void empty_home(void)
{
    struct error error;

    store_free(&store);
    assert_true(file_remove_tree(AT_FDCWD, home, &error));
    assert_int_equal(mkdir(home, 0700), 0);
}

static void begin_again_and_compare(const char *expected, const char *when, int64_t call)
{
    scoped(memory_free) char *found = NULL;
    struct error error;

    if (live(0, &error) != STEPS)
        fail_msg("%s %d, begun again: %s", when, (int)call, error.message);
    open_or_fail(when, call);
    found = describe();
    assert_string_equal(found, expected);
}

static char *undisturbed(int64_t *ret_calls)
{
    struct error error;
    char *text;

    empty_home();
    database_double_start();
    if (live(0, &error) != STEPS)
        fail_msg("%s", error.message);
    *ret_calls = database_double_calls();
    database_double_stop();
    open_or_fail("undisturbed", 0);
    text = describe();
    return text;
}

/* ---- tests ---- */

static void cut_power_at(int64_t call, enum database_double_cut cut, const char *expected)
{
    static const char *const name[] = {"forgotten at", "killed at", "torn at"};
    struct error error;
    size_t acknowledged;

    empty_home();
    database_double_start();
    database_double_fail(call, DATABASE_DOUBLE_DEAD);
    acknowledged = live(0, &error);
    store_free(&store);
    database_double_cut_power(cut, (uint64_t)call);
    database_double_stop();
    open_or_fail(name[cut], call);
    assert_acknowledged(acknowledged);
    begin_again_and_compare(expected, name[cut], call);
}

/* Forgetting is the worst that a cut can do; the other two take turns. */
static void power_cut_at_any_write_loses_nothing_that_was_acknowledged(void **state)
{
    int64_t calls = 0;
    scoped(memory_free) char *expected = undisturbed(&calls);

    (void)state;
    assert_true(calls > 50);
    for (int64_t call = 0; call < calls; call++) {
        cut_power_at(call, DATABASE_DOUBLE_FORGET, expected);
        cut_power_at(call, call % 2 ? DATABASE_DOUBLE_KEEP : DATABASE_DOUBLE_TEAR, expected);
    }
}

/* A step that failed is taken again, by the same process. */
static void fail_at(int64_t call, enum database_double_fault fault, const char *expected)
{
    scoped(memory_free) char *found = NULL;
    struct error error;
    size_t n;

    empty_home();
    database_double_start();
    database_double_fail(call, fault);
    n = live(0, &error);
    if (n < STEPS) {
        assert_true(error.kind == ERROR_IO || error.kind == ERROR_NO_SPACE);
        n = live(n, &error);
    }
    if (n < STEPS)
        fail_msg("call %d, again: %s", (int)call, error.message);
    assert_true(database_double_met());
    database_double_stop();
    open_or_fail("failed at", call);
    found = describe();
    assert_string_equal(found, expected);
}

static void any_call_that_fails_is_an_error_and_can_be_made_again(void **state)
{
    int64_t calls = 0;
    scoped(memory_free) char *expected = undisturbed(&calls);

    (void)state;
    for (int64_t call = 0; call < calls; call++)
        fail_at(call, call % 2 ? DATABASE_DOUBLE_FAIL : DATABASE_DOUBLE_FULL, expected);
}

/* Without one allocation each time, over all of a life; SQLite gets on without some of them. */
static bool lacks_at(int64_t n, const char *expected)
{
    scoped(memory_free) char *found = NULL;
    struct error error = {0};
    size_t done;
    bool failed;

    empty_home();
    memory_double_start(n);
    done = live(0, &error);
    failed = memory_double_stop();
    if (done < STEPS && (!failed || error.kind != ERROR_NO_MEMORY))
        fail_msg("allocation %d, step %d: %s", (int)n, (int)done, error.message);
    if (done < STEPS)
        done = live(done, &error);
    if (done < STEPS)
        fail_msg("allocation %d, again: %s", (int)n, error.message);
    open_or_fail("without memory", n);
    found = describe();
    assert_string_equal(found, expected);
    return failed;
}

static void allocation_that_fails_is_an_error_and_can_be_made_again(void **state)
{
    const char *wanted = getenv("NIGHTJAR_TEST_INJECTIONS");
    int64_t n = 0, stride = wanted && strcmp(wanted, "all") == 0 ? 1 : ALLOCATION_STRIDE;
    int64_t calls = 0;
    scoped(memory_free) char *expected = undisturbed(&calls);

    (void)state;
    while (lacks_at(n, expected))
        n += stride;
    assert_true(n > 10 * ALLOCATION_STRIDE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(power_cut_at_any_write_loses_nothing_that_was_acknowledged),
        TEST(any_call_that_fails_is_an_error_and_can_be_made_again),
        TEST(allocation_that_fails_is_an_error_and_can_be_made_again),
    };

    if (!database_double_use_malloc())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
