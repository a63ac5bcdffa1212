/*
 * The sequence of a run, and the loop that waits while it executes.
 *
 *   PAUSED <--pause, resume--> RUNNING
 *      |                          |
 *   RUNNING, STOPPING --memory limit--> KILLING
 *   RUNNING --SIGTERM, time limit--> STOPPING --second SIGTERM, grace over--> KILLING
 *      |                                |                                       |
 *      '---------- the child ended -----+---------------------------------------'
 *                        |
 *                    CLEARING    SIGTERM to what it left behind
 *                        |
 *                    SWEEPING    SIGKILL, again and again
 *                        |
 *                      ENDED     no process of the run is left: drain the log, journal `exit`
 *
 * A run without anything left behind goes straight to ENDED. `started` is written before the child
 * runs anything; it is not synced, since only a cut of power could take it, and then the daemon
 * holds that the run may have begun (supervisor.c). `exit` is on disk before the worker ends. A
 * full disk delays both, and costs the log only.
 */
#include "worker/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/journal.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/process.h"
#include "worker/child.h"
#include "worker/log_capture.h"
#include "worker/memory.h"
#include "worker/memory_watch.h"
#include "worker/message.h"
#include "worker/plan.h"
#include "worker/reap.h"
#include "worker/run_group.h"
#include "worker/starter.h"

#define READ_SIZE 65536
#define DRAIN_LIMIT 256         /* reads; more than a pipe can hold */
#define JOURNAL_RESERVE 8192    /* bytes of disk that the journal's last lines will need */
#define START_PATIENCE_MS 60000 /* for room on the disk, before anything ran */
#define EXIT_PATIENCE_MS 600000 /* and after it */
#define RETRY_MS 200
#define KILL_AGAIN_MS 100
#define MIB 1048576.0
#define PAUSE_AGAIN_MS 20
#define STRAGGLER_GRACE_S 5.0 /* or the run's own, if that is shorter */
#define SWEEP_LIMIT_MS 10000  /* then what cannot be killed is left and reported */
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND 127

enum phase { RUNNING, PAUSED, STOPPING, KILLING, CLEARING, SWEEPING, ENDED };

struct run {
    struct plan plan;
    int lock;    /* owned */
    int signals; /* owned: signalfd */
    int output;  /* owned: where what the run prints is read; -1: it ended */
    struct journal_writer journal;
    cJSON *pending; /* owned: events that the disk had no room for yet */
    struct log_capture log;
    struct child child;
    struct reaper reaper;
    struct starter starter;
    enum phase phase;
    const char *reason;     /* borrowed: why it ended, where that was not its own doing */
    int64_t started_ms;     /* monotonic */
    int64_t ended_ms;       /* monotonic: when the child was waited for */
    int64_t deadline_ms;    /* monotonic, of the phase; 0: none */
    int64_t pause_began_ms; /* monotonic */
    int64_t paused_ms;      /* in all */
    int64_t time_left_ms;   /* of resources.time, while paused; 0: no limit */
    int64_t sweep_end_ms;
    struct run_group group;
    struct memory_watch memory; /* where the group does not limit it */
    int64_t memory_kills;       /* of the machine, before the start */
};

static void run_release(struct run *run)
{
    child_release(&run->child);
    reaper_release(&run->reaper);
    starter_release(&run->starter);
    log_capture_release(&run->log);
    journal_close(&run->journal);
    json_free(&run->pending);
    descriptor_close(&run->output);
    descriptor_close(&run->signals);
    plan_release(&run->plan);
    descriptor_close(&run->lock); /* last: whoever gets it finds everything written */
}

static int64_t now_ms(void)
{
    return clock_system.monotonic_ms(clock_system.context);
}

/* ---- events ---- */

/* Writes what is pending, in order. */
static bool flush_events(struct run *run, struct error *error)
{
    while (cJSON_GetArraySize(run->pending) > 0) {
        if (!journal_append(&run->journal, run->pending->child, error))
            return false;
        cJSON_DeleteItemFromArray(run->pending, 0);
    }
    return true;
}

