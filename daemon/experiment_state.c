/*
 * The life of an experiment.
 *
 *                 hold                          start                started
 *     held <--------------- queued ------------------> starting -----------------> running
 *      |  --------------->    | ^ ^                     |  |                        |   |
 *      |      release         | | `---- never started --'  |                        |   |
 *      |                      | |                          | cancel          cancel |   |
 *      |                      | |  exit 75, lost, retry    v                        |   |
 *      |                      | `----------------------- stopping <-----------------'   |
 *      | cancel, dependency   |  (not after a cancel)       | exit, lost                | exit,
 * lost | failed               |                             v                           v
 *      `-----------> cancelled <----------------- cancelled, done, failed      done, failed,
 * cancelled, |                             |                  queued, held
 *                             `---- restart --> queued <----'
 *
 * arrow                          who asks for it                         decided by
 * (submit) -> queued, held       store_submit                            queue.hold, submit --hold
 * hold, release                  request hold, release                   on_hold, on_release
 * start                          store_start, for the scheduler's pick   on_start
 * started                        store_take_line of events.jsonl         on_started
 * never started                  supervisor: spawn failed; adoption      on_never_started
 * exit                           journal intake: events.jsonl ended      on_exit
 * lost                           journal intake: lock free, no `exit`    on_lost
 * cancel                         request cancel                          on_cancel
 * dependency failed              store_apply of what it depends on       on_dependency_failed
 * restart                        request restart                         on_restart
 * pause, resume                  request pause, resume                  on_pause, on_resume
 *
 * exit: the worker's reason goes first (cancelled, timeout, out_of_memory), then the status. A
 * failed run is run again while queue.retries last; a timeout and a wrong spec would only fail
 * again. Status 75 of a pipeline, and any end with reason `stopping`, is no end: it is queued again
 * and goes on from its checkpoint, spending nothing.
 *
 * An engine that somebody killed (SIGKILL, neither by its worker nor for want of memory) counts as
 * lost: an engine never does that to itself. One that found the disk full (status 7) was cut short
 * too: it goes on from its checkpoint, and below the low-water mark it does not start.
 *
 * Before it is run again it waits, four times as long after each retry spent: 1 s, 4 s, 16 s, ...
 * where it failed, 10 s, 40 s, ... where it had no memory (somebody else may give some back), ten
 * minutes at most. The first loss costs no time, the second one second.
 *
 * paused stands beside starting and running: pause leads there, resume back, and what may happen to
 * a running one (exit, lost, cancel) may happen to it. It keeps its place: slot, cpus, memory,
 * gpus.
 *
 * lost: spends no retry. Three losses one after the other without a checkpoint that moved forward
 * hold the experiment, because they would go on for ever.
 */
#include "daemon/experiment_state.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ENGINE_INVALID 2
#define ENGINE_NO_MEMORY 4
#define ENGINE_NO_SPACE 7
#define ENGINE_CHECKPOINTED 75

static const char *const state_text[EXPERIMENT_STATE_COUNT] = {
#define X(name, text, active) [EXPERIMENT_##name] = (text),
    EXPERIMENT_STATES(X)
#undef X
};

static const bool state_active[EXPERIMENT_STATE_COUNT] = {
#define X(name, text, active) [EXPERIMENT_##name] = (active),
    EXPERIMENT_STATES(X)
#undef X
};

static const char *const verdict_text[VERDICT_COUNT] = {
#define X(name, text) [VERDICT_##name] = (text),
    EXPERIMENT_VERDICTS(X)
#undef X
};

static const char *const event_text[EXPERIMENT_EVENT_COUNT] = {
    [EXPERIMENT_EVENT_HOLD] = "hold",
    [EXPERIMENT_EVENT_RELEASE] = "release",
    [EXPERIMENT_EVENT_START] = "start",
    [EXPERIMENT_EVENT_STARTED] = "started",
    [EXPERIMENT_EVENT_NEVER_STARTED] = "never started",
    [EXPERIMENT_EVENT_EXIT] = "exit",
    [EXPERIMENT_EVENT_LOST] = "lost",
    [EXPERIMENT_EVENT_CANCEL] = "cancel",
    [EXPERIMENT_EVENT_DEPENDENCY_FAILED] = "dependency failed",
    [EXPERIMENT_EVENT_RESTART] = "restart",
    [EXPERIMENT_EVENT_PAUSE] = "pause",
    [EXPERIMENT_EVENT_RESUME] = "resume",
};

