/* Taking journals in: once each, in bounded turns, again after a rollback. */
#include "tests/unit/daemon/store_fixture.h"

#include "daemon/journal_intake.h"
#include "tests/double/database_double.h"
#include "tests/double/memory_double.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[96];
static struct journal_intake intake;

#define STARTED_LINE                                                                              \
    "{\"v\":1,\"seq\":1,\"t\":1790000000,\"event\":\"started\",\"worker\":6,\"worker_start\":55," \
    "\"boot\":\"b-1\"}\n"
#define EXIT_LINE "{\"v\":1,\"seq\":2,\"t\":1790000001,\"event\":\"exit\",\"status\":0}\n"

static void append(const char *name, const char *text, size_t size)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void report_text(const char *text)
{
    append("reported.jsonl", text, strlen(text));
}

static void end_run(void)
{
    append("events.jsonl", EXIT_LINE, strlen(EXIT_LINE));
}

static void report_losses(int begin, int end)
{
    char line[64];

    for (int step = begin; step < end; step++) {
        (void)snprintf(line, sizeof(line), "{\"loss\":0.5,\"step\":%d}\n", step);
        report_text(line);
    }
}

static void open_intake(int64_t offset)
{
    struct error error;

    journal_intake_release(&intake);
    assert_true(journal_intake_start(&intake, folder, 1, 1, offset, &error));
}

/* One turn; `commit` false: rolled back. */
static struct journal_taken take_turn(bool commit)
{
    struct journal_taken taken = {0};
    struct error error;

    assert_true(store_begin(store, &error));
    if (!journal_intake_take(&intake, store, now_ms, &taken, &error))
        fail_msg("%s", error.message);
    if (commit) {
        assert_true(store_commit(store, &error));
        journal_intake_committed(&intake);
    } else {
        store_rollback(store);
        journal_intake_rolled_back(&intake);
    }
    return taken;
}

static int n_losses(void)
{
    scoped(json_free) cJSON *params = parse_json("{'id':1}");
    scoped(json_free) cJSON *history = NULL;
    struct error error;

    assert_true(store_history(store, params, &history, &error));
    return cJSON_GetArraySize(json_at(history, "metrics.loss"));
}

static int64_t stored_offset(void)
{
    scoped(memory_free) struct store_live *live = NULL;
    struct error error;
    size_t n;

    assert_true(store_live(store, &live, &n, &error));
    assert_int_equal(n, 1);
    return live[0].reported_offset;
}

static int n_warnings(const char *text)
{
    scoped(json_free) cJSON *shown = NULL;
    const cJSON *warning;
    struct error error;
    int n = 0;

    assert_true(store_show(store, 1, now_ms, &shown, &error));
    cJSON_ArrayForEach(warning, json_member(shown, "warnings"))
    {
        scoped(json_free) cJSON *copy = cJSON_Duplicate(warning, true);
        n += strstr(print_json(copy), text) != NULL;
    }
    return n;
}

static void complain(void)
{
    struct error error;

    assert_true(store_begin(store, &error));
    assert_true(journal_intake_complain(&intake, store, &error));
    assert_true(store_commit(store, &error));
}

static int set_up(void **state)
{
    if (open_store(state) != 0)
        return -1;
    (void)snprintf(folder, sizeof(folder), "%s/run", home);
    if (mkdir(folder, 0700) != 0)
        return -1;
    start(submit("{'base':{'command':['true']}}"));
    open_intake(0);
    return 0;
}

static int tear_down(void **state)
{
    journal_intake_release(&intake);
    return close_store(state);
}

/* ---- the tests ---- */

static void missing_journals_are_nothing_yet(void **state)
{
    (void)state;
    assert_int_equal(take_turn(true).lines, 0);
    assert_false(intake.started);
    report_losses(0, 3);
    assert_int_equal(take_turn(true).lines, 3);
    assert_int_equal(n_losses(), 3);
}

