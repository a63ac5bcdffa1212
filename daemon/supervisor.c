/*
 * A run that is looked after is in one of three phases:
 *
 *     LIVE      its worker is known; the pidfd tells when it has ended
 *     WATCHED   somebody holds the lock, it is not known who (no `started` yet, or a worker that
 *               was started by hand): the lock and the journal are looked at again and again
 *     ENDING    the lock is ours: the journals are read to their end, survivors are ended, the
 *               store decides. Also a run whose worker could not be started at all.
 *
 *     adopt: lock taken -> WATCHED, free -> ENDING       start -> LIVE, failed -> ENDING
 *     WATCHED: worker known -> LIVE, lock free -> ENDING  LIVE: worker gone -> ENDING
 *
 * A run leaves the list when the commit of its verdict has succeeded; only then is the lock free.
 *
 * A command that reports nothing costs two syncs in all processes together: the worker's of `exit`,
 * and the commit of the verdict. `started` is not synced (worker/run.c). `starting` rides on the
 * commit of the submission or of the verdict before, lines that are taken in on the way on the next
 * commit (store_begin_relaxed).
 */
#include "daemon/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/process.h"
#include "daemon/affinity.h"
#include "daemon/finisher.h"
#include "daemon/journal_intake.h"
#include "daemon/launch.h"

#define PATH_SIZE 4096
#define LINES_PER_TURN (4 * INTAKE_LINES_PER_TURN) /* of all runs together */
#define SURVIVORS_LOOK_MS 50
#define FAILURE_LOOK_MS 1000
#define STATUS_CANNOT_START 126

enum run_phase { RUN_LIVE, RUN_WATCHED, RUN_ENDING };

struct run {
    struct supervisor *supervisor;
    struct run *next;
    enum run_phase phase;
    struct executor_worker worker;
    struct journal_intake intake;
    int lock_fd;
    double cpus;         /* resources.cpus */
    uv_poll_t *poll;     /* of worker.pidfd; its close callback frees it */
    uv_fs_event_t *hint; /* of reported.jsonl, while somebody follows; likewise */
    bool dirty;          /* look at it in this turn */
    bool gone;           /* the worker has ended */
    bool started;        /* `started` was taken in before we looked after it */
    bool before_boot;    /* the machine was started anew since: unsynced words are gone */
    bool stop;           /* to be asked to stop as soon as it is known */
    bool pause;          /* is to be paused */
    bool pause_told;     /* the worker was told last that it is */
    bool pause_known;    /* pause_told holds; else the journal says what was told */
    bool decided;        /* in the open transaction */
    bool failing;        /* the last take failed, and was logged */
    int64_t turn;        /* the last in which it was looked at */
    int64_t new_lines;   /* taken in since followers were told */
    int64_t looked_ms, told_ms;
    struct error failure; /* why the worker was never started; kind NONE: it was */
};

enum wish { WISH_STOP, WISH_PAUSE, WISH_RESUME };

struct planned_wish {
    int64_t experiment;
    enum wish wish;
};

struct supervisor {
    struct supervisor_options options;
    uv_timer_t look;
    bool followed, closing;
    int64_t turn;
    struct run *runs; /* owned */
    size_t n_runs;
    struct store_launch *launch; /* owned: planned in the open transaction */
    size_t n_launches, launches_capacity;
    struct planned_wish *wish; /* owned: what workers are to be asked for */
    size_t n_wishes, wishes_capacity;
    struct finisher finisher;
};

static int64_t wall_ms(const struct supervisor *supervisor)
{
    return supervisor->options.clock->wall_ms(supervisor->options.clock->context);
}

static int64_t monotonic_ms(const struct supervisor *supervisor)
{
    return supervisor->options.clock->monotonic_ms(supervisor->options.clock->context);
}

static void wake(struct supervisor *supervisor)
{
    supervisor->options.wake(supervisor->options.context);
}

/* ---- looking at the clock ---- */

static void on_look(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;

    for (struct run *run = supervisor->runs; run; run = run->next)
        run->dirty = true;
    wake(supervisor);
}