const char *experiment_state_text(enum experiment_state state)
{
    return (unsigned)state < EXPERIMENT_STATE_COUNT ? state_text[state] : "unknown";
}

const char *experiment_verdict_text(enum experiment_verdict verdict)
{
    return (unsigned)verdict < VERDICT_COUNT ? verdict_text[verdict] : "unknown";
}

const char *experiment_event_text(enum experiment_event event)
{
    return (unsigned)event < EXPERIMENT_EVENT_COUNT ? event_text[event] : "unknown";
}

bool experiment_state_from_text(const char *text, enum experiment_state *ret_state)
{
    for (unsigned i = 0; i < EXPERIMENT_STATE_COUNT; i++) {
        if (strcmp(text, state_text[i]) == 0) {
            *ret_state = (enum experiment_state)i;
            return true;
        }
    }
    return false;
}

bool experiment_state_active(enum experiment_state state)
{
    return state_active[state];
}

bool experiment_state_live(enum experiment_state state)
{
    return state == EXPERIMENT_STARTING || state == EXPERIMENT_RUNNING ||
           state == EXPERIMENT_STOPPING || state == EXPERIMENT_PAUSED;
}

static void copy_text(char *to, size_t size, const char *text)
{
    (void)snprintf(to, size, "%s", text);
    for (char *c = to; *c; c++) {
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    }
}

void experiment_exit_read(const cJSON *event, struct experiment_exit *ret_exit)
{
    struct experiment_exit end = {.status = json_integer(event, "status", 0),
                                  .signal = json_integer(event, "signal", 0),
                                  .wall_s = json_number(event, "wall_s", 0),
                                  .cpu_s = json_number(event, "cpu_s", 0),
                                  .peak_rss_bytes = json_integer(event, "peak_rss_bytes", 0)};

    copy_text(end.reason, sizeof(end.reason), json_text(event, "reason", ""));
    copy_text(end.message, sizeof(end.message), json_text(event, "message", ""));
    *ret_exit = end;
}

/* Every decision begins as "allowed, nothing changes" and is bent from there. */
typedef void decide_function(enum experiment_state state, const struct experiment_facts *facts,
                             struct experiment_decision *decision);

static void end(struct experiment_decision *decision, enum experiment_state state,
                enum experiment_verdict verdict)
{
    decision->state = state;
    decision->verdict = verdict;
}

static void on_hold(enum experiment_state state, const struct experiment_facts *facts,
                    struct experiment_decision *decision)
{
    (void)state, (void)facts;
    decision->state = EXPERIMENT_HELD;
}

static void on_release(enum experiment_state state, const struct experiment_facts *facts,
                       struct experiment_decision *decision)
{
    (void)state, (void)facts;
    decision->state = EXPERIMENT_QUEUED;
    decision->losses = 0;
}

static void on_start(enum experiment_state state, const struct experiment_facts *facts,
                     struct experiment_decision *decision)
{
    (void)state, (void)facts;
    decision->state = EXPERIMENT_STARTING;
}

static void on_started(enum experiment_state state, const struct experiment_facts *facts,
                       struct experiment_decision *decision)
{
    (void)facts;
    if (state == EXPERIMENT_STARTING)
        decision->state = EXPERIMENT_RUNNING;
}

static void on_never_started(enum experiment_state state, const struct experiment_facts *facts,
                             struct experiment_decision *decision)
{
    (void)state;
    decision->run_verdict = VERDICT_INTERRUPTED;
    decision->state = EXPERIMENT_QUEUED;
    if (facts->cancel_requested)
        end(decision, EXPERIMENT_CANCELLED, VERDICT_CANCELLED);
}

static int64_t delay_ms(int64_t first_ms, int64_t times)
{
    int64_t delay = first_ms;

    for (int64_t i = 0; i < times && delay < EXPERIMENT_DELAY_LIMIT_MS; i++)
        delay *= 4;
    return delay < EXPERIMENT_DELAY_LIMIT_MS ? delay : EXPERIMENT_DELAY_LIMIT_MS;
}

