/*
 * Who starts next: a function of candidates, runs, limits, a memory that the caller keeps, and a
 * clock. No I/O.
 *
 * Order: priority, then first come. What fits starts. The first in line that does not fit is
 * overtaken for at most `patience_ms`; from then on its place is kept: nothing starts that uses
 * what it waits for, so that it starts as soon as enough of the running work has ended.
 */
#ifndef NIGHTJAR_DAEMON_SCHEDULER_H
#define NIGHTJAR_DAEMON_SCHEDULER_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULER_PATIENCE_MS (10 * 60 * 1000)
#define SCHEDULER_GPUS_LIMIT 63
#define SCHEDULER_CPU_TOLERANCE 1e-6 /* sums of tenths are not exact: 10 x 0.1 must fit into 1 */

struct scheduler_need {
    double cpus;
    int64_t memory; /* bytes; 0: not said */
    int64_t gpus;
};
struct scheduler_limits {
    int64_t slots;
    double cpus;
    int64_t memory; /* bytes */
    int64_t gpus;
    int64_t patience_ms; /* 0: SCHEDULER_PATIENCE_MS */
};
struct scheduler_candidate {
    int64_t id, priority;
    struct scheduler_need need;
};
struct scheduler_run { /* starting, running, paused or stopping */
    int64_t id;
    struct scheduler_need need;
    uint64_t gpu_mask; /* the gpus it was given */
};
/* All-zero at first. Only the first in line that did not fit, and since when (monotonic). */
struct scheduler_memory {
    int64_t waiting_id;
    int64_t waiting_since_ms;
};

/* Candidates in order (priority descending, id ascending). `skip_alike`: the one before did not
 * fit; those with the same need may be left out from here on. *ret_end: there are no more. */
struct scheduler_source {
    bool (*next)(void *context, bool skip_alike, struct scheduler_candidate *ret_candidate,
                 bool *ret_end, struct error *error);
    void *context;
};

struct scheduler_pick {
    int64_t id;
    uint64_t gpu_mask;
};

/* Fills at most `capacity` picks. The caller starts them all (or calls again without those that it
 * could not). A candidate that is larger than the machine is passed over: scheduler_explain says
 * so. */
bool scheduler_pick(const struct scheduler_limits *limits, const struct scheduler_run *run,
                    size_t n_runs, const struct scheduler_source *source,
                    struct scheduler_memory *memory, int64_t now_ms, struct scheduler_pick *pick,
                    size_t capacity, size_t *ret_n, struct error *error);

enum scheduler_obstacle {
    SCHEDULER_FITS,
    SCHEDULER_TOO_LARGE, /* for the whole machine */
    SCHEDULER_NO_SLOT,
    SCHEDULER_NO_CPUS,
    SCHEDULER_NO_MEMORY,
    SCHEDULER_NO_GPUS,
    SCHEDULER_PLACE_KEPT, /* would fit, but for the place kept for memory->waiting_id */
};
/* Why this one does not start now; `ret_text` (a sentence with numbers) may be NULL. */
enum scheduler_obstacle scheduler_explain(const struct scheduler_limits *limits,
                                          const struct scheduler_run *run, size_t n_runs,
                                          const struct scheduler_need *kept,
                                          int64_t kept_id, /* 0: no place is kept */
                                          const struct scheduler_candidate *candidate,
                                          char *ret_text, size_t size);
/* The one whose place is kept now; 0: none. */
int64_t scheduler_kept(const struct scheduler_limits *limits, const struct scheduler_memory *memory,
                       int64_t now_ms);

#endif
