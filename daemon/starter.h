/*
 * Who starts now: gives the scheduler what it needs, and hands its picks to the supervisor. Knows
 * what keeps everything from starting (a full disk, no processes left) and which experiments are to
 * wait a little before they are tried again.
 */
#ifndef NIGHTJAR_DAEMON_STARTER_H
#define NIGHTJAR_DAEMON_STARTER_H

#include "common/clock.h"
#include "common/error.h"
#include "daemon/scheduler.h"
#include "daemon/store/store.h"
#include "daemon/supervisor.h"

#include <stdbool.h>
#include <stdint.h>

#define STARTER_RETRY_MS 5000 /* after a start that failed */
#define STARTER_RETRY_LIMIT_MS \
    600000                         /* twice as long after each more of one experiment, until this */
#define STARTER_DISK_LOOK_MS 10000 /* while the disk is too full */
#define STARTER_DELAYED_LIMIT 64

struct starter_delay {
    int64_t experiment; /* 0: free */
    int64_t until_ms;   /* monotonic */
    int64_t for_ms;     /* how long it was */
    char reason[256];
};

/* All-zero but for limits, clock and home is valid. */
struct starter {
    const struct clock *clock; /* borrowed */
    const char *home;          /* borrowed */
    int64_t disk_reserve_bytes;
    struct scheduler_limits limits;
    struct scheduler_memory memory;
    bool draining;            /* nothing starts until somebody ends it */
    bool wanted;              /* something changed: look again */
    bool again;               /* the last pass changed something itself: look again at once */
    struct starter_delay all; /* experiment is 1 while nothing may start */
    struct starter_delay one[STARTER_DELAYED_LIMIT];
};

/* Picks and plans, inside the turn's transaction. One that cannot be started for a reason of its
 * own ends, or waits, and the others start. False: nothing may be started, undo what was. */
bool starter_pick(struct starter *starter, struct store *store, struct supervisor *supervisor,
                  struct error *error);
void starter_failed(struct starter *starter, int64_t experiment, bool whole, const char *reason);
/* Milliseconds until something delayed may be tried; -1: nothing is. */
int64_t starter_delay_ms(const struct starter *starter);
/* What keeps a queued experiment from starting beside the scheduler; NULL: nothing. */
const char *starter_obstacle(const struct starter *starter, int64_t experiment);
/* Milliseconds until this one may be tried again whose start failed; 0: that does not keep it. */
int64_t starter_own_delay_ms(const struct starter *starter, int64_t experiment);

#endif
