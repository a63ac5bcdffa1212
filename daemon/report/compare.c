/*
 * `compare`: what differs between experiments, beside their numbers.
 *
 * Within one sweep the parameters are what may differ. Otherwise the specs are laid flat, a value a
 * path, and the paths whose values are not all the same are told.
 */
#include "daemon/report/metric.h"
#include "daemon/report/replicates.h"
#include "daemon/report/report.h"
#include "daemon/report/scale.h"

#include "common/owner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMPARE_LIMIT 200
/* Values of each kind that a message has room for, and columns that every table has. */
#define VALUES_LIMIT 5000
#define COLUMNS_LIMIT 20

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "comparing");
}

static bool is_identity(const char *key)
{
    static const char *const names[] = {"name",        "seed", "question",
                                        "expectation", "tags", "on_finish"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], key) == 0)
            return true;
    }
    return false;
}

/* {"model[0].units": 32, ...} */
static bool lay_flat(const cJSON *json, const char *path, cJSON *flat)
{
    const cJSON *child;
    int i = 0;

    if (!json->child) {
        cJSON *copy = cJSON_Duplicate(json, true);

        return copy && json_add_item(flat, path, &copy);
    }
    cJSON_ArrayForEach(child, json)
    {
        char here[256];

        if (!*path && is_identity(child->string))
            continue;
        if (cJSON_IsArray(json))
            (void)snprintf(here, sizeof(here), "%s[%d]", path, i++);
        else
            (void)snprintf(here, sizeof(here), "%s%s%s", path, *path ? "." : "", child->string);
        if (!lay_flat(child, here, flat))
            return false;
    }
    return true;
}

struct table {
    struct store *store;
    const struct store_ids *ids;
    const cJSON *scale; /* borrowed; NULL: numbers as they are */
    cJSON *rows;        /* borrowed: each with its whole `parameters` and `metrics` at first */
    bool flat;          /* specs and not parameters */
};

/* One sweep: the same batch, and every experiment has parameters. */
static bool decide_flat(struct table *table, struct error *error)
{
    int64_t batch = 0;

    for (size_t i = 0; i < table->ids->n && !table->flat; i++) {
        scoped(json_free) cJSON *row = NULL;

        if (!store_row(table->store, table->ids->item[i], 0, &row, error))
            return false;
        table->flat = !json_member(row, "parameters")->child ||
                      (batch && batch != json_integer(row, "batch", 0));
        batch = json_integer(row, "batch", 0);
    }
    return true;
}

static bool add_parameters(const struct table *table, int64_t id, cJSON *from, cJSON *row,
                           struct error *error)
{
    scoped(json_free) cJSON *spec = NULL;
    cJSON *parameters;

    if (!table->flat) {
        parameters = cJSON_DetachItemFromObjectCaseSensitive(from, "parameters");
        return json_add_item(row, "parameters", &parameters) || no_memory(error);
    }
    if (!store_spec(table->store, id, &spec, error))
        return false;
    parameters = json_add_object(row, "parameters");
    return (parameters && lay_flat(spec, "", parameters)) || no_memory(error);
}

static bool add_row(const struct table *table, int64_t id, struct error *error)
{
    static const char *const member[] = {"id", "name", "state", "seed", "batch", "marks"};
    scoped(json_free) cJSON *from = NULL;
    scoped(json_free) cJSON *metrics = NULL;
    cJSON *row = cJSON_CreateObject();

    if (!row || !cJSON_AddItemToArray(table->rows, row))
        return no_memory(error);
    if (!store_row(table->store, id, 0, &from, error))
        return false;
    for (size_t i = 0; i < sizeof(member) / sizeof(member[0]); i++) {
        cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(from, member[i]);

        if (!value || !json_add_item(row, member[i], &value))
            return no_memory(error);
    }
    if (!add_parameters(table, id, from, row, error) ||
        !store_results(table->store, id, &metrics, error) ||
        !report_scale_values(table->scale, &metrics, error))
        return false;
    return json_add_item(row, "metrics", &metrics) || no_memory(error);
}

/* ---- columns ---- */

static bool has_text(const cJSON *list, const char *text)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(item->valuestring, text) == 0)
            return true;
    }
    return false;
}

static bool differs(const cJSON *rows, const char *name)
{
    const cJSON *first = json_member(json_member(rows->child, "parameters"), name), *row;

    cJSON_ArrayForEach(row, rows)
    {
        if (!cJSON_Compare(first, json_member(json_member(row, "parameters"), name), true) &&
            (first || json_member(json_member(row, "parameters"), name)))
            return true;
    }
    return false;
}

static bool choose_parameters(const cJSON *rows, cJSON *names, struct error *error)
{
    const cJSON *row, *item;

    cJSON_ArrayForEach(row, rows)
    {
        cJSON_ArrayForEach(item, json_member(row, "parameters"))
        {
            if (!has_text(names, item->string) && differs(rows, item->string) &&
                !cJSON_AddItemToArray(names, cJSON_CreateString(item->string)))
                return no_memory(error);
        }
    }
    return true;
}

