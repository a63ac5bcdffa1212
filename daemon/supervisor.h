/*
 * Looks after every run under way: starts workers, takes their journals in, decides with the store
 * what became of them, and finds them again after a restart. Owns the only executor.
 *
 * Everything that changes the store happens inside the turn's transaction (supervisor_take_in,
 * supervisor_plan_*); everything that touches a process happens after its commit
 * (supervisor_committed). After a rollback (supervisor_rolled_back) it is as if the turn had not
 * been, and what was seen is looked at again.
 */
#ifndef NIGHTJAR_DAEMON_SUPERVISOR_H
#define NIGHTJAR_DAEMON_SUPERVISOR_H

#include "common/clock.h"
#include "common/error.h"
#include "daemon/executor.h"
#include "daemon/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define SUPERVISOR_LOOK_MS 2000      /* how often live journals are looked at */
#define SUPERVISOR_FIRST_LOOK_MS 200 /* after a start */
#define SUPERVISOR_PROGRESS_MS 1000  /* how often a follower hears of progress */

struct supervisor;

struct supervisor_options {
    uv_loop_t *loop;
    struct store *store; /* borrowed, as all of these */
    const struct executor *executor;
    const struct clock *clock;
    const char *home;
    int64_t gpus;    /* of the machine: without any, CUDA_VISIBLE_DEVICES is left alone */
    int64_t look_ms; /* 0: SUPERVISOR_LOOK_MS; tests are in a hurry */
    /* Something is to be done: end a turn soon. */
    void (*wake)(void *context);
    /* After a commit: a run reported progress or metrics. At most one call a second and run. */
    void (*progressed)(void *context, int64_t experiment);
    /* This one could not be started, or its worker ended before it began; it is queued again, or
     * will be with this turn. `whole`: nothing can be started. */
    void (*start_failed)(void *context, int64_t experiment, bool whole, const struct error *error);
    void *context;
};

bool supervisor_open(const struct supervisor_options *options, struct supervisor **ret_supervisor,
                     struct error *error);
/* Ends no run. Its handles close in the loop; run it once more, then supervisor_free. */
void supervisor_close(struct supervisor *supervisor);
void supervisor_free(struct supervisor **supervisor);

/* After the start: finds every run that the store says is under way. */
bool supervisor_adopt(struct supervisor *supervisor, struct error *error);

/* Is there anything to take in? */
bool supervisor_busy(const struct supervisor *supervisor);
/* Is a run over, as far as is known, so that a verdict may come? */
bool supervisor_expects_verdict(const struct supervisor *supervisor);
/* Takes journals in and, where the transaction is `durable`, decides about runs that are over. A
 * run whose own part fails is undone and tried again; false: the transaction is of no more use.
 * *ret_decided: some state may have changed.
 */
bool supervisor_take_in(struct supervisor *supervisor, bool durable, bool *ret_decided,
                        struct error *error);
/* queued -> starting in the store; the worker starts after the commit. */
bool supervisor_plan_start(struct supervisor *supervisor, int64_t experiment, uint64_t gpu_mask,
                           struct error *error);
/* The worker of this experiment is asked to stop after the commit. */
void supervisor_plan_stop(struct supervisor *supervisor, int64_t experiment);
/* The processes of this experiment's run are stopped where they stand, or go on, after the commit.
 */
void supervisor_plan_pause(struct supervisor *supervisor, int64_t experiment, bool pause);
/* The batch's on_finish runs after the commit. Takes what *batch owns. */
bool supervisor_plan_finish(struct supervisor *supervisor, struct store_ended_batch *batch,
                            struct error *error);

void supervisor_committed(struct supervisor *supervisor);
/* The whole turn was. */
void supervisor_rolled_back(struct supervisor *supervisor);

/* A part of the turn was undone, the rest of it may be committed still: what was taken in, or all
 * the starts, or all that was to run on_finish. What requests planned stays. */
void supervisor_forget_taken(struct supervisor *supervisor);
void supervisor_forget_starts(struct supervisor *supervisor);
void supervisor_forget_finishes(struct supervisor *supervisor);
/* Of a request that is undone alone: how many stops and pauses were planned before it, and to go
 * back to so many. */
size_t supervisor_wishes(const struct supervisor *supervisor);
void supervisor_forget_wishes(struct supervisor *supervisor, size_t n_kept);

size_t supervisor_count(const struct supervisor *supervisor); /* runs looked after */
/* With followers, changes of journals are noticed at once. */
void supervisor_set_followed(struct supervisor *supervisor, bool followed);

#endif
