/* `best`: the experiments that are done, best value first; those with a mark (LEAK) come last, for
 * their number says nothing. */
#include "daemon/report/metric.h"
#include "daemon/report/report.h"
#include "daemon/report/scale.h"

#include "common/owner.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOP_DEFAULT 5
#define TOP_LIMIT 1000

struct entry {
    int64_t id;
    double value;
    bool marked;
};
struct ranking {
    struct entry *entry; /* owned */
    size_t n, capacity;
};

static void ranking_release(struct ranking *ranking)
{
    free(ranking->entry);
}

static bool rank(const struct store_outcome *outcome, void *context, struct error *error)
{
    struct ranking *ranking = context;

    if (outcome->state != EXPERIMENT_DONE || isnan(outcome->value))
        return true;
    if (ranking->n == ranking->capacity) {
        size_t capacity = ranking->capacity ? 2 * ranking->capacity : 64;
        struct entry *entry = realloc(ranking->entry, capacity * sizeof(*entry));

        if (!entry)
            return error_set(error, ERROR_NO_MEMORY, "ranking");
        ranking->entry = entry;
        ranking->capacity = capacity;
    }
    ranking->entry[ranking->n++] = (struct entry){
        outcome->id, outcome->value, outcome->marks && strcmp(outcome->marks, "[]") != 0};
    return true;
}

static int compare(const void *a, const void *b, int direction)
{
    const struct entry *x = a, *y = b;

    if (x->marked != y->marked)
        return x->marked ? 1 : -1;
    if (x->value != y->value)
        return direction * (x->value > y->value ? 1 : -1);
    return (x->id > y->id) - (x->id < y->id);
}

static int lowest_first(const void *a, const void *b)
{
    return compare(a, b, 1);
}

static int highest_first(const void *a, const void *b)
{
    return compare(a, b, -1);
}

static bool choose(struct store *store, const cJSON *params, const struct store_ids *ids,
                   struct report_metric *ret_metric, struct error *error)
{
    scoped(store_batch_head_release) struct store_batch_head head = {0};
    int64_t batch;

    return store_batch_of(store, ids->item[0], &batch, error) &&
           store_batch_head(store, batch, &head, error) &&
           report_metric_read(store, &head, ids, json_text(params, "metric", NULL),
                              json_text(params, "goal", NULL), ret_metric, error);
}

/* Runs of consecutive ids are asked for at once. */
static bool visit_all(struct store *store, const struct store_ids *ids, const char *metric,
                      struct ranking *ranking, struct error *error)
{
    for (size_t i = 0, next; i < ids->n; i = next) {
        next = i + 1;
        while (next < ids->n && ids->item[next] == ids->item[next - 1] + 1)
            next++;
        if (!store_outcomes(store, ids->item[i], ids->item[next - 1], metric, rank, ranking, error))
            return false;
    }
    return true;
}

static bool add_entry(struct store *store, const struct entry *entry, cJSON *rows,
                      struct error *error)
{
    static const char *const member[] = {"name", "seed", "batch", "parameters", "marks"};
    scoped(json_free) cJSON *row = NULL;
    cJSON *object = cJSON_CreateObject();

    if (!object || !cJSON_AddItemToArray(rows, object) ||
        !json_add_integer(object, "id", entry->id) ||
        !json_add_number(object, "value", entry->value))
        return error_set(error, ERROR_NO_MEMORY, "ranking");
    if (!store_row(store, entry->id, 0, &row, error))
        return false;
    for (size_t i = 0; i < sizeof(member) / sizeof(member[0]); i++) {
        cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(row, member[i]);

        if (!value || !json_add_item(object, member[i], &value))
            return error_set(error, ERROR_NO_MEMORY, "ranking");
    }
    return true;
}

/* Ranked they are already. */
static void scale_ranking(const cJSON *scale, struct report_metric *metric, struct ranking *ranking)
{
    double factor = report_scale_factor(scale, metric->name);

    for (size_t i = 0; i < ranking->n; i++)
        ranking->entry[i].value *= factor;
    report_scale_metric(scale, metric);
}

static bool answer(struct store *store, const cJSON *params, const struct report_metric *metric,
                   const struct ranking *ranking, cJSON *reply, struct error *error)
{
    int64_t top = json_integer(params, "top", TOP_DEFAULT);
    cJSON *rows;

    if (top < 1 || top > TOP_LIMIT)
        return error_set_at(error, ERROR_INVALID, "top", "%" PRId64 " is outside [1, %d]", top,
                            TOP_LIMIT);
    if (!reply || !json_add_text(reply, "metric", metric->name) ||
        !json_add_text(reply, "goal", metric->minimize ? "minimize" : "maximize") ||
        !(rows = json_add_array(reply, "rows")))
        return error_set(error, ERROR_NO_MEMORY, "ranking");
    for (size_t i = 0; i < ranking->n && i < (size_t)top; i++) {
        if (!add_entry(store, &ranking->entry[i], rows, error))
            return false;
    }
    return true;
}

bool report_best(struct store *store, const cJSON *params, cJSON **ret_reply, struct error *error)
{
    scoped(json_free) cJSON *reply = cJSON_CreateObject();
    scoped(store_ids_release) struct store_ids ids = {0};
    scoped(ranking_release) struct ranking ranking = {0};
    struct report_metric metric;
    const cJSON *scale;

    if (!report_scale_read(params, &scale, error) ||
        !store_select(store, json_member(params, "select"), &ids, error))
        return false;
    if (ids.n == 0)
        return error_set(error, ERROR_NOT_FOUND, "no experiment is selected");
    if (!choose(store, params, &ids, &metric, error) ||
        !visit_all(store, &ids, metric.name, &ranking, error))
        return false;
    if (ranking.n)
        qsort(ranking.entry, ranking.n, sizeof(ranking.entry[0]),
              metric.minimize ? lowest_first : highest_first);
    scale_ranking(scale, &metric, &ranking);
    if (!answer(store, params, &metric, &ranking, reply, error))
        return false;
    *ret_reply = take(&reply);
    return true;
}