static void look_within(struct supervisor *supervisor, int64_t delay_ms)
{
    if (delay_ms > supervisor->options.look_ms)
        delay_ms = supervisor->options.look_ms;
    if (uv_is_active((uv_handle_t *)&supervisor->look) &&
        uv_timer_get_due_in(&supervisor->look) <= (uint64_t)delay_ms)
        return;
    uv_timer_start(&supervisor->look, on_look, (uint64_t)delay_ms,
                   (uint64_t)supervisor->options.look_ms);
}

/* ---- the list ---- */

static struct run *find_run(const struct supervisor *supervisor, int64_t experiment)
{
    for (struct run *run = supervisor->runs; run; run = run->next)
        if (run->intake.experiment == experiment)
            return run;
    return NULL;
}

static struct run *add_run(struct supervisor *supervisor, int64_t experiment, int64_t number,
                           int64_t reported_offset, struct error *error)
{
    char folder[PATH_SIZE];
    struct run *run = calloc(1, sizeof(*run));

    if (!run)
        return (void)error_set(error, ERROR_NO_MEMORY, "looking after a run"), NULL;
    if (!launch_folder(supervisor->options.home, experiment, number, folder, sizeof(folder),
                       error) ||
        !journal_intake_start(&run->intake, folder, experiment, number, reported_offset, error)) {
        free(run);
        return NULL;
    }
    run->supervisor = supervisor;
    run->lock_fd = -1;
    run->worker.pidfd = -1;
    run->next = supervisor->runs;
    supervisor->runs = run;
    supervisor->n_runs++;
    return run;
}

static void on_handle_closed(uv_handle_t *handle)
{
    free(handle);
}

static void close_poll(struct run *run)
{
    if (run->poll)
        uv_close((uv_handle_t *)take(&run->poll), on_handle_closed);
}

static void close_hint(struct run *run)
{
    if (run->hint)
        uv_close((uv_handle_t *)take(&run->hint), on_handle_closed);
}

/* Forgets the run; the lock is free at once. */
static void drop_run(struct run *run)
{
    struct supervisor *supervisor = run->supervisor;
    struct run **link = &supervisor->runs;

    while (*link != run)
        link = &(*link)->next;
    *link = run->next;
    supervisor->n_runs--;
    close_poll(run);
    close_hint(run);
    executor_worker_release(&run->worker);
    journal_intake_release(&run->intake);
    descriptor_close(&run->lock_fd);
    free(run);
    if (supervisor->n_runs == 0 && !supervisor->closing)
        uv_timer_stop(&supervisor->look);
}

/* ---- a worker that is known ---- */

/* Also waits for it where it was our child: whoever finds out first. */
static bool worker_gone(struct run *run)
{
    if (!run->gone && run->worker.pidfd >= 0)
        run->gone = run->supervisor->options.executor->kind->gone(&run->worker);
    return run->gone;
}

static void on_pidfd(uv_poll_t *poll, int status, int events)
{
    struct run *run = poll->data;

    (void)status;
    (void)events;
    if (!worker_gone(run))
        return;
    uv_poll_stop(poll);
    run->dirty = true;
    wake(run->supervisor);
}

/* Without libuv's help the looks every few seconds still find out. */
static void poll_worker(struct run *run)
{
    uv_poll_t *poll = calloc(1, sizeof(*poll));

    run->phase = RUN_LIVE;
    if (!poll || uv_poll_init(run->supervisor->options.loop, poll, run->worker.pidfd) != 0) {
        free(poll);
        return;
    }
    poll->data = run;
    run->poll = poll;
    uv_poll_start(poll, UV_READABLE, on_pidfd);
}

static void stop_worker(struct run *run)
{
    struct error error;

    run->stop = true;
    if (run->phase != RUN_LIVE || run->gone)
        return;
    run->stop = false;
    if (!run->supervisor->options.executor->kind->stop(&run->worker, PROCESS_STOP_CANCELLED,
                                                       &error))
        log_debug("%s", error.message); /* it has ended meanwhile, and will be looked at */
}

/* A worker listens from its `started` on; what it was told before we looked after it is in its
 * journal. */
