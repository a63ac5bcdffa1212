/*
 * The connection: opening and migrating, transactions, what changed.
 *
 * The database is held in exclusive mode: no other process can open it, there is no shared memory
 * file, and a commit is one write and one fsync of the log (WAL, synchronous=FULL).
 */
#include "common/file.h"
#include "common/owner.h"
#include "daemon/store/gather.h"
#include "daemon/store/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- transactions ---- */

static bool run(struct store *store, const char *sql, struct error *error)
{
    int code = sqlite3_exec(store->database, sql, NULL, NULL, NULL);

    return code == SQLITE_OK || store_fail(store, code, error);
}

/* One without values or rows. */
static bool step(struct store *store, const char *sql, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool row;

    return store_query(store, &statement, error, sql, NULL) &&
           store_next(store, statement, &row, error);
}

static bool set_relaxed(struct store *store, bool relaxed, struct error *error)
{
    if (store->relaxed == relaxed)
        return true;
    if (!run(store, relaxed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", error))
        return false;
    store->relaxed = relaxed;
    return true;
}

static bool begin(struct store *store, bool relaxed, struct error *error)
{
    assert(!store->in_transaction);
    if (!set_relaxed(store, relaxed, error) || !step(store, "BEGIN IMMEDIATE", error))
        return false;
    store->in_transaction = true;
    store->savepoints = 0;
    return true;
}

bool store_begin(struct store *store, struct error *error)
{
    return begin(store, false, error);
}

bool store_begin_relaxed(struct store *store, struct error *error)
{
    return begin(store, true, error);
}

void store_rollback(struct store *store)
{
    if (!store->in_transaction)
        return;
    if (!sqlite3_get_autocommit(store->database))
        (void)sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    store->in_transaction = false;
    store->savepoints = 0;
}

static bool given_up(struct store *store, struct error *error)
{
    return error_set(error, ERROR_NO_SPACE, "%s: the transaction was given up", store->path);
}

bool store_commit(struct store *store, struct error *error)
{
    assert(store->in_transaction && store->savepoints == 0);
    if (sqlite3_get_autocommit(store->database)) {
        store_rollback(store);
        return given_up(store, error);
    }
    if (!step(store, "COMMIT", error)) {
        store_rollback(store);
        return false;
    }
    store->in_transaction = false;
    return true;
}

bool store_in_transaction(const struct store *store)
{
    return store->in_transaction;
}

/* Savepoints all have one name: SQLite means the innermost. */
static bool savepoint(struct store *store, const char *sql, struct error *error)
{
    if (sqlite3_get_autocommit(store->database))
        return given_up(store, error);
    return step(store, sql, error);
}

bool store_savepoint(struct store *store, struct error *error)
{
    assert(store->in_transaction);
    if (!savepoint(store, "SAVEPOINT part", error))
        return false;
    store->savepoints++;
    return true;
}

bool store_keep(struct store *store, struct error *error)
{
    if (store->savepoints == 0)
        return given_up(store, error);
    if (!savepoint(store, "RELEASE part", error))
        return false;
    store->savepoints--;
    return true;
}

bool store_undo(struct store *store, struct error *error)
{
    if (store->savepoints == 0)
        return given_up(store, error);
    if (!savepoint(store, "ROLLBACK TO part", error) || !savepoint(store, "RELEASE part", error))
        return false;
    store->savepoints--;
    return true;
}

bool store_checkpoint(struct store *store, struct error *error)
{
    assert(!store->in_transaction);
    return run(store, "PRAGMA wal_checkpoint(TRUNCATE)", error);
}

/* ---- opening ---- */

void store_free(struct store **owner)
{
    struct store *store = *owner;

    if (!store)
        return;
    if (store->database) {
        store_rollback(store);
        for (size_t i = 0; i < STORE_STATEMENTS_LIMIT; i++)
            (void)sqlite3_finalize(store->cache[i].statement);
        (void)sqlite3_close(store->database);
    }
    store_walk_free(&store->walk);
    store_ids_release(&store->changed);
    free(store->path);
    free(store->home);
    memory_free(owner);
}

static bool pragma_integer(struct store *store, const char *sql, int64_t *ret_value,
                           struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
            *ret_value = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return code == SQLITE_ROW || store_fail(store, code, error);
}

/* A page that could not be read now ("... unable to get the page. error code=7") says nothing about
 * the file: 0 where the complaint is about what was read. */
static int cause_of_complaint(const char *text)
{
    static const char name[] = "error code=";
    const char *at = strstr(text, name);
    int code = at ? (int)strtol(at + sizeof(name) - 1, NULL, 10) : SQLITE_CORRUPT;

    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB ? 0 : code;
}

static bool refuse_damaged(const struct store *store, const char *text, struct error *error)
{
    int code = text ? cause_of_complaint(text) : SQLITE_NOMEM;

    if (code != 0)
        return error_set(error, (code & 0xff) == SQLITE_NOMEM ? ERROR_NO_MEMORY : ERROR_IO,
                         "%s could not be checked: %s", store->path, sqlite3_errstr(code));
    return error_set(error, ERROR_CORRUPT,
                     "%s is damaged (%s); it was left as it is: see nj daemon recover", store->path,
                     text);
}

static bool check_whole(struct store *store, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->database, "PRAGMA quick_check(1)", -1, &statement, NULL);
    bool good = false;

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const char *text = column_text(statement, 0);

        good = (text && strcmp(text, "ok") == 0) || refuse_damaged(store, text, error);
    } else {
        (void)store_fail(store, code, error);
    }
    (void)sqlite3_finalize(statement);
    return good;
}

