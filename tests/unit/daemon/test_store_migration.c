/* Queues that an older version made: they are opened as if this one had made them. */
#include "daemon/store/internal.h"

#include <unistd.h>

#include "tests/unit/daemon/store_fixture.h"

static void execute(sqlite3 *database, const char *sql)
{
    char *message = NULL;

    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

/* queue.db as version `n` made it, with four experiments of one batch: two that wait, one that is
 * done, one that has failed. */
static void make_queue(int n)
{
    char path[80], version[80];
    sqlite3 *database;

    store_free(&store);
    (void)snprintf(path, sizeof(path), "%s/queue.db", home);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    for (int i = 0; i < n; i++)
        execute(database, store_migration[i]);
    (void)snprintf(version, sizeof(version), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   STORE_APPLICATION, n);
    execute(database, version);
    execute(database, "INSERT INTO batch (name, base, seed, cwd, first, last, created_ms)"
                      " VALUES ('old', '{\"command\":[\"true\"]}', 0, '/', 1, 4, 1);"
                      "INSERT INTO need VALUES (1, 1, 0, 0);"
                      "INSERT INTO experiment (batch, name, state, priority, need, seed, replicate,"
                      " configuration, pipeline, requeue, retries, retries_left, ended_ms) VALUES"
                      " (1, 'old/1', 1, 0, 1, 0, 0, 'a', 0, 1, 0, 0, NULL),"
                      " (1, 'old/2', 5, 0, 1, 0, 0, 'b', 0, 1, 0, 0, 2),"
                      " (1, 'old/3', 6, 0, 1, 0, 0, 'c', 0, 1, 0, 0, 2),"
                      " (1, 'old/4', 1, 0, 1, 0, 0, 'd', 0, 1, 0, 0, NULL);");
    if (n >= 2)
        execute(database, "INSERT INTO state_count VALUES (1, 1, 2), (1, 5, 1), (1, 6, 1)");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    reopen();
}

static void assert_counts(const char *expected)
{
    scoped(json_free) cJSON *counts = NULL;
    struct error error;

    assert_true(store_counts(store, &counts, &error));
    assert_string_equal(print_json(counts), expected);
}

static void queue_of_any_version_goes_on(void **state)
{
    (void)state;
    for (int n = 1; n <= store_migrations; n++) {
        make_queue(n);
        assert_counts("{\"queued\":2,\"done\":1,\"failed\":1}");
        assert_int_equal(submit("{" COMMAND ",'experiments':[{},{}]}"), 5);
        assert_counts("{\"queued\":4,\"done\":1,\"failed\":1}");
        run_to_end(1, 0);
        run_to_end(6, 0);
        assert_counts("{\"queued\":2,\"done\":3,\"failed\":1}");
        reopen();
        assert_counts("{\"queued\":2,\"done\":3,\"failed\":1}");
        assert_string_equal(state_of(4), "queued");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queue_of_any_version_goes_on, open_store, close_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
