/* Selectors: {"ids":[[12,12],[3,9]], "batch":[4], "last":true, "all":true, "state":["failed"]}. */
#include "common/owner.h"
#include "daemon/store/internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_STATE ((1 << EXPERIMENT_STATE_COUNT) - 1)

struct selection {
    struct store *store;
    struct store_ids ids;
    int64_t states; /* bit s: state s is wanted */
};

/* ---- ids ---- */

void store_ids_release(struct store_ids *ids)
{
    free(ids->item);
    *ids = (struct store_ids){0};
}

bool store_ids_add(struct store_ids *ids, int64_t id, struct error *error)
{
    if (ids->n >= ids->capacity) {
        size_t capacity = ids->n < 32 ? 64 : 2 * ids->n;
        int64_t *item = realloc(ids->item, capacity * sizeof(*item));

        if (!item)
            return error_set(error, ERROR_NO_MEMORY, "listing ids");
        ids->item = item;
        ids->capacity = capacity;
    }
    ids->item[ids->n++] = id;
    return true;
}

bool store_ids_visit(sqlite3_stmt *row, void *context, struct error *error)
{
    struct store_ids *ids = context;

    return store_ids_add(ids, column_int(row, 0), error);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

void store_ids_sort(struct store_ids *ids)
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

/* ---- selectors ---- */

static void selection_release(struct selection *selection)
{
    store_ids_release(&selection->ids);
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
    int64_t exists;

    if (!store_each(selection->store, error, store_ids_visit, &selection->ids,
                    "SELECT id FROM experiment WHERE id BETWEEN ?1 AND ?2 AND ?3 >> state & 1",
                    BIND(INT(first), INT(last), INT(selection->states))) ||
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

static bool is_id(const cJSON *json)
{
    return cJSON_IsNumber(json) && fabs(json->valuedouble) < 9007199254740992.0 &&
           json->valuedouble == floor(json->valuedouble);
}

static bool add_ids(struct selection *selection, const cJSON *select, struct error *error)
{
    const cJSON *range;

    cJSON_ArrayForEach(range, json_member(select, "ids"))
    {
        const cJSON *first = cJSON_GetArrayItem(range, 0), *last = cJSON_GetArrayItem(range, 1);

        if (!is_id(first) || !is_id(last) || first->valuedouble > last->valuedouble)
            return error_set_at(error, ERROR_INVALID, "select.ids", "expected pairs [first, last]");
        if (!add_range(selection, (int64_t)first->valuedouble, (int64_t)last->valuedouble, error))
            return false;
    }
    return true;
}

static bool range_of(struct store *store, int64_t batch, int64_t *ret_first, int64_t *ret_last,
                     struct error *error)
{
    scoped(statement_end) sqlite3_stmt *row = NULL;

    if (!store_get(store, &row, error, "batch", batch,
                   "SELECT first, last FROM batch WHERE id = ?"))
        return false;
    *ret_first = column_int(row, 0);
    *ret_last = column_int(row, 1);
    return true;
}

static bool add_batches(struct selection *selection, const cJSON *select, struct error *error)
{
    const cJSON *batch;

    cJSON_ArrayForEach(batch, json_member(select, "batch"))
    {
        int64_t first, last;

        if (!is_id(batch))
            return error_set_at(error, ERROR_INVALID, "select.batch", "expected ids of batches");
        if (!range_of(selection->store, (int64_t)batch->valuedouble, &first, &last, error) ||
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
        if ((selection->states >> state & 1) &&
            !store_each(selection->store, error, store_ids_visit, &selection->ids,
                        "SELECT id FROM experiment WHERE state = ?", BIND(INT(state))))
            return false;
    }
    return true;
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
    store_ids_sort(&selection.ids);
    *ret_ids = selection.ids;
    selection.ids = (struct store_ids){0};
    return true;
}

/* ---- a page of them ---- */

static bool selects_all(const cJSON *select)
{
    return json_boolean(select, "all", false) && !json_boolean(select, "last", false) &&
           cJSON_GetArraySize(json_member(select, "ids")) == 0 &&
           cJSON_GetArraySize(json_member(select, "batch")) == 0;
}

/* Of each state no more than the page may need, so that few are read however many there are. */
static bool add_ends(struct selection *selection, const struct store_page *page,
                     struct error *error)
{
    bool newest = page->offset < 0;
    int64_t n = newest ? -page->offset : page->offset + page->limit;

    for (int state = 0; state < EXPERIMENT_STATE_COUNT; state++) {
        if ((selection->states >> state & 1) &&
            !store_each(selection->store, error, store_ids_visit, &selection->ids,
                        newest
                            ? "SELECT id FROM experiment WHERE state = ?1 ORDER BY id DESC LIMIT ?2"
                            : "SELECT id FROM experiment WHERE state = ?1 ORDER BY id LIMIT ?2",
                        BIND(INT(state), INT(n))))
            return false;
    }
    return true;
}

static bool select_ends(struct store *store, const cJSON *select, const struct store_page *page,
                        struct store_ids *ret_ids, int64_t *ret_total, struct error *error)
{
    scoped(selection_release) struct selection selection = {.store = store};

    if (!read_states(select, &selection.states, error) || !add_ends(&selection, page, error) ||
        !store_integer(store, 0, ret_total, error,
                       "SELECT sum(n) FROM state_count WHERE ?1 >> state & 1",
                       BIND(INT(selection.states))))
        return false;
    store_ids_sort(&selection.ids);
    *ret_ids = selection.ids;
    selection.ids = (struct store_ids){0};
    return true;
}

/* Leaves the page of what was selected. */
static void cut(struct store_ids *ids, const struct store_page *page)
{
    int64_t n = (int64_t)ids->n, first = page->offset < 0 ? n + page->offset : page->offset;

    if (first < 0)
        first = 0;
    ids->n = first >= n ? 0 : (size_t)(n - first < page->limit ? n - first : page->limit);
    if (ids->n && first)
        memmove(ids->item, ids->item + first, ids->n * sizeof(*ids->item));
}

bool store_select_page(struct store *store, const cJSON *select, const struct store_page *page,
                       struct store_ids *ret_ids, int64_t *ret_total, struct error *error)
{
    scoped(store_ids_release) struct store_ids ids = {0};

    if (selects_all(select)) {
        if (!select_ends(store, select, page, &ids, ret_total, error))
            return false;
    } else {
        if (!store_select(store, select, &ids, error))
            return false;
        *ret_total = (int64_t)ids.n;
    }
    cut(&ids, page);
    *ret_ids = ids;
    ids = (struct store_ids){0};
    return true;
}