static void pause_worker(struct run *run)
{
    struct error error;

    if (run->phase != RUN_LIVE || run->gone || !run->intake.started)
        return;
    if (!run->pause_known)
        run->pause_told = run->intake.paused;
    run->pause_known = true;
    if (run->pause_told == run->pause)
        return;
    run->pause_told = run->pause;
    if (!run->supervisor->options.executor->kind->pause(
            &run->worker, run->pause ? PROCESS_PAUSE_BEGIN : PROCESS_PAUSE_END, &error))
        log_debug("%s", error.message); /* it has ended meanwhile, and will be looked at */
    look_within(run->supervisor, SUPERVISOR_FIRST_LOOK_MS);
}

/* ---- who holds the lock ---- */

static void try_lock(struct run *run)
{
    struct error error;
    const char *home = run->supervisor->options.home;

    if (launch_lock(home, run->intake.experiment, &run->lock_fd, &error) ||
        error.kind == ERROR_NOT_FOUND) {
        run->phase = RUN_ENDING;
        return;
    }
    run->phase = RUN_WATCHED;
    if (error.kind != ERROR_BUSY && !run->failing)
        log_error("experiment %" PRId64 ": %s", run->intake.experiment, error.message);
    run->failing = error.kind != ERROR_BUSY;
}

/* Adopts a worker whose `started` says who it is. */
static bool adopt_worker(struct run *run)
{
    const struct executor *executor = run->supervisor->options.executor;
    struct error error;

    executor_worker_release(&run->worker);
    if (!executor->kind->adopt(executor, &run->intake.worker, &run->worker, &error))
        return false;
    run->gone = false;
    poll_worker(run);
    log_info("experiment %" PRId64 ": worker %d goes on", run->intake.experiment,
             (int)run->worker.pid);
    if (run->stop && run->intake.signalled)
        run->stop = false; /* it knows; a second signal would end the run at once */
    if (run->stop)
        stop_worker(run);
    return true;
}

/* Before the journals are read: what was seen last cannot change any more once the lock is ours. */
static void update_phase(struct run *run)
{
    if (run->phase == RUN_LIVE && worker_gone(run)) {
        close_poll(run);
        try_lock(run);
    } else if (run->phase == RUN_WATCHED) {
        try_lock(run);
    }
}

/* ---- the verdict ---- */

static bool apply(struct run *run, enum experiment_event event, const struct experiment_exit *exit,
                  struct error *error)
{
    struct supervisor *supervisor = run->supervisor;
    struct store_change change;

    if (!store_apply(supervisor->options.store, run->intake.experiment, event, exit,
                     wall_ms(supervisor), &change, error))
        return false;
    if (!change.decision.allowed)
        log_warning("experiment %" PRId64 ": %s after run %" PRId64 " had ended",
                    run->intake.experiment, change.decision.reason, run->intake.run);
    run->decided = true;
    return true;
}

/* A worker that was ours and ended without a word: where its folder is gone too, the run took the
 * words away, and must not begin again for ever. */
static bool took_its_words(const struct run *run)
{
    return run->gone && access(run->intake.folder, F_OK) != 0 && errno == ENOENT;
}

/* Its next start waits: a worker that dies at once must not keep the queue busy. Told before the
 * scheduler looks, which it does in the same turn. */
static void tell_wordless(const struct run *run)
{
    const struct supervisor_options *options = &run->supervisor->options;
    struct error error;

    error_set(&error, ERROR_IO, "its worker ended before it had said a word");
    log_warning("experiment %" PRId64 ": %s", run->intake.experiment, error.message);
    options->start_failed(options->context, run->intake.experiment, false, &error);
}

static void tidy(const struct run *run)
{
    const struct executor *executor = run->supervisor->options.executor;
    char marker[PROCESS_MARKER_SIZE];
    struct error error;

    if (process_marker(run->intake.folder, marker, &error))
        executor->kind->tidy(executor, marker);
}

