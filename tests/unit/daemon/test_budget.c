/* The time of a sweep. */
#include "tests/unit/daemon/store_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/process.h"
#include "daemon/report/report.h"

#define SIX(time)                                                                 \
    "{'base':{'command':['x','{a}'],'queue':{'retries':1}},'sweep':{'time':" time \
    ",'parameters':{'a':[1,2,3,4,5,6]}}}"
#define USED_UP "the time of the sweep, 5s in all runs, is used up; nj restart lifts the limit"

static void assert_states(const char *expected)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    for (int64_t id = 1; id <= 6; id++)
        assert_true(buffer_append_format(&text, &error, "%s%s", id > 1 ? " " : "", state_of(id)));
    assert_string_equal(text.data, expected);
}

static void rest_is_dropped_when_runs_have_taken_the_time(void **state)
{
    scoped(json_free) cJSON *row = NULL, *why = NULL, *reply = NULL;
    scoped(json_free) cJSON *params = parse_json("{'batch':[1]}");
    const struct report_view view = {.limits = {.slots = 2, .cpus = 2}, .wall_ms = now_ms};
    struct error error;

    (void)state;
    submit(SIX("'5s'"));
    run_to_end(1, 0);
    run_to_end(2, 0);
    assert_states("done done queued queued queued queued");
    run_to_end(3, 0); /* two seconds each */
    assert_states("done done done cancelled cancelled cancelled");
    row = row_of(4);
    assert_string_equal(json_text(row, "message", ""), USED_UP);
    assert_true(report_why(store, 6, &view, &why, &error));
    assert_string_equal(print_json(json_member(why, "reasons")),
                        "[\"it was cancelled before it started: " USED_UP "\"]");
    assert_true(report_batches(store, params, &view, &reply, &error));
    assert_string_equal(print_json(json_at(reply, "batches[0].dropped")),
                        "[{\"text\":\"" USED_UP "\",\"count\":3,\"experiments\":[4,5,6]}]");
    assert_true(cJSON_IsNumber(json_at(reply, "batches[0].ended")));
}

static void runs_under_way_count_and_may_end(void **state)
{
    (void)state;
    submit(SIX("5"));
    run_to_running(1);
    run_to_running(2);
    run_to_running(3);
    now_ms += 1600; /* two under way, and one that says two seconds */
    end_with(1, 0);
    assert_states("done running running cancelled cancelled cancelled");
    end_with(2, 0);
    end_with(3, 0);
    assert_states("done done done cancelled cancelled cancelled");
}

static void retry_that_waits_and_what_is_held_are_dropped_too(void **state)
{
    (void)state;
    submit(SIX("'4s'"));
    apply(6, EXPERIMENT_EVENT_HOLD);
    run_to_end(1, 1);
    assert_states("queued queued queued queued queued held");
    run_to_end(2, 0);
    assert_states("cancelled done cancelled cancelled cancelled cancelled");
}

/* ---- time in which nothing was computed ---- */

#define NIGHT_MS (INT64_C(8) * 3600 * 1000)

