/*
 * What the store's own files share: the connection, cached statements, and short ways to bind and
 * read. Only this folder includes it.
 *
 *     scoped(statement_end) sqlite3_stmt *row = NULL;
 *
 *     if (!store_find(store, &row, &found, error, "SELECT name FROM batch WHERE token = ?",
 *                     BIND(TEXT(token))))
 *         return false;
 *
 * A statement's text is its key in the cache, by address: it has to be a literal.
 */
#ifndef NIGHTJAR_DAEMON_STORE_INTERNAL_H
#define NIGHTJAR_DAEMON_STORE_INTERNAL_H

#include "daemon/store/store.h"

#include <sqlite3.h>
#include <sys/types.h>

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
    dev_t device;
    ino_t inode;                   /* of queue.db */
    char boot[CLOCK_BOOT_ID_SIZE]; /* of the machine: a run that starts now starts in it */
    bool in_transaction;
    bool relaxed; /* commits are not synced now */
    int savepoints;
    bool folds; /* the connection has folded() of search.c */
    struct store_statement cache[STORE_STATEMENTS_LIMIT]; /* open addressing by address of sql */
    size_t n_statements;
    struct store_ids changed; /* whose state changed, in any order */
    struct store_walk *walk;  /* of the scheduler; owned */
    /* 1 + the connection's count of changes when no committed row had a time to wait for. What is
     * taken back counts too, so that an equal count means that nothing has changed; 0: not known.
     */
    int64_t none_due_at;
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
/* `value` NULL: nothing to bind. */
bool store_query(struct store *store, sqlite3_stmt **ret_statement, struct error *error,
                 const char *sql, const struct store_value *value);
bool store_next(struct store *store, sqlite3_stmt *statement, bool *ret_row, struct error *error);
/* The first row of a query. */
bool store_find(struct store *store, sqlite3_stmt **ret_row, bool *ret_found, struct error *error,
                const char *sql, const struct store_value *value);
/* The same of a query for one id. NOT_FOUND: "there is no <what> <id>". */
bool store_get(struct store *store, sqlite3_stmt **ret_row, struct error *error, const char *what,
               int64_t id, const char *sql);
/* Visits every row. A visit must not run the same statement. */
typedef bool store_visit(sqlite3_stmt *row, void *context, struct error *error);
bool store_each(struct store *store, struct error *error, store_visit *visit, void *context,
                const char *sql, const struct store_value *value);
/* A statement that yields no rows; changes something, so a transaction has to be open. */
bool store_execute(struct store *store, struct error *error, const char *sql,
                   const struct store_value *value);
/* The first column of the first row; `fallback` where there is none, or it is NULL. */
bool store_integer(struct store *store, int64_t fallback, int64_t *ret_value, struct error *error,
                   const char *sql, const struct store_value *value);
int64_t store_last_id(const struct store *store);                    /* of the last insert */
bool store_fail(struct store *store, int code, struct error *error); /* SQLite's code -> error */
bool store_no_memory(struct error *error);                           /* for an answer */

/* Columns. Texts are borrowed until the next row. */
int64_t column_int(sqlite3_stmt *statement, int column);      /* NULL: 0 */
double column_real(sqlite3_stmt *statement, int column);      /* NULL: NaN */
const char *column_text(sqlite3_stmt *statement, int column); /* NULL: NULL */
bool column_null(sqlite3_stmt *statement, int column);
/* NULL column: *ret_json NULL. Caller owns. */
bool column_json(sqlite3_stmt *statement, int column, cJSON **ret_json, struct error *error);
/* Column -> member; null where the column is NULL (or an empty text). False: no memory. */
bool column_add_text(sqlite3_stmt *row, int column, cJSON *object, const char *name);
bool column_add_number(sqlite3_stmt *row, int column, cJSON *object, const char *name);
bool column_add_time(sqlite3_stmt *row, int column, cJSON *object, const char *name);

/* store.c */
bool store_note_changed(struct store *store, int64_t experiment, struct error *error);

/* schedule.c */
void store_walk_free(struct store_walk **walk);

/* state.c. After an experiment is queued again, a batch is not ended any more. */
bool store_is_ended(struct store *store, int64_t kind, int64_t id, bool *ret_ended, bool *ret_ok,
                    struct error *error);

/* Ends the run's row with the decision's run_verdict; `exit` NULL: nothing is known. */
bool store_end_run(struct store *store, int64_t experiment, int64_t run,
                   const struct experiment_decision *decision, const struct experiment_exit *exit,
                   const char *message, int64_t now_ms, struct error *error);

/* breaker.c. The run that just ended makes the rest of its batch wait: appends those to be
 * held to `ids`, with the reason in batch.broken. */
bool store_breaker_count(struct store *store, int64_t experiment, enum experiment_verdict verdict,
                         const struct experiment_exit *exit, struct store_ids *ids,
                         struct error *error);
bool store_breaker_tell(struct store *store, int64_t experiment, struct error *error);
/* One of it was released: it begins to count anew. */
bool store_breaker_reset(struct store *store, int64_t experiment, struct error *error);
/* budget.c. A run has ended: where sweep.time is used up, appends those to be dropped to `ids`,
 * with the reason in batch.spent. */
bool store_budget_count(struct store *store, int64_t experiment, int64_t run, int64_t now_ms,
                        struct store_ids *ids, struct error *error);
bool store_budget_tell(struct store *store, int64_t experiment, struct error *error);
/* One that was dropped is to run after all: its batch has no limit any more. */
bool store_budget_lift(struct store *store, int64_t experiment, struct error *error);
/* propose.c. Before its first run a trial of a sweep that learns gets what it is to try. */
bool store_propose(struct store *store, int64_t experiment, struct error *error);

/* submit.c. The row of this need, made where there is none. */
bool store_need(struct store *store, const struct scheduler_need *need, int64_t *ret_id,
                struct error *error);

/* `n` experiments were added to the batch in that state; what changes their state counts itself. */
bool store_count_added(struct store *store, int64_t batch, enum experiment_state state, int64_t n,
                       struct error *error);

/* note.c. Appends {time, text} for each note about the experiment. */
bool store_add_notes(struct store *store, int64_t experiment, cJSON *list, struct error *error);

/* select.c */
bool store_ids_add(struct store_ids *ids, int64_t id, struct error *error);
void store_ids_sort(struct store_ids *ids); /* ascending, each once */
store_visit store_ids_visit;                /* adds the first column to a struct store_ids */

/* intake.c */
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
