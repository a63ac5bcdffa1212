/*
 * Everything that needs the end of the turn calls daemon_wake: it starts an idle handle, so that
 * the next wait returns at once and the check handle behind it ends the turn.
 */
#include "daemon/loop.h"

#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/owner.h"
#include "common/wire.h"
#include "daemon/recover.h"
#include "daemon/request/change.h"
#include "daemon/request/request.h"
#include "daemon/upload.h"
#include "daemon/watch.h"

#define RETRY_MS 1000
#define LEAVE_MS 1000
#define RESERVE_LOOK_MS 10000 /* while there is no room for it */
/* Descriptors that clients do not get. */
#define FILES_OF_THE_DAEMON 28 /* its own 17, a start's, a backup's */
#define FILES_OF_A_RUN 6       /* lock, pidfd, two journals; some to spare */
#define SESSIONS_LEAST 4

int64_t daemon_wall_ms(const struct daemon *daemon)
{
    return daemon->clock.wall_ms(daemon->clock.context);
}

static int64_t monotonic_ms(const struct daemon *daemon)
{
    return daemon->clock.monotonic_ms(daemon->clock.context);
}

/* ---- turns ---- */

static void step_sessions(struct daemon *daemon)
{
    for (struct client_session *session = daemon->sessions, *next; session; session = next) {
        next = client_session_public(session)->next;
        if (client_session_busy(session))
            client_session_step(session);
    }
}

/* Sessions that used up their share of the last turn go on in this one. */
static void on_idle(uv_idle_t *idle)
{
    step_sessions(idle->data);
}

void daemon_wake(struct daemon *daemon)
{
    if (!uv_is_active((uv_handle_t *)&daemon->idle))
        uv_idle_start(&daemon->idle, on_idle);
}

static void on_retry(void *context)
{
    struct daemon *daemon = context;

    daemon->starter.wanted = true;
    daemon_wake(daemon);
}

bool daemon_begin(struct daemon *daemon, struct error *error)
{
    if (daemon->turn_failure.kind != ERROR_NONE) {
        *error = daemon->turn_failure;
        return false;
    }
    return store_in_transaction(daemon->store) || store_begin(daemon->store, error);
}

static bool finish_batches(struct daemon *daemon, struct error *error)
{
    for (;;) {
        struct store_ended_batch batch = {0};
        bool found;
        if (!store_next_finished(daemon->store, &batch, &found, error))
            return false;
        if (!found)
            return true;
        if (!store_set_finish_started(daemon->store, batch.id, error)) {
            store_ended_batch_release(&batch);
            return false;
        }
        if (!supervisor_plan_finish(daemon->supervisor, &batch, error))
            return false;
    }
}

static bool start_runs(struct daemon *daemon, struct error *error)
{
    return store_release_due(daemon->store, daemon_wall_ms(daemon), error) &&
           (daemon->changes ||
            starter_pick(&daemon->starter, daemon->store, daemon->supervisor, error));
}

static bool take_in(struct daemon *daemon, struct error *error)
{
    return supervisor_take_in(daemon->supervisor, daemon->durable, &daemon->decided, error);
}

static void forget_taken(struct daemon *daemon)
{
    daemon->decided = false;
    supervisor_forget_taken(daemon->supervisor);
}

static void forget_finishes(struct daemon *daemon)
{
    supervisor_forget_finishes(daemon->supervisor);
}

static void forget_starts(struct daemon *daemon)
{
    daemon->starter.again = false;
    supervisor_forget_starts(daemon->supervisor);
}

/* Parts of a turn's work, in their order. */
static const struct part {
    bool (*run)(struct daemon *daemon, struct error *error);
    void (*forget)(struct daemon *daemon); /* what it planned and the store no longer knows */
    const char *undone;
} part_take_in = {take_in, forget_taken, "no run was taken in"},
  part_finish = {finish_batches, forget_finishes, "no on_finish was started"},
  part_start = {start_runs, forget_starts, "no run was started"};

/* One that fails is undone alone and tried again later. False: the transaction is of no more use.
 */
