/* Selectors: {"ids":[[12,12],[3,9]], "batch":[4], "last":true, "all":true, "state":["failed"]}. */
#include "common/owner.h"
#include "daemon/store_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#define EVERY_STATE ((1 << EXPERIMENT_STATE_COUNT) - 1)

struct selection {
    struct store *store;
    struct store_ids ids;
    size_t capacity;
    int64_t states; /* bit s: state s is wanted */
};

void store_ids_release(struct store_ids *ids)
{
    free(ids->item);
    *ids = (struct store_ids){0};
}

static void selection_release(struct selection *selection)
{
    store_ids_release(&selection->ids);
}

static bool add_id(struct selection *selection, int64_t id, struct error *error)
{
    if (selection->ids.n == selection->capacity) {
        size_t capacity = selection->capacity ? 2 * selection->capacity : 64;
        int64_t *item = realloc(selection->ids.item, capacity * sizeof(*item));

        if (!item)
            return error_set(error, ERROR_NO_MEMORY, "selecting experiments");
        selection->ids.item = item;
        selection->capacity = capacity;
    }
    selection->ids.item[selection->ids.n++] = id;
    return true;
}

static bool add_rows(struct selection *selection, sqlite3_stmt *statement, struct error *error)
{
    for (;;) {
        bool row;

        if (!store_next(selection->store, statement, &row, error))
            return false;
        if (!row)
            return true;
        if (!add_id(selection, column_int(statement, 0), error))
            return false;
    }
}

static bool read_states(const cJSON *select, int64_t *ret_states, struct error *error)
{
    const cJSON *list = json_member(select, "state"), *item;
    int64_t states = 0;

    if (!list || cJSON_IsNull(list)) {
        *ret_states = EVERY_STATE;
        return true;
    }
    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetStringValue(item);
        enum experiment_state state;

        if (!text || !experiment_state_from_text(text, &state))
            return error_set_at(error, ERROR_INVALID, "state", "'%s' is no state",
                                text ? text : "");
        states |= INT64_C(1) << state;
    }
    *ret_states = states;
    return true;
}

static bool add_range(struct selection *selection, int64_t first, int64_t last, struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    int64_t exists;

    if (!store_query(selection->store, &statement, error,
                     "SELECT id FROM experiment WHERE id BETWEEN ?1 AND ?2 AND ?3 >> state & 1",
                     BIND(INT(first), INT(last), INT(selection->states))) ||
        !add_rows(selection, statement, error) ||
        !store_integer(selection->store, 0, &exists, error,
                       "SELECT EXISTS (SELECT 1 FROM experiment WHERE id BETWEEN ?1 AND ?2)",
                       BIND(INT(first), INT(last))))
        return false;
    if (exists)
        return true;
    if (first == last)
        return error_set(error, ERROR_NOT_FOUND, "there is no experiment %" PRId64, first);
    return error_set(error, ERROR_NOT_FOUND, "there is no experiment from %" PRId64 " to %" PRId64,
                     first, last);
}

static bool add_ids(struct selection *selection, const cJSON *select, struct error *error)
{
    const cJSON *range;

    cJSON_ArrayForEach(range, json_member(select, "ids"))
    {
        const cJSON *first = cJSON_GetArrayItem(range, 0), *last = cJSON_GetArrayItem(range, 1);

        if (!cJSON_IsNumber(first) || !cJSON_IsNumber(last) ||
            first->valuedouble > last->valuedouble)
            return error_set_at(error, ERROR_INVALID, "select.ids", "expected pairs [first, last]");
        if (!add_range(selection, (int64_t)first->valuedouble, (int64_t)last->valuedouble, error))
            return false;
    }
    return true;
}

bool store_batch_range(struct store *store, int64_t batch, int64_t *ret_first, int64_t *ret_last,
                       struct error *error)
{
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool found;

    if (!store_query(store, &statement, error, "SELECT first, last FROM batch WHERE id = ?",
                     BIND(INT(batch))) ||
        !store_next(store, statement, &found, error))
        return false;
    if (!found)
        return error_set(error, ERROR_NOT_FOUND, "there is no batch %" PRId64, batch);
    *ret_first = column_int(statement, 0);
    *ret_last = column_int(statement, 1);
    return true;
}

static bool add_batches(struct selection *selection, const cJSON *select, struct error *error)
{
    const cJSON *batch;

    cJSON_ArrayForEach(batch, json_member(select, "batch"))
    {
        int64_t first, last;

        if (!cJSON_IsNumber(batch))
            return error_set_at(error, ERROR_INVALID, "select.batch", "expected ids of batches");
        if (!store_batch_range(selection->store, (int64_t)batch->valuedouble, &first, &last,
                               error) ||
            !add_range(selection, first, last, error))
            return false;
    }
    return true;
}

static bool add_last(struct selection *selection, struct error *error)
{
    int64_t id;

    if (!store_integer(selection->store, 0, &id, error, "SELECT max(id) FROM experiment", NULL))
        return false;
    if (id == 0)
        return error_set(error, ERROR_NOT_FOUND, "there is no experiment yet");
    return add_range(selection, id, id, error);
}

/* One walk of the index a state, so that the few that run are found among many that ended. */
static bool add_all(struct selection *selection, struct error *error)
{
    for (int state = 0; state < EXPERIMENT_STATE_COUNT; state++) {
        scoped(statement_end) sqlite3_stmt *statement = NULL;

        if (!(selection->states >> state & 1))
            continue;
        if (!store_query(selection->store, &statement, error,
                         "SELECT id FROM experiment WHERE state = ?", BIND(INT(state))) ||
            !add_rows(selection, statement, error))
            return false;
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void sort_and_thin(struct store_ids *ids)
{
    size_t n = 0;

    if (ids->n)
        qsort(ids->item, ids->n, sizeof(int64_t), by_value);
    for (size_t i = 0; i < ids->n; i++) {
        if (n == 0 || ids->item[n - 1] != ids->item[i])
            ids->item[n++] = ids->item[i];
    }
    ids->n = n;
}

bool store_select(struct store *store, const cJSON *select, struct store_ids *ret_ids,
                  struct error *error)
{
    scoped(selection_release) struct selection selection = {.store = store};

    if (!read_states(select, &selection.states, error) || !add_ids(&selection, select, error) ||
        !add_batches(&selection, select, error))
        return false;
    if (json_boolean(select, "last", false) && !add_last(&selection, error))
        return false;
    if (json_boolean(select, "all", false) && !add_all(&selection, error))
        return false;
    sort_and_thin(&selection.ids);
    *ret_ids = selection.ids;
    selection.ids = (struct store_ids){0};
    return true;
}