static bool decide_never_started(struct run *run, struct error *error)
{
    struct experiment_exit exit = {.status = STATUS_CANNOT_START};

    if (run->failure.kind == ERROR_NONE)
        tidy(run);
    if (took_its_words(run))
        return apply(run, EXPERIMENT_EVENT_LOST, NULL, error);
    if (run->gone && run->failure.kind == ERROR_NONE)
        tell_wordless(run);
    if (run->failure.kind != ERROR_INVALID)
        return apply(run, EXPERIMENT_EVENT_NEVER_STARTED, NULL, error);
    snprintf(exit.message, sizeof(exit.message), "could not be started: %.480s",
             run->failure.message);
    return apply(run, EXPERIMENT_EVENT_EXIT, &exit, error);
}

/* *ret_clear false: some are still there; look again soon. */
static bool end_survivors(struct run *run, bool *ret_clear, struct error *error)
{
    const struct executor *executor = run->supervisor->options.executor;
    char marker[PROCESS_MARKER_SIZE];
    size_t n = 0;

    *ret_clear = true;
    if (!process_marker(run->intake.folder, marker, error))
        return error->kind == ERROR_NOT_FOUND; /* no folder, nothing to tell them by */
    if (!executor->kind->end_survivors(executor, marker,
                                       run->intake.cgroup ? run->intake.cgroup : "", &n, error))
        return false;
    if (n > 0) {
        log_warning("experiment %" PRId64 ": %zu process%s of run %" PRId64 " left behind, ended",
                    run->intake.experiment, n, n == 1 ? "" : "es", run->intake.run);
        look_within(run->supervisor, SURVIVORS_LOOK_MS);
        *ret_clear = false;
    }
    return true;
}

static bool decide(struct run *run, struct error *error)
{
    struct journal_intake *intake = &run->intake;
    bool clear;

    if (run->failure.kind != ERROR_NONE ||
        (!intake->started && !intake->exited && !run->started && !run->before_boot))
        return decide_never_started(run, error);
    if (!journal_intake_complain(intake, run->supervisor->options.store, error))
        return false;
    if (intake->exited)
        return apply(run, EXPERIMENT_EVENT_EXIT, &intake->exit, error);
    if (!end_survivors(run, &clear, error))
        return false;
    return !clear || apply(run, EXPERIMENT_EVENT_LOST, NULL, error);
}

/* ---- taking in ---- */

static bool take_run(struct run *run, bool durable, int64_t *ret_lines, struct error *error)
{
    struct supervisor *supervisor = run->supervisor;
    struct journal_taken taken = {0};

    if (run->failure.kind == ERROR_NONE) {
        update_phase(run);
        if (!journal_intake_take(&run->intake, supervisor->options.store, wall_ms(supervisor),
                                 &taken, error))
            return false;
    }
    run->dirty = taken.more;
    run->new_lines += taken.lines;
    *ret_lines += taken.lines;
    if (run->phase == RUN_WATCHED && run->intake.started)
        adopt_worker(run);
    if (run->phase != RUN_ENDING || taken.more)
        return true;
    run->dirty = !durable;
    return !durable || decide(run, error);
}

static void put_off(struct run *run, const struct error *error)
{
    journal_intake_rolled_back(&run->intake);
    run->decided = false;
    run->dirty = false;
    if (!run->failing)
        log_error("experiment %" PRId64 ": %s", run->intake.experiment, error->message);
    run->failing = true;
    look_within(run->supervisor, FAILURE_LOOK_MS);
}

/* One run's part of the turn, undone alone where it fails. */
static bool take_run_safely(struct run *run, bool durable, int64_t *ret_lines, struct error *error)
{
    struct store *store = run->supervisor->options.store;
    struct error failure;

    run->looked_ms = monotonic_ms(run->supervisor);
    if (!store_savepoint(store, error))
        return false;
    if (take_run(run, durable, ret_lines, &failure)) {
        run->failing = false;
        return store_keep(store, error);
    }
    put_off(run, &failure);
    return store_undo(store, error);
}

/* The dirty run that has waited longest and was not looked at in this turn. */
static struct run *next_dirty(struct supervisor *supervisor)
{
    struct run *found = NULL;

    for (struct run *run = supervisor->runs; run; run = run->next)
        if (run->dirty && !run->decided && run->turn != supervisor->turn &&
            (!found || run->turn < found->turn))
            found = run;
    return found;
}