static bool attempt(struct daemon *daemon, const struct part *part, struct error *error)
{
    struct error failure;

    if (!store_savepoint(daemon->store, error))
        return false;
    if (part->run(daemon, &failure))
        return store_keep(daemon->store, error);
    part->forget(daemon);
    log_error("%s: %s", part->undone, failure.message);
    alarm_within(&daemon->retry, RETRY_MS);
    return store_undo(daemon->store, error);
}

/* What the daemon itself wants done in this turn's transaction, in parts, so that a verdict does
 * not wait for what cannot be started, and neither do the requests of the turn. False: the
 * transaction is of no more use. */
static bool work(struct daemon *daemon, struct error *error)
{
    daemon->durable = daemon->starter.wanted || store_in_transaction(daemon->store) ||
                      supervisor_expects_verdict(daemon->supervisor);
    daemon->decided = false;
    if (!(daemon->durable ? daemon_begin(daemon, error)
                          : store_begin_relaxed(daemon->store, error)) ||
        !attempt(daemon, &part_take_in, error))
        return false;
    if (!daemon->decided && !daemon->starter.wanted)
        return true;
    return attempt(daemon, &part_finish, error) && attempt(daemon, &part_start, error);
}

/* A part of what clients wanted of very many experiments. False: the transaction is of no use. */
static bool change_more(struct daemon *daemon, struct error *error)
{
    struct error failure;

    if (!daemon_begin(daemon, error) || !store_savepoint(daemon->store, error))
        return false;
    if (request_change_more(daemon, &failure))
        return store_keep(daemon->store, error);
    request_change_fail(daemon, &failure);
    return store_undo(daemon->store, error);
}

static void tell_changes(struct daemon *daemon)
{
    scoped(store_ids_release) struct store_ids ids = {0};

    store_take_changed(daemon->store, &ids);
    for (size_t i = 0; i < ids.n && daemon->n_watching > 0; i++)
        watch_tell(daemon, ids.item[i]);
}

/* What is left when every slot has its run. */
static size_t sessions_limit(size_t files, int64_t slots)
{
    size_t kept = FILES_OF_THE_DAEMON + FILES_OF_A_RUN * (size_t)slots;
    size_t limit = files > kept ? files - kept : 0;

    if (limit < SESSIONS_LEAST)
        limit = SESSIONS_LEAST;
    return limit < SESSIONS_LIMIT ? limit : SESSIONS_LIMIT;
}

void daemon_set_slots(struct daemon *daemon, int64_t slots)
{
    daemon->sessions_limit = sessions_limit(daemon->files, slots);
    daemon->starter.limits.slots = slots;
    /* Whoever asks for more slots than there are processors wants them used. */
    daemon->starter.limits.cpus =
        (double)(slots > daemon->machine.cpus ? slots : daemon->machine.cpus);
    daemon->starter.wanted = true;
}

bool daemon_set_draining(struct daemon *daemon, bool draining, struct error *error)
{
    if (!store_set_setting(daemon->store, "draining", draining, error))
        return false;
    daemon->starter.draining = draining;
    daemon->starter.wanted = true;
    return true;
}

static void load_settings(struct daemon *daemon)
{
    int64_t draining = 0;
    int64_t slots = daemon->machine.cpus;
    struct error error;

    if (!store_setting(daemon->store, "slots", slots, &slots, &error))
        log_error("reading the number of slots: %s", error.message);
    if (!store_setting(daemon->store, "draining", 0, &draining, &error))
        log_error("reading whether to drain: %s", error.message);
    daemon->starter.draining = draining != 0;
    daemon_set_slots(daemon, daemon->options.slots > 0 ? daemon->options.slots : slots);
}

/* One timer for whatever becomes possible by time alone; nothing waits: none. */
static void wake_for_delays(struct daemon *daemon)
{
    int64_t delay_ms = starter_delay_ms(&daemon->starter), due_ms;
    struct error error;

    if (!store_next_due(daemon->store, daemon_wall_ms(daemon), &due_ms, &error)) {
        log_error("looking for retries: %s", error.message);
        due_ms = RETRY_MS;
    }
    if (delay_ms >= 0)
        alarm_within(&daemon->retry, delay_ms);
    if (due_ms >= 0)
        alarm_within(&daemon->retry, due_ms);
}

