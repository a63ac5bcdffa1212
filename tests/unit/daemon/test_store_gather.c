/* What reaches the disk, and when: a commit is one write, and after it nothing is held back. */
#include <fcntl.h>
#include <sqlite3.h>

#include "tests/unit/daemon/store_fixture.h"

#include "common/file.h"
#include "daemon/store/gather.h"
#include "tests/double/database_double.h"

#define SUBMISSION "{'environment':['A=b'],'base':{'command':['x']}}"

/* On a disk that counts, fails and forgets; its log is at work already. */
static int open_counted(void **state)
{
    if (open_store(state) != 0)
        return -1;
    store_free(&store);
    database_double_start();
    reopen();
    submit(SUBMISSION);
    database_double_heal();
    return 0;
}

static int close_counted(void **state)
{
    store_free(&store);
    database_double_stop();
    return close_store(state);
}

static int64_t count_experiments(void)
{
    scoped(json_free) cJSON *params = parse_json("{'select':{'all':true}}");
    scoped(json_free) cJSON *reply = NULL;
    struct error error;

    assert_true(store_list(store, params, now_ms, &reply, &error));
    return json_integer(reply, "total", -1);
}

/* As after kill -9: what was written is there, what was only held is not. */
static void open_after_kill(void)
{
    database_double_fail(0, DATABASE_DOUBLE_DEAD);
    store_free(&store);
    database_double_cut_power(DATABASE_DOUBLE_KEEP, 1);
    reopen();
}

static bool try_relaxed(const char *params, struct error *error)
{
    scoped(json_free) cJSON *json = parse_json(params);
    scoped(json_free) cJSON *reply = NULL;
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};

    assert_true(store_begin_relaxed(store, error));
    assert_true(store_submit(store, json, now_ms, &reply, &diagnostics, error));
    return store_commit(store, error);
}

static void commit_is_one_write_and_one_sync(void **state)
{
    (void)state;
    submit(SUBMISSION);
    assert_int_equal(database_double_calls(), 2);
}

static void commit_that_is_not_synced_outlives_the_process(void **state)
{
    struct error error;

    (void)state;
    assert_true(try_relaxed(SUBMISSION, &error));
    assert_int_equal(database_double_calls(), 1);
    open_after_kill();
    assert_int_equal(count_experiments(), 2);
}

/* Its frames must not reach the file with what is written, synced or moved later. */
static void refused_commit_does_not_come_back(void **state)
{
    struct error error;

    (void)state;
    database_double_fail(0, DATABASE_DOUBLE_FULL);
    assert_false(try_relaxed(SUBMISSION, &error));
    assert_int_equal(error.kind, ERROR_NO_SPACE);
    assert_int_equal(count_experiments(), 1);
    assert_true(store_checkpoint(store, &error));
    assert_int_equal(count_experiments(), 1);
    open_after_kill();
    assert_int_equal(count_experiments(), 1);
    submit(SUBMISSION);
    open_after_kill();
    assert_int_equal(count_experiments(), 2);
}

#define MANY 4000
#define LONG 2000 /* bytes of a parameter */

/* More pages than SQLite's cache holds: it writes some early, reads them again, writes them anew.
 */
static void begin_large(void)
{
    scoped(json_free) cJSON *json = parse_json("{'base':{'command':['x','{n}']},'sweep':"
                                               "{'parameters':{'n':[]},'replicates':4000}}");
    scoped(json_free) cJSON *reply = NULL;
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    cJSON *sweep = cJSON_GetObjectItemCaseSensitive(json, "sweep");
    cJSON *parameters = cJSON_GetObjectItemCaseSensitive(sweep, "parameters");
    char value[LONG + 1] = "";
    struct error error;

    memset(value, 'x', LONG);
    assert_true(cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(parameters, "n"),
                                     cJSON_CreateString(value)));
    assert_true(store_begin(store, &error));
    if (!store_submit(store, json, now_ms, &reply, &diagnostics, &error))
        fail_msg("%s", error.message);
    assert_int_equal(json_integer(reply, "count", 0), MANY);
    assert_true(database_double_calls() > 0);
}

static void transaction_larger_than_the_cache_is_whole(void **state)
{
    struct error error;

    (void)state;
    begin_large();
    assert_true(store_commit(store, &error));
    assert_int_equal(count_experiments(), 1 + MANY);
    open_after_kill(); /* opening checks every page */
    assert_int_equal(count_experiments(), 1 + MANY);
}

static void large_transaction_that_is_taken_back_leaves_nothing(void **state)
{
    (void)state;
    begin_large();
    store_rollback(store);
    assert_int_equal(count_experiments(), 1);
    submit(SUBMISSION);
    open_after_kill();
    assert_int_equal(count_experiments(), 2);
}

static void run_sql(sqlite3 *database, const char *sql)
{
    char *message = NULL;

    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

static void expect_text(sqlite3 *database, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), expected);
    sqlite3_finalize(statement);
}

/* A cache of a few pages, and rows all over an index: within one transaction the same pages are
 * written to the log again and again, where they stand in it. */
static void pages_that_are_written_anew_are_whole(void **state)
{
    char folder[] = "/tmp/nightjar-gather-XXXXXX", path[64];
    const char *name = NULL;
    struct error error;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/x.db", folder);
    assert_true(gather_register(&name, &error));
    for (int through = 1; through >= 0; through--) { /* then by SQLite's own file system */
        sqlite3 *database = NULL;

        assert_int_equal(sqlite3_open_v2(path, &database,
                                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                         through ? name : NULL),
                         SQLITE_OK);
        run_sql(database, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                          "PRAGMA cache_size = 10");
        for (int i = 0; through && i < 8; i++) {
            if (i == 0)
                run_sql(database, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
                                  "CREATE INDEX t_b ON t(b)");
            run_sql(database, "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                              "FROM n WHERE i < 500) INSERT INTO t(b) SELECT "
                              "hex(randomblob(60)) FROM n;"
                              "UPDATE t SET b = hex(randomblob(60)) WHERE a % 3 = 0;"
                              "DELETE FROM t WHERE a % 7 = 0");
            run_sql(database, i % 3 == 2 ? "ROLLBACK" : "COMMIT");
            expect_text(database, "PRAGMA integrity_check", "ok");
        }
        expect_text(database, "PRAGMA integrity_check", "ok");
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
    }
    assert_true(file_remove_tree(AT_FDCWD, folder, &error));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_counted, close_counted)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_that_are_written_anew_are_whole),
        TEST(commit_is_one_write_and_one_sync),
        TEST(commit_that_is_not_synced_outlives_the_process),
        TEST(refused_commit_does_not_come_back),
        TEST(transaction_larger_than_the_cache_is_whole),
        TEST(large_transaction_that_is_taken_back_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
