/*
 * A pass is short: the live runs, then as many candidates as the scheduler asks for. A start that
 * failed for a reason of its own keeps only that experiment back; one that failed for want of
 * something everybody needs keeps everything back for a while. What is stored of an experiment may
 * be of another version: where it is no good, that experiment ends.
 */
#include "daemon/starter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/owner.h"
#include "daemon/machine.h"

#define PICKS_AT_ONCE 64
#define REFUSALS_AT_ONCE 16 /* then others have their turn */
#define MIB (1024 * 1024)

static int64_t monotonic_ms(const struct starter *starter)
{
    return starter->clock->monotonic_ms(starter->clock->context);
}

/* ---- what is kept back ---- */

static void delay(const struct starter *starter, struct starter_delay *slot, int64_t experiment,
                  int64_t for_ms, const char *reason)
{
    slot->experiment = experiment;
    slot->for_ms = for_ms;
    slot->until_ms = monotonic_ms(starter) + for_ms;
    snprintf(slot->reason, sizeof(slot->reason), "%s", reason);
}

/* Of an experiment whose start failed not long after the last time. */
static int64_t next_delay_ms(const struct starter *starter, const struct starter_delay *slot,
                             int64_t experiment)
{
    int64_t limit_ms = STARTER_RETRY_LIMIT_MS;

    if (slot->experiment != experiment || monotonic_ms(starter) > slot->until_ms + slot->for_ms)
        return STARTER_RETRY_MS;
    return slot->for_ms < limit_ms / 2 ? 2 * slot->for_ms : limit_ms;
}

void starter_failed(struct starter *starter, int64_t experiment, bool whole, const char *reason)
{
    struct starter_delay *slot = &starter->one[0];

    if (whole) {
        delay(starter, &starter->all, 1, STARTER_RETRY_MS, reason);
        return;
    }
    for (size_t i = 0; i < STARTER_DELAYED_LIMIT; i++) /* its own, a free one, else the oldest */
        if (starter->one[i].experiment == experiment ||
            (slot->experiment != experiment && starter->one[i].until_ms < slot->until_ms))
            slot = &starter->one[i];
    delay(starter, slot, experiment, next_delay_ms(starter, slot, experiment), reason);
}

static bool is_delayed(const struct starter_delay *slot, int64_t now_ms)
{
    return slot->experiment != 0 && slot->until_ms > now_ms;
}

int64_t starter_delay_ms(const struct starter *starter)
{
    int64_t now_ms = monotonic_ms(starter);
    int64_t least = is_delayed(&starter->all, now_ms) ? starter->all.until_ms - now_ms : -1;

    for (size_t i = 0; i < STARTER_DELAYED_LIMIT; i++)
        if (is_delayed(&starter->one[i], now_ms) &&
            (least < 0 || starter->one[i].until_ms - now_ms < least))
            least = starter->one[i].until_ms - now_ms;
    return least;
}

static const struct starter_delay *find_delay(const struct starter *starter, int64_t experiment)
{
    int64_t now_ms = monotonic_ms(starter);

    for (size_t i = 0; i < STARTER_DELAYED_LIMIT; i++)
        if (starter->one[i].experiment == experiment && is_delayed(&starter->one[i], now_ms))
            return &starter->one[i];
    return NULL;
}

const char *starter_obstacle(const struct starter *starter, int64_t experiment)
{
    const struct starter_delay *own = find_delay(starter, experiment);

    if (starter->draining)
        return "the daemon drains, nothing new starts: nj daemon undrain";
    if (is_delayed(&starter->all, monotonic_ms(starter)))
        return starter->all.reason;
    return own ? own->reason : NULL;
}

int64_t starter_own_delay_ms(const struct starter *starter, int64_t experiment)
{
    const struct starter_delay *own = find_delay(starter, experiment);

    return own ? own->until_ms - monotonic_ms(starter) : 0;
}

/* ---- what the scheduler sees ---- */

struct filter {
    const struct starter *starter;
    struct scheduler_source source;
};

/* The store's candidates without those that are kept back. */
static bool next_allowed(void *context, bool skip_alike, struct scheduler_candidate *ret_candidate,
                         bool *ret_end, struct error *error)
{
    struct filter *filter = context;

    do {
        if (!filter->source.next(filter->source.context, skip_alike, ret_candidate, ret_end, error))
            return false;
        skip_alike = false;
    } while (!*ret_end && find_delay(filter->starter, ret_candidate->id));
    return true;
}