static void events_tell_about_the_worker_and_the_end(void **state)
{
    const char *started = "{\"v\":1,\"seq\":1,\"t\":1790000000,\"event\":\"started\",\"pid\":7,"
                          "\"worker\":6,\"worker_start\":55,\"boot\":\"b-1\"}\n";
    const char *end = "{\"v\":1,\"seq\":2,\"t\":1790000001,\"event\":\"exit\",\"status\":3,"
                      "\"signal\":0,\"message\":\"why\"}\n";

    (void)state;
    append("events.jsonl", started, strlen(started));
    take_turn(true);
    assert_true(intake.started);
    assert_false(intake.exited);
    assert_int_equal(intake.worker.pid, 6);
    assert_int_equal(intake.worker.start, 55);
    assert_string_equal(intake.worker.boot, "b-1");
    assert_string_equal(state_of(1), "running");
    append("events.jsonl", end, strlen(end));
    take_turn(true);
    assert_true(intake.exited);
    assert_int_equal(intake.exit.status, 3);
    assert_string_equal(intake.exit.message, "why");
    assert_string_equal(state_of(1), "running"); /* the verdict is the supervisor's */
}

static void what_events_said_is_known_again_after_a_restart(void **state)
{
    const char *end = "{\"v\":1,\"seq\":1,\"t\":1790000001,\"event\":\"exit\",\"status\":3}\n";

    (void)state;
    append("events.jsonl", end, strlen(end));
    take_turn(true);
    open_intake(stored_offset());
    assert_false(intake.exited);
    take_turn(true);
    assert_true(intake.exited);
}

static void rolled_back_lines_are_taken_in_again_once(void **state)
{
    (void)state;
    report_losses(0, 10);
    assert_int_equal(take_turn(true).lines, 10);
    report_losses(10, 15);
    assert_int_equal(take_turn(false).lines, 5);
    assert_int_equal(n_losses(), 10);
    assert_int_equal(take_turn(true).lines, 5);
    assert_int_equal(n_losses(), 15);
    assert_int_equal(take_turn(true).lines, 0);
}

static void restart_reads_on_from_the_stored_offset(void **state)
{
    (void)state;
    report_losses(0, 10);
    take_turn(true);
    report_losses(10, 12);
    open_intake(stored_offset());
    assert_int_equal(take_turn(true).lines, 2);
    assert_int_equal(n_losses(), 12);
}

static void offset_beyond_the_end_begins_again_and_repeats_nothing(void **state)
{
    (void)state;
    report_losses(0, 10);
    take_turn(true);
    open_intake(1000000);
    take_turn(true);
    assert_int_equal(n_losses(), 10);
}

static void torn_line_waits_for_its_end(void **state)
{
    (void)state;
    report_text("{\"loss\":1,\"st");
    assert_int_equal(take_turn(true).lines, 0);
    report_text("ep\":4}\n");
    assert_int_equal(take_turn(true).lines, 1);
    assert_int_equal(n_losses(), 1);
}

static void last_line_needs_no_newline_once_the_exit_is_known(void **state)
{
    (void)state;
    report_losses(0, 2);
    report_text("{\"loss\":0.25,\"step\":2}");
    assert_int_equal(take_turn(true).lines, 2);
    end_run();
    assert_int_equal(take_turn(false).lines, 2); /* rolled back: as if it had not been */
    assert_int_equal(n_losses(), 2);
    assert_int_equal(take_turn(true).lines, 2);
    assert_int_equal(n_losses(), 3);
    assert_int_equal(take_turn(true).lines, 0);
    complain();
    assert_int_equal(n_warnings("reported.jsonl"), 0);
}

/* Killed before the commit, the next daemon takes it; killed after it, the next one has it. */
static void last_line_without_newline_is_taken_in_once_whenever_the_daemon_ends(void **state)
{
    (void)state;
    report_losses(0, 2);
    report_text("{\"loss\":0.25,\"step\":2}");
    end_run();
    take_turn(false);
    open_intake(stored_offset());
    assert_int_equal(take_turn(true).lines, 4);
    assert_int_equal(n_losses(), 3);
    open_intake(stored_offset());
    assert_int_equal(take_turn(true).lines,
                     1); /* `exit`: events.jsonl is read from its beginning */
    assert_int_equal(n_losses(), 3);
    complain();
    assert_int_equal(n_warnings("reported.jsonl"), 0);
}

