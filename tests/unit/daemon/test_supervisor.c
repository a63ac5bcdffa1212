/*
 * The supervisor with a real store and an executor that only pretends: its workers are an eventfd
 * (readable: ended), a copy of the lock's descriptor, and journals that the test writes.
 */
#include "tests/unit/daemon/store_fixture.h"

#include "common/clock.h"
#include "common/process.h"
#include "daemon/launch.h"
#include "daemon/store/internal.h"
#include "daemon/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURNS_LIMIT 200

static struct {
    int n_starts, n_adopts, n_stops, n_sweeps;
    int n_pauses, n_resumes;
    int survivors; /* how many the next sweeps find */
    char tidied[PROCESS_MARKER_SIZE];
    struct error start_failure, adopt_failure;
    int lock_fd; /* the worker's copy; -1: none */
    int pidfd;   /* the test's copy */
    char folder[256], marker[256];
    char thread_setting[64];
} fake;

static struct {
    int n_failed, n_progressed;
    bool whole;
} told;

static uv_loop_t loop;
static struct supervisor *supervisor;
static struct clock_manual times;
static struct clock test_clock;

/* ---- the executor ---- */

static struct executor_worker new_worker(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);

    if (fake.pidfd >= 0)
        close(fake.pidfd);
    fake.pidfd = dup(fd);
    return (struct executor_worker){.pid = 4711, .pidfd = fd, .child = true};
}

static bool fake_start(const struct executor *executor, const struct executor_start *start_,
                       struct executor_worker *ret_worker, struct error *error)
{
    (void)executor;
    fake.n_starts++;
    if (fake.start_failure.kind != ERROR_NONE) {
        *error = fake.start_failure;
        return false;
    }
    (void)snprintf(fake.folder, sizeof(fake.folder), "%s", start_->folder);
    for (char *const *entry = start_->environment; *entry; entry++)
        if (strncmp(*entry, "OMP_NUM_THREADS=", 16) == 0)
            (void)snprintf(fake.thread_setting, sizeof(fake.thread_setting), "%s", *entry);
    fake.lock_fd = dup(start_->lock_fd);
    *ret_worker = new_worker();
    return true;
}

static bool fake_adopt(const struct executor *executor, const struct executor_identity *identity,
                       struct executor_worker *ret_worker, struct error *error)
{
    (void)executor;
    fake.n_adopts++;
    if (fake.adopt_failure.kind != ERROR_NONE) {
        *error = fake.adopt_failure;
        return false;
    }
    assert_int_equal(identity->pid, 6);
    assert_int_equal(identity->start, 55);
    assert_string_equal(identity->boot, "b-1");
    *ret_worker = new_worker();
    return true;
}

static bool fake_stop(const struct executor_worker *worker, enum process_stop why,
                      struct error *error)
{
    (void)worker;
    (void)error;
    assert_int_equal(why, PROCESS_STOP_CANCELLED);
    fake.n_stops++;
    return true;
}

static bool fake_pause(const struct executor_worker *worker, enum process_pause pause,
                       struct error *error)
{
    (void)worker;
    (void)error;
    if (pause == PROCESS_PAUSE_BEGIN)
        fake.n_pauses++;
    else
        fake.n_resumes++;
    return true;
}

static bool fake_gone(const struct executor_worker *worker)
{
    uint64_t count;

    if (worker->pidfd < 0)
        return false;
    int flags = fcntl(worker->pidfd, F_GETFL);
    fcntl(worker->pidfd, F_SETFL, flags | O_NONBLOCK);
    if (read(worker->pidfd, &count, sizeof(count)) != sizeof(count))
        return false;
    return true;
}

static bool fake_end_survivors(const struct executor *executor, const char *marker,
                               const char *group, size_t *ret_n, struct error *error)
{
    (void)executor;
    (void)group;
    (void)error;
    (void)snprintf(fake.marker, sizeof(fake.marker), "%s", marker);
    fake.n_sweeps++;
    *ret_n = (size_t)fake.survivors;
    if (fake.survivors > 0)
        fake.survivors--;
    return true;
}

static void fake_tidy(const struct executor *executor, const char *marker)
{
    (void)executor;
    (void)snprintf(fake.tidied, sizeof(fake.tidied), "%s", marker);
}