/* A run that ended before its experiment did, through no fault of its own. */
static void go_on_later(const struct experiment_facts *facts, bool counts_as_loss,
                        struct experiment_decision *decision)
{
    if (facts->cancel_requested) {
        end(decision, EXPERIMENT_CANCELLED, VERDICT_CANCELLED);
        return;
    }
    if (!facts->requeue) {
        end(decision, EXPERIMENT_FAILED, VERDICT_LOST);
        (void)snprintf(decision->reason, sizeof(decision->reason),
                       "its run was cut short and it is not to be run again (queue.requeue)");
        return;
    }
    decision->state = EXPERIMENT_QUEUED;
    if (facts->progressed)
        decision->losses = 0;
    else if (counts_as_loss)
        decision->losses = facts->losses + 1;
    if (counts_as_loss && decision->losses > 1)
        decision->delay_ms = delay_ms(1000, decision->losses - 2);
    if (decision->losses >= EXPERIMENT_LOSSES_LIMIT) {
        decision->state = EXPERIMENT_HELD;
        decision->delay_ms = 0;
        (void)snprintf(decision->reason, sizeof(decision->reason),
                       "held: cut short %d times without progress; release it to try again",
                       EXPERIMENT_LOSSES_LIMIT);
    }
}

static void fail(const struct experiment_facts *facts, enum experiment_verdict verdict,
                 struct experiment_decision *decision)
{
    decision->run_verdict = verdict;
    decision->losses = 0;
    if (facts->cancel_requested) {
        end(decision, EXPERIMENT_CANCELLED, VERDICT_CANCELLED);
    } else if (facts->retries_left > 0) {
        decision->state = EXPERIMENT_QUEUED;
        decision->spend_retry = true;
        decision->delay_ms =
            delay_ms(verdict == VERDICT_OUT_OF_MEMORY ? 10000 : 1000, facts->retries_spent);
    } else {
        end(decision, EXPERIMENT_FAILED, verdict);
    }
}

static void on_exit(enum experiment_state state, const struct experiment_facts *facts,
                    struct experiment_decision *decision)
{
    const struct experiment_exit *exit = facts->exit;
    bool stopping = strcmp(exit->reason, "stopping") == 0;
    bool succeeded = exit->status == 0 && exit->signal == 0;
    bool engine_said_later = facts->pipeline && exit->status == ENGINE_CHECKPOINTED;
    bool engine_had_no_space = facts->pipeline && exit->status == ENGINE_NO_SPACE;
    bool engine_was_killed = facts->pipeline && exit->signal == SIGKILL && !exit->reason[0];

    (void)state;
    if (strcmp(exit->reason, "cancelled") == 0) {
        decision->run_verdict = VERDICT_CANCELLED;
        end(decision, EXPERIMENT_CANCELLED, VERDICT_CANCELLED);
    } else if (strcmp(exit->reason, "timeout") == 0) {
        decision->run_verdict = VERDICT_TIMEOUT;
        end(decision, EXPERIMENT_FAILED, VERDICT_TIMEOUT);
    } else if (engine_said_later || engine_had_no_space ||
               (stopping && !(succeeded && facts->pipeline))) {
        /* A command that was told to stop may well say 0: that is not the end of its work. */
        decision->run_verdict = VERDICT_INTERRUPTED;
        go_on_later(facts, !stopping, decision);
    } else if (engine_was_killed) {
        decision->run_verdict = VERDICT_LOST;
        go_on_later(facts, true, decision);
    } else if (succeeded) {
        decision->run_verdict = VERDICT_DONE;
        end(decision, EXPERIMENT_DONE, VERDICT_DONE);
    } else if (facts->pipeline && exit->status == ENGINE_INVALID) {
        decision->run_verdict = VERDICT_INVALID;
        end(decision, EXPERIMENT_FAILED, VERDICT_INVALID);
    } else if (strcmp(exit->reason, "out_of_memory") == 0 ||
               (facts->pipeline && exit->status == ENGINE_NO_MEMORY)) {
        fail(facts, VERDICT_OUT_OF_MEMORY, decision);
    } else {
        fail(facts, VERDICT_FAILED, decision);
    }
}

static void on_lost(enum experiment_state state, const struct experiment_facts *facts,
                    struct experiment_decision *decision)
{
    (void)state;
    decision->run_verdict = VERDICT_LOST;
    go_on_later(facts, true, decision);
}

static void on_cancel(enum experiment_state state, const struct experiment_facts *facts,
                      struct experiment_decision *decision)
{
    (void)facts;
    if (experiment_state_live(state)) {
        decision->state = EXPERIMENT_STOPPING;
        decision->stop_run = true;
    } else {
        end(decision, EXPERIMENT_CANCELLED, VERDICT_CANCELLED);
    }
}

static void on_dependency_failed(enum experiment_state state, const struct experiment_facts *facts,
                                 struct experiment_decision *decision)
{
    (void)state, (void)facts;
    end(decision, EXPERIMENT_CANCELLED, VERDICT_SKIPPED);
}