/* Takes *event in any case. A full disk is no error: the event waits. */
static bool add_event(struct run *run, cJSON **event, struct error *error)
{
    if (!*event || !cJSON_AddItemToArray(run->pending, *event)) {
        json_free(event);
        return error_set(error, ERROR_NO_MEMORY, "journalling an event");
    }
    *event = NULL;
    if (!flush_events(run, error))
        log_warning("events.jsonl: %s", error->message);
    return true;
}

/* Waits for room as long as `patience_ms`. */
static bool settle_events(struct run *run, int64_t patience_ms, struct error *error)
{
    int64_t end_ms = now_ms() + patience_ms;

    while (!flush_events(run, error)) {
        if (error->kind == ERROR_NO_MEMORY || now_ms() >= end_ms)
            return false;
        (void)poll(NULL, 0, RETRY_MS);
    }
    return true;
}

/* The last event is on disk before the worker ends. Takes *event. */
static bool finish_events(struct run *run, cJSON **event, struct error *error)
{
    return add_event(run, event, error) && settle_events(run, EXIT_PATIENCE_MS, error) &&
           journal_sync(&run->journal, error);
}

static cJSON *event_of(const char *name)
{
    cJSON *event = cJSON_CreateObject();

    if (event && !json_add_text(event, "event", name))
        json_free(&event);
    return event;
}

static bool journal_started(struct run *run, struct error *error)
{
    scoped(json_free) cJSON *event = event_of("started");
    struct process self = {0};
    char boot[64];

    (void)process_look(getpid(), &self);
    if (!json_add_integer(event, "pid", run->child.pid) ||
        !json_add_integer(event, "start", run->child.start) ||
        !json_add_integer(event, "worker", getpid()) ||
        !json_add_integer(event, "worker_start", self.start) ||
        !json_add_text(event, "boot", clock_boot_id(boot)) ||
        (run->group.path[0] && !json_add_text(event, "cgroup", run->group.path)) ||
        (run->plan.blas_core[0] && !json_add_text(event, "blas_core", run->plan.blas_core)))
        return error_set(error, ERROR_NO_MEMORY, "journalling the start");
    return add_event(run, &event, error) && settle_events(run, START_PATIENCE_MS, error);
}

static void journal_signalled(struct run *run, int signal, const char *reason)
{
    scoped(json_free) cJSON *event = event_of("signalled");
    struct error error;

    if (json_add_integer(event, "signal", signal) && json_add_text(event, "reason", reason))
        (void)add_event(run, &event, &error);
}

/* ---- pausing ---- */

static void journal_pause(struct run *run, const char *name)
{
    scoped(json_free) cJSON *event = event_of(name);
    struct error error;

    (void)add_event(run, &event, &error);
}

/* Until all are stopped one of them may start another: again, until there is none. */
static void hold_still(struct run *run)
{
    run->deadline_ms = reaper_stop_all() ? 0 : now_ms() + PAUSE_AGAIN_MS;
}

static void begin_pause(struct run *run)
{
    int64_t now = now_ms();

    run->time_left_ms = 0;
    if (run->deadline_ms)
        run->time_left_ms = run->deadline_ms > now ? run->deadline_ms - now : 1;
    run->pause_began_ms = now;
    run->phase = PAUSED;
    journal_pause(run, "paused");
    hold_still(run);
}

/* Only counts: who ends a pause for another reason than going on wakes what he has to. */
static void count_pause(struct run *run)
{
    if (run->phase == PAUSED)
        run->paused_ms += now_ms() - run->pause_began_ms;
}

static void end_pause(struct run *run)
{
    count_pause(run);
    run->phase = RUNNING;
    run->deadline_ms = run->time_left_ms ? now_ms() + run->time_left_ms : 0;
    journal_pause(run, "resumed");
    reaper_signal_all(&run->reaper, SIGCONT, false);
}