static void torn_last_line_is_bad_once_the_exit_is_known(void **state)
{
    (void)state;
    report_losses(0, 2);
    report_text("{\"loss\":0.25,\"st");
    take_turn(true);
    assert_int_equal(intake.bad, 0);
    end_run();
    take_turn(false);
    take_turn(true);
    take_turn(true);
    open_intake(stored_offset());
    take_turn(true);
    complain();
    assert_int_equal(n_losses(), 2);
    assert_int_equal(n_warnings("1 line of reported.jsonl could not be read"), 1);
}

static void turns_are_bounded_and_nothing_is_left_out(void **state)
{
    (void)state;
    report_losses(0, 2 * INTAKE_LINES_PER_TURN + 7);
    for (int i = 0; i < 2; i++) {
        struct journal_taken taken = take_turn(true);
        assert_int_equal(taken.lines, INTAKE_LINES_PER_TURN);
        assert_true(taken.more);
    }
    struct journal_taken taken = take_turn(true);
    assert_int_equal(taken.lines, 7);
    assert_false(taken.more);
    assert_int_equal(n_losses(), 2 * INTAKE_LINES_PER_TURN + 7);
}

static void lines_that_are_no_json_are_told_once(void **state)
{
    (void)state;
    report_text("rubbish\n{\"loss\":1,\"step\":1}\n[1,2]\n");
    take_turn(true);
    assert_int_equal(n_losses(), 1);
    complain();
    complain();
    assert_int_equal(n_warnings("2 lines of reported.jsonl could not be read"), 1);
}

static void metrics_that_cannot_be_kept_are_told(void **state)
{
    (void)state;
    report_text("{\"loss\":0.5,\"step\":0.5}\n"
                "{\"loss\":0.5,\"step\":\"x\"}\n"
                "{\"loss\":0.5,\"step\":1e30}\n"
                "{\"event\":\"metric\",\"name\":\"loss\",\"value\":1,\"step\":1.5}\n"
                "{\"event\":\"metric\",\"name\":\"loss\",\"value\":\"5\"}\n"
                "{\"event\":\"metric\",\"value\":5}\n"
                "{\"event\":\"metric\",\"name\":\"loss\",\"value\":null,\"step\":7}\n"
                "{\"loss\":NaN,\"step\":8}\n"
                "{\"loss\":0.5,\"step\":-9.0}\n");
    take_turn(false);
    take_turn(true); /* what was rolled back is not counted twice */
    complain();
    assert_int_equal(n_losses(), 3);
    assert_int_equal(n_warnings("6 lines of reported.jsonl could not be read"), 1);
}

static void metric_without_a_name_is_passed_over(void **state)
{
    scoped(json_free) cJSON *shown = NULL;
    struct error error;

    (void)state;
    report_text("{\"\":5,\"loss\":1,\"step\":1}\n");
    take_turn(true);
    assert_int_equal(n_losses(), 1);
    assert_true(store_show(store, 1, now_ms, &shown, &error));
    assert_int_equal(cJSON_GetArraySize(json_at(shown, "result.metrics")), 1);
}

/* Where the daemon waited for a writer of it, every queue behind it would stand still. */
static void what_is_no_file_keeps_nobody_from_the_verdict(void **state)
{
    static const char *const kinds[] = {"a pipe", "a folder", "a link to itself"};
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/reported.jsonl", folder);
    append("events.jsonl", STARTED_LINE, strlen(STARTED_LINE));
    for (int kind = 0; kind < 3; kind++) {
        assert_int_equal(kind == 0   ? mkfifo(path, 0600)
                         : kind == 1 ? mkdir(path, 0700)
                                     : symlink(path, path),
                         0);
        open_intake(0);
        end_run();
        print_message("%s\n", kinds[kind]);
        take_turn(true);
        assert_true(intake.exited);
        complain();
        assert_int_equal(n_warnings(kind < 2 ? "could not be read: " : "symbolic links"), 1);
        assert_int_equal(remove(path), 0);
    }
}

static void file_that_is_written_anew_is_told(void **state)
{
    char path[128];

    (void)state;
    append("events.jsonl", STARTED_LINE, strlen(STARTED_LINE));
    (void)snprintf(path, sizeof(path), "%s/reported.jsonl", folder);
    for (int step = 0; step < 3; step++) { /* as by open(path, "w") */
        (void)remove(path);
        report_losses(step, step + 1);
        take_turn(true);
    }
    assert_true(intake.rewritten);
    complain();
    assert_int_equal(n_losses(), 3);
    assert_int_equal(n_warnings("reported.jsonl was written anew"), 1);
}