/* The first run of an experiment wrote its last line so long after it began. */
static void last_wrote(int64_t id, const char *journal, int64_t after_ms)
{
    const int64_t at_ms = INT64_C(1790000000000) + after_ms;
    const struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    const struct timespec times[2] = {at, at};
    char path[160];
    struct error error;

    (void)snprintf(path, sizeof(path), "%s/runs/%" PRId64 "/1", home, id);
    assert_true(file_make_folders(path, &error));
    (void)snprintf(path, sizeof(path), "%s/runs/%" PRId64 "/1/%s", home, id, journal);
    assert_true(file_replace_fast(AT_FDCWD, path, "", 0, &error));
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void lost_run_is_charged_until_its_last_word(void **state)
{
    (void)state;
    submit(SIX("'5s'"));
    run_to_running(1);
    last_wrote(1, "events.jsonl", 0);
    last_wrote(1, "reported.jsonl", 1500);
    last_wrote(1, "log", 900);
    now_ms += NIGHT_MS; /* without power */
    apply(1, EXPERIMENT_EVENT_LOST);
    assert_states("queued queued queued queued queued queued");
    run_to_end(2, 0); /* 3.5 seconds in all */
    assert_states("queued done queued queued queued queued");
    run_to_end(3, 0);
    assert_states("cancelled done done cancelled cancelled cancelled");
}

/* The night is not charged for those either of which the daemon has not yet seen that they are. */
static void several_that_are_lost_at_once_go_on(void **state)
{
    (void)state;
    submit(SIX("'5s'"));
    for (int64_t id = 1; id <= 3; id++) {
        run_to_running(id);
        last_wrote(id, "reported.jsonl", 1600);
    }
    now_ms += NIGHT_MS;
    apply(1, EXPERIMENT_EVENT_LOST);
    assert_states("queued running running queued queued queued");
    apply(2, EXPERIMENT_EVENT_LOST);
    apply(3, EXPERIMENT_EVENT_LOST);
    assert_states("queued queued queued queued queued queued");
    run_to_end(4, 0);
    assert_states("cancelled cancelled cancelled done cancelled cancelled");
}

static void pauses_of_a_lost_run_are_not_charged(void **state)
{
    (void)state;
    submit(SIX("'5s'"));
    run_to_running(1);
    take_line(1, 1, STORE_JOURNAL_EVENTS, 100, "{'event':'paused','t':1790000001}");
    take_line(1, 1, STORE_JOURNAL_EVENTS, 200, "{'event':'resumed','t':1790010000}");
    take_line(1, 1, STORE_JOURNAL_EVENTS, 300, "{'event':'paused','t':1790010001}");
    last_wrote(1, "events.jsonl", 10001000);
    last_wrote(1, "log", 10060000); /* what a program still wrote, or somebody else did */
    now_ms += NIGHT_MS;
    apply(1, EXPERIMENT_EVENT_LOST); /* two seconds */
    run_to_end(2, 0);
    assert_states("queued done queued queued queued queued");
    run_to_end(3, 0);
    assert_states("cancelled done done cancelled cancelled cancelled");
}

static void clock_that_is_set_ahead_charges_no_live_run(void **state)
{
    struct process self;
    char line[200];

    (void)state;
    assert_true(process_look(getpid(), &self));
    submit(SIX("'5s'"));
    start(1);
    (void)snprintf(line, sizeof(line),
                   "{'event':'started','t':1790000000,'worker':%d,'worker_start':%" PRId64
                   ",'boot':'%s'}",
                   (int)self.pid, self.start, clock_boot_id((char[CLOCK_BOOT_ID_SIZE]){0}));
    take_line(1, 1, STORE_JOURNAL_EVENTS, 0, line);
    now_ms += NIGHT_MS;
    run_to_end(2, 0);
    assert_states("running done queued queued queued queued");
}

static void pause_of_a_live_run_is_not_charged(void **state)
{
    (void)state;
    submit(SIX("'5s'"));
    run_to_running(1);
    take_line(1, 1, STORE_JOURNAL_EVENTS, 100, "{'event':'paused','t':1790000002}");
    now_ms += NIGHT_MS;
    run_to_end(2, 0);
    assert_states("running done queued queued queued queued");
}

static void restart_lifts_the_limit(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'batch':[1]}"), *reply = NULL;
    const struct report_view view = {.limits = {.slots = 2, .cpus = 2}, .wall_ms = now_ms};
    struct error error;

    (void)state;
    submit(SIX("'2s'"));
    run_to_end(1, 0);
    assert_states("done cancelled cancelled cancelled cancelled cancelled");
    apply(2, EXPERIMENT_EVENT_RESTART);
    apply(3, EXPERIMENT_EVENT_RESTART);
    run_to_end(2, 0);
    assert_states("done done queued cancelled cancelled cancelled");
    assert_true(report_batches(store, params, &view, &reply, &error)); /* the others still are */
    assert_string_equal(print_json(json_at(reply, "batches[0].dropped[0].experiments")), "[4,5,6]");
}

static void sweep_without_time_goes_on(void **state)
{
    (void)state;
    submit(SIX("0"));
    for (int64_t id = 1; id <= 5; id++)
        run_to_end(id, 0);
    assert_states("done done done done done queued");
}

static void time_that_is_none_is_refused(void **state)
{
    cJSON *reply;

    (void)state;
    assert_non_null(strstr(try_submit(SIX("'soon'"), &reply), "sweep.time"));
    assert_non_null(strstr(try_submit(SIX("-1"), &reply), "sweep.time"));
    assert_non_null(strstr(try_submit(SIX("[1]"), &reply), "sweep.time"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rest_is_dropped_when_runs_have_taken_the_time),
        TEST(runs_under_way_count_and_may_end),
        TEST(retry_that_waits_and_what_is_held_are_dropped_too),
        TEST(lost_run_is_charged_until_its_last_word),
        TEST(several_that_are_lost_at_once_go_on),
        TEST(pauses_of_a_lost_run_are_not_charged),
        TEST(clock_that_is_set_ahead_charges_no_live_run),
        TEST(pause_of_a_live_run_is_not_charged),
        TEST(restart_lifts_the_limit),
        TEST(sweep_without_time_goes_on),
        TEST(time_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
