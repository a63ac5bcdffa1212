/*
 * A watch takes in what its selection means at the time of the request, and what comes later into
 * its batches and ranges. States in the selection cut only the first answer: a change of state is
 * what a watcher waits for.
 */
#include "daemon/watch.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/buffer.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/wire.h"
#include "daemon/loop.h"

#define WATCH_RANGES_LIMIT 10000

struct range {
    int64_t low, high;
};

struct watch {
    bool all;
    struct range *id; /* owned */
    size_t n_ids;
    int64_t *batch; /* owned */
    size_t n_batches;
};

void watch_free(struct watch **watch)
{
    if (!*watch)
        return;
    free((*watch)->id);
    free((*watch)->batch);
    memory_free(watch);
}

static void read_ranges(const cJSON *ids, struct watch *watch)
{
    const cJSON *pair;

    cJSON_ArrayForEach(pair, ids)
    {
        const cJSON *low = cJSON_GetArrayItem(pair, 0);
        const cJSON *high = cJSON_GetArrayItem(pair, 1);
        if (cJSON_IsNumber(low) && cJSON_IsNumber(high))
            watch->id[watch->n_ids++] =
                (struct range){(int64_t)low->valuedouble, (int64_t)high->valuedouble};
    }
}

bool watch_read(const cJSON *select, int64_t last, struct watch **ret_watch, struct error *error)
{
    scoped(watch_free) struct watch *watch = calloc(1, sizeof(*watch));
    const cJSON *ids = json_member(select, "ids");
    const cJSON *batches = json_member(select, "batch");
    const cJSON *batch;
    size_t n_pairs = (size_t)cJSON_GetArraySize(ids);
    size_t n_batches = (size_t)cJSON_GetArraySize(batches);

    if (n_pairs + n_batches > WATCH_RANGES_LIMIT)
        return error_set_at(error, ERROR_INVALID, "select", "more than %d ranges",
                            WATCH_RANGES_LIMIT);
    if (watch) {
        watch->id = calloc(n_pairs + 1, sizeof(*watch->id));
        watch->batch = calloc(n_batches + 1, sizeof(*watch->batch));
    }
    if (!watch || !watch->id || !watch->batch)
        return error_set(error, ERROR_NO_MEMORY, "watching");
    watch->all = json_boolean(select, "all", false);
    read_ranges(ids, watch);
    cJSON_ArrayForEach(batch, batches)
    {
        watch->batch[watch->n_batches++] = (int64_t)batch->valuedouble;
    }
    if (last > 0)
        watch->id[watch->n_ids++] = (struct range){last, last};
    *ret_watch = take(&watch);
    return true;
}

static bool takes_in(const struct watch *watch, int64_t experiment, int64_t batch)
{
    if (watch->all)
        return true;
    for (size_t i = 0; i < watch->n_ids; i++)
        if (experiment >= watch->id[i].low && experiment <= watch->id[i].high)
            return true;
    for (size_t i = 0; i < watch->n_batches; i++)
        if (batch == watch->batch[i])
            return true;
    return false;
}

static bool make_line(struct daemon *daemon, int64_t experiment, struct buffer *out,
                      int64_t *ret_batch, struct error *error)
{
    scoped(json_free) cJSON *row = NULL;
    scoped(json_free) cJSON *params = cJSON_CreateObject();

    if (!store_row(daemon->store, experiment, daemon_wall_ms(daemon), &row, error))
        return false;
    *ret_batch = json_integer(row, "batch", 0);
    if (!json_add_item(params, "row", &row))
        return error_set(error, ERROR_NO_MEMORY, "telling a change");
    return wire_notify(out, "changed", &params, error);
}

void watch_tell(struct daemon *daemon, int64_t experiment)
{
    scoped(buffer_release) struct buffer line = {0};
    struct error error;
    int64_t batch;

    if (!make_line(daemon, experiment, &line, &batch, &error)) {
        log_error("telling of experiment %" PRId64 ": %s", experiment, error.message);
        return;
    }
    for (struct client_session *session = daemon->sessions, *next; session; session = next) {
        next = client_session_public(session)->next;
        const struct watch *watch = client_session_public(session)->watch;
        if (watch && takes_in(watch, experiment, batch))
            client_session_tell(session, line.data, line.size);
    }
}