static const struct executor_kind fake_kind = {
    .name = "fake",
    .start = fake_start,
    .adopt = fake_adopt,
    .stop = fake_stop,
    .pause = fake_pause,
    .gone = fake_gone,
    .end_survivors = fake_end_survivors,
    .tidy = fake_tidy,
};
static const struct executor fake_executor = {.kind = &fake_kind, .worker_fd = -1};

/* ---- the host ---- */

static void on_wake(void *context)
{
    (void)context;
}

static void on_progressed(void *context, int64_t experiment)
{
    (void)context;
    (void)experiment;
    told.n_progressed++;
}

static void on_start_failed(void *context, int64_t experiment, bool whole,
                            const struct error *error)
{
    (void)context;
    (void)experiment;
    assert_true(error->message[0]);
    told.n_failed++;
    told.whole = whole;
}

static void open_supervisor(void)
{
    struct supervisor_options options = {
        .loop = &loop,
        .store = store,
        .executor = &fake_executor,
        .clock = &test_clock,
        .home = home,
        .look_ms = 5,
        .wake = on_wake,
        .progressed = on_progressed,
        .start_failed = on_start_failed,
    };
    struct error error;

    assert_true(supervisor_open(&options, &supervisor, &error));
    assert_true(supervisor_adopt(supervisor, &error));
}

static void close_supervisor(void)
{
    supervisor_close(supervisor);
    uv_run(&loop, UV_RUN_DEFAULT);
    supervisor_free(&supervisor);
}

/* As after a killed daemon. */
static void restart_supervisor(void)
{
    close_supervisor();
    reopen();
    open_supervisor();
}

static bool take_in(void)
{
    bool decided = false;
    struct error error;

    uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(store_begin(store, &error));
    if (!supervisor_take_in(supervisor, true, &decided, &error))
        fail_msg("%s", error.message);
    return decided;
}

static void commit(void)
{
    struct error error;

    assert_true(store_commit(store, &error));
    supervisor_committed(supervisor);
}

static void roll_back(void)
{
    store_rollback(store);
    supervisor_rolled_back(supervisor);
}

/* Turns until something was decided and committed. */
static void turns_to_verdict(void)
{
    for (int i = 0; i < TURNS_LIMIT; i++) {
        bool decided = take_in();
        commit();
        if (decided)
            return;
        uv_run(&loop, UV_RUN_ONCE); /* the next look */
    }
    fail_msg("no verdict");
}

static void start_run_of(int64_t id)
{
    struct error error;

    assert_true(store_begin(store, &error));
    if (!supervisor_plan_start(supervisor, id, 0, &error))
        fail_msg("%s", error.message);
    commit();
}

/* ---- what a worker would do ---- */

static void write_event(int64_t id, int run, const char *line)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/runs/%" PRId64 "/%d", home, id, run);
    struct error error;
    assert_true(file_make_folders(path, &error));
    (void)snprintf(path, sizeof(path), "%s/runs/%" PRId64 "/%d/events.jsonl", home, id, run);
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    (void)fprintf(file, "%s\n", line);
    assert_int_equal(fclose(file), 0);
}

#define STARTED                                                                         \
    "{\"v\":1,\"seq\":1,\"t\":1790000000,\"event\":\"started\",\"pid\":7,\"worker\":6," \
    "\"worker_start\":55,\"boot\":\"b-1\"}"
#define SIGNALLED "{\"v\":1,\"seq\":2,\"t\":1790000000,\"event\":\"signalled\",\"signal\":15}"
#define EXIT_0 "{\"v\":1,\"seq\":3,\"t\":1790000001,\"event\":\"exit\",\"status\":0,\"signal\":0}"

static void release_lock(void)
{
    if (fake.lock_fd >= 0)
        close(fake.lock_fd);
    fake.lock_fd = -1;
}

static void end_worker(void)
{
    uint64_t one = 1;

    release_lock();
    assert_int_equal(write(fake.pidfd, &one, sizeof(one)), sizeof(one));
}

static bool lock_is_free(int64_t id)
{
    struct error error;
    int fd;

    if (!launch_lock(home, id, &fd, &error))
        return error.kind != ERROR_BUSY;
    close(fd);
    return true;
}

static int64_t submit_one(void)
{
    return submit("{'base':{'command':['true']},'cwd':'/'}");
}