/* What a large batch took lies in pieces that the allocator keeps unless it is told to look. */
static void give_back_memory(struct daemon *daemon)
{
    if (daemon->large)
        malloc_trim(0);
    daemon->large = false;
}

static void end_turn_well(struct daemon *daemon)
{
    daemon->starter.wanted = false;
    if (daemon->starter.again)
        on_retry(daemon);
    daemon->starter.again = false;
    for (struct client_session *session = daemon->sessions, *next; session; session = next) {
        next = client_session_public(session)->next;
        client_session_release(session);
    }
    if (daemon->late) /* whoever was woken on this processor goes on with its answer first */
        (void)sched_yield();
    supervisor_committed(daemon->supervisor);
    tell_changes(daemon);
    wake_for_delays(daemon);
    give_back_memory(daemon);
    backup_consider(&daemon->backup, supervisor_count(daemon->supervisor) == 0);
}

static void keep_reserve(struct daemon *daemon)
{
    if (!reserve_hold(&daemon->reserve))
        alarm_within(&daemon->retry, RESERVE_LOOK_MS);
}

static void end_turn_badly(struct daemon *daemon, const struct error *failure)
{
    log_error("nothing of this turn was stored: %s", failure->message);
    store_rollback(daemon->store);
    bool freed = failure->kind == ERROR_NO_SPACE && reserve_spend(&daemon->reserve);
    daemon->turn_failure = (struct error){0};
    for (struct client_session *session = daemon->sessions, *next; session; session = next) {
        next = client_session_public(session)->next;
        client_session_fail(session, failure);
    }
    if (daemon->changes)
        request_change_fail(daemon, failure);
    supervisor_rolled_back(daemon->supervisor);
    load_settings(daemon); /* a reload may have been among what was undone */
    alarm_within(&daemon->retry, freed ? 0 : RETRY_MS);
}

static void tell_status(struct daemon *daemon)
{
    if (daemon->notify.fd >= 0)
        notify_status(&daemon->notify, "%zu running", supervisor_count(daemon->supervisor));
}

static void wake_for_sessions(struct daemon *daemon)
{
    for (struct client_session *session = daemon->sessions; session;
         session = client_session_public(session)->next)
        if (client_session_busy(session)) {
            daemon_wake(daemon);
            return;
        }
}

/* A queue whose file is gone keeps nothing: nothing more is promised, and the next daemon begins
 * anew. */
static bool check_place(struct daemon *daemon, struct error *error)
{
    if (store_check_place(daemon->store, error))
        return true;
    daemon->stopping = true;
    return error_wrap(error, "the daemon ends");
}

/* Where every slot is taken, whoever waits for an answer gets it first; but no turn later than that
 * it is looked at what starts next. */
static bool puts_off_work(const struct daemon *daemon)
{
    return !daemon->late && daemon->starter.wanted && !supervisor_busy(daemon->supervisor) &&
           store_in_transaction(daemon->store) &&
           (int64_t)supervisor_count(daemon->supervisor) >= daemon->starter.limits.slots;
}

static void end_turn(struct daemon *daemon)
{
    struct error error = {0};
    bool ok = true;

    uv_idle_stop(&daemon->idle);
    if (daemon->changes)
        ok = change_more(daemon, &error);
    daemon->late = ok && puts_off_work(daemon);
    if (ok && !daemon->late && (supervisor_busy(daemon->supervisor) || daemon->starter.wanted))
        ok = work(daemon, &error);
    if (ok && daemon->turn_failure.kind != ERROR_NONE) {
        error = daemon->turn_failure;
        ok = false;
    }
    if (ok)
        ok = check_place(daemon, &error);
    if (ok && store_in_transaction(daemon->store))
        ok = store_commit(daemon->store, &error);
    if (ok) {
        end_turn_well(daemon);
        keep_reserve(daemon);
        if (daemon->late)
            on_retry(daemon);
    } else
        end_turn_badly(daemon, &error);
    wake_for_sessions(daemon);
    tell_status(daemon);
}

/* ---- leaving ---- */

