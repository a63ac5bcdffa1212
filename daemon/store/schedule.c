/*
 * The scheduler's walk: one cursor for each need that anybody in line has, each on its stretch of
 * the index (need, priority DESC, id), merged as they are read. What it costs depends on the number
 * of different needs and on how far the scheduler reads, never on how many are stored.
 */
#include "common/owner.h"
#include "daemon/store/internal.h"

#include <stdlib.h>

struct cursor {
    int64_t need;
    struct scheduler_candidate candidate; /* the first in line of this need */
    bool ended;
};

struct store_walk {
    struct store *store; /* borrowed */
    struct cursor *cursor;
    size_t n;
    struct cursor *latest; /* whose candidate was handed out last; NULL: none yet */
};

void store_walk_free(struct store_walk **walk)
{
    if (*walk)
        free((*walk)->cursor);
    memory_free(walk);
}

static bool first_of(struct store *store, struct cursor *cursor, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool row;

    if (!store_find(store, &statement, &row, error,
                    "SELECT e.id, e.priority, n.cpus, n.memory, n.gpus"
                    " FROM experiment AS e INDEXED BY experiment_ready, need AS n"
                    " WHERE e.state = 1 AND e.blocked = 0 AND e.not_before_ms IS NULL AND e.need = "
                    "?1 AND n.id = ?1"
                    " ORDER BY e.priority DESC, e.id LIMIT 1",
                    BIND(INT(cursor->need))))
        return false;
    cursor->ended = !row;
    if (row)
        cursor->candidate = (struct scheduler_candidate){.id = column_int(statement, 0),
                                                         .priority = column_int(statement, 1),
                                                         .need = {column_real(statement, 2),
                                                                  column_int(statement, 3),
                                                                  column_int(statement, 4)}};
    return true;
}

static bool advance(struct store *store, struct cursor *cursor, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool row;

    if (!store_find(
            store, &statement, &row, error,
            "SELECT id, priority FROM experiment INDEXED BY experiment_ready"
            " WHERE state = 1 AND blocked = 0 AND not_before_ms IS NULL AND need = ?1 AND priority "
            "= ?2 AND id > ?3"
            " ORDER BY id LIMIT 1",
            BIND(INT(cursor->need), INT(cursor->candidate.priority), INT(cursor->candidate.id))))
        return false;
    if (!row) {
        statement_end(&statement);
        if (!store_find(store, &statement, &row, error,
                        "SELECT id, priority FROM experiment INDEXED BY experiment_ready"
                        " WHERE state = 1 AND blocked = 0 AND not_before_ms IS NULL AND need = ?1 "
                        "AND priority < ?2"
                        " ORDER BY priority DESC, id LIMIT 1",
                        BIND(INT(cursor->need), INT(cursor->candidate.priority))))
            return false;
    }
    cursor->ended = !row;
    if (row) {
        cursor->candidate.id = column_int(statement, 0);
        cursor->candidate.priority = column_int(statement, 1);
    }
    return true;
}