static int64_t n_runs(int64_t id)
{
    scoped(json_free) cJSON *shown = NULL;
    struct error error;

    assert_true(store_show(store, id, now_ms, &shown, &error));
    return cJSON_GetArraySize(json_member(shown, "runs"));
}

static int set_up(void **state)
{
    memset(&fake, 0, sizeof(fake));
    memset(&told, 0, sizeof(told));
    fake.lock_fd = fake.pidfd = -1;
    if (open_store(state) != 0 || uv_loop_init(&loop) != 0)
        return -1;
    times = (struct clock_manual){.wall_ms = now_ms, .monotonic_ms = 1000000};
    test_clock = clock_manual_of(&times);
    open_supervisor();
    return 0;
}

static int tear_down(void **state)
{
    close_supervisor();
    release_lock();
    if (fake.pidfd >= 0)
        close(fake.pidfd);
    if (uv_loop_close(&loop) != 0)
        return -1;
    return close_store(state);
}

/* ---- starting ---- */

static void planned_start_happens_only_after_the_commit(void **state)
{
    struct error error;
    int64_t id = submit_one();

    (void)state;
    assert_true(store_begin(store, &error));
    assert_true(supervisor_plan_start(supervisor, id, 0, &error));
    assert_int_equal(fake.n_starts, 0);
    roll_back();
    assert_int_equal(fake.n_starts, 0);
    assert_string_equal(state_of(id), "queued");
    start_run_of(id);
    assert_int_equal(fake.n_starts, 1);
    assert_string_equal(state_of(id), "starting");
}

static void worker_gets_folder_spec_lock_and_environment(void **state)
{
    char path[300];
    int64_t id = submit("{'base':{'command':['true'],'resources':{'cpus':1.5}},'cwd':'/'}");

    (void)state;
    start_run_of(id);
    (void)snprintf(path, sizeof(path), "%s/spec.json", fake.folder);
    assert_true(file_exists(AT_FDCWD, path));
    assert_string_equal(fake.thread_setting, "OMP_NUM_THREADS=2");
    assert_false(lock_is_free(id));
    release_lock();
    assert_true(lock_is_free(id)); /* the supervisor kept no copy */
}

static void run_ends_with_the_verdict_of_its_exit(void **state)
{
    int64_t id = submit_one();

    (void)state;
    start_run_of(id);
    write_event(id, 1, STARTED);
    write_event(id, 1, EXIT_0);
    end_worker();
    turns_to_verdict();
    assert_string_equal(state_of(id), "done");
    assert_int_equal(supervisor_count(supervisor), 0);
    assert_true(lock_is_free(id));
    assert_int_equal(fake.n_sweeps, 0);
}

static void exit_line_alone_is_no_verdict_while_the_worker_lives(void **state)
{
    int64_t id = submit_one();

    (void)state;
    start_run_of(id);
    write_event(id, 1, STARTED);
    write_event(id, 1, EXIT_0);
    for (int i = 0; i < 3; i++) {
        uv_run(&loop, UV_RUN_ONCE); /* a look */
        assert_false(take_in());
        commit();
    }
    assert_string_equal(state_of(id), "running");
    end_worker();
    turns_to_verdict();
    assert_string_equal(state_of(id), "done");
}

static void verdict_waits_for_a_transaction_that_is_durable(void **state)
{
    bool decided = false;
    struct error error;
    int64_t id = submit_one();

    (void)state;
    start_run_of(id);
    write_event(id, 1, STARTED);
    write_event(id, 1, EXIT_0);
    end_worker();
    while (!supervisor_busy(supervisor))
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(supervisor_expects_verdict(supervisor));
    assert_true(store_begin_relaxed(store, &error));
    assert_true(supervisor_take_in(supervisor, false, &decided, &error));
    commit();
    assert_false(decided);
    assert_string_equal(state_of(id), "running");
    assert_true(supervisor_busy(supervisor));
    turns_to_verdict();
    assert_string_equal(state_of(id), "done");
}

static void verdict_that_was_rolled_back_is_decided_again(void **state)
{
    int64_t id = submit_one();

    (void)state;
    start_run_of(id);
    write_event(id, 1, STARTED);
    write_event(id, 1, EXIT_0);
    end_worker();
    while (!take_in()) {
        commit();
        uv_run(&loop, UV_RUN_ONCE);
    }
    roll_back();
    assert_string_equal(state_of(id), "starting");
    assert_int_equal(supervisor_count(supervisor), 1);
    assert_false(lock_is_free(id)); /* nobody may start it meanwhile */
    turns_to_verdict();
    assert_string_equal(state_of(id), "done");
}