/* Those of one split; `split` NULL: of none. */
static bool add_metrics(const cJSON *rows, const char *split, cJSON *names, struct error *error)
{
    const cJSON *row, *item;

    cJSON_ArrayForEach(row, rows)
    {
        cJSON_ArrayForEach(item, json_member(row, "metrics"))
        {
            /* those of a single class only where they are asked for */
            if (strchr(item->string, '[') || has_text(names, item->string) ||
                (split && strncmp(item->string, split, strlen(split)) != 0))
                continue;
            if (!cJSON_AddItemToArray(names, cJSON_CreateString(item->string)))
                return no_memory(error);
        }
    }
    return true;
}

/* What counts most first: there may not be room for all. */
static bool choose_metrics(const struct table *table, const cJSON *params, cJSON *names,
                           struct error *error)
{
    const cJSON *asked = json_member(params, "metrics"), *rows = table->rows, *item;
    char name[REPORT_SCALE_NAME];

    cJSON_ArrayForEach(item, asked)
    {
        if (!cJSON_IsString(item))
            continue;
        report_scale_name(table->scale, item->valuestring, name, sizeof(name));
        if (!cJSON_AddItemToArray(names, cJSON_CreateString(name)))
            return no_memory(error);
    }
    if (cJSON_GetArraySize(asked) > 0)
        return true;
    return add_metrics(rows, "test.", names, error) && add_metrics(rows, "valid.", names, error) &&
           add_metrics(rows, NULL, names, error);
}

/* As many as there is room for; `total_name` has how many there were. */
static bool limit_columns(cJSON *reply, cJSON *names, const char *total_name, int n_rows,
                          struct error *error)
{
    int n = cJSON_GetArraySize(names);
    int limit = VALUES_LIMIT / n_rows > COLUMNS_LIMIT ? VALUES_LIMIT / n_rows : COLUMNS_LIMIT;

    if (!json_add_integer(reply, total_name, n))
        return no_memory(error);
    while (n > limit)
        cJSON_DeleteItemFromArray(names, --n);
    return true;
}

static void keep_only(cJSON *object, const cJSON *names)
{
    cJSON *item = object->child;

    while (item) {
        cJSON *next = item->next;

        if (!has_text(names, item->string))
            cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
        item = next;
    }
}

static bool fill(struct table *table, const cJSON *params, cJSON *reply, struct error *error)
{
    cJSON *parameters = json_add_array(reply, "parameters");
    cJSON *metrics = json_add_array(reply, "metrics");
    cJSON *replicates = json_add_array(reply, "replicates");
    bool asked = cJSON_GetArraySize(json_member(params, "metrics")) > 0;
    cJSON *row;

    table->rows = json_add_array(reply, "rows");
    if (!parameters || !metrics || !replicates || !table->rows)
        return no_memory(error);
    if (!decide_flat(table, error))
        return false;
    for (size_t i = 0; i < table->ids->n; i++) {
        if (!add_row(table, table->ids->item[i], error))
            return false;
    }
    if (!replicates_add(table->rows, replicates, error) ||
        !choose_parameters(table->rows, parameters, error) ||
        !choose_metrics(table, params, metrics, error) ||
        !limit_columns(reply, parameters, "parameters_total", (int)table->ids->n, error) ||
        !limit_columns(reply, metrics, "metrics_total", asked ? 1 : (int)table->ids->n, error))
        return false;
    cJSON_ArrayForEach(row, table->rows)
    {
        keep_only(cJSON_GetObjectItemCaseSensitive(row, "parameters"), parameters);
        keep_only(cJSON_GetObjectItemCaseSensitive(row, "metrics"), metrics);
    }
    cJSON_ArrayForEach(row, replicates)
    {
        keep_only(cJSON_GetObjectItemCaseSensitive(row, "parameters"), parameters);
        keep_only(cJSON_GetObjectItemCaseSensitive(row, "metrics"), metrics);
    }
    return true;
}

bool report_compare(struct store *store, const cJSON *params, cJSON **ret_reply,
                    struct error *error)
{
    scoped(json_free) cJSON *reply = cJSON_CreateObject();
    scoped(store_ids_release) struct store_ids ids = {0};
    struct table table = {.store = store, .ids = &ids};

    if (!reply)
        return no_memory(error);
    if (!report_scale_read(params, &table.scale, error) ||
        !store_select(store, json_member(params, "select"), &ids, error))
        return false;
    if (ids.n == 0)
        return error_set(error, ERROR_NOT_FOUND, "no experiment is selected");
    if (ids.n > COMPARE_LIMIT)
        return error_set(error, ERROR_INVALID,
                         "%zu experiments are too many to compare (at most %d)", ids.n,
                         COMPARE_LIMIT);
    if (!fill(&table, params, reply, error))
        return false;
    *ret_reply = take(&reply);
    return true;
}