static void file_that_is_cut_and_written_anew_is_told(void **state)
{
    char path[128];

    (void)state;
    append("events.jsonl", STARTED_LINE, strlen(STARTED_LINE));
    (void)snprintf(path, sizeof(path), "%s/reported.jsonl", folder);
    report_losses(0, 1);
    take_turn(true);
    assert_int_equal(truncate(path, 0), 0);
    report_losses(1, 2); /* as long as what it replaces */
    take_turn(true);
    assert_int_equal(truncate(path, 0), 0);
    report_losses(2, 4);
    take_turn(true);
    assert_true(intake.rewritten);
    assert_int_equal(n_losses(), 4);
}

static void clean_journal_is_not_complained_about(void **state)
{
    (void)state;
    report_losses(0, 2);
    take_turn(true);
    complain();
    assert_int_equal(n_warnings("reported.jsonl"), 0);
}

static void nothing_is_taken_in_beyond_the_limit_of_a_file(void **state)
{
    char path[128];

    (void)state;
    report_losses(0, 1);
    (void)snprintf(path, sizeof(path), "%s/reported.jsonl", folder);
    assert_int_equal(truncate(path, JOURNAL_FILE_LIMIT), 0); /* a hole is one overlong line */
    report_text("\n{\"loss\":1,\"step\":7}\n");
    while (take_turn(true).more)
        ;
    assert_int_equal(n_losses(), 1);
    complain();
    assert_int_equal(n_warnings("longer than 64 MiB"), 1);
}

/* As the daemon does it: what fails is undone and tried again. True: no allocation failed. */
static bool take_without(int64_t n)
{
    struct journal_taken taken = {0};
    struct error error = {0};
    bool good, failed;

    assert_true(store_begin(store, &error));
    memory_double_start(n);
    good = journal_intake_take(&intake, store, now_ms, &taken, &error);
    failed = memory_double_stop();
    assert_true(good || failed);
    if (!good && error.kind != ERROR_NO_MEMORY)
        fail_msg("allocation %" PRId64 ": %s", n, error.message);
    store_rollback(store);
    journal_intake_rolled_back(&intake);
    if (good) /* nothing was left out for want of memory */
        assert_int_equal(taken.lines, 8);
    return !failed;
}

static void lines_that_no_memory_was_left_for_are_taken_in_later(void **state)
{
    int64_t n = 0;

    (void)state;
    append("events.jsonl", STARTED_LINE, strlen(STARTED_LINE));
    end_run();
    report_losses(0, 5);
    report_text("{\"loss\":0.5,\"step\":5}");
    while (!take_without(n))
        n++;
    assert_true(n > 50);
    assert_int_equal(take_turn(true).lines, 8);
    assert_int_equal(n_losses(), 6);
    assert_true(intake.started);
    assert_int_equal(intake.bad, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(missing_journals_are_nothing_yet),
        TEST(events_tell_about_the_worker_and_the_end),
        TEST(what_events_said_is_known_again_after_a_restart),
        TEST(rolled_back_lines_are_taken_in_again_once),
        TEST(restart_reads_on_from_the_stored_offset),
        TEST(offset_beyond_the_end_begins_again_and_repeats_nothing),
        TEST(torn_line_waits_for_its_end),
        TEST(last_line_needs_no_newline_once_the_exit_is_known),
        TEST(last_line_without_newline_is_taken_in_once_whenever_the_daemon_ends),
        TEST(torn_last_line_is_bad_once_the_exit_is_known),
        TEST(turns_are_bounded_and_nothing_is_left_out),
        TEST(lines_that_are_no_json_are_told_once),
        TEST(metrics_that_cannot_be_kept_are_told),
        TEST(metric_without_a_name_is_passed_over),
        TEST(what_is_no_file_keeps_nobody_from_the_verdict),
        TEST(file_that_is_written_anew_is_told),
        TEST(file_that_is_cut_and_written_anew_is_told),
        TEST(clean_journal_is_not_complained_about),
        TEST(nothing_is_taken_in_beyond_the_limit_of_a_file),
        TEST(lines_that_no_memory_was_left_for_are_taken_in_later),
    };

    if (!database_double_use_malloc())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
