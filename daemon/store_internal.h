/*
 * What the store's own files share: the connection, cached statements, and short ways to bind and
 * read. Only store*.c includes it.
 *
 *     scoped(statement_end) sqlite3_stmt *statement = NULL;
 *
 *     if (!store_query(store, &statement, error, "SELECT name FROM batch WHERE id = ?",
 *                      BIND(INT(id))))
 *         return false;
 *     if (!store_next(store, statement, &found, error)) ...
 *
 * A statement's text is its key in the cache, by address: it has to be a literal.
 */
#ifndef NIGHTJAR_DAEMON_STORE_INTERNAL_H
#define NIGHTJAR_DAEMON_STORE_INTERNAL_H

#include "daemon/store.h"

#include <sqlite3.h>

extern const char *const store_migration[]; /* made at build time from schema/NNN_*.sql */
extern const int store_migrations;

#define STORE_STATEMENTS_LIMIT 256
#define STORE_APPLICATION 0x4e4a5131 /* "NJQ1" in the file's header */

struct store_statement {
    const char *sql;
    sqlite3_stmt *statement;
};

struct store {
    sqlite3 *database;
    char *path; /* of queue.db, owned */
    char *home; /* owned, absolute */
    bool in_transaction;
    bool relaxed; /* commits are not synced now */
    int savepoints;
    struct store_statement cache[STORE_STATEMENTS_LIMIT]; /* open addressing by address of sql */
    size_t n_statements;
    int64_t *changed; /* ids whose state changed; owned */
    size_t n_changed, changed_capacity;
    struct store_walk *walk; /* of the scheduler; owned */
};

enum store_value_type { STORE_VALUE_END, STORE_VALUE_INT, STORE_VALUE_REAL, STORE_VALUE_TEXT };
struct store_value {
    enum store_value_type type;
    int64_t integer;
    double real;
    const char *text;
};
#define INT(x)                                  \
    {                                           \
        .type = STORE_VALUE_INT, .integer = (x) \
    }
#define REAL(x)                               \
    {                                         \
        .type = STORE_VALUE_REAL, .real = (x) \
    } /* NaN becomes NULL */
#define TEXT(x)                               \
    {                                         \
        .type = STORE_VALUE_TEXT, .text = (x) \
    } /* NULL becomes NULL */
#define BIND(...) ((const struct store_value[]){__VA_ARGS__, {.type = STORE_VALUE_END}})

/* For scoped(): resets, unbinds; the cache keeps it. */
void statement_end(sqlite3_stmt **statement);
bool store_query(struct store *store, sqlite3_stmt **ret_statement, struct error *error,
                 const char *sql,
                 const struct store_value *value); /* value NULL: nothing to bind */
bool store_next(struct store *store, sqlite3_stmt *statement, bool *ret_row, struct error *error);
/* A statement that yields no rows; changes something, so a transaction has to be open. */
bool store_execute(struct store *store, struct error *error, const char *sql,
                   const struct store_value *value);
/* The first column of the first row; `fallback` where there is none, or it is NULL. */
bool store_integer(struct store *store, int64_t fallback, int64_t *ret_value, struct error *error,
                   const char *sql, const struct store_value *value);
int64_t store_last_id(const struct store *store); /* of the last insert */
int64_t store_changes(const struct store *store); /* rows that the last statement changed */
bool store_fail(struct store *store, int code, struct error *error); /* SQLite's code -> error */

/* Columns. Texts are borrowed until the next row. */
int64_t column_int(sqlite3_stmt *statement, int column);      /* NULL: 0 */
double column_real(sqlite3_stmt *statement, int column);      /* NULL: NaN */
const char *column_text(sqlite3_stmt *statement, int column); /* NULL: NULL */
bool column_null(sqlite3_stmt *statement, int column);
/* NULL column: *ret_json NULL. Caller owns. */
bool column_json(sqlite3_stmt *statement, int column, cJSON **ret_json, struct error *error);

bool store_note_changed(struct store *store, int64_t experiment, struct error *error);
void store_walk_free(struct store_walk **walk);

/* store_state.c. After an experiment is queued again, a batch is not ended any more. */
bool store_is_ended(struct store *store, int64_t kind, int64_t id, bool *ret_ended, bool *ret_ok,
                    struct error *error);

/* store_select.c */
bool store_batch_range(struct store *store, int64_t batch, int64_t *ret_first, int64_t *ret_last,
                       struct error *error); /* NOT_FOUND */

/* store_intake.c */
enum store_event_kind { /* numbers stand in the database */
                        STORE_EVENT_UNKNOWN = 0,
                        STORE_EVENT_WARNING = 1,
                        STORE_EVENT_MARK = 2,
                        STORE_EVENT_NOTE = 3,
                        STORE_EVENT_ARTIFACT = 4,
                        STORE_EVENT_TABLE = 5,
                        STORE_EVENT_SPLIT = 6,
                        STORE_EVENT_CHECKPOINT = 7,
                        STORE_EVENT_ERROR = 8,
                        STORE_EVENT_SIGNALLED = 9,
};
#define STORE_JOURNAL_OWN 2

#endif
