/* The series of one experiment. */
#include "common/owner.h"
#include "daemon/store/internal.h"

#include <string.h>

#define HISTORY_POINTS 20000

static bool is_wanted(const cJSON *names, const char *name)
{
    const cJSON *item;

    if (!names || cJSON_IsNull(names) || !names->child)
        return true;
    cJSON_ArrayForEach(item, names)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
            return true;
    }
    return false;
}

struct series {
    int64_t left;   /* points that follow */
    int64_t stride; /* every so many-th from the end is told, so that the last one always is */
    cJSON *list;    /* borrowed */
};

static bool add_point(sqlite3_stmt *row, void *context, struct error *error)
{
    struct series *series = context;
    cJSON *point;

    if (--series->left % series->stride)
        return true;
    point = cJSON_CreateArray();
    return (point && cJSON_AddItemToArray(series->list, point) &&
            cJSON_AddItemToArray(point, cJSON_CreateNumber((double)column_int(row, 0))) &&
            cJSON_AddItemToArray(point, column_null(row, 1)
                                            ? cJSON_CreateNull()
                                            : cJSON_CreateNumber(column_real(row, 1)))) ||
           store_no_memory(error);
}

struct history {
    struct store *store;
    int64_t experiment;
    const cJSON *names; /* borrowed; NULL: all */
    int64_t stride;
    cJSON *metrics; /* borrowed */
};

static bool add_series(sqlite3_stmt *row, void *context, struct error *error)
{
    const struct history *history = context;
    struct series series = {.left = column_int(row, 2), .stride = history->stride};

    if (!is_wanted(history->names, column_text(row, 1)))
        return true;
    series.list = json_add_array(history->metrics, column_text(row, 1));
    if (!series.list)
        return store_no_memory(error);
    return store_each(history->store, error, add_point, &series,
                      "SELECT step, value FROM metric WHERE experiment = ?1 AND name = ?2"
                      " ORDER BY step",
                      BIND(INT(history->experiment), INT(column_int(row, 0))));
}

bool store_history(struct store *store, const cJSON *params, cJSON **ret_reply, struct error *error)
{
    scoped(json_free) cJSON *reply = cJSON_CreateObject();
    scoped(statement_end) sqlite3_stmt *row = NULL;
    struct history history = {.store = store,
                              .experiment = json_integer(params, "id", 0),
                              .names = json_member(params, "names"),
                              .metrics = reply ? json_add_object(reply, "metrics") : NULL};

    if (!history.metrics)
        return store_no_memory(error);
    if (!store_get(store, &row, error, "experiment", history.experiment,
                   "SELECT (SELECT count(*) FROM metric AS m WHERE m.experiment = e.id)"
                   " FROM experiment AS e WHERE e.id = ?"))
        return false;
    history.stride = column_int(row, 0) / HISTORY_POINTS + 1;
    if (!store_each(store, error, add_series, &history,
                    "SELECT m.name, n.name, count(*) FROM metric AS m"
                    " JOIN metric_name AS n ON n.id = m.name WHERE m.experiment = ?"
                    " GROUP BY m.name ORDER BY m.name",
                    BIND(INT(history.experiment))))
        return false;
    *ret_reply = take(&reply);
    return true;
}