static void close_all_sessions(struct daemon *daemon)
{
    for (struct client_session *session = daemon->sessions, *next; session; session = next) {
        next = client_session_public(session)->next;
        client_session_close(session);
    }
}

static void on_leave(uv_timer_t *timer)
{
    close_all_sessions(timer->data);
}

/* Every handle but those of sessions that still have something to send. */
static void close_handles(struct daemon *daemon)
{
    daemon->closed = true;
    listener_close(&daemon->listener);
    if (daemon->supervisor)
        supervisor_close(daemon->supervisor);
    backup_close(&daemon->backup);
    uv_close((uv_handle_t *)&daemon->check, NULL);
    uv_close((uv_handle_t *)&daemon->idle, NULL);
    alarm_close(&daemon->retry);
    uv_close((uv_handle_t *)&daemon->terminate, NULL);
    uv_close((uv_handle_t *)&daemon->interrupt, NULL);
}

/* Whoever watches knows then that somebody wants this daemon to end. */
static void tell_ending(struct daemon *daemon)
{
    scoped(buffer_release) struct buffer line = {0};
    struct error error;

    if (!wire_notify(&line, "ending", NULL, &error))
        return;
    for (struct client_session *session = daemon->sessions, *next; session; session = next) {
        next = client_session_public(session)->next;
        if (client_session_public(session)->watch)
            client_session_tell(session, line.data, line.size);
    }
}

static void leave(struct daemon *daemon)
{
    log_info("ending; %zu runs go on", supervisor_count(daemon->supervisor));
    tell_ending(daemon);
    notify_stopping(&daemon->notify);
    close_handles(daemon);
    uv_timer_start(&daemon->leave, on_leave, LEAVE_MS, 0);
    uv_unref((uv_handle_t *)&daemon->leave); /* without sessions nothing is waited for */
    for (struct client_session *session = daemon->sessions, *next; session; session = next) {
        next = client_session_public(session)->next;
        client_session_end(session);
    }
}

static void on_check(uv_check_t *check)
{
    struct daemon *daemon = check->data;

    end_turn(daemon);
    if (daemon->stopping)
        leave(daemon);
}

void daemon_stop(struct daemon *daemon)
{
    daemon->stopping = true;
    daemon_wake(daemon);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    daemon_stop(handle->data);
}

/* ---- sessions ---- */

static void on_wake(void *context)
{
    daemon_wake(context);
}

static void on_request(void *context, struct client_session *session, const char *method,
                       const cJSON *params, struct session_answer *ret_answer)
{
    request_handle(context, session, method, params, ret_answer);
}

void daemon_count_watchers(struct daemon *daemon)
{
    daemon->n_watching = 0;
    for (struct client_session *session = daemon->sessions; session;
         session = client_session_public(session)->next)
        if (client_session_public(session)->watch)
            daemon->n_watching++;
    supervisor_set_followed(daemon->supervisor, daemon->n_watching > 0);
}

static void on_session_closed(void *context, struct client_session *session)
{
    struct daemon *daemon = context;
    struct client_session_public *public = client_session_public(session);

    if (public->previous)
        client_session_public(public->previous)->next = public->next;
    else
        daemon->sessions = public->next;
    if (public->next)
        client_session_public(public->next)->previous = public->previous;
    daemon->n_sessions--;
    upload_free(&public->upload);
    if (public->watch) {
        watch_free((struct watch **)&public->watch);
        if (!daemon->stopping)
            daemon_count_watchers(daemon);
    }
}

static void link_session(struct daemon *daemon, struct client_session *session)
{
    struct client_session_public *public = client_session_public(session);

    public->serial = ++daemon->last_serial;
    public->next = daemon->sessions;
    if (daemon->sessions)
        client_session_public(daemon->sessions)->previous = session;
    daemon->sessions = session;
    daemon->n_sessions++;
}

struct client_session *daemon_find_session(struct daemon *daemon, uint64_t serial)
{
    struct client_session *session = daemon->sessions;

    while (session && client_session_public(session)->serial != serial)
        session = client_session_public(session)->next;
    return session;
}

