/* Speaking SQL: cached statements, rows, columns, SQLite's errors as ours. */
#include "common/owner.h"
#include "daemon/store/internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- errors ---- */

static enum error_kind kind_of(struct store *store, int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return ERROR_NO_SPACE;
    case SQLITE_NOMEM:
        return ERROR_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERROR_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERROR_BUSY;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: {
        int os_errno = store->database ? sqlite3_system_errno(store->database) : 0;

        return os_errno == ENOSPC || os_errno == EDQUOT ? ERROR_NO_SPACE : ERROR_IO;
    }
    case SQLITE_READONLY:
        return ERROR_IO;
    default:
        return ERROR_INTERNAL;
    }
}

bool store_fail(struct store *store, int code, struct error *error)
{
    enum error_kind kind = kind_of(store, code);
    const char *message = store->database ? sqlite3_errmsg(store->database) : sqlite3_errstr(code);

    /* SQLite may have given up the transaction by itself; then so do we. */
    if (store->database && store->in_transaction && sqlite3_get_autocommit(store->database))
        store->savepoints = 0;
    if (kind == ERROR_NO_SPACE)
        return error_set(error, kind, "%s: the disk is full; nothing was stored", store->path);
    if (kind == ERROR_CORRUPT)
        return error_set(error, kind, "%s: %s: see nj daemon recover", store->path, message);
    return error_set(error, kind, "%s: %s", store->path, message);
}

/* ---- statements ---- */

static struct store_statement *slot_of(struct store *store, const char *sql)
{
    size_t i = ((uintptr_t)sql >> 3) % STORE_STATEMENTS_LIMIT;

    while (store->cache[i].sql && store->cache[i].sql != sql)
        i = (i + 1) % STORE_STATEMENTS_LIMIT;
    return &store->cache[i];
}

static bool prepare(struct store *store, const char *sql, sqlite3_stmt **ret_statement,
                    struct error *error)
{
    struct store_statement *slot = slot_of(store, sql);

    if (!slot->sql) {
        int code = sqlite3_prepare_v3(store->database, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      &slot->statement, NULL);

        if (code != SQLITE_OK)
            return store_fail(store, code, error);
        slot->sql = sql;
        store->n_statements++;
        assert(store->n_statements < STORE_STATEMENTS_LIMIT);
    }
    assert(!sqlite3_stmt_busy(slot->statement)); /* used within itself: collect rows first */
    *ret_statement = slot->statement;
    return true;
}

static int bind(sqlite3_stmt *statement, int column, const struct store_value *value)
{
    switch (value->type) {
    case STORE_VALUE_INT:
        return sqlite3_bind_int64(statement, column, value->integer);
    case STORE_VALUE_REAL:
        return sqlite3_bind_double(statement, column, value->real);
    default:
        return value->text ? sqlite3_bind_text(statement, column, value->text, -1, SQLITE_STATIC)
                           : sqlite3_bind_null(statement, column);
    }
}

void statement_end(sqlite3_stmt **statement)
{
    if (!*statement)
        return;
    (void)sqlite3_reset(*statement);
    (void)sqlite3_clear_bindings(*statement);
    *statement = NULL;
}

bool store_query(struct store *store, sqlite3_stmt **ret_statement, struct error *error,
                 const char *sql, const struct store_value *value)
{
    sqlite3_stmt *statement = NULL;

    if (!prepare(store, sql, &statement, error))
        return false;
    for (int i = 0; value && value[i].type != STORE_VALUE_END; i++) {
        int code = bind(statement, i + 1, &value[i]);

        if (code != SQLITE_OK)
            return store_fail(store, code, error);
    }
    *ret_statement = statement;
    return true;
}

bool store_next(struct store *store, sqlite3_stmt *statement, bool *ret_row, struct error *error)
{
    int code = sqlite3_step(statement);

    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return store_fail(store, code, error);
    *ret_row = code == SQLITE_ROW;
    return true;
}

bool store_find(struct store *store, sqlite3_stmt **ret_row, bool *ret_found, struct error *error,
                const char *sql, const struct store_value *value)
{
    return store_query(store, ret_row, error, sql, value) &&
           store_next(store, *ret_row, ret_found, error);
}

bool store_get(struct store *store, sqlite3_stmt **ret_row, struct error *error, const char *what,
               int64_t id, const char *sql)
{
    bool found = false;

    if (!store_find(store, ret_row, &found, error, sql, BIND(INT(id))))
        return false;
    return found || error_set(error, ERROR_NOT_FOUND, "there is no %s %" PRId64, what, id);
}

bool store_each(struct store *store, struct error *error, store_visit *visit, void *context,
                const char *sql, const struct store_value *value)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;
    bool found = false;

    if (!store_find(store, &row, &found, error, sql, value))
        return false;
    while (found) {
        if (!visit(row, context, error) || !store_next(store, row, &found, error))
            return false;
    }
    return true;
}

bool store_execute(struct store *store, struct error *error, const char *sql,
                   const struct store_value *value)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool row = false;

    assert(store->in_transaction);
    /* After SQLite gave the transaction up, no statement may commit by itself. */
    if (sqlite3_get_autocommit(store->database))
        return error_set(error, ERROR_NO_SPACE, "%s: the transaction was given up", store->path);
    return store_query(store, &statement, error, sql, value) &&
           store_next(store, statement, &row, error);
}

bool store_integer(struct store *store, int64_t fallback, int64_t *ret_value, struct error *error,
                   const char *sql, const struct store_value *value)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool row = false;

    if (!store_find(store, &statement, &row, error, sql, value))
        return false;
    *ret_value = row && !column_null(statement, 0) ? column_int(statement, 0) : fallback;
    return true;
}

int64_t store_last_id(const struct store *store)
{
    return sqlite3_last_insert_rowid(store->database);
}

int64_t column_int(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_int64(statement, column);
}

double column_real(sqlite3_stmt *statement, int column)
{
    return column_null(statement, column) ? NAN : sqlite3_column_double(statement, column);
}

const char *column_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

bool column_null(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL;
}

bool column_json(sqlite3_stmt *statement, int column, cJSON **ret_json, struct error *error)
{
    const char *text = column_text(statement, column);

    if (!text) {
        *ret_json = NULL;
        return true;
    }
    return json_parse(text, (size_t)sqlite3_column_bytes(statement, column), ret_json, error) ||
           error_wrap(error, "stored JSON");
}

/* ---- columns as JSON ---- */

bool store_no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "answering");
}

bool column_add_text(sqlite3_stmt *row, int column, cJSON *object, const char *name)
{
    const char *text = column_text(row, column);

    if (!text || !*text)
        return cJSON_AddNullToObject(object, name) != NULL;
    return json_add_text(object, name, text);
}

bool column_add_number(sqlite3_stmt *row, int column, cJSON *object, const char *name)
{
    if (column_null(row, column))
        return cJSON_AddNullToObject(object, name) != NULL;
    return json_add_number(object, name, column_real(row, column));
}

bool column_add_time(sqlite3_stmt *row, int column, cJSON *object, const char *name)
{
    if (column_null(row, column))
        return cJSON_AddNullToObject(object, name) != NULL;
    return json_add_number(object, name, (double)column_int(row, column) / 1000);
}
