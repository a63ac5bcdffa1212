/*
 * A pass is short: the live runs, then as many candidates as the scheduler asks for. A start that
 * failed for a reason of its own keeps only that experiment back; one that failed for want of
 * something everybody needs keeps everything back for a while.
 */
#include "daemon/starter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "daemon/machine.h"

#define PICKS_AT_ONCE 64
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

bool starter_pick(struct starter *starter, struct store *store, struct supervisor *supervisor,
                  struct error *error)
{
    size_t n;

    if (starter->draining || is_delayed(&starter->all, monotonic_ms(starter)))
        return true;
    do {
        struct scheduler_pick pick[PICKS_AT_ONCE];
        if (!pick_some(starter, store, pick, &n, error))
            return false;
        if (n > 0 && disk_is_full(starter))
            return true;
        for (size_t i = 0; i < n; i++)
            if (!supervisor_plan_start(supervisor, pick[i].id, pick[i].gpu_mask, error))
                return false;
    } while (n == PICKS_AT_ONCE);
    return true;
}