/* ---- a pass ---- */

static bool pick_some(struct starter *starter, struct store *store, struct scheduler_pick *pick,
                      size_t *ret_n, struct error *error)
{
    scoped(memory_free) struct scheduler_run *run = NULL;
    size_t n_runs;
    struct filter filter = {.starter = starter};
    struct scheduler_source source = {.next = next_allowed, .context = &filter};

    if (!store_runs(store, &run, &n_runs, error) || !store_candidates(store, &filter.source, error))
        return false;
    return scheduler_pick(&starter->limits, run, n_runs, &source, &starter->memory,
                          monotonic_ms(starter), pick, PICKS_AT_ONCE, ret_n, error);
}

/* Looks at the disk only when something would start. */
static bool disk_is_full(struct starter *starter)
{
    char reason[160];
    int64_t free_bytes = machine_disk_free(starter->home);

    if (free_bytes < 0 || free_bytes >= starter->disk_reserve_bytes)
        return false;
    snprintf(reason, sizeof(reason),
             "the disk has %" PRId64 " MiB free; nothing starts below %" PRId64 " MiB",
             free_bytes / MIB, starter->disk_reserve_bytes / MIB);
    delay(starter, &starter->all, 1, STARTER_DISK_LOOK_MS, reason);
    return true;
}

/* Memory, the disk, the store: what all the others would meet too. */
static bool is_everybodys(const struct error *failure)
{
    return failure->kind == ERROR_NO_MEMORY || failure->kind == ERROR_NO_SPACE ||
           failure->kind == ERROR_IO || failure->kind == ERROR_BUSY ||
           failure->kind == ERROR_CORRUPT;
}

/* After a start that was undone: what is stored of it will be no better, so that it ends; whatever
 * else there may be is tried again. */
static bool refuse(struct starter *starter, struct store *store, int64_t experiment,
                   const struct error *failure, struct error *error)
{
    char text[200], reason[256];

    log_error("experiment %" PRId64 " cannot be started: %s", experiment, failure->message);
    if (failure->kind == ERROR_INVALID) {
        starter->again = true; /* its batch may have ended */
        return store_refuse(store, experiment, failure,
                            starter->clock->wall_ms(starter->clock->context), error);
    }
    (void)error_describe(failure, text, sizeof(text));
    snprintf(reason, sizeof(reason), "the last attempt to start it failed: %s", text);
    starter_failed(starter, experiment, false, reason);
    return true;
}

/* *ret_planned false: it was refused, and others with it, maybe. */
static bool plan_one(struct starter *starter, struct store *store, struct supervisor *supervisor,
                     const struct scheduler_pick *pick, bool *ret_planned, struct error *error)
{
    struct error failure;

    if (!store_savepoint(store, error))
        return false;
    *ret_planned = supervisor_plan_start(supervisor, pick->id, pick->gpu_mask, &failure);
    if (*ret_planned)
        return store_keep(store, error);
    if (!store_undo(store, error))
        return false;
    if (is_everybodys(&failure)) {
        *error = failure;
        return false;
    }
    return refuse(starter, store, pick->id, &failure, error);
}

/* Until one is refused: its end may hold or drop those behind it. */
static bool plan_some(struct starter *starter, struct store *store, struct supervisor *supervisor,
                      const struct scheduler_pick *pick, size_t n, bool *ret_all,
                      struct error *error)
{
    *ret_all = true;
    for (size_t i = 0; i < n && *ret_all; i++)
        if (!plan_one(starter, store, supervisor, &pick[i], ret_all, error))
            return false;
    return true;
}

bool starter_pick(struct starter *starter, struct store *store, struct supervisor *supervisor,
                  struct error *error)
{
    size_t n, n_refused = 0;
    bool all;

    if (starter->draining || is_delayed(&starter->all, monotonic_ms(starter)))
        return true;
    do {
        struct scheduler_pick pick[PICKS_AT_ONCE];
        if (!pick_some(starter, store, pick, &n, error))
            return false;
        if (n > 0 && disk_is_full(starter))
            return true;
        if (!plan_some(starter, store, supervisor, pick, n, &all, error))
            return false;
        n_refused += !all;
    } while ((n == PICKS_AT_ONCE || !all) && n_refused < REFUSALS_AT_ONCE);
    return true;
}
