/*
 * What may happen to an experiment, decided without looking anywhere: (state, event, facts) ->
 * decision. The diagram stands in experiment_state.c; the store applies what is decided here
 * (store_apply) and nothing else changes a state.
 */
#ifndef NIGHTJAR_DAEMON_EXPERIMENT_STATE_H
#define NIGHTJAR_DAEMON_EXPERIMENT_STATE_H

#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers stand in the database: add at the end only. */
#define EXPERIMENT_STATES(X) /* name, text, still to come or under way */ \
    X(HELD, "held", true)                                                 \
    X(QUEUED, "queued", true)                                             \
    X(STARTING, "starting", true)                                         \
    X(RUNNING, "running", true)                                           \
    X(STOPPING, "stopping", true)                                         \
    X(DONE, "done", false)                                                \
    X(FAILED, "failed", false)                                            \
    X(CANCELLED, "cancelled", false)                                      \
    X(PAUSED, "paused", true)

enum experiment_state {
#define X(name, text, active) EXPERIMENT_##name,
    EXPERIMENT_STATES(X)
#undef X
        EXPERIMENT_STATE_COUNT
};

/* The numbers stand in the database: add at the end only. */
#define EXPERIMENT_VERDICTS(X)        \
    X(NONE, "")                       \
    X(DONE, "done")                   \
    X(FAILED, "failed")               \
    X(TIMEOUT, "timeout")             \
    X(OUT_OF_MEMORY, "out_of_memory") \
    X(LOST, "lost")                   \
    X(INVALID, "invalid")             \
    X(CANCELLED, "cancelled")         \
    X(SKIPPED, "skipped")             \
    X(INTERRUPTED, "interrupted") /* of a run only: left with a checkpoint, or never started */

enum experiment_verdict {
#define X(name, text) VERDICT_##name,
    EXPERIMENT_VERDICTS(X)
#undef X
        VERDICT_COUNT
};

enum experiment_event {
    EXPERIMENT_EVENT_HOLD,
    EXPERIMENT_EVENT_RELEASE,
    EXPERIMENT_EVENT_START,             /* the scheduler picked it */
    EXPERIMENT_EVENT_STARTED,           /* its worker wrote `started` */
    EXPERIMENT_EVENT_NEVER_STARTED,     /* the lock is free and there is no `started` */
    EXPERIMENT_EVENT_EXIT,              /* its worker wrote `exit` */
    EXPERIMENT_EVENT_LOST,              /* `started`, no `exit`, the lock is free */
    EXPERIMENT_EVENT_CANCEL,            /* somebody asked */
    EXPERIMENT_EVENT_DEPENDENCY_FAILED, /* of an after_ok */
    EXPERIMENT_EVENT_RESTART,           /* somebody asked, of an ended one */
    EXPERIMENT_EVENT_PAUSE,             /* somebody asked */
    EXPERIMENT_EVENT_RESUME,            /* likewise */
    EXPERIMENT_EVENT_COUNT
};

/* What the worker's `exit` line says, or why it never ran. */
struct experiment_exit {
    int64_t status; /* -1: ended by a signal */
    int64_t signal; /* 0: none */
    char reason[24];
    double wall_s, cpu_s;
    int64_t peak_rss_bytes;
    char message[512]; /* one line */
};
/* From the JSON of an `exit` event; what is missing is 0 or "". */
void experiment_exit_read(const cJSON *event, struct experiment_exit *ret_exit);

/* One line: "exit status 1: ValueError: ...", "signal 9 (Killed)"; "" for a clean end. */
void experiment_exit_describe(const struct experiment_exit *exit, char *text, size_t size);

struct experiment_facts {
    bool pipeline;         /* exit status 2 and 75 mean something */
    bool requeue;          /* run again after a lost run */
    bool cancel_requested; /* in state stopping */
    bool started;          /* this run has */
    bool progressed;       /* this run moved the checkpoint forward */
    int64_t retries_left, retries_spent;
    int64_t losses;                     /* without progress, one after the other */
    const struct experiment_exit *exit; /* borrowed; for EXIT only */
};

#define EXPERIMENT_LOSSES_LIMIT 3
#define EXPERIMENT_DELAY_LIMIT_MS (10 * 60 * 1000)

struct experiment_decision {
    bool allowed;
    char reason[160]; /* why not: "is running; cancel it first"; or what to tell: "lost 3 times ..."
                       */
    enum experiment_state state;
    enum experiment_verdict verdict;     /* of the experiment; NONE while it is not ended */
    enum experiment_verdict run_verdict; /* of the run that this event ends; NONE: ends none */
    bool spend_retry;
    bool stop_run;    /* the worker is to be asked to stop */
    bool pause_run;   /* to stop its processes where they stand: state paused */
    bool fresh;       /* forget checkpoint, metrics, retries spent: begin again */
    int64_t losses;   /* the new number */
    int64_t delay_ms; /* QUEUED: how long it is to wait before its next attempt */
};

struct experiment_decision experiment_decide(enum experiment_state state,
                                             enum experiment_event event,
                                             const struct experiment_facts *facts);

const char *experiment_state_text(enum experiment_state state);       /* "queued" */
const char *experiment_verdict_text(enum experiment_verdict verdict); /* "" for NONE */
const char *experiment_event_text(enum experiment_event event);
bool experiment_state_from_text(const char *text, enum experiment_state *ret_state);
bool experiment_state_active(enum experiment_state state); /* not ended */
/* A worker may exist: starting, running, paused, stopping. */
bool experiment_state_live(enum experiment_state state);

#endif
