#include "daemon/report/replicates.h"

#include "common/hash.h"
#include "common/owner.h"
#include "daemon/experiment_state.h"
#include "daemon/report/interval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "comparing");
}

struct row {
    const cJSON *json; /* borrowed */
    uint64_t key;      /* of its parameters */
    int64_t seed;
    bool counts; /* it is done, and the first of its seed: no other measurement says more */
    bool told;   /* as one of its group */
};

/* Whether it is of the group and counts. */
static bool counts(const struct row *row, uint64_t key)
{
    return row->counts && row->key == key;
}

static bool is_first(const struct row *row, size_t n, const struct row *of)
{
    for (size_t i = 0; i < n; i++)
        if (counts(&row[i], of->key) && row[i].seed == of->seed)
            return false;
    return true;
}

static bool read_rows(const cJSON *list, struct row **ret, size_t *ret_n, struct error *error)
{
    size_t n = 0;
    scoped(memory_free) struct row *row =
        calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*row));
    const cJSON *item;

    if (!row)
        return no_memory(error);
    cJSON_ArrayForEach(item, list)
    {
        scoped(buffer_release) struct buffer text = {0};

        if (!json_print(json_member(item, "parameters"), &text, error))
            return false;
        row[n] = (struct row){
            .json = item,
            .key = hash_bytes(text.data, text.size),
            .seed = json_integer(item, "seed", 0),
        };
        row[n].counts =
            strcmp(json_text(item, "state", ""), experiment_state_text(EXPERIMENT_DONE)) == 0 &&
            is_first(row, n, &row[n]);
        n++;
    }
    *ret = take(&row);
    *ret_n = n;
    return true;
}

struct figures { /* of one metric, by Welford's way */
    size_t n;
    double mean, squares;
};

static struct figures measure(const struct row *row, size_t n, uint64_t key, const char *name)
{
    struct figures figures = {0};

    for (size_t i = 0; i < n; i++) {
        const cJSON *value = json_member(json_member(row[i].json, "metrics"), name);
        double distance;

        if (!counts(&row[i], key) || !cJSON_IsNumber(value) || !isfinite(value->valuedouble))
            continue;
        distance = value->valuedouble - figures.mean;
        figures.mean += distance / (double)++figures.n;
        figures.squares += distance * (value->valuedouble - figures.mean);
    }
    return figures;
}

static bool add_metric(const struct figures *figures, const char *name, cJSON *metrics)
{
    size_t n = figures->n;
    double deviation = n > 1 ? sqrt(figures->squares / (double)(n - 1)) : (double)NAN;
    double half = interval_half(n, deviation);
    cJSON *object = json_add_object(metrics, name);

    return object && json_add_integer(object, "n", (int64_t)n) &&
           json_add_number(object, "mean", figures->mean) &&
           json_add_number(object, "sd", deviation) &&
           json_add_number(object, "low", figures->mean - half) &&
           json_add_number(object, "high", figures->mean + half);
}

/* What the rows from the first one of the group on say of it. */
static bool add_group(struct row *row, size_t n, cJSON *list)
{
    uint64_t key = row->key;
    cJSON *group = cJSON_CreateObject();
    cJSON *parameters = cJSON_Duplicate(json_member(row->json, "parameters"), true);
    cJSON *ids = NULL, *metrics = NULL;
    bool added = cJSON_AddItemToArray(list, group) &&
                 json_add_item(group, "parameters", &parameters) &&
                 (ids = json_add_array(group, "experiments")) &&
                 (metrics = json_add_object(group, "metrics"));

    for (size_t i = 0; added && i < n; i++) {
        const cJSON *metric;

        if (!counts(&row[i], key))
            continue;
        row[i].told = true;
        added = cJSON_AddItemToArray(
            ids, cJSON_CreateNumber((double)json_integer(row[i].json, "id", 0)));
        cJSON_ArrayForEach(metric, json_member(row[i].json, "metrics"))
        {
            const struct figures figures = measure(row, n, key, metric->string);

            added = added && (figures.n == 0 || json_member(metrics, metric->string) ||
                              add_metric(&figures, metric->string, metrics));
        }
    }
    return added;
}

static size_t count(const struct row *row, size_t n, uint64_t key)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += counts(&row[i], key);
    return found;
}

bool replicates_add(const cJSON *rows, cJSON *list, struct error *error)
{
    scoped(memory_free) struct row *row = NULL;
    size_t n;

    if (!read_rows(rows, &row, &n, error))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!row[i].told && count(row + i, n - i, row[i].key) > 1 &&
            !add_group(row + i, n - i, list))
            return no_memory(error);
    return true;
}