bool supervisor_busy(const struct supervisor *supervisor)
{
    for (const struct run *run = supervisor->runs; run; run = run->next)
        if (run->dirty)
            return true;
    return false;
}

bool supervisor_expects_verdict(const struct supervisor *supervisor)
{
    for (const struct run *run = supervisor->runs; run; run = run->next)
        if (run->dirty && (run->gone || run->phase != RUN_LIVE))
            return true;
    return false;
}

bool supervisor_take_in(struct supervisor *supervisor, bool durable, bool *ret_decided,
                        struct error *error)
{
    int64_t lines = 0;

    supervisor->turn++;
    for (struct run *run = next_dirty(supervisor); run && lines < LINES_PER_TURN;
         run = next_dirty(supervisor)) {
        run->turn = supervisor->turn;
        if (!take_run_safely(run, durable, &lines, error))
            return false;
        if (run->decided)
            *ret_decided = true;
    }
    if (supervisor_busy(supervisor))
        wake(supervisor);
    return true;
}

/* ---- plans ---- */

static bool grow(void **item, size_t n, size_t *capacity, size_t item_size, struct error *error)
{
    if (n < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 8;
    void *grown = realloc(*item, wanted * item_size);
    if (!grown)
        return error_set(error, ERROR_NO_MEMORY, "planning a turn");
    *item = grown;
    *capacity = wanted;
    return true;
}

bool supervisor_plan_start(struct supervisor *supervisor, int64_t experiment, uint64_t gpu_mask,
                           struct error *error)
{
    if (!grow((void **)&supervisor->launch, supervisor->n_launches, &supervisor->launches_capacity,
              sizeof(*supervisor->launch), error) ||
        !store_start(supervisor->options.store, experiment, gpu_mask, wall_ms(supervisor),
                     &supervisor->launch[supervisor->n_launches], error))
        return false;
    supervisor->n_launches++;
    return true;
}

static void plan_wish(struct supervisor *supervisor, int64_t experiment, enum wish wish)
{
    struct error error;

    if (!grow((void **)&supervisor->wish, supervisor->n_wishes, &supervisor->wishes_capacity,
              sizeof(*supervisor->wish), &error)) {
        log_error("experiment %" PRId64 ": %s", experiment, error.message);
        return;
    }
    supervisor->wish[supervisor->n_wishes++] = (struct planned_wish){experiment, wish};
}

void supervisor_plan_stop(struct supervisor *supervisor, int64_t experiment)
{
    plan_wish(supervisor, experiment, WISH_STOP);
}

void supervisor_plan_pause(struct supervisor *supervisor, int64_t experiment, bool pause)
{
    plan_wish(supervisor, experiment, pause ? WISH_PAUSE : WISH_RESUME);
}

bool supervisor_plan_finish(struct supervisor *supervisor, struct store_ended_batch *batch,
                            struct error *error)
{
    return finisher_plan(&supervisor->finisher, batch, error);
}

size_t supervisor_wishes(const struct supervisor *supervisor)
{
    return supervisor->n_wishes;
}

void supervisor_forget_wishes(struct supervisor *supervisor, size_t n_kept)
{
    if (n_kept < supervisor->n_wishes)
        supervisor->n_wishes = n_kept;
}

void supervisor_forget_starts(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->n_launches; i++)
        store_launch_release(&supervisor->launch[i]);
    supervisor->n_launches = 0;
}

void supervisor_forget_finishes(struct supervisor *supervisor)
{
    finisher_forget(&supervisor->finisher);
}

static void forget_plans(struct supervisor *supervisor)
{
    supervisor_forget_starts(supervisor);
    supervisor_forget_finishes(supervisor);
    supervisor_forget_wishes(supervisor, 0);
}

/* ---- after the commit ---- */

static void tell_start_failed(struct run *run)
{
    const struct supervisor_options *options = &run->supervisor->options;
    bool whole = run->failure.kind != ERROR_BUSY;

    log_error("experiment %" PRId64 " could not be started: %s", run->intake.experiment,
              run->failure.message);
    run->phase = RUN_ENDING;
    run->dirty = true;
    if (run->failure.kind != ERROR_INVALID)
        options->start_failed(options->context, run->intake.experiment, whole, &run->failure);
    wake(run->supervisor);
}