static void start_that_fails_for_want_of_something_is_queued_again(void **state)
{
    int64_t id = submit_one();

    (void)state;
    error_set(&fake.start_failure, ERROR_IO, "no more processes");
    start_run_of(id);
    assert_int_equal(told.n_failed, 1);
    assert_true(told.whole);
    turns_to_verdict();
    assert_string_equal(state_of(id), "queued");
    fake.start_failure = (struct error){0};
    start_run_of(id);
    assert_string_equal(state_of(id), "starting");
}

static void start_that_can_never_succeed_fails_the_experiment(void **state)
{
    int64_t id = submit_one();

    (void)state;
    error_set(&fake.start_failure, ERROR_IO, "argument list too long");
    fake.start_failure.os_errno = E2BIG;
    start_run_of(id);
    turns_to_verdict();
    assert_string_equal(state_of(id), "failed");
    assert_int_equal(told.n_failed, 0);
}

static void experiment_that_somebody_runs_by_hand_waits(void **state)
{
    struct error error;
    int64_t id = submit_one();
    char path[160];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/runs/%" PRId64, home, id);
    assert_true(file_make_folders(path, &error));
    assert_true(launch_lock(home, id, &fake.lock_fd, &error));
    start_run_of(id);
    assert_int_equal(fake.n_starts, 0);
    assert_int_equal(told.n_failed, 1);
    assert_false(told.whole);
    turns_to_verdict();
    assert_string_equal(state_of(id), "queued");
}

/* ---- stopping ---- */

static void stop_is_sent_after_the_commit_only(void **state)
{
    struct error error;
    int64_t id = submit_one();

    (void)state;
    start_run_of(id);
    assert_true(store_begin(store, &error));
    supervisor_plan_stop(supervisor, id);
    roll_back();
    assert_int_equal(fake.n_stops, 0);
    assert_true(store_begin(store, &error));
    supervisor_plan_stop(supervisor, id);
    commit();
    assert_int_equal(fake.n_stops, 1);
}

static void what_a_request_planned_outlives_the_parts_of_the_turn_that_are_undone(void **state)
{
    struct error error;
    int64_t id = submit_one(), other = submit_one();

    (void)state;
    start_run_of(id);
    assert_true(store_begin(store, &error));
    assert_true(supervisor_plan_start(supervisor, other, 0, &error));
    supervisor_plan_stop(supervisor, id);
    supervisor_forget_taken(supervisor);
    supervisor_forget_finishes(supervisor);
    supervisor_forget_starts(supervisor);
    commit();
    assert_int_equal(fake.n_stops, 1);
    assert_int_equal(fake.n_starts, 1);
}

static void request_that_is_undone_takes_its_own_wishes_with_it(void **state)
{
    struct error error;
    int64_t id = submit_one();

    (void)state;
    start_run_of(id);
    assert_true(store_begin(store, &error));
    assert_int_equal(supervisor_wishes(supervisor), 0);
    supervisor_plan_stop(supervisor, id);
    assert_int_equal(supervisor_wishes(supervisor), 1);
    supervisor_plan_stop(supervisor, id);
    supervisor_plan_stop(supervisor, id);
    supervisor_forget_wishes(supervisor, 1);
    commit();
    assert_int_equal(fake.n_stops, 1);
    assert_int_equal(supervisor_wishes(supervisor), 0);
}

/* ---- after a restart ---- */

/* A run whose worker was started by an earlier daemon and holds the lock. */
static int64_t run_of_before(void)
{
    int64_t id = submit_one();

    start_run_of(id);
    fake.n_starts = 0;
    return id;
}

static void living_worker_is_adopted_and_its_verdict_taken(void **state)
{
    int64_t id = run_of_before();

    (void)state;
    write_event(id, 1, STARTED);
    restart_supervisor();
    take_in();
    commit();
    assert_int_equal(fake.n_adopts, 1);
    assert_string_equal(state_of(id), "running");
    write_event(id, 1, EXIT_0);
    end_worker();
    turns_to_verdict();
    assert_string_equal(state_of(id), "done");
    assert_int_equal(fake.n_starts, 0);
    assert_int_equal(n_runs(id), 1);
}