static void turn_away(struct client_session *session)
{
    scoped(buffer_release) struct buffer line = {0};
    struct error busy, error;

    error_set(&busy, ERROR_BUSY, "too many clients are connected");
    if (wire_failure(&line, NULL, WIRE_CODE_FAILED, &busy, &error))
        client_session_tell(session, line.data, line.size);
    client_session_end(session);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct daemon *daemon = server->loop->data;
    struct client_session *session;
    struct error error;

    if (status < 0) {
        log_warning("a client could not connect: %s", uv_strerror(status));
        return;
    }
    if (!client_session_accept(server, &daemon->host, &session, &error)) {
        log_warning("a client was turned away: %s", error.message);
        return;
    }
    link_session(daemon, session);
    if (daemon->n_sessions > daemon->sessions_limit)
        turn_away(session);
    else
        client_session_start(session, daemon->greeting.data);
}

/* ---- what the supervisor tells ---- */

static void on_progressed(void *context, int64_t experiment)
{
    struct daemon *daemon = context;

    if (daemon->n_watching > 0)
        watch_tell(daemon, experiment);
}

static void on_start_failed(void *context, int64_t experiment, bool whole,
                            const struct error *error)
{
    struct daemon *daemon = context;
    char text[256], reason[320];

    error_describe(error, text, sizeof(text));
    snprintf(reason, sizeof(reason), "the last attempt to start %s failed: %s",
             whole ? "a run" : "it", text);
    starter_failed(&daemon->starter, experiment, whole, reason);
}

/* ---- backups ---- */

static void on_backup(void *context, const char *path, const struct error *error)
{
    struct daemon *daemon = context;
    struct client_session *session = daemon_find_session(daemon, daemon->backup_asker);
    struct session_answer answer = {.ok = !error, .code = WIRE_CODE_FAILED};

    daemon->backup_asker = 0;
    if (!session)
        return;
    if (error) {
        answer.error = *error;
    } else {
        answer.result = cJSON_CreateObject();
        if (!json_add_text(answer.result, "path", path)) {
            answer.ok = false;
            json_free(&answer.result);
            error_set(&answer.error, ERROR_NO_MEMORY, "answering");
        }
    }
    daemon_wake(daemon);
    client_session_answer(session, &answer);
}

static void open_backup(struct daemon *daemon)
{
    daemon->backup = (struct backup){
        .store = daemon->store,
        .clock = &daemon->clock,
        .home = daemon->options.home,
        .done = on_backup,
        .context = daemon,
    };
    backup_open(&daemon->backup, &daemon->loop);
}

/* ---- opening ---- */

bool daemon_view(struct daemon *daemon, struct report_view *ret_view,
                 struct scheduler_run **ret_run, struct error *error)
{
    size_t n;

    if (!store_runs(daemon->store, ret_run, &n, error))
        return false;
    *ret_view = (struct report_view){
        .limits = daemon->starter.limits,
        .run = *ret_run,
        .n_runs = n,
        .memory = daemon->starter.memory,
        .wall_ms = daemon_wall_ms(daemon),
        .monotonic_ms = monotonic_ms(daemon),
        .obstacle = starter_obstacle(&daemon->starter, 0),
    };
    return true;
}

static size_t raise_files_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    return (size_t)limit.rlim_cur;
}

static bool open_programs(struct daemon *daemon, struct error *error)
{
    if (!executor_local_open(daemon->options.programs, &daemon->executor, error))
        return false;
    daemon->files = raise_files_limit();
    return true;
}

static void start_signal(struct daemon *daemon, uv_signal_t *handle, int number)
{
    uv_signal_init(&daemon->loop, handle);
    handle->data = daemon;
    uv_signal_start(handle, on_signal, number);
}

static bool open_loop(struct daemon *daemon, struct error *error)
{
    int code = uv_loop_init(&daemon->loop);

    if (code != 0)
        return error_set(error, ERROR_INTERNAL, "the event loop: %s", uv_strerror(code));
    daemon->loop.data = daemon;
    uv_check_init(&daemon->loop, &daemon->check);
    uv_idle_init(&daemon->loop, &daemon->idle);
    uv_timer_init(&daemon->loop, &daemon->leave);
    daemon->check.data = daemon->idle.data = daemon->leave.data = daemon;
    start_signal(daemon, &daemon->terminate, SIGTERM);
    start_signal(daemon, &daemon->interrupt, SIGINT);
    uv_check_start(&daemon->check, on_check);
    open_backup(daemon);
    return alarm_open(&daemon->retry, &daemon->loop, on_retry, daemon, error);
}

