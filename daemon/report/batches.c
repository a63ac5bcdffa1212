/*
 * `report`: the morning's answer. The newest batches are told in full, those before them in brief,
 * as far as one message has room; what is left after that is counted, so that none is missing
 * without a word.
 */
#include "daemon/report/report.h"

#include "common/owner.h"
#include "common/wire.h"
#include "daemon/report/scale.h"

#include <math.h>
#include <stdlib.h>

#define FULL_LIMIT 20
#define BRIEF_LIMIT 1000
#define FULL_BYTES (WIRE_FRAME_LIMIT / 2)
#define ALL_BYTES (WIRE_FRAME_LIMIT - 64 * 1024)
#define DAY_S 86400.0
#define LONGEST_S 1e10

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reporting");
}

static bool wanted_batches(struct store *store, const cJSON *params, const struct report_view *view,
                           struct store_ids *ret_ids, struct error *error)
{
    const cJSON *batches = json_member(params, "batch"), *item;
    double since_s = json_number(params, "since_s", DAY_S);
    size_t n = (size_t)cJSON_GetArraySize(batches);

    if (!(since_s >= 0 && since_s <= LONGEST_S))
        return error_set_at(error, ERROR_INVALID, "since_s", "%g is outside [0, %g]", since_s,
                            LONGEST_S);
    if (n == 0)
        return store_recent_batches(store, view->wall_ms - (int64_t)(since_s * 1000), ret_ids,
                                    error);
    ret_ids->item = calloc(n, sizeof(int64_t));
    if (!ret_ids->item)
        return no_memory(error);
    cJSON_ArrayForEach(item, batches)
    {
        if (!cJSON_IsNumber(item) || !(fabs(item->valuedouble) < 9007199254740992.0))
            return error_set_at(error, ERROR_INVALID, "batch", "expected ids of batches");
        ret_ids->item[ret_ids->n++] = (int64_t)item->valuedouble;
    }
    return true;
}

struct telling {
    struct store *store;
    const cJSON *scale;             /* borrowed */
    const struct report_view *view; /* borrowed */
    const int64_t *id;              /* borrowed */
    size_t left;                    /* id[0] to id[left - 1] are still to be told */
    size_t bytes;                   /* of what has been told */
};

struct manner {
    bool (*make)(struct store *store, int64_t id, const cJSON *scale,
                 const struct report_view *view, cJSON **ret_batch, struct error *error);
    int limit;
    size_t bytes; /* so many may have been told then */
};

static bool measure(const cJSON *batch, size_t *ret_bytes, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};

    if (!json_print(batch, &text, error))
        return false;
    *ret_bytes = text.size;
    return true;
}

/* From the newest that is left on, in front of the list. */
static bool tell(struct telling *telling, const struct manner *manner, cJSON *list,
                 struct error *error)
{
    for (int n = 0; telling->left && n < manner->limit; n++) {
        scoped(json_free) cJSON *batch = NULL;
        size_t bytes;

        if (!manner->make(telling->store, telling->id[telling->left - 1], telling->scale,
                          telling->view, &batch, error) ||
            !measure(batch, &bytes, error))
            return false;
        if (telling->bytes && telling->bytes + bytes > manner->bytes)
            return true;
        if (!cJSON_InsertItemInArray(list, 0, batch))
            return no_memory(error);
        (void)take(&batch);
        telling->bytes += bytes;
        telling->left--;
    }
    return true;
}

/* The first `n` of them. */
static bool add_tally(struct store *store, const int64_t *id, size_t n, cJSON *object,
                      struct error *error)
{
    int64_t first = 0, last = 0, failures = 0;

    for (size_t i = 0; i < n; i++) {
        struct store_batch_tally tally;

        if (!store_batch_tally(store, id[i], &tally, error))
            return false;
        first = i == 0 || tally.first < first ? tally.first : first;
        last = tally.last > last ? tally.last : last;
        failures += tally.failures;
    }
    return (json_add_integer(object, "batches", (int64_t)n) &&
            json_add_integer(object, "failures", failures) &&
            json_add_integer(object, "first", first) && json_add_integer(object, "last", last)) ||
           no_memory(error);
}

bool report_batches(struct store *store, const cJSON *params, const struct report_view *view,
                    cJSON **ret_reply, struct error *error)
{
    static const struct manner full = {report_batch, FULL_LIMIT, FULL_BYTES};
    static const struct manner brief = {report_batch_in_brief, BRIEF_LIMIT, ALL_BYTES};
    scoped(json_free) cJSON *reply = cJSON_CreateObject();
    scoped(store_ids_release) struct store_ids ids = {0};
    struct telling telling = {.store = store, .view = view};
    cJSON *list = reply ? json_add_array(reply, "batches") : NULL;
    cJSON *earlier = reply ? json_add_array(reply, "earlier") : NULL;
    cJSON *total = reply ? json_add_object(reply, "total") : NULL;
    cJSON *untold = reply ? json_add_object(reply, "untold") : NULL;

    if (!list || !earlier || !total || !untold)
        return no_memory(error);
    if (!report_scale_read(params, &telling.scale, error) ||
        !wanted_batches(store, params, view, &ids, error))
        return false;
    telling.id = ids.item;
    telling.left = ids.n;
    if (!tell(&telling, &full, list, error) || !tell(&telling, &brief, earlier, error) ||
        !add_tally(store, ids.item, ids.n, total, error) ||
        !add_tally(store, ids.item, telling.left, untold, error))
        return false;
    *ret_reply = take(&reply);
    return true;
}