static void worker_that_has_not_said_who_it_is_is_waited_for(void **state)
{
    int64_t id = run_of_before();

    (void)state;
    restart_supervisor();
    assert_false(take_in());
    commit();
    assert_int_equal(fake.n_adopts, 0);
    assert_string_equal(state_of(id), "starting");
    write_event(id, 1, STARTED);
    for (int i = 0; i < TURNS_LIMIT && fake.n_adopts == 0; i++) {
        uv_run(&loop, UV_RUN_ONCE);
        take_in();
        commit();
    }
    assert_int_equal(fake.n_adopts, 1);
}

static void run_that_ended_while_nobody_looked_counts(void **state)
{
    int64_t id = run_of_before();

    (void)state;
    write_event(id, 1, STARTED);
    write_event(id, 1, EXIT_0);
    release_lock();
    restart_supervisor();
    turns_to_verdict();
    assert_string_equal(state_of(id), "done");
    assert_int_equal(fake.n_adopts, 0);
}

static void run_that_never_started_is_queued_again(void **state)
{
    int64_t id = run_of_before();

    (void)state;
    release_lock();
    restart_supervisor();
    turns_to_verdict();
    assert_string_equal(state_of(id), "queued");
    assert_int_equal(fake.n_sweeps, 0);
    assert_non_null(strstr(fake.tidied, "/1/1"));
}