static bool before(const struct scheduler_candidate *a, const struct scheduler_candidate *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

static bool next_candidate(void *context, bool skip_alike,
                           struct scheduler_candidate *ret_candidate, bool *ret_end,
                           struct error *error)
{
    struct store_walk *walk = context;
    struct cursor *best = NULL;

    if (walk->latest && skip_alike)
        walk->latest->ended = true;
    else if (walk->latest && !advance(walk->store, walk->latest, error))
        return false;
    for (size_t i = 0; i < walk->n; i++) {
        struct cursor *cursor = &walk->cursor[i];

        if (!cursor->ended && (!best || before(&cursor->candidate, &best->candidate)))
            best = cursor;
    }
    walk->latest = best;
    *ret_end = !best;
    if (best)
        *ret_candidate = best->candidate;
    return true;
}

static bool add_cursor(struct store_walk *walk, int64_t need, struct error *error)
{
    struct cursor *grown = realloc(walk->cursor, (walk->n + 1) * sizeof(*grown));

    if (!grown)
        return error_set(error, ERROR_NO_MEMORY, "looking for candidates");
    walk->cursor = grown;
    walk->cursor[walk->n] = (struct cursor){.need = need};
    return first_of(walk->store, &walk->cursor[walk->n++], error);
}

/* From one need to the next that is in the index, without looking at what lies between. */
static bool add_cursors(struct store_walk *walk, struct error *error)
{
    int64_t need = -1;

    for (;;) {
        if (!store_integer(walk->store, 0, &need, error,
                           "SELECT need FROM experiment INDEXED BY experiment_ready"
                           " WHERE state = 1 AND blocked = 0 AND not_before_ms IS NULL AND need > "
                           "? ORDER BY need LIMIT 1",
                           BIND(INT(need))))
            return false;
        if (need == 0)
            return true;
        if (!add_cursor(walk, need, error))
            return false;
    }
}

bool store_candidates(struct store *store, struct scheduler_source *ret_source, struct error *error)
{
    scoped(store_walk_free) struct store_walk *walk = calloc(1, sizeof(*walk));

    if (!walk)
        return error_set(error, ERROR_NO_MEMORY, "looking for candidates");
    walk->store = store;
    if (!add_cursors(walk, error))
        return false;
    store_walk_free(&store->walk);
    store->walk = take(&walk);
    *ret_source = (struct scheduler_source){next_candidate, store->walk};
    return true;
}

/* ---- what is under way ---- */

struct run_list {
    struct scheduler_run *item; /* owned */
    size_t n;
};

static void run_list_release(struct run_list *list)
{
    free(list->item);
}

static bool add_run(sqlite3_stmt *row, void *context, struct error *error)
{
    struct run_list *list = context;
    struct scheduler_run *run = realloc(list->item, (list->n + 1) * sizeof(*run));

    if (!run)
        return error_set(error, ERROR_NO_MEMORY, "scheduling");
    list->item = run;
    run[list->n++] = (struct scheduler_run){
        .id = column_int(row, 0),
        .need = {column_real(row, 1), column_int(row, 2), column_int(row, 3)},
        .gpu_mask = (uint64_t)column_int(row, 4)};
    return true;
}

bool store_runs(struct store *store, struct scheduler_run **ret_run, size_t *ret_n,
                struct error *error)
{
    scoped(run_list_release) struct run_list list = {0};

    if (!store_each(store, error, add_run, &list,
                    "SELECT e.id, n.cpus, n.memory, n.gpus, r.gpu_mask"
                    " FROM experiment AS e JOIN run AS r ON r.experiment = e.id AND r.run = e.run"
                    " JOIN need AS n ON n.id = e.need WHERE e.state IN (2, 3, 4, 8)",
                    NULL))
        return false;
    *ret_run = take(&list.item);
    *ret_n = list.n;
    return true;
}

/* ---- what can never start ---- */

bool store_find_too_large(struct store *store, int64_t first, int64_t last,
                          const struct scheduler_limits *limits, int64_t *ret_n,
                          struct scheduler_candidate *ret_candidate, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool row;

    /* Needs are few, and seldom is one too large: then no experiment is looked at. */
    if (!store_find(store, &statement, &row, error,
                    "SELECT count(*), min(e.id), n.cpus, n.memory, n.gpus"
                    " FROM experiment AS e JOIN need AS n ON n.id = e.need"
                    " WHERE EXISTS (SELECT 1 FROM need"
                    "  WHERE cpus > ?3 OR memory > ?4 OR gpus > ?5)"
                    " AND e.id BETWEEN ?1 AND ?2"
                    " AND (n.cpus > ?3 OR n.memory > ?4 OR n.gpus > ?5)",
                    BIND(INT(first), INT(last), REAL(limits->cpus + SCHEDULER_CPU_TOLERANCE),
                         INT(limits->memory), INT(limits->gpus))))
        return false;
    *ret_n = row ? column_int(statement, 0) : 0;
    if (*ret_n)
        *ret_candidate = (struct scheduler_candidate){.id = column_int(statement, 1),
                                                      .need = {column_real(statement, 2),
                                                               column_int(statement, 3),
                                                               column_int(statement, 4)}};
    return true;
}