/* The processors for one more run beside those whose workers are known. */
static void choose_cpus(const struct supervisor *supervisor, double cpus, cpu_set_t *ret_set)
{
    struct affinity affinity;
    cpu_set_t given;

    affinity_start(&affinity);
    for (const struct run *run = supervisor->runs; run; run = run->next)
        if (run->phase == RUN_LIVE && !run->gone && affinity_of(run->worker.pid, &given))
            affinity_add(&affinity, &given, run->cpus);
    affinity_choose(&affinity, cpus, ret_set);
}

static void start_run(struct supervisor *supervisor, const struct store_launch *launch)
{
    const struct supervisor_options *options = &supervisor->options;
    struct error error;
    cpu_set_t cpus;

    choose_cpus(supervisor, launch->cpus, &cpus);
    struct run *run = add_run(supervisor, launch->experiment, launch->run, 0, &error);

    if (!run) { /* stays `starting`: the next daemon finds that it never started */
        log_error("experiment %" PRId64 ": %s", launch->experiment, error.message);
        return;
    }
    run->cpus = launch->cpus;
    if (!launch_run(options->executor, options->home, options->gpus, &cpus, launch, &run->worker,
                    &run->failure)) {
        tell_start_failed(run);
        return;
    }
    run->failure.kind = ERROR_NONE;
    run->pause_known = true;
    poll_worker(run);
    look_within(supervisor, SUPERVISOR_FIRST_LOOK_MS);
}

static void settle_run(struct run *run)
{
    struct supervisor *supervisor = run->supervisor;
    int64_t now_ms = monotonic_ms(supervisor);

    journal_intake_committed(&run->intake);
    if (run->new_lines > 0 && !run->decided && now_ms - run->told_ms >= SUPERVISOR_PROGRESS_MS) {
        run->told_ms = now_ms;
        run->new_lines = 0;
        supervisor->options.progressed(supervisor->options.context, run->intake.experiment);
    }
    if (run->decided)
        drop_run(run);
    else
        pause_worker(run);
}

static void grant(struct run *run, enum wish wish)
{
    if (wish == WISH_STOP) {
        stop_worker(run);
        return;
    }
    run->pause = wish == WISH_PAUSE;
    pause_worker(run);
}

static void start_hints(struct supervisor *supervisor);

void supervisor_committed(struct supervisor *supervisor)
{
    for (struct run *run = supervisor->runs, *next; run; run = next) {
        next = run->next;
        settle_run(run);
    }
    for (size_t i = 0; i < supervisor->n_wishes; i++) {
        struct run *run = find_run(supervisor, supervisor->wish[i].experiment);
        if (run)
            grant(run, supervisor->wish[i].wish);
    }
    for (size_t i = 0; i < supervisor->n_launches; i++)
        start_run(supervisor, &supervisor->launch[i]);
    finisher_start(&supervisor->finisher);
    forget_plans(supervisor);
    if (supervisor->followed)
        start_hints(supervisor);
}

void supervisor_forget_taken(struct supervisor *supervisor)
{
    for (struct run *run = supervisor->runs; run; run = run->next) {
        journal_intake_rolled_back(&run->intake);
        run->decided = false;
        run->dirty = false;
    }
    if (supervisor->runs)
        look_within(supervisor, FAILURE_LOOK_MS);
}

void supervisor_rolled_back(struct supervisor *supervisor)
{
    forget_plans(supervisor);
    supervisor_forget_taken(supervisor);
}

/* ---- followers ---- */

/* A writer may append thousands of lines a second: after one hint the journal is looked at at most
 * once a second, and the hint is armed again after that look. */
static void on_hint(uv_fs_event_t *hint, const char *name, int events, int status)
{
    struct run *run = hint->data;
    int64_t since_ms = monotonic_ms(run->supervisor) - run->looked_ms;

    (void)name;
    (void)events;
    (void)status;
    uv_fs_event_stop(hint);
    if (since_ms < SUPERVISOR_PROGRESS_MS) {
        look_within(run->supervisor, SUPERVISOR_PROGRESS_MS - since_ms);
        return;
    }
    run->dirty = true;
    wake(run->supervisor);
}