/* The machine that started it was started anew since: what was not synced is gone. */
static void machine_restarts(void)
{
    assert_int_equal(
        sqlite3_exec(store->database, "UPDATE run SET boot = 'before'", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_changes(store->database), 2);
}

static void run_without_a_word_from_before_a_power_cut_may_have_begun(void **state)
{
    int64_t id = run_of_before();
    int64_t careful = submit("{'base':{'command':['true'],'queue':{'requeue':false}}}");

    (void)state;
    release_lock();
    start(careful);
    machine_restarts();
    restart_supervisor();
    while (supervisor_count(supervisor) > 0)
        turns_to_verdict();
    assert_string_equal(state_of(id), "queued"); /* lost, and once more */
    scoped(json_free) cJSON *row = row_of(careful);
    assert_string_equal(json_text(row, "verdict", ""), "lost");
}

static void run_whose_folder_was_never_made_is_queued_again(void **state)
{
    int64_t id = submit_one();

    (void)state;
    start(id); /* the store alone: the daemon was killed right after the commit */
    restart_supervisor();
    turns_to_verdict();
    assert_string_equal(state_of(id), "queued");
}

static void lost_run_is_requeued_only_when_its_survivors_have_ended(void **state)
{
    char wanted[64];
    int64_t id = run_of_before();

    (void)state;
    write_event(id, 1, STARTED);
    release_lock();
    restart_supervisor();
    fake.survivors = 2;
    assert_false(take_in());
    commit();
    assert_string_equal(state_of(id), "running");
    assert_false(lock_is_free(id));
    turns_to_verdict();
    assert_int_equal(fake.n_sweeps, 3);
    (void)snprintf(wanted, sizeof(wanted), "/%" PRId64 "/1", id);
    assert_non_null(strstr(fake.marker, wanted));
    assert_string_equal(state_of(id), "queued");
}

static void cancelled_run_is_told_once_across_a_restart(void **state)
{
    int64_t id = run_of_before();

    (void)state;
    write_event(id, 1, STARTED);
    take_in();
    commit();
    apply(id, EXPERIMENT_EVENT_CANCEL); /* committed, but the daemon was killed before the signal */
    restart_supervisor();
    take_in();
    commit();
    assert_int_equal(fake.n_stops, 1);
    write_event(id, 1, SIGNALLED);
    restart_supervisor();
    take_in();
    commit();
    assert_int_equal(fake.n_adopts, 2);
    assert_int_equal(fake.n_stops, 1); /* a second signal would kill it at once */
}

#define PAUSED "{\"v\":1,\"seq\":2,\"t\":1790000000,\"event\":\"paused\"}"

static void look_at_run(void)
{
    while (!supervisor_busy(supervisor))
        uv_run(&loop, UV_RUN_ONCE); /* the next look */
    take_in();
    commit();
}

static void pause_is_told_once_and_only_to_a_worker_that_listens(void **state)
{
    int64_t id = submit_one();

    (void)state;
    start_run_of(id);
    apply(id, EXPERIMENT_EVENT_PAUSE);
    supervisor_plan_pause(supervisor, id, true);
    supervisor_committed(supervisor);
    assert_int_equal(fake.n_pauses, 0); /* it has not said `started` */
    write_event(id, 1, STARTED);
    look_at_run();
    assert_string_equal(state_of(id), "paused");
    assert_int_equal(fake.n_pauses, 1);
    supervisor_plan_pause(supervisor, id, false);
    supervisor_rolled_back(supervisor);
    supervisor_committed(supervisor);
    assert_int_equal(fake.n_resumes, 0);
    apply(id, EXPERIMENT_EVENT_RESUME);
    supervisor_plan_pause(supervisor, id, false);
    supervisor_committed(supervisor);
    assert_string_equal(state_of(id), "running");
    assert_int_equal(fake.n_pauses, 1);
    assert_int_equal(fake.n_resumes, 1);
}

static void adopted_run_is_told_what_its_journal_does_not_say(void **state)
{
    int64_t id = run_of_before();

    (void)state;
    write_event(id, 1, STARTED);
    take_in();
    commit();
    apply(id, EXPERIMENT_EVENT_PAUSE); /* the daemon was killed before the signal */
    restart_supervisor();
    take_in();
    commit();
    assert_int_equal(fake.n_pauses, 1);
    write_event(id, 1, PAUSED);
    restart_supervisor();
    take_in();
    commit();
    assert_int_equal(fake.n_pauses, 1);
    apply(id, EXPERIMENT_EVENT_RESUME);
    restart_supervisor();
    take_in();
    commit();
    assert_int_equal(fake.n_resumes, 1);
    assert_string_equal(state_of(id), "running");
}

static void progress_is_told_at_most_once_a_second(void **state)
{
    int64_t id = submit_one();
    char path[300];

    (void)state;
    start_run_of(id);
    (void)snprintf(path, sizeof(path), "%s/reported.jsonl", fake.folder);
    for (int step = 0; step < 4; step++) {
        FILE *file = fopen(path, "ae");
        assert_non_null(file);
        (void)fprintf(file, "{\"loss\":1,\"step\":%d}\n", step);
        assert_int_equal(fclose(file), 0);
        while (!supervisor_busy(supervisor))
            uv_run(&loop, UV_RUN_ONCE); /* the next look */
        take_in();
        commit();
        if (step == 1)
            times.monotonic_ms += SUPERVISOR_PROGRESS_MS;
    }
    assert_int_equal(told.n_progressed, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(planned_start_happens_only_after_the_commit),
        TEST(worker_gets_folder_spec_lock_and_environment),
        TEST(run_ends_with_the_verdict_of_its_exit),
        TEST(exit_line_alone_is_no_verdict_while_the_worker_lives),
        TEST(verdict_waits_for_a_transaction_that_is_durable),
        TEST(verdict_that_was_rolled_back_is_decided_again),
        TEST(start_that_fails_for_want_of_something_is_queued_again),
        TEST(start_that_can_never_succeed_fails_the_experiment),
        TEST(experiment_that_somebody_runs_by_hand_waits),
        TEST(stop_is_sent_after_the_commit_only),
        TEST(what_a_request_planned_outlives_the_parts_of_the_turn_that_are_undone),
        TEST(request_that_is_undone_takes_its_own_wishes_with_it),
        TEST(living_worker_is_adopted_and_its_verdict_taken),
        TEST(worker_that_has_not_said_who_it_is_is_waited_for),
        TEST(run_that_ended_while_nobody_looked_counts),
        TEST(run_that_never_started_is_queued_again),
        TEST(run_without_a_word_from_before_a_power_cut_may_have_begun),
        TEST(run_whose_folder_was_never_made_is_queued_again),
        TEST(lost_run_is_requeued_only_when_its_survivors_have_ended),
        TEST(cancelled_run_is_told_once_across_a_restart),
        TEST(pause_is_told_once_and_only_to_a_worker_that_listens),
        TEST(adopted_run_is_told_what_its_journal_does_not_say),
        TEST(progress_is_told_at_most_once_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