static void on_restart(enum experiment_state state, const struct experiment_facts *facts,
                       struct experiment_decision *decision)
{
    (void)state, (void)facts;
    decision->state = EXPERIMENT_QUEUED;
    decision->fresh = true;
    decision->losses = 0;
}

static void on_pause(enum experiment_state state, const struct experiment_facts *facts,
                     struct experiment_decision *decision)
{
    (void)state, (void)facts;
    decision->state = EXPERIMENT_PAUSED;
    decision->pause_run = true;
}

static void on_resume(enum experiment_state state, const struct experiment_facts *facts,
                      struct experiment_decision *decision)
{
    (void)state;
    decision->state = facts->started ? EXPERIMENT_RUNNING : EXPERIMENT_STARTING;
}

#define ON(event) [EXPERIMENT_EVENT_##event]

static decide_function *const arrow[EXPERIMENT_STATE_COUNT][EXPERIMENT_EVENT_COUNT] = {
    [EXPERIMENT_HELD] = {ON(RELEASE) = on_release, ON(CANCEL) = on_cancel,
                         ON(DEPENDENCY_FAILED) = on_dependency_failed},
    [EXPERIMENT_QUEUED] = {ON(HOLD) = on_hold, ON(START) = on_start, ON(CANCEL) = on_cancel,
                           ON(DEPENDENCY_FAILED) = on_dependency_failed},
    [EXPERIMENT_STARTING] = {ON(STARTED) = on_started, ON(NEVER_STARTED) = on_never_started,
                             ON(EXIT) = on_exit, ON(LOST) = on_lost, ON(CANCEL) = on_cancel,
                             ON(PAUSE) = on_pause},
    [EXPERIMENT_RUNNING] = {ON(EXIT) = on_exit, ON(LOST) = on_lost, ON(CANCEL) = on_cancel,
                            ON(PAUSE) = on_pause},
    [EXPERIMENT_PAUSED] = {ON(STARTED) = on_started, ON(NEVER_STARTED) = on_never_started,
                           ON(EXIT) = on_exit, ON(LOST) = on_lost, ON(CANCEL) = on_cancel,
                           ON(RESUME) = on_resume},
    /* A second cancel asks the worker again, which then uses SIGKILL. */
    [EXPERIMENT_STOPPING] = {ON(STARTED) = on_started, ON(NEVER_STARTED) = on_never_started,
                             ON(EXIT) = on_exit, ON(LOST) = on_lost, ON(CANCEL) = on_cancel},
    [EXPERIMENT_DONE] = {ON(RESTART) = on_restart},
    [EXPERIMENT_FAILED] = {ON(RESTART) = on_restart},
    [EXPERIMENT_CANCELLED] = {ON(RESTART) = on_restart},
};

struct experiment_decision experiment_decide(enum experiment_state state,
                                             enum experiment_event event,
                                             const struct experiment_facts *facts)
{
    struct experiment_decision decision = {.state = state, .losses = facts->losses};

    assert(event != EXPERIMENT_EVENT_EXIT || facts->exit);
    if (!arrow[state][event]) {
        (void)snprintf(decision.reason, sizeof(decision.reason), "is %s%s",
                       experiment_state_active(state) ? "" : "already ",
                       experiment_state_text(state));
        return decision;
    }
    decision.allowed = true;
    arrow[state][event](state, facts, &decision);
    return decision;
}

void experiment_exit_describe(const struct experiment_exit *exit, char *text, size_t size)
{
    const char *separator = exit->message[0] ? ": " : "";
    bool as_asked = strcmp(exit->reason, "cancelled") == 0 && !exit->signal;

    if (strcmp(exit->reason, "timeout") == 0)
        (void)snprintf(text, size, "time limit reached after %.0f s%s%s", exit->wall_s, separator,
                       exit->message);
    else if (strcmp(exit->reason, "out_of_memory") == 0)
        (void)snprintf(text, size, "out of memory, with a peak of %.1f MiB%s%s",
                       (double)exit->peak_rss_bytes / (1024 * 1024), separator, exit->message);
    else if (exit->signal)
        (void)snprintf(text, size, "signal %d (%s)%s%s", (int)exit->signal,
                       strsignal((int)exit->signal), separator, exit->message);
    else if (exit->status && !as_asked) /* how it said that it had stopped is nobody's concern */
        (void)snprintf(text, size, "exit status %d%s%s", (int)exit->status, separator,
                       exit->message);
    else
        (void)snprintf(text, size, "%s", exit->message);
}
