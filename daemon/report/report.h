/*
 * What was learnt: the answers of `report`, `best`, `compare`, `search` and `why`, as
 * docs/protocol.md has them. One file each; all rows come from the store.
 */
#ifndef NIGHTJAR_DAEMON_REPORT_REPORT_H
#define NIGHTJAR_DAEMON_REPORT_REPORT_H

#include "common/error.h"
#include "common/json.h"
#include "daemon/scheduler.h"
#include "daemon/store/report.h"
#include "daemon/store/store.h"

/* What the scheduler sees now. */
struct report_view {
    struct scheduler_limits limits;
    const struct scheduler_run *run; /* borrowed */
    size_t n_runs;
    struct scheduler_memory memory;
    int64_t wall_ms, monotonic_ms;
    const char *obstacle; /* borrowed: why nobody starts, whoever fits; NULL: nothing */
};

/* Caller owns the replies. */
bool report_batches(struct store *store, const cJSON *params, const struct report_view *view,
                    cJSON **ret_reply, struct error *error);
bool report_best(struct store *store, const cJSON *params, cJSON **ret_reply, struct error *error);
bool report_compare(struct store *store, const cJSON *params, cJSON **ret_reply,
                    struct error *error);
/* {words, limit} -> {batches, more} */
bool report_search(struct store *store, const cJSON *params, cJSON **ret_reply,
                   struct error *error);
bool report_why(struct store *store, int64_t experiment, const struct report_view *view,
                cJSON **ret_reply, struct error *error);

/* One of `report`, in full or in brief; NOT_FOUND. */
bool report_batch(struct store *store, int64_t id, const cJSON *scale,
                  const struct report_view *view, cJSON **ret_batch, struct error *error);
bool report_batch_in_brief(struct store *store, int64_t id, const cJSON *scale,
                           const struct report_view *view, cJSON **ret_batch, struct error *error);

/* For one in line: what keeps it from starting (see scheduler_explain). In why.c. */
bool report_explain(struct store *store, const struct store_place *place,
                    const struct report_view *view, char *text, size_t size,
                    enum scheduler_obstacle *ret_obstacle, struct error *error);

#endif
