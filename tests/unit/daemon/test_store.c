/* The store: what is acknowledged stays, what fails leaves nothing. */
#include "tests/unit/daemon/store_fixture.h"

#include "daemon/batch.h"
#include "daemon/store/internal.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void submission_survives_a_reopening(void **state)
{
    scoped(json_free) cJSON *row = NULL;
    int64_t id;

    (void)state;
    id = submit("{" COMMAND ",'question':'why?','cwd':'/tmp','environment':['A=1']}");
    assert_int_equal(id, 1);
    reopen();
    row = row_of(id);
    assert_string_equal(json_text(row, "state", ""), "queued");
    assert_string_equal(json_text(row, "name", ""), "job");
    assert_near(json_number(row, "submitted", 0), 1790000000.0, 1e-6);
}

static void ids_are_never_used_again(void **state)
{
    struct error error;
    int64_t id;

    (void)state;
    submit("{" COMMAND "}");
    id = submit("{" COMMAND "}");
    assert_true(store_begin(store, &error));
    assert_true(store_execute(store, &error, "DELETE FROM experiment WHERE id = ?", BIND(INT(id))));
    assert_true(store_commit(store, &error));
    reopen();
    assert_int_equal(submit("{" COMMAND "}"), id + 1);
}

static void failed_request_undoes_only_itself(void **state)
{
    scoped(json_free) cJSON *good = parse_json("{" COMMAND "}");
    scoped(json_free) cJSON *bad =
        parse_json("{'experiments':[{'command':['a']},{'command':['b'],'seed':-1}]}");
    scoped(json_free) cJSON *reply = NULL, *counts = NULL;
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct error error;

    (void)state;
    assert_true(store_begin(store, &error));
    assert_true(store_savepoint(store, &error));
    assert_true(store_submit(store, good, now_ms, &reply, &diagnostics, &error));
    assert_true(store_keep(store, &error));
    assert_true(store_savepoint(store, &error));
    json_free(&reply);
    assert_false(store_submit(store, bad, now_ms, &reply, &diagnostics, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_string_equal(diagnostics.item[0].path, "experiments[1].seed");
    assert_true(store_undo(store, &error));
    assert_true(store_commit(store, &error));
    assert_true(store_counts(store, &counts, &error));
    assert_string_equal(print_json(counts), "{\"queued\":1}");
}

static void same_token_answers_as_the_first_time(void **state)
{
    scoped(json_free) cJSON *first = NULL, *second = NULL, *counts = NULL;
    struct error error;

    (void)state;
    assert_string_equal(try_submit("{" COMMAND ",'token':'t1'}", &first), "");
    assert_string_equal(try_submit("{" COMMAND ",'token':'t1'}", &second), "");
    assert_true(cJSON_Compare(first, second, true));
    assert_true(store_counts(store, &counts, &error));
    assert_int_equal(json_integer(counts, "queued", 0), 1);
}

/* ---- bad databases ---- */

static char *database_path(void)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/queue.db", home);
    return path;
}

static void write_bytes(long offset, const void *bytes, size_t size)
{
    FILE *file = fopen(database_path(), "r+be");

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static char *read_database(size_t *ret_size)
{
    struct error error;
    char *data;

    assert_true(file_read(AT_FDCWD, database_path(), 1 << 28, &data, ret_size, &error));
    return data;
}

/* Opening is refused with the file's name, and not a byte of it changes. */
static void assert_refused(enum error_kind kind, const char *words)
{
    size_t size_before, size_after;
    scoped(memory_free) char *before = read_database(&size_before);
    scoped(memory_free) char *after = NULL;
    struct store *refused = NULL;
    struct error error;

    assert_false(store_open(home, &refused, &error));
    assert_int_equal(error.kind, kind);
    assert_non_null(strstr(error.message, "queue.db"));
    if (!strstr(error.message, words))
        fail_msg("'%s' is not in '%s'", words, error.message);
    after = read_database(&size_after);
    assert_int_equal(size_before, size_after);
    assert_memory_equal(before, after, size_before);
}

static void newer_database_is_refused_untouched(void **state)
{
    const unsigned char version[4] = {0, 0, 3, 231};

    (void)state;
    submit("{" COMMAND "}");
    store_free(&store);
    write_bytes(60, version, 4); /* user_version */
    assert_refused(ERROR_INVALID, "newer");
}

static void foreign_database_is_refused_untouched(void **state)
{
    const unsigned char application[4] = {1, 2, 3, 4};

    (void)state;
    store_free(&store);
    write_bytes(68, application, 4);
    assert_refused(ERROR_CORRUPT, "another program");
}

static void rubbish_is_refused_untouched(void **state)
{
    char rubbish[64];

    (void)state;
    store_free(&store);
    memset(rubbish, 'x', sizeof(rubbish));
    write_bytes(0, rubbish, sizeof(rubbish));
    assert_refused(ERROR_CORRUPT, "not a database");
}

/* Overwrites all pages but the first; or the last one alone, which holds rows then. */
static void damage(bool last_alone)
{
    char rubbish[4096];
    size_t size;
    scoped(memory_free) char *data = NULL;

    for (int i = 0; i < 50; i++)
        submit("{'base':{'command':['true']},'experiments':[{'name':'a'},{'name':'b'}]}");
    store_free(&store);
    data = read_database(&size);
    memset(rubbish, 0xff, sizeof(rubbish));
    for (size_t at = last_alone ? size - 4096 : 4096; at < size; at += 4096)
        write_bytes((long)at, rubbish, sizeof(rubbish));
}

static void damaged_pages_are_refused_untouched(void **state)
{
    (void)state;
    damage(false);
    assert_refused(ERROR_CORRUPT, "queue.db");
}

static void one_damaged_page_is_enough(void **state)
{
    (void)state;
    damage(true);
    assert_refused(ERROR_CORRUPT, "damaged");
}

static void second_opening_is_busy(void **state)
{
    struct store *second = NULL;
    struct error error;

    (void)state;
    submit("{" COMMAND "}");
    assert_false(store_open(home, &second, &error));
    assert_int_equal(error.kind, ERROR_BUSY);
}

static void database_is_private(void **state)
{
    struct stat status;

    (void)state;
    assert_int_equal(stat(database_path(), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* ---- killed, and out of space ---- */

static void in_child(void (*act)(void))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        act();
        _exit(7); /* as a kill would leave it: nothing is closed */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void begin_and_submit(void)
{
    struct store *mine;
    struct error error;
    cJSON *params = parse_json("{" COMMAND "}"), *reply = NULL;
    struct diagnostics diagnostics = {0};

    if (!store_open(home, &mine, &error) || !store_begin(mine, &error) ||
        !store_submit(mine, params, now_ms, &reply, &diagnostics, &error))
        _exit(1);
    store = mine;
}

static void commit_too(void)
{
    struct error error;

    begin_and_submit();
    if (!store_commit(store, &error))
        _exit(1);
}

static int64_t count_queued(void)
{
    scoped(json_free) cJSON *counts = NULL;
    struct error error;

    assert_true(store_counts(store, &counts, &error));
    return json_integer(counts, "queued", 0);
}

static void killed_before_commit_leaves_nothing(void **state)
{
    (void)state;
    store_free(&store);
    in_child(begin_and_submit);
    reopen();
    assert_int_equal(count_queued(), 0);
}

static void killed_after_commit_leaves_everything(void **state)
{
    (void)state;
    store_free(&store);
    in_child(commit_too);
    reopen();
    assert_int_equal(count_queued(), 1);
}

#define SWEEP                                                                       \
    "{'base':{'command':['train','{a}']},'sweep':{'method':'random','trials':2000," \
    "'parameters':{'a':{'low':0,'high':1}}}}"

static void full_database_stores_nothing_and_is_usable_afterwards(void **state)
{
    scoped(json_free) cJSON *params = parse_json(SWEEP);
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    cJSON *reply = NULL;
    struct error error, ignored;
    int64_t pages;
    char sql[64];

    (void)state;
    submit("{" COMMAND "}");
    assert_true(store_integer(store, 0, &pages, &error, "PRAGMA page_count", NULL));
    (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %" PRId64, pages + 10);
    assert_int_equal(sqlite3_exec(store->database, sql, NULL, NULL, NULL), SQLITE_OK);

    assert_true(store_begin(store, &error));
    assert_true(store_savepoint(store, &error));
    assert_false(store_submit(store, params, now_ms, &reply, &diagnostics, &error));
    assert_int_equal(error.kind, ERROR_NO_SPACE);
    if (store_undo(store, &ignored))
        assert_true(store_commit(store, &error));
    else
        store_rollback(store);
    assert_int_equal(count_queued(), 1);

    assert_int_equal(
        sqlite3_exec(store->database, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL),
        SQLITE_OK);
    submit(SWEEP);
    assert_int_equal(count_queued(), 2001);
}

/* Room for n pages more, n = 0, 1, 2, ... until it goes well: never a part of it. */
static void every_shortage_of_space_stores_all_or_nothing(void **state)
{
    int64_t pages = 0;
    bool stored = false;

    (void)state;
    for (int n = 0; n < 400 && !stored; n++) {
        scoped(json_free) cJSON *params = parse_json(
            "{'base':{'command':['train','{a}']},'sweep':{'method':'random','trials':100,"
            "'parameters':{'a':{'low':0,'high':1}}}}");
        scoped(diagnostics_release) struct diagnostics diagnostics = {0};
        scoped(json_free) cJSON *reply = NULL;
        struct error error, ignored;
        char sql[64];

        assert_true(store_integer(store, 0, &pages, &error, "PRAGMA page_count", NULL));
        (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %" PRId64, pages + n);
        assert_int_equal(sqlite3_exec(store->database, sql, NULL, NULL, NULL), SQLITE_OK);
        assert_true(store_begin(store, &error));
        stored = store_submit(store, params, now_ms, &reply, &diagnostics, &error);
        if (!stored) {
            assert_int_equal(error.kind, ERROR_NO_SPACE);
            store_rollback(store);
        } else {
            assert_true(store_commit(store, &ignored));
        }
        assert_int_equal(count_queued(), stored ? 100 : 0);
    }
    assert_true(stored);
    reopen();
    assert_int_equal(count_queued(), 100);
}

/* ---- states and what follows from them ---- */

static void experiment_runs_to_done(void **state)
{
    scoped(json_free) cJSON *shown = NULL;
    struct error error;
    int64_t id;
    const cJSON *run;

    (void)state;
    id = submit("{" COMMAND "}");
    start(id);
    assert_string_equal(state_of(id), "starting");
    take_line(id, 1, STORE_JOURNAL_EVENTS, 0,
              "{'event':'started','t':1790000000.5,'worker':4711,'worker_start':99,'boot':'b',"
              "'blas_core':'SkylakeX'}");
    assert_string_equal(state_of(id), "running");
    take_line(id, 1, STORE_JOURNAL_EVENTS, 100, "{'event':'exit','status':0}");
    now_ms += 3000;
    end_with(id, 0);
    assert_true(store_show(store, id, now_ms, &shown, &error));
    assert_string_equal(json_text(shown, "state", ""), "done");
    assert_string_equal(json_text(shown, "verdict", ""), "done");
    run = cJSON_GetArrayItem(json_member(shown, "runs"), 0);
    assert_int_equal(json_integer(run, "exit", -9), 0);
    assert_near(json_number(run, "wall_s", 0), 2, 1e-9);
    assert_near(json_number(run, "started", 0), 1790000000.5, 1e-6);
    assert_string_equal(json_text(run, "blas_core", ""), "SkylakeX");
    assert_non_null(strstr(json_text(run, "log", ""), "/runs/1/1/log"));
}

static void launch_holds_all_that_a_start_needs(void **state)
{
    scoped(store_launch_release) struct store_launch launch = {0};
    struct error error;
    int64_t id = submit("{'base':{'name':'pi','command':['pi','{darts}'],'resources':{'cpus':2,"
                        "'time':'1h','memory':'1G'}},'cwd':'/work','environment':['A=1'],"
                        "'fingerprints':[{'path':'/x'}],'sweep':{'parameters':{'darts':[10,20]},"
                        "'replicates':2},'seed':5}");

    (void)state;
    assert_true(store_begin(store, &error));
    assert_true(store_start(store, id + 3, 5, now_ms, &launch, &error));
    assert_true(store_commit(store, &error));
    assert_string_equal(
        print_json(launch.document),
        "{\"v\":1,\"id\":4,\"run\":1,\"batch\":1,\"name\":\"pi/4\",\"seed\":6,\"replicate\":1,"
        "\"cwd\":\"/work\",\"parameters\":{\"darts\":20},\"fingerprints\":[{\"path\":\"/x\"}],"
        "\"spec\":{\"command\":[\"pi\",\"20\"],\"resources\":{\"cpus\":2,\"time\":\"1h\","
        "\"memory\":\"1G\"},\"name\":\"pi/4\",\"seed\":6}}");
    assert_string_equal(print_json(launch.environment), "[\"A=1\"]");
    assert_near(launch.time_s, 3600, 1e-9);
    assert_near(launch.cpus, 2, 1e-9);
    assert_int_equal(launch.memory, INT64_C(1) << 30);
    assert_int_equal(launch.gpu_mask, 5);
    assert_false(launch.pipeline);
    assert_false(launch.fresh);
}

static void time_spent_paused_does_not_count(void **state)
{
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    start(id);
    now_ms = 1060000;
    for (int time = 0; time < 2; time++) { /* a journal that is read again adds nothing */
        take_line(id, 1, STORE_JOURNAL_EVENTS, 0, "{'event':'started','t':1000,'worker':4711}");
        take_line(id, 1, STORE_JOURNAL_EVENTS, 100, "{'event':'paused','t':1010}");
        scoped(json_free) cJSON *paused = row_of(id);
        assert_near(json_number(paused, "elapsed_s", 0), 10, 1e-9);
        take_line(id, 1, STORE_JOURNAL_EVENTS, 200, "{'event':'resumed','t':1050}");
        scoped(json_free) cJSON *resumed = row_of(id);
        assert_near(json_number(resumed, "elapsed_s", 0), 20, 1e-9);
    }
}

static void started_twice_is_refused(void **state)
{
    struct store_launch launch;
    struct error error;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    start(id);
    assert_true(store_begin(store, &error));
    assert_false(store_start(store, id, 0, now_ms, &launch, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    store_rollback(store);
}

static void cancelled_experiment_is_never_a_candidate(void **state)
{
    struct scheduler_source source;
    struct scheduler_candidate candidate;
    struct error error;
    bool ended;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    assert_true(apply(id, EXPERIMENT_EVENT_CANCEL).decision.allowed);
    assert_true(store_candidates(store, &source, &error));
    assert_true(source.next(source.context, false, &candidate, &ended, &error));
    assert_true(ended);
}

static void retry_spends_one_and_a_message_tells_why(void **state)
{
    const struct experiment_exit failure = {.status = 3, .message = "boom"};
    scoped(json_free) cJSON *row = NULL;
    int64_t id = submit("{'base':{'command':['x'],'queue':{'retries':1}}}");

    (void)state;
    run_to_running(id);
    apply_exit(id, EXPERIMENT_EVENT_EXIT, &failure);
    row = row_of(id);
    assert_string_equal(json_text(row, "state", ""), "queued");
    assert_string_equal(json_text(row, "message", ""), "exit status 3: boom");
    start(id);
    apply_exit(id, EXPERIMENT_EVENT_EXIT, &failure);
    assert_string_equal(state_of(id), "failed");
}

static void restart_forgets_results_but_not_runs(void **state)
{
    scoped(json_free) cJSON *shown = NULL;
    scoped(store_launch_release) struct store_launch launch = {0};
    struct error error;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    report(id, 0, "{'event':'metric','name':'loss','value':1}");
    report(id, 100, "{'event':'mark','mark':'LEAK'}");
    end_with(id, 1);
    assert_true(apply(id, EXPERIMENT_EVENT_RESTART).decision.fresh);
    assert_true(store_begin(store, &error));
    assert_true(store_start(store, id, 0, now_ms, &launch, &error));
    assert_true(store_commit(store, &error));
    assert_true(launch.fresh);
    assert_int_equal(launch.run, 2);
    assert_true(store_show(store, id, now_ms, &shown, &error));
    assert_null(json_at(shown, "result.metrics.loss"));
    assert_int_equal(cJSON_GetArraySize(json_member(shown, "marks")), 0);
    assert_int_equal(cJSON_GetArraySize(json_member(shown, "runs")), 2);
}

static int64_t first_candidate(void)
{
    struct scheduler_source source;
    struct scheduler_candidate candidate;
    struct error error;
    bool ended;

    assert_true(store_candidates(store, &source, &error));
    assert_true(source.next(source.context, false, &candidate, &ended, &error));
    return ended ? 0 : candidate.id;
}

static void dependent_waits_for_the_end(void **state)
{
    int64_t first = submit("{" COMMAND "}"), second = submit_after("after", first);

    (void)state;
    run_to_running(first);
    assert_int_equal(first_candidate(), 0);
    end_with(first, 1);
    assert_int_equal(first_candidate(), second);
}

static void failure_skips_a_chain_of_any_length(void **state)
{
    scoped(json_free) cJSON *row = NULL;
    int64_t first = submit("{" COMMAND "}"), last = first;

    (void)state;
    for (int i = 0; i < 300; i++)
        last = submit_after("after_ok", last);
    run_to_end(first, 1);
    row = row_of(last);
    assert_string_equal(json_text(row, "state", ""), "cancelled");
    assert_string_equal(json_text(row, "verdict", ""), "skipped");
}

static void dependent_on_a_batch_waits_for_all_of_it(void **state)
{
    int64_t first = submit("{'base':{'command':['true']},'experiments':[{'seed':1},{'seed':2}]}");
    int64_t after = submit("{'base':{'command':['true'],'queue':{'after_ok':['batch:1']}}}");

    (void)state;
    run_to_end(first, 0);
    assert_int_equal(first_candidate(), first + 1);
    run_to_end(first + 1, 0);
    assert_int_equal(first_candidate(), after);
}

static void dependency_on_nothing_is_refused(void **state)
{
    cJSON *reply = NULL;

    (void)state;
    assert_string_equal(try_submit("{'base':{'command':['true'],'queue':{'after':['7']}}}", &reply),
                        "queue.after: there is no 7");
}

static void range_waits_for_what_was_there_before(void **state)
{
    int64_t first = submit("{" COMMAND "}");
    int64_t second =
        submit("{'base':{'command':['true'],'queue':{'after':['1-9']}},'experiments':[{},{}]}");
    cJSON *reply = NULL;

    (void)state;
    assert_string_equal(
        try_submit("{'base':{'command':['true'],'queue':{'after':['7-9']}}}", &reply),
        "queue.after: there is no 7-9");
    assert_int_equal(first_candidate(), first);
    run_to_end(first, 0);
    assert_int_equal(first_candidate(), second);
    run_to_end(second, 0);
    assert_int_equal(first_candidate(), second + 1);
}

static void numbers_that_are_no_ids_are_refused(void **state)
{
    static const char *const selects[] = {"{'ids':[[1e300,1e300]]}", "{'ids':[[0.5,1]]}",
                                          "{'ids':[3]}", "{'batch':[-1e300]}"};

    (void)state;
    submit("{" COMMAND "}");
    for (size_t i = 0; i < sizeof(selects) / sizeof(selects[0]); i++) {
        scoped(json_free) cJSON *select = parse_json(selects[i]);
        struct store_ids ids;
        struct error error;

        assert_false(store_select(store, select, &ids, &error));
        assert_int_equal(error.kind, ERROR_INVALID);
    }
}

static void finished_batch_is_announced_once(void **state)
{
    struct store_ended_batch batch;
    struct error error;
    bool found;
    int64_t id = submit("{" COMMAND ",'on_finish':'notify','cwd':'/c'}");

    (void)state;
    assert_true(store_next_finished(store, &batch, &found, &error));
    assert_false(found);
    run_to_end(id, 0);
    assert_true(store_next_finished(store, &batch, &found, &error));
    assert_true(found);
    assert_string_equal(batch.on_finish, "notify");
    assert_int_equal(batch.done, 1);
    assert_true(store_begin(store, &error));
    assert_true(store_set_finish_started(store, batch.id, &error));
    assert_true(store_commit(store, &error));
    store_ended_batch_release(&batch);
    assert_true(store_next_finished(store, &batch, &found, &error));
    assert_false(found);
}

static void live_runs_are_listed_with_what_adoption_needs(void **state)
{
    struct store_live *live;
    char boot[CLOCK_BOOT_ID_SIZE];
    struct error error;
    size_t n;
    int64_t id = submit("{'base':{'command':['true'],'resources':{'cpus':1.5,'gpus':1}}}");

    (void)state;
    start(id);
    assert_true(store_live(store, &live, &n, &error));
    assert_string_equal(live->boot, clock_boot_id(boot));
    free(live);
    take_line(id, 1, STORE_JOURNAL_EVENTS, 0,
              "{'event':'started','t':5,'worker':77,"
              "'worker_start':88,'boot':'boot2'}");
    take_line(id, 1, STORE_JOURNAL_EVENTS, 100, "{'event':'exit','status':9,'reason':'timeout'}");
    reopen();
    assert_true(store_live(store, &live, &n, &error));
    assert_int_equal(n, 1);
    assert_int_equal(live->worker_pid, 77);
    assert_string_equal(live->boot, "boot2");
    assert_int_equal(live->events_offset, 200);
    assert_int_equal(live->need.gpus, 1);
    assert_true(live->exited);
    assert_int_equal(live->exit.status, 9);
    assert_string_equal(live->exit.reason, "timeout");
    free(live);
}

/* ---- taking in ---- */

/* Everything that a reader can see. */
static const char *const lines[] = {
    "{'loss':0.5,'step':1}",
    "{'loss':0.4,'step':2}",
    "{'loss':0.3,'step':1}",
    "{'event':'metric','name':'test.accuracy','value':0.47,'naive':0.09}",
    "{'event':'progress','done':3,'total':40,'unit':'epoch'}",
    "{'event':'warning','text':'a gradient is zero','where':'model[1]','figure':0}",
    "{'event':'note','text':'hello'}",
    "{'event':'mark','mark':'LEAK','reason':'r','count':198}",
    "{'event':'mark','mark':'LEAK','reason':'r','count':198}",
    "{'event':'artifact','name':'model','path':'artifacts/model.h5','bytes':1234}",
    "{'event':'table','name':'test.confusion','columns':['a','b'],'rows':[[1,2],[3,4]]}",
    "{'event':'whatever','x':1}",
    "{'loss':null,'step':3}",
};
#define N_LINES (sizeof(lines) / sizeof(lines[0]))

static void lines_taken_in_twice_change_nothing(void **state)
{
    scoped(memory_free) char *once = NULL, *twice = NULL;
    int64_t id = submit("{" COMMAND "}"), events;
    struct error error;

    (void)state;
    run_to_running(id);
    for (size_t i = 0; i < N_LINES; i++)
        report(id, (int64_t)i * 100, lines[i]);
    once = dump(id);
    /* in any order */
    for (size_t i = N_LINES; i-- > 0;)
        report(id, (int64_t)i * 100, lines[i]);
    twice = dump(id);
    assert_string_equal(once, twice);
    assert_non_null(strstr(once, "\"loss\":[[1,0.3],[2,0.4],[3,null]]"));
    assert_non_null(strstr(once, "\"marks\":[\"LEAK\"]"));
    assert_non_null(strstr(once, "\"metrics\":{\"test.accuracy\":0.47,\"loss\":null}"));
    assert_non_null(strstr(once, "\"naive\":{\"test.accuracy\":0.09}"));
    assert_non_null(strstr(once, "/runs/1/1/artifacts/model.h5"));
    assert_non_null(strstr(once, "\"text\":\"hello\""));
    assert_true(store_integer(store, 0, &events, &error,
                              "SELECT count(*) FROM event WHERE kind = 0", NULL));
    assert_int_equal(events, 1);
}

static void later_run_supersedes_the_steps_that_it_repeats(void **state)
{
    const struct experiment_exit interrupted = {.status = 9, .reason = "stopping"};
    scoped(memory_free) char *text = NULL;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    report(id, 0, "{'loss':1,'step':1}");
    report(id, 100, "{'loss':2,'step':2}");
    report(id, 200, "{'event':'checkpoint','step':1}");
    apply_exit(id, EXPERIMENT_EVENT_EXIT, &interrupted);
    assert_string_equal(state_of(id), "queued");
    start(id);
    take_line(id, 2, STORE_JOURNAL_REPORTED, 0, "{'loss':3,'step':2}");
    /* the first run's journal is read again */
    report(id, 100, "{'loss':2,'step':2}");
    text = dump(id);
    assert_non_null(strstr(text, "\"loss\":[[1,1],[2,3]]"));
}

static void broken_step_is_refused(void **state)
{
    scoped(memory_free) char *text = NULL;
    scoped(json_free) cJSON *line = parse_json("{'loss':1,'step':1.5}");
    int64_t id = submit("{" COMMAND "}");
    struct error error;

    (void)state;
    run_to_running(id);
    assert_true(store_begin(store, &error));
    assert_false(
        store_take_line(store, id, 1, STORE_JOURNAL_REPORTED, line, 0, 10, now_ms, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_true(store_commit(store, &error));
    text = dump(id);
    assert_non_null(strstr(text, "{\"metrics\":{}}"));
}

static void infinity_is_a_value(void **state)
{
    scoped(json_free) cJSON *line = cJSON_CreateObject();
    struct error error;
    double value = 0;
    scoped(statement_end) sqlite3_stmt *statement = NULL;
    bool row;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    cJSON_AddNumberToObject(line, "loss", __builtin_inf());
    assert_true(store_begin(store, &error));
    assert_true(store_take_line(store, id, 1, STORE_JOURNAL_REPORTED, line, 0, 10, now_ms, &error));
    assert_true(store_commit(store, &error));
    assert_true(store_query(store, &statement, &error, "SELECT value FROM result", NULL));
    assert_true(store_next(store, statement, &row, &error) && row);
    value = column_real(statement, 0);
    assert_true(value > 1e308);
}

static void long_history_is_thinned_and_keeps_its_end(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'id':1}");
    scoped(json_free) cJSON *history = NULL;
    struct error error;
    const cJSON *series;
    int64_t id = submit("{" COMMAND "}");

    (void)state;
    run_to_running(id);
    assert_true(store_begin(store, &error));
    assert_true(store_execute(store, &error, "INSERT INTO metric_name VALUES (9, 'loss')", NULL));
    assert_true(store_execute(store, &error,
                              "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
                              " WHERE i < 49999) INSERT INTO metric SELECT 1, 9, i, i, 1, i FROM n",
                              NULL));
    assert_true(store_commit(store, &error));
    assert_true(store_history(store, params, &history, &error));
    series = json_at(history, "metrics.loss");
    assert_in_range(cJSON_GetArraySize(series), 16000, 20000);
    assert_int_equal(
        cJSON_GetArrayItem(cJSON_GetArrayItem(series, cJSON_GetArraySize(series) - 1), 0)
            ->valuedouble,
        49999);
}

/* ---- many ---- */

static int64_t steps_of(int counter)
{
    int64_t steps = 0;

    for (sqlite3_stmt *s = sqlite3_next_stmt(store->database, NULL); s;
         s = sqlite3_next_stmt(store->database, s))
        steps += sqlite3_stmt_status(s, counter, 1);
    return steps;
}

/* How many steps of SQLite's machine a pass takes that starts two and finds no more room. */
static int64_t steps_of_a_pass(void)
{
    const struct scheduler_limits limits = {.slots = 2, .cpus = 2};
    struct scheduler_memory memory = {0};
    struct scheduler_source source;
    struct scheduler_pick pick[4];
    struct error error;
    size_t n;

    (void)steps_of(SQLITE_STMTSTATUS_VM_STEP);
    (void)steps_of(SQLITE_STMTSTATUS_FULLSCAN_STEP);
    (void)steps_of(SQLITE_STMTSTATUS_SORT);
    assert_true(store_candidates(store, &source, &error));
    assert_true(scheduler_pick(&limits, NULL, 0, &source, &memory, 0, pick, 4, &n, &error));
    assert_int_equal(n, 2);
    assert_int_equal(steps_of(SQLITE_STMTSTATUS_FULLSCAN_STEP), 0);
    assert_int_equal(steps_of(SQLITE_STMTSTATUS_SORT), 0);
    return steps_of(SQLITE_STMTSTATUS_VM_STEP);
}

static size_t runs(struct scheduler_run *ret_first)
{
    scoped(memory_free) struct scheduler_run *run = NULL;
    struct error error;
    size_t n = 7;

    assert_true(store_runs(store, &run, &n, &error));
    if (n > 0)
        *ret_first = run[0];
    return n;
}

static void what_runs_counts_with_its_needs(void **state)
{
    int64_t id = submit("{'base':{'command':['x'],'resources':{'cpus':1.5,'memory':'1G'}}}");
    int64_t other = submit("{'base':{'command':['x']}}");
    struct scheduler_run run = {0};

    (void)state;
    assert_int_equal(runs(&run), 0);
    start(id);
    assert_int_equal(runs(&run), 1);
    assert_int_equal(run.id, id);
    assert_true(run.need.cpus == 1.5 && run.gpu_mask == 0);
    assert_int_equal(run.need.memory, INT64_C(1) << 30);
    start(other);
    assert_int_equal(runs(&run), 2);
    assert_true(apply(id, EXPERIMENT_EVENT_STARTED).decision.allowed);
    (void)end_with(id, 0);
    assert_int_equal(runs(&run), 1);
    assert_int_equal(run.id, other);
}

static void add_many(int64_t n)
{
    struct error error;

    assert_true(store_begin(store, &error));
    assert_true(store_execute(store, &error,
                              "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                              " WHERE i < ?1) INSERT INTO experiment (batch, name, state,"
                              " priority, need, seed, replicate, configuration, pipeline, requeue,"
                              " retries, retries_left) SELECT 1, 'm', 1, i % 5, need, 0, 0, 'c', 0,"
                              " 1, 0, 0 FROM n, experiment WHERE experiment.id = 1",
                              BIND(INT(n))));
    assert_true(store_commit(store, &error));
}

static void candidates_cost_the_same_with_100000_queued(void **state)
{
    int64_t few, many;

    (void)state;
    submit("{'base':{'command':['true']},'experiments':[{},{},{'resources':{'cpus':2}}]}");
    add_many(20);
    (void)steps_of_a_pass();
    few = steps_of_a_pass();
    add_many(100000);
    many = steps_of_a_pass();
    assert_in_range(many, 1, few + few / 5);
}

static void candidates_come_in_order_across_needs(void **state)
{
    static const int64_t expected[] = {3, 5, 1, 2, 4};
    struct scheduler_source source;
    struct error error;

    (void)state;
    submit("{'base':{'command':['true']},'experiments':["
           "{},{'resources':{'cpus':2}},{'resources':{'cpus':2},'queue':{'priority':9}},"
           "{'queue':{'priority':-1}},{'queue':{'priority':3}}]}");
    assert_true(store_candidates(store, &source, &error));
    for (size_t i = 0; i < 6; i++) {
        struct scheduler_candidate candidate;
        bool ended;

        assert_true(source.next(source.context, false, &candidate, &ended, &error));
        assert_int_equal(ended, i == 5);
        if (!ended)
            assert_int_equal(candidate.id, expected[i]);
    }
}

static void queued_experiments_stay_small(void **state)
{
    struct error error;
    char params[512];

    (void)state;
    (void)snprintf(params, sizeof(params),
                   "{'name':'sweep','base':{'command':['train.py','{rate}']},"
                   "'sweep':{'method':'random','trials':5000,"
                   "'parameters':{'rate':{'low':1e-5,'high':1e-1,'log':true}}}}");
    submit(params);
    assert_true(store_checkpoint(store, &error));
    assert_in_range(store_size_bytes(store) / 5000, 1, 250);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(submission_survives_a_reopening),
        TEST(ids_are_never_used_again),
        TEST(failed_request_undoes_only_itself),
        TEST(same_token_answers_as_the_first_time),
        TEST(newer_database_is_refused_untouched),
        TEST(foreign_database_is_refused_untouched),
        TEST(rubbish_is_refused_untouched),
        TEST(damaged_pages_are_refused_untouched),
        TEST(one_damaged_page_is_enough),
        TEST(second_opening_is_busy),
        TEST(database_is_private),
        TEST(killed_before_commit_leaves_nothing),
        TEST(killed_after_commit_leaves_everything),
        TEST(full_database_stores_nothing_and_is_usable_afterwards),
        TEST(every_shortage_of_space_stores_all_or_nothing),
        TEST(experiment_runs_to_done),
        TEST(launch_holds_all_that_a_start_needs),
        TEST(time_spent_paused_does_not_count),
        TEST(started_twice_is_refused),
        TEST(cancelled_experiment_is_never_a_candidate),
        TEST(retry_spends_one_and_a_message_tells_why),
        TEST(restart_forgets_results_but_not_runs),
        TEST(dependent_waits_for_the_end),
        TEST(failure_skips_a_chain_of_any_length),
        TEST(dependent_on_a_batch_waits_for_all_of_it),
        TEST(dependency_on_nothing_is_refused),
        TEST(range_waits_for_what_was_there_before),
        TEST(numbers_that_are_no_ids_are_refused),
        TEST(finished_batch_is_announced_once),
        TEST(live_runs_are_listed_with_what_adoption_needs),
        TEST(lines_taken_in_twice_change_nothing),
        TEST(later_run_supersedes_the_steps_that_it_repeats),
        TEST(broken_step_is_refused),
        TEST(infinity_is_a_value),
        TEST(long_history_is_thinned_and_keeps_its_end),
        TEST(what_runs_counts_with_its_needs),
        TEST(candidates_cost_the_same_with_100000_queued),
        TEST(candidates_come_in_order_across_needs),
        TEST(queued_experiments_stay_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