static void on_pause_signal(struct run *run, const struct signalfd_siginfo *info)
{
    bool begin = info->ssi_code == SI_QUEUE && info->ssi_int == PROCESS_PAUSE_BEGIN;

    if (info->ssi_code == SI_QUEUE && info->ssi_int == PROCESS_START_DAEMON)
        starter_start(&run->starter, (pid_t)info->ssi_pid, run->plan.folder);
    else if (begin && run->phase == RUNNING)
        begin_pause(run);
    else if (!begin && run->phase == PAUSED)
        end_pause(run);
}

/* ---- stopping ---- */

static int64_t in_seconds(double seconds)
{
    return now_ms() + (int64_t)(seconds * 1000);
}

static void kill_all(struct run *run, const char *why)
{
    if (run->phase != KILLING)
        journal_signalled(run, SIGKILL, why);
    run->phase = KILLING;
    run->deadline_ms = now_ms() + KILL_AGAIN_MS;
    run_group_kill(&run->group);
    reaper_signal_all(&run->reaper, SIGKILL, false);
}

static void stop(struct run *run, const char *reason)
{
    bool was_paused = run->phase == PAUSED;

    count_pause(run);
    run->reason = reason;
    run->phase = STOPPING;
    run->deadline_ms = in_seconds(run->plan.config.resources.grace);
    journal_signalled(run, SIGTERM, reason);
    if (run->plan.pipeline)
        (void)process_signal(run->child.pidfd, SIGTERM, 0);
    else
        child_signal_group(&run->child, SIGTERM);
    child_signal_group(&run->child, SIGCONT); /* what somebody has stopped could not answer */
    if (was_paused)
        reaper_signal_all(&run->reaper, SIGCONT, false);
}

/* The child has ended; what it left behind has not. */
static void clear(struct run *run)
{
    double grace = run->plan.config.resources.grace;

    run->phase = CLEARING;
    run->deadline_ms = in_seconds(grace < STRAGGLER_GRACE_S ? grace : STRAGGLER_GRACE_S);
    reaper_signal_all(&run->reaper, SIGTERM, true);
    reaper_signal_all(&run->reaper, SIGCONT, false);
}

static void sweep(struct run *run)
{
    if (run->phase != SWEEPING)
        run->sweep_end_ms = now_ms() + SWEEP_LIMIT_MS;
    run->phase = SWEEPING;
    run->deadline_ms = now_ms() + KILL_AGAIN_MS;
    reaper_signal_all(&run->reaper, SIGKILL, true);
    run_group_kill(&run->group);
    if (now_ms() >= run->sweep_end_ms)
        run->phase = ENDED;
}

static bool is_memory_watched(const struct run *run)
{
    return run->memory.limit_bytes && (run->phase == RUNNING || run->phase == STOPPING);
}

/* Who is over the limit would take more while it is asked to end. */
static void watch_memory(struct run *run)
{
    if (!is_memory_watched(run) || now_ms() < run->memory.next_ms ||
        !memory_watch_look(&run->memory))
        return;
    if (!run->reason)
        run->reason = "out_of_memory";
    kill_all(run, "out_of_memory");
}

static void on_deadline(struct run *run)
{
    switch (run->phase) {
    case RUNNING:
        stop(run, "timeout");
        break;
    case PAUSED:
        hold_still(run);
        break;
    case STOPPING:
        kill_all(run, "grace");
        break;
    case KILLING:
        kill_all(run, run->reason);
        break;
    case CLEARING:
    case SWEEPING:
        sweep(run);
        break;
    case ENDED:
        break;
    }
}

static void on_children(struct run *run)
{
    bool had_ended = run->reaper.child_ended;

    reaper_collect(&run->reaper);
    if (run->reaper.child_ended && !had_ended) {
        run->ended_ms = now_ms();
        count_pause(run);
        if (!run->reaper.none_left)
            clear(run);
    }
    if (run->reaper.none_left)
        run->phase = ENDED;
}