/* Refuses what is not ours, damaged or too new. Reads only. */
static bool check_file(struct store *store, int64_t *ret_version, struct error *error)
{
    int64_t application = 0, version = 0, schema = 0;

    if (!pragma_integer(store, "PRAGMA application_id", &application, error) ||
        !pragma_integer(store, "PRAGMA user_version", &version, error) ||
        !pragma_integer(store, "SELECT count(*) FROM sqlite_schema", &schema, error))
        return false;
    if (application != STORE_APPLICATION && (schema > 0 || version > 0))
        return error_set(error, ERROR_CORRUPT,
                         "%s is a database of another program; it was left "
                         "as it is",
                         store->path);
    if (version > store_migrations)
        return error_set(error, ERROR_INVALID,
                         "%s was written by a newer nightjar (version %" PRId64
                         " of its tables, this one knows %d); it was left as it is",
                         store->path, version, store_migrations);
    *ret_version = version;
    return version == 0 || check_whole(store, error);
}

static bool migrate(struct store *store, int64_t version, struct error *error)
{
    char sql[128];

    if (version == store_migrations)
        return true;
    if (!store_begin(store, error))
        return false;
    for (int64_t i = version; i < store_migrations; i++) {
        if (!run(store, store_migration[i], error)) {
            store_rollback(store);
            return error_wrap(error, "migration %" PRId64, i + 1);
        }
    }
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   STORE_APPLICATION, store_migrations);
    if (!run(store, sql, error)) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, error);
}

static bool open_database(struct store *store, struct error *error)
{
    const char *file_system;
    mode_t mask;

    /* Nobody asks SQLite how much it has; to count it takes a lock at every piece. Refused where
     * there is a connection already, which changes nothing but the speed. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (!gather_register(&file_system, error))
        return false;
    mask = umask(077); /* the environments of submitters are in it */
    int code = sqlite3_open_v2(store->path, &store->database,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                   SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                               file_system);

    (void)umask(mask);
    if (code != SQLITE_OK)
        return store_fail(store, code, error);
    return true;
}

static bool open_checked(struct store *store, struct error *error)
{
    int64_t version;

    /* Until all is well, closing must not move the log into a file that we refuse. */
    (void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (!run(store, "PRAGMA locking_mode = EXCLUSIVE", error) ||
        !check_file(store, &version, error))
        return false;
    /* temp_store stays FILE: what savepoints keep would in memory be walked at every statement. */
    if (!run(store,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
             "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -4000;"
             "PRAGMA journal_size_limit = 4194304",
             error))
        return false;
    (void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return migrate(store, version, error);
}

static bool remember_place(struct store *store, struct error *error)
{
    struct stat status;

    if (stat(store->path, &status) != 0)
        return error_set(error, ERROR_IO, "%s: %s", store->path, strerror(errno));
    store->device = status.st_dev;
    store->inode = status.st_ino;
    return true;
}

bool store_check_place(const struct store *store, struct error *error)
{
    struct stat status;
    bool known = stat(store->path, &status) == 0;

    if (known ? status.st_dev == store->device && status.st_ino == store->inode : errno != ENOENT)
        return true;
    return error_set(error, ERROR_IO, "%s was %s while the daemon had it open", store->path,
                     known ? "replaced" : "removed");
}

bool store_open(const char *home, struct store **ret_store, struct error *error)
{
    scoped(store_free) struct store *store = calloc(1, sizeof(*store));

    if (!store || !(store->home = strdup(home)) || asprintf(&store->path, "%s/queue.db", home) < 0)
        return error_set(error, ERROR_NO_MEMORY, "opening %s", home);
    (void)clock_boot_id(store->boot);
    /* SQLite removes the rollback journal of a new database without a sync of the folder: it could
     * come back with a cut of power and take back everything since. */
    if (!open_database(store, error) || !open_checked(store, error) ||
        !file_sync_folder(AT_FDCWD, home, error) || !remember_place(store, error))
        return false;
    *ret_store = take(&store);
    return true;
}

int64_t store_size_bytes(const struct store *store)
{
    static const char *const suffix[] = {"", "-wal"};
    int64_t total = 0;

    for (size_t i = 0; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
        char path[4096];
        struct stat status;

        (void)snprintf(path, sizeof(path), "%s%s", store->path, suffix[i]);
        if (stat(path, &status) == 0)
            total += status.st_size;
    }
    return total;
}

bool store_setting(struct store *store, const char *name, int64_t fallback, int64_t *ret_value,
                   struct error *error)
{
    return store_integer(store, fallback, ret_value, error,
                         "SELECT value FROM setting WHERE name = ?", BIND(TEXT(name)));
}

bool store_set_setting(struct store *store, const char *name, int64_t value, struct error *error)
{
    return store_execute(store, error,
                         "INSERT INTO setting VALUES (?1, ?2)"
                         " ON CONFLICT DO UPDATE SET value = excluded.value",
                         BIND(TEXT(name), INT(value)));
}

/* ---- what changed ---- */

bool store_note_changed(struct store *store, int64_t experiment, struct error *error)
{
    const struct store_ids *changed = &store->changed;

    return (changed->n && changed->item[changed->n - 1] == experiment) ||
           store_ids_add(&store->changed, experiment, error);
}

void store_take_changed(struct store *store, struct store_ids *ret_ids)
{
    store_ids_sort(&store->changed);
    *ret_ids = store->changed;
    store->changed = (struct store_ids){0};
}