static bool make_hint(struct run *run)
{
    uv_fs_event_t *hint = calloc(1, sizeof(*hint));

    if (!hint || uv_fs_event_init(run->supervisor->options.loop, hint) != 0) {
        free(hint);
        return false;
    }
    hint->data = run;
    run->hint = hint;
    return true;
}

static void start_hint(struct run *run)
{
    char path[PATH_SIZE + 32];

    if (run->phase == RUN_ENDING || !run->intake.open || run->intake.reported.fd < 0 ||
        (!run->hint && !make_hint(run)) || uv_is_active((uv_handle_t *)run->hint))
        return;
    snprintf(path, sizeof(path), "%s/reported.jsonl", run->intake.folder);
    int code = uv_fs_event_start(run->hint, on_hint, path, 0);
    if (code != 0)
        log_debug("%s: %s", path, uv_strerror(code)); /* a look every two seconds remains */
}

static void start_hints(struct supervisor *supervisor)
{
    for (struct run *run = supervisor->runs; run; run = run->next)
        start_hint(run);
}

void supervisor_set_followed(struct supervisor *supervisor, bool followed)
{
    if (supervisor->followed == followed)
        return;
    supervisor->followed = followed;
    if (followed)
        start_hints(supervisor);
    else
        for (struct run *run = supervisor->runs; run; run = run->next)
            close_hint(run);
}

size_t supervisor_count(const struct supervisor *supervisor)
{
    return supervisor->n_runs;
}

/* ---- beginning and end ---- */

static bool adopt_run(struct supervisor *supervisor, const struct store_live *live,
                      const char *boot, struct error *error)
{
    struct run *run =
        add_run(supervisor, live->experiment, live->run, live->reported_offset, error);

    if (!run)
        return false;
    run->started = live->started_ms != 0;
    run->before_boot = live->boot[0] && strcmp(live->boot, boot) != 0;
    run->cpus = live->need.cpus;
    run->stop = live->cancel_requested;
    run->pause = live->state == EXPERIMENT_PAUSED;
    run->phase = RUN_WATCHED;
    run->dirty = true;
    return true;
}

bool supervisor_adopt(struct supervisor *supervisor, struct error *error)
{
    scoped(memory_free) struct store_live *live = NULL;
    char boot[CLOCK_BOOT_ID_SIZE];
    size_t n;

    (void)clock_boot_id(boot);
    if (!store_live(supervisor->options.store, &live, &n, error))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!adopt_run(supervisor, &live[i], boot, error))
            return false;
    if (n > 0) {
        look_within(supervisor, SUPERVISOR_LOOK_MS);
        wake(supervisor);
    }
    return true;
}

bool supervisor_open(const struct supervisor_options *options, struct supervisor **ret_supervisor,
                     struct error *error)
{
    struct supervisor *supervisor = calloc(1, sizeof(*supervisor));

    if (!supervisor)
        return error_set(error, ERROR_NO_MEMORY, "the supervisor");
    supervisor->options = *options;
    if (options->look_ms == 0)
        supervisor->options.look_ms = SUPERVISOR_LOOK_MS;
    int code = uv_timer_init(options->loop, &supervisor->look);
    if (code != 0) {
        free(supervisor);
        return error_set(error, ERROR_INTERNAL, "a timer: %s", uv_strerror(code));
    }
    supervisor->look.data = supervisor;
    supervisor->finisher = (struct finisher){
        .loop = options->loop, .executor = options->executor, .home = options->home};
    *ret_supervisor = supervisor;
    return true;
}

void supervisor_close(struct supervisor *supervisor)
{
    supervisor->closing = true;
    forget_plans(supervisor);
    while (supervisor->runs)
        drop_run(supervisor->runs);
    finisher_close(&supervisor->finisher);
    uv_close((uv_handle_t *)&supervisor->look, NULL);
}

void supervisor_free(struct supervisor **supervisor)
{
    if (!*supervisor)
        return;
    free((*supervisor)->launch);
    free((*supervisor)->wish);
    memory_free(supervisor);
}