static void on_stop_signal(struct run *run, const struct signalfd_siginfo *info)
{
    bool cancelled = info->ssi_code == SI_QUEUE && info->ssi_int == PROCESS_STOP_CANCELLED;

    if (run->phase == RUNNING || run->phase == PAUSED)
        stop(run, cancelled ? "cancelled" : "stopping");
    else if (run->phase == STOPPING && cancelled)
        kill_all(run, run->reason = "cancelled");
    else if (run->phase == STOPPING)
        kill_all(run, run->reason);
    else if (run->phase == CLEARING)
        sweep(run);
}

static void on_signals(struct run *run)
{
    struct signalfd_siginfo info;

    while (read(run->signals, &info, sizeof(info)) == sizeof(info))
        if ((int)info.ssi_signo == PROCESS_SIGNAL_PAUSE)
            on_pause_signal(run, &info);
        else if (info.ssi_signo != SIGCHLD)
            on_stop_signal(run, &info);
    on_children(run);
}

/* ---- the loop ---- */

/* One read; false: there is nothing more now. */
static bool read_output(struct run *run)
{
    char piece[READ_SIZE];
    ssize_t n = read(run->output, piece, sizeof(piece));

    if (n > 0)
        log_capture_add(&run->log, piece, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        descriptor_close(&run->output);
    return n > 0;
}

static int wait_ms(const struct run *run)
{
    int64_t left = run->deadline_ms ? run->deadline_ms - now_ms() : INT64_MAX;

    if (is_memory_watched(run) && left > run->memory.next_ms - now_ms())
        left = run->memory.next_ms - now_ms();
    if (cJSON_GetArraySize(run->pending) > 0 && left > RETRY_MS)
        left = RETRY_MS;
    if (left == INT64_MAX)
        return -1;
    if (left < 0)
        return 0;
    return left < INT32_MAX ? (int)left : INT32_MAX;
}

static void wait_for_end(struct run *run)
{
    struct error error;

    while (run->phase != ENDED) {
        struct pollfd watch[2] = {{.fd = run->signals, .events = POLLIN},
                                  {.fd = run->output, .events = POLLIN}};

        if (poll(watch, 2, wait_ms(run)) < 0 && errno != EINTR)
            log_warning("poll: %s", strerror(errno));
        if (watch[1].revents)
            (void)read_output(run);
        if (watch[0].revents)
            on_signals(run);
        if (run->deadline_ms && now_ms() >= run->deadline_ms)
            on_deadline(run);
        watch_memory(run);
        (void)flush_events(run, &error);
    }
    for (int i = 0; i < DRAIN_LIMIT && run->output >= 0 && read_output(run); i++)
        continue;
}

/* ---- the verdict ---- */

struct verdict {
    int status, signal;
    char message[MESSAGE_SIZE];
};

/* A shell passes it on as 128 + 9. */
static bool was_killed(const struct verdict *verdict)
{
    return verdict->signal == SIGKILL || verdict->status == 128 + SIGKILL;
}

/* Killed, not by us, for the limit of its own group. */
static bool passed_its_limit(const struct run *run, const struct verdict *verdict)
{
    return was_killed(verdict) && !run->reason && run->group.limit_bytes && run->group.kills > 0;
}

/* Killed, not by us, while the kernel was short of memory. */
static bool ran_out_of_memory(const struct run *run, const struct verdict *verdict)
{
    return was_killed(verdict) && !run->reason && run->memory_kills >= 0 &&
           memory_kills() > run->memory_kills;
}

/* A script is there, and the program that its first line names is not. */
static bool lacks_interpreter(const struct run *run)
{
    scoped(descriptor_close) int cwd = open(plan_cwd(&run->plan), O_PATH | O_DIRECTORY | O_CLOEXEC);

    return strchr(run->plan.program, '/') && faccessat(cwd, run->plan.program, F_OK, 0) == 0;
}

static const char *why_not_found(const struct run *run)
{
    return lacks_interpreter(run) ? "the interpreter that its first line names is not there"
                                  : "command not found";
}

static void explain_no_start(const struct run *run, enum child_stage stage, int os_errno,
                             struct verdict *verdict)
{
    bool in_cwd = stage == CHILD_STAGE_CWD;
    const char *what = in_cwd ? plan_cwd(&run->plan) : run->plan.program;
    const char *why = !in_cwd && os_errno == ENOENT ? why_not_found(run) : strerror(os_errno);
    char text[MESSAGE_SIZE];
    int n = snprintf(text, sizeof(text), "%s: %s", what, why);

    verdict->status = !in_cwd && os_errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
    if (n >= (int)sizeof(text))
        n = (int)sizeof(text) - 1;
    (void)message_clean(text, (size_t)n, verdict->message);
}

static void explain_failure(const struct run *run, struct verdict *verdict)
{
    scoped(memory_free) char *text = NULL;
    size_t size = 0;
    struct error error;

    if (log_capture_recent(&run->log, &text, &size, &error))
        (void)message_find(text, size, verdict->message);
}

/* The kernel lets nobody over the limit: the peak is what it granted. */
static int64_t granted(const struct run_group *group)
{
    return group->peak_bytes < 0 ? group->limit_bytes : group->peak_bytes;
}

static void explain_limit(const struct run *run, struct verdict *verdict)
{
    (void)snprintf(verdict->message, MESSAGE_SIZE,
                   "used %.1f MiB and needed more than resources.memory (%.1f MiB)",
                   (double)granted(&run->group) / MIB, (double)run->group.limit_bytes / MIB);
}

static void explain_memory(const struct run *run, struct verdict *verdict)
{
    (void)snprintf(verdict->message, MESSAGE_SIZE,
                   "used %.1f MiB, more than resources.memory (%.1f MiB)",
                   (double)run->memory.peak_bytes / MIB, (double)run->memory.limit_bytes / MIB);
}

static void judge(struct run *run, struct verdict *ret_verdict)
{
    int status = run->reaper.child_status;
    int os_errno = 0;
    enum child_stage stage = child_stage(&run->child, &os_errno);
    char limit[24];

    *ret_verdict = (struct verdict){.status = -1};
    if (WIFSIGNALED(status))
        ret_verdict->signal = WTERMSIG(status);
    else
        ret_verdict->status = WEXITSTATUS(status);
    if (stage != CHILD_STAGE_RAN)
        explain_no_start(run, stage, os_errno, ret_verdict);
    else if (run->reason && !strcmp(run->reason, "timeout"))
        (void)snprintf(
            ret_verdict->message, MESSAGE_SIZE, "ran longer than resources.time (%s)",
            clock_format_duration((int64_t)(run->plan.config.resources.time * 1000), limit));
    else if (run->reason && !strcmp(run->reason, "out_of_memory"))
        explain_memory(run, ret_verdict);
    else if (passed_its_limit(run, ret_verdict)) {
        run->reason = "out_of_memory";
        explain_limit(run, ret_verdict);
    } else if (ran_out_of_memory(run, ret_verdict)) {
        run->reason = "out_of_memory";
        (void)snprintf(ret_verdict->message, MESSAGE_SIZE,
                       "ended by the kernel: the machine or its memory limit had no memory left");
    } else if (ret_verdict->status != 0) {
        explain_failure(run, ret_verdict);
    }
}

static bool add_verdict(cJSON *event, const struct verdict *verdict)
{
    return json_add_integer(event, "status", verdict->status) &&
           json_add_integer(event, "signal", verdict->signal);
}

/* Of the largest process; where the limit ended the run, of all of them together, which is what the
 * limit is on. */
static int64_t peak_of(const struct run *run)
{
    bool by_group = run->group.limit_bytes && run->group.kills > 0;
    int64_t together = by_group ? granted(&run->group) : run->memory.peak_bytes;
    int64_t largest = run->reaper.peak_rss_bytes;

    if (!run->reason || strcmp(run->reason, "out_of_memory") != 0)
        return largest;
    return together > largest ? together : largest;
}

static bool add_figures(cJSON *event, const struct run *run)
{
    int64_t wall_ms = run->ended_ms - run->started_ms - run->paused_ms;

    return json_add_number(event, "wall_s", (double)wall_ms / 1e3) &&
           (!run->paused_ms || json_add_number(event, "paused_s", (double)run->paused_ms / 1e3)) &&
           json_add_number(event, "cpu_s", (double)run->reaper.cpu_us / 1e6) &&
           json_add_integer(event, "peak_rss_bytes", peak_of(run)) &&
           (!run->reason || json_add_text(event, "reason", run->reason)) &&
           json_add_integer(event, "log_bytes", run->log.kept_size) &&
           json_add_integer(event, "log_dropped_bytes", log_capture_dropped(&run->log)) &&
           (log_capture_lost(&run->log) <= 0 ||
            json_add_integer(event, "log_lost_bytes", log_capture_lost(&run->log))) &&
           json_add_integer(event, "stragglers", (int64_t)run->reaper.straggler.n);
}

/* What was reported has to be on disk before an exit event makes somebody rely on it. */
static void sync_reported(const struct run *run)
{
    scoped(descriptor_close) int fd =
        open(run->plan.events, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat status;
    struct error error;

    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0 && !file_sync_data(fd, &error))
        log_warning("reported.jsonl: %s", error.message);
}

static void report_survivors(const struct run *run)
{
    scoped(json_free) cJSON *event = event_of("warning");
    struct error error;

    if (run->reaper.none_left)
        return;
    if (json_add_text(event, "text", "a process of this run could not be ended"))
        (void)journal_report(run->plan.events, event, &error);
}

static bool journal_exit(struct run *run, struct error *error)
{
    scoped(json_free) cJSON *event = event_of("exit");
    struct verdict verdict;

    judge(run, &verdict);
    if (!add_verdict(event, &verdict) || !add_figures(event, run) ||
        !json_add_text(event, "message", verdict.message))
        return error_set(error, ERROR_NO_MEMORY, "journalling the end");
    return finish_events(run, &event, error);
}

/* A run whose folder is no good still gets an end that says why. Where room or memory was short it
 * gets none: then it has not started, and may start another time. */
static bool journal_refusal(struct run *run, const struct error *cause, struct error *error)
{
    scoped(json_free) cJSON *event = event_of("exit");
    struct verdict verdict = {.status = error_exit_status(cause->kind)};
    char text[MESSAGE_SIZE * 3];

    if (cause->kind == ERROR_NO_SPACE || cause->kind == ERROR_NO_MEMORY) {
        *error = *cause;
        return false;
    }
    (void)error_describe(cause, text, sizeof(text));
    (void)message_clean(text, strlen(text), verdict.message);
    if (!add_verdict(event, &verdict) || !json_add_text(event, "message", verdict.message))
        return error_set(error, ERROR_NO_MEMORY, "journalling the end");
    return finish_events(run, &event, error);
}

/* ---- the sequence ---- */

/* What was passed to us is not for what we start. */
static bool keep_handles(const struct run_handles *handles, struct error *error)
{
    if (handles->lock >= 0 && fcntl(handles->lock, F_SETFD, FD_CLOEXEC) != 0)
        return error_set_errno(error, errno, "--lock-fd %d", handles->lock);
    if (handles->engine >= 0 && fcntl(handles->engine, F_SETFD, FD_CLOEXEC) != 0)
        return error_set_errno(error, errno, "--engine-fd %d", handles->engine);
    return true;
}

static bool take_lock(struct run *run, struct error *error)
{
    scoped(memory_free) char *path = NULL;

    if (run->lock >= 0)
        return true;
    if (asprintf(&path, "%s/lock", run->plan.experiment) < 0) {
        path = NULL;
        return error_set(error, ERROR_NO_MEMORY, "locking the experiment");
    }
    return file_lock(AT_FDCWD, path, &run->lock, error);
}

static bool open_journal(struct run *run, struct error *error)
{
    scoped(memory_free) char *path = NULL;
    struct error full;

    run->pending = cJSON_CreateArray();
    if (!run->pending || asprintf(&path, "%s/events.jsonl", run->plan.folder) < 0) {
        path = NULL;
        return error_set(error, ERROR_NO_MEMORY, "opening the journal");
    }
    if (!journal_open(AT_FDCWD, path, &run->journal, error))
        return false;
    if (run->journal.size > 0)
        return error_set_at(error, ERROR_INVALID, run->plan.folder,
                            "has run already; copy spec.json to a new folder to run it again");
    /* Room for the last lines even on a disk that the run fills. Where a file system has no such
     * thing they are tried again until there is room. */
    (void)file_take_room(run->journal.fd, JOURNAL_RESERVE, &full);
    return true;
}

static bool watch_signals(struct run *run, struct error *error)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, PROCESS_SIGNAL_PAUSE);
    /* a limit on file sizes is for the run: to the worker it is one more way to be out of space */
    if (sigaction(SIGXFSZ, &ignore, NULL) != 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return error_set_errno(error, errno, "blocking signals");
    run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (run->signals < 0)
        return error_set_errno(error, errno, "watching signals");
    return true;
}