static bool open_host(struct daemon *daemon, struct error *error)
{
    scoped(json_free) cJSON *params = cJSON_CreateObject();

    daemon->host = (struct session_host){
        .loop = &daemon->loop,
        .handle = on_request,
        .wake = on_wake,
        .closed = on_session_closed,
        .context = daemon,
        .read_buffer = malloc(SESSION_READ_SIZE),
    };
    if (!daemon->host.read_buffer || !json_add_integer(params, "protocol", WIRE_PROTOCOL) ||
        !json_add_text(params, "version", NIGHTJAR_VERSION) ||
        !json_add_integer(params, "pid", getpid()) ||
        !json_add_text(params, "home", daemon->options.home))
        return error_set(error, ERROR_NO_MEMORY, "starting");
    return wire_notify(&daemon->greeting, "hello", &params, error);
}

static bool open_supervisor(struct daemon *daemon, struct error *error)
{
    struct supervisor_options options = {
        .loop = &daemon->loop,
        .store = daemon->store,
        .executor = &daemon->executor,
        .clock = &daemon->clock,
        .home = daemon->options.home,
        .gpus = daemon->machine.gpus,
        .wake = on_wake,
        .progressed = on_progressed,
        .start_failed = on_start_failed,
        .context = daemon,
    };

    return supervisor_open(&options, &daemon->supervisor, error) &&
           supervisor_adopt(daemon->supervisor, error);
}

static void open_starter(struct daemon *daemon)
{
    daemon->starter.clock = &daemon->clock;
    daemon->starter.home = daemon->options.home;
    daemon->starter.disk_reserve_bytes = daemon->options.disk_reserve_bytes;
    daemon->starter.limits.memory = daemon->machine.memory_bytes;
    daemon->starter.limits.gpus = daemon->machine.gpus;
    load_settings(daemon);
}

bool daemon_open(struct daemon *daemon, const struct daemon_options *options, struct error *error)
{
    *daemon = (struct daemon){.options = *options, .clock = clock_system, .lock_fd = -1};
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    daemon->machine = machine_look();
    if (options->gpus >= 0)
        daemon->machine.gpus = options->gpus;
    daemon->started_ms = monotonic_ms(daemon);
    notify_start(&daemon->notify);
    if (!listener_lock_home(options->home, &daemon->lock_fd, error) ||
        !open_programs(daemon, error) || !recover_check(options->home, NULL, error) ||
        !store_open(options->home, &daemon->store, error) ||
        !recover_check(options->home, daemon->store, error) || !open_loop(daemon, error) ||
        !open_host(daemon, error) || !open_supervisor(daemon, error))
        return false;
    open_starter(daemon);
    daemon->reserve.home = options->home;
    daemon_wake(daemon);
    if (!listener_open(&daemon->listener, &daemon->loop, options->home, on_connection, error))
        return false;
    log_info("serves %s with %" PRId64 " slots", options->home, daemon->starter.limits.slots);
    notify_ready(&daemon->notify);
    return true;
}

void daemon_run(struct daemon *daemon)
{
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
}

/* Also after a daemon_open that failed half-way. */
static void close_loop(struct daemon *daemon)
{
    if (!daemon->loop.data)
        return;
    if (!daemon->closed)
        close_handles(daemon);
    uv_close((uv_handle_t *)&daemon->leave, NULL);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    uv_loop_close(&daemon->loop);
}

void daemon_close(struct daemon *daemon)
{
    close_loop(daemon);
    supervisor_free(&daemon->supervisor);
    request_changes_free(daemon);
    store_free(&daemon->store);
    executor_close(&daemon->executor);
    buffer_release(&daemon->greeting);
    free(daemon->host.read_buffer);
    notify_end(&daemon->notify);
    descriptor_close(&daemon->lock_fd);
}