/* Forks the child, held back until child_go(). */
static bool prepare_child(struct run *run, struct error *error)
{
    scoped(descriptor_close) int write_end = -1;
    struct child_plan child = {.program = run->plan.program,
                               .argv = run->plan.argv,
                               .environment = run->plan.environment.item,
                               .cwd = plan_cwd(&run->plan)};
    int fd[2];

    if (pipe2(fd, O_CLOEXEC) != 0)
        return error_set_errno(error, errno, "making a pipe");
    run->output = fd[0];
    write_end = fd[1];
    if (fcntl(run->output, F_SETFL, O_NONBLOCK) != 0)
        return error_set_errno(error, errno, "making a pipe");
    child.output = write_end;
    if (!child_fork(&child, &run->child, error))
        return false;
    run->reaper.child = run->child.pid;
    return true;
}

static void start_log(struct run *run)
{
    scoped(memory_free) char *path = NULL;

    if (asprintf(&path, "%s/log", run->plan.folder) < 0)
        path = NULL;
    log_capture_start(&run->log, AT_FDCWD, path ? path : "", run->plan.config.resources.log);
}

static bool execute(struct run *run, struct error *error)
{
    double limit = run->plan.config.resources.time;

    start_log(run);
    if (!prepare_child(run, error))
        return false;
    run_group_start(&run->group, run->plan.folder, run->child.pid,
                    run->plan.config.resources.memory);
    if (!journal_started(run, error))
        return false;
    run->started_ms = now_ms();
    run->memory_kills = memory_kills();
    if (!run->group.limit_bytes) {
        memory_backstop(run->child.pid, run->plan.config.resources.memory);
        run->memory = memory_watch_of(run->plan.config.resources.memory, run->started_ms);
    }
    if (limit > 0)
        run->deadline_ms = in_seconds(limit);
    child_go(&run->child);
    wait_for_end(run);
    run_group_close(&run->group);
    log_capture_finish(&run->log);
    report_survivors(run);
    sync_reported(run);
    return journal_exit(run, error);
}

bool run_execute(const char *folder, const struct run_handles *handles, char *const *environment,
                 struct error *error)
{
    scoped(run_release) struct run run = {.lock = handles->lock,
                                          .signals = -1,
                                          .output = -1,
                                          .journal = {.fd = -1},
                                          .log = {.fd = -1},
                                          .child = {.pidfd = -1, .go = -1, .failure = -1},
                                          .starter = {.pidfd = -1}};
    struct error cause;

    if (!keep_handles(handles, error) || !plan_locate(folder, &run.plan, error) ||
        !take_lock(&run, error) || !open_journal(&run, error) || !watch_signals(&run, error) ||
        !reaper_start(error))
        return false;
    if (!plan_read(&run.plan, handles->engine, environment, &cause))
        return journal_refusal(&run, &cause, error);
    plan_report_changes(&run.plan);
    return execute(&run, error);
}
