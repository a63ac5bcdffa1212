/* Every state with every event, and what an exit means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/owner.h"
#include "daemon/experiment_state.h"

/* Rows: states; columns: hold release start started never_started exit lost cancel
 * dependency_failed restart pause resume. "." is refused. Facts: no retries, requeue, exit status
 * 0. */
static void every_state_meets_every_event(void **state)
{
    static const char *const expected[EXPERIMENT_STATE_COUNT][EXPERIMENT_EVENT_COUNT] = {
        [EXPERIMENT_HELD] = {".", "queued", ".", ".", ".", ".", ".", "cancelled", "cancelled", ".",
                             ".", "."},
        [EXPERIMENT_QUEUED] = {"held", ".", "starting", ".", ".", ".", ".", "cancelled",
                               "cancelled", ".", ".", "."},
        [EXPERIMENT_STARTING] = {".", ".", ".", "running", "queued", "done", "queued", "stopping",
                                 ".", ".", "paused", "."},
        [EXPERIMENT_RUNNING] = {".", ".", ".", ".", ".", "done", "queued", "stopping", ".", ".",
                                "paused", "."},
        [EXPERIMENT_STOPPING] = {".", ".", ".", "stopping", "queued", "done", "queued", "stopping",
                                 ".", ".", ".", "."},
        [EXPERIMENT_DONE] = {".", ".", ".", ".", ".", ".", ".", ".", ".", "queued", ".", "."},
        [EXPERIMENT_FAILED] = {".", ".", ".", ".", ".", ".", ".", ".", ".", "queued", ".", "."},
        [EXPERIMENT_CANCELLED] = {".", ".", ".", ".", ".", ".", ".", ".", ".", "queued", ".", "."},
        [EXPERIMENT_PAUSED] = {".", ".", ".", "paused", "queued", "done", "queued", "stopping", ".",
                               ".", ".", "starting"},
    };
    const struct experiment_exit exit = {0};
    const struct experiment_facts facts = {.requeue = true, .exit = &exit};

    (void)state;
    for (int s = 0; s < EXPERIMENT_STATE_COUNT; s++) {
        for (int e = 0; e < EXPERIMENT_EVENT_COUNT; e++) {
            struct experiment_decision decision =
                experiment_decide((enum experiment_state)s, (enum experiment_event)e, &facts);
            const char *found = decision.allowed ? experiment_state_text(decision.state) : ".";

            if (strcmp(found, expected[s][e]) != 0)
                fail_msg("%s + %s -> %s, expected %s", experiment_state_text(s),
                         experiment_event_text(e), found, expected[s][e]);
            if (decision.allowed)
                continue;
            assert_int_equal(decision.state, s);
            assert_non_null(strstr(decision.reason, experiment_state_text(s)));
        }
    }
}

/* An ended experiment has a verdict, one that is not has none; a run ends only where one was. */
static void verdicts_go_with_states(void **state)
{
    static const char *const reasons[] = {"", "cancelled", "timeout", "stopping", "out_of_memory"};
    static const int statuses[] = {0, 1, 2, 4, 75, -1};

    (void)state;
    for (int bits = 0; bits < 32; bits++) {
        for (size_t r = 0; r < 5; r++) {
            for (size_t i = 0; i < 6; i++) {
                struct experiment_exit exit = {.status = statuses[i],
                                               .signal = statuses[i] < 0 ? 9 : 0};
                const struct experiment_facts facts = {.pipeline = bits & 1,
                                                       .requeue = bits & 2,
                                                       .cancel_requested = bits & 4,
                                                       .progressed = bits & 8,
                                                       .retries_left = bits & 16 ? 1 : 0,
                                                       .losses = 2,
                                                       .exit = &exit};
                struct experiment_decision decision;

                (void)snprintf(exit.reason, sizeof(exit.reason), "%s", reasons[r]);
                decision = experiment_decide(EXPERIMENT_RUNNING, EXPERIMENT_EVENT_EXIT, &facts);
                assert_true(decision.allowed);
                assert_int_not_equal(decision.run_verdict, VERDICT_NONE);
                assert_int_equal(decision.verdict == VERDICT_NONE,
                                 experiment_state_active(decision.state));
                assert_false(experiment_state_live(decision.state));
                assert_false(decision.spend_retry && !facts.retries_left);
                /* whoever asked for an end gets one */
                if (facts.cancel_requested)
                    assert_false(experiment_state_active(decision.state));
            }
        }
    }
}

struct exit_case {
    const char *what;
    bool pipeline, cancel, progressed, no_requeue;
    int retries, losses;
    int status, signal;
    const char *reason;
    enum experiment_state state;
    enum experiment_verdict verdict, run_verdict;
    bool spends;
    int new_losses;
};

static const struct exit_case exit_cases[] = {
    {.what = "clean",
     .state = EXPERIMENT_DONE,
     .verdict = VERDICT_DONE,
     .run_verdict = VERDICT_DONE},
    {.what = "failed",
     .status = 1,
     .state = EXPERIMENT_FAILED,
     .verdict = VERDICT_FAILED,
     .run_verdict = VERDICT_FAILED},
    {.what = "signal",
     .status = -1,
     .signal = 11,
     .state = EXPERIMENT_FAILED,
     .verdict = VERDICT_FAILED,
     .run_verdict = VERDICT_FAILED},
    {.what = "retry",
     .status = 1,
     .retries = 2,
     .losses = 2,
     .state = EXPERIMENT_QUEUED,
     .run_verdict = VERDICT_FAILED,
     .spends = true},
    {.what = "timeout is not retried",
     .status = -1,
     .signal = 15,
     .reason = "timeout",
     .retries = 2,
     .state = EXPERIMENT_FAILED,
     .verdict = VERDICT_TIMEOUT,
     .run_verdict = VERDICT_TIMEOUT},
    {.what = "wrong spec is not retried",
     .pipeline = true,
     .status = 2,
     .retries = 2,
     .state = EXPERIMENT_FAILED,
     .verdict = VERDICT_INVALID,
     .run_verdict = VERDICT_INVALID},
    {.what = "2 of a command is a failure",
     .status = 2,
     .state = EXPERIMENT_FAILED,
     .verdict = VERDICT_FAILED,
     .run_verdict = VERDICT_FAILED},
    {.what = "75 of a command is a failure",
     .status = 75,
     .state = EXPERIMENT_FAILED,
     .verdict = VERDICT_FAILED,
     .run_verdict = VERDICT_FAILED},
    {.what = "75 goes on",
     .pipeline = true,
     .status = 75,
     .progressed = true,
     .losses = 2,
     .state = EXPERIMENT_QUEUED,
     .run_verdict = VERDICT_INTERRUPTED},
    {.what = "75 without progress counts",
     .pipeline = true,
     .status = 75,
     .losses = 1,
     .state = EXPERIMENT_QUEUED,
     .run_verdict = VERDICT_INTERRUPTED,
     .new_losses = 2},
    {.what = "told to stop goes on",
     .status = -1,
     .signal = 15,
     .reason = "stopping",
     .losses = 1,
     .state = EXPERIMENT_QUEUED,
     .run_verdict = VERDICT_INTERRUPTED,
     .new_losses = 1},
    {.what = "told to stop and said 0",
     .status = 0,
     .reason = "stopping",
     .state = EXPERIMENT_QUEUED,
     .run_verdict = VERDICT_INTERRUPTED},
    {.what = "pipeline was done anyway",
     .pipeline = true,
     .status = 0,
     .reason = "stopping",
     .state = EXPERIMENT_DONE,
     .verdict = VERDICT_DONE,
     .run_verdict = VERDICT_DONE},
    {.what = "told to stop, not to be repeated",
     .status = -1,
     .signal = 15,
     .reason = "stopping",
     .no_requeue = true,
     .state = EXPERIMENT_FAILED,
     .verdict = VERDICT_LOST,
     .run_verdict = VERDICT_INTERRUPTED},
    {.what = "cancelled",
     .status = -1,
     .signal = 15,
     .reason = "cancelled",
     .cancel = true,
     .retries = 3,
     .state = EXPERIMENT_CANCELLED,
     .verdict = VERDICT_CANCELLED,
     .run_verdict = VERDICT_CANCELLED},
    {.what = "cancelled too late",
     .cancel = true,
     .state = EXPERIMENT_DONE,
     .verdict = VERDICT_DONE,
     .run_verdict = VERDICT_DONE},
    {.what = "failed while it was cancelled",
     .cancel = true,
     .status = 1,
     .retries = 3,
     .state = EXPERIMENT_CANCELLED,
     .verdict = VERDICT_CANCELLED,
     .run_verdict = VERDICT_FAILED},
    {.what = "checkpointed while it was cancelled",
     .pipeline = true,
     .cancel = true,
     .status = 75,
     .state = EXPERIMENT_CANCELLED,
     .verdict = VERDICT_CANCELLED,
     .run_verdict = VERDICT_INTERRUPTED},
    {.what = "memory",
     .status = -1,
     .signal = 9,
     .reason = "out_of_memory",
     .state = EXPERIMENT_FAILED,
     .verdict = VERDICT_OUT_OF_MEMORY,
     .run_verdict = VERDICT_OUT_OF_MEMORY},
    {.what = "full disk of the engine",
     .pipeline = true,
     .status = 7,
     .retries = 1,
     .state = EXPERIMENT_QUEUED,
     .run_verdict = VERDICT_INTERRUPTED,
     .new_losses = 1},
    {.what = "full disk of the engine again and again",
     .pipeline = true,
     .status = 7,
     .losses = 2,
     .state = EXPERIMENT_HELD,
     .run_verdict = VERDICT_INTERRUPTED,
     .new_losses = 3},
    {.what = "full disk of the engine, with progress",
     .pipeline = true,
     .status = 7,
     .losses = 2,
     .progressed = true,
     .state = EXPERIMENT_QUEUED,
     .run_verdict = VERDICT_INTERRUPTED},
    {.what = "status 7 of a command",
     .status = 7,
     .state = EXPERIMENT_FAILED,
     .verdict = VERDICT_FAILED,
     .run_verdict = VERDICT_FAILED},
    {.what = "memory of the engine",
     .pipeline = true,
     .status = 4,
     .retries = 1,
     .state = EXPERIMENT_QUEUED,
     .run_verdict = VERDICT_OUT_OF_MEMORY,
     .spends = true},
};

static void exit_means_what_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(exit_cases) / sizeof(exit_cases[0]); i++) {
        const struct exit_case *c = &exit_cases[i];
        struct experiment_exit exit = {.status = c->status, .signal = c->signal};
        const struct experiment_facts facts = {.pipeline = c->pipeline,
                                               .requeue = !c->no_requeue,
                                               .cancel_requested = c->cancel,
                                               .progressed = c->progressed,
                                               .retries_left = c->retries,
                                               .losses = c->losses,
                                               .exit = &exit};
        struct experiment_decision decision;

        (void)snprintf(exit.reason, sizeof(exit.reason), "%s", c->reason ? c->reason : "");
        decision = experiment_decide(c->cancel ? EXPERIMENT_STOPPING : EXPERIMENT_RUNNING,
                                     EXPERIMENT_EVENT_EXIT, &facts);
        if (decision.state != c->state || decision.verdict != c->verdict ||
            decision.run_verdict != c->run_verdict || decision.spend_retry != c->spends)
            fail_msg("%s: %s, %s, run %s, %s", c->what, experiment_state_text(decision.state),
                     experiment_verdict_text(decision.verdict),
                     experiment_verdict_text(decision.run_verdict),
                     decision.spend_retry ? "spends a retry" : "spends nothing");
        if (decision.state == EXPERIMENT_QUEUED && decision.losses != c->new_losses)
            fail_msg("%s: %d losses", c->what, (int)decision.losses);
    }
}

static void three_losses_without_progress_hold(void **state)
{
    struct experiment_facts facts = {.requeue = true, .retries_left = 1};
    struct experiment_decision decision;

    (void)state;
    for (int i = 1; i <= 2; i++) {
        decision = experiment_decide(EXPERIMENT_RUNNING, EXPERIMENT_EVENT_LOST, &facts);
        assert_int_equal(decision.state, EXPERIMENT_QUEUED);
        assert_int_equal(decision.losses, i);
        assert_false(decision.spend_retry);
        facts.losses = decision.losses;
    }
    decision = experiment_decide(EXPERIMENT_RUNNING, EXPERIMENT_EVENT_LOST, &facts);
    assert_int_equal(decision.state, EXPERIMENT_HELD);
    assert_non_null(strstr(decision.reason, "3 times"));
    facts.progressed = true;
    decision = experiment_decide(EXPERIMENT_RUNNING, EXPERIMENT_EVENT_LOST, &facts);
    assert_int_equal(decision.state, EXPERIMENT_QUEUED);
    assert_int_equal(decision.losses, 0);
    facts.losses = 3;
    decision = experiment_decide(EXPERIMENT_HELD, EXPERIMENT_EVENT_RELEASE, &facts);
    assert_int_equal(decision.losses, 0);
}

static void lost_and_not_to_be_repeated_fails(void **state)
{
    const struct experiment_facts facts = {.requeue = false};
    struct experiment_decision decision =
        experiment_decide(EXPERIMENT_RUNNING, EXPERIMENT_EVENT_LOST, &facts);

    (void)state;
    assert_int_equal(decision.state, EXPERIMENT_FAILED);
    assert_int_equal(decision.verdict, VERDICT_LOST);
}

static void cancel_asks_the_worker_each_time(void **state)
{
    const struct experiment_facts facts = {.requeue = true};

    (void)state;
    for (int s = EXPERIMENT_STARTING; s <= EXPERIMENT_STOPPING; s++)
        assert_true(
            experiment_decide((enum experiment_state)s, EXPERIMENT_EVENT_CANCEL, &facts).stop_run);
    assert_false(experiment_decide(EXPERIMENT_QUEUED, EXPERIMENT_EVENT_CANCEL, &facts).stop_run);
}

static void never_started_spends_nothing(void **state)
{
    const struct experiment_facts facts = {.requeue = false, .retries_left = 1, .losses = 2};
    const struct experiment_facts cancelled = {.cancel_requested = true};
    struct experiment_decision decision =
        experiment_decide(EXPERIMENT_STARTING, EXPERIMENT_EVENT_NEVER_STARTED, &facts);

    (void)state;
    assert_int_equal(decision.state, EXPERIMENT_QUEUED);
    assert_false(decision.spend_retry);
    assert_int_equal(decision.losses, 2);
    decision = experiment_decide(EXPERIMENT_STOPPING, EXPERIMENT_EVENT_NEVER_STARTED, &cancelled);
    assert_int_equal(decision.state, EXPERIMENT_CANCELLED);
}

static void restart_is_fresh(void **state)
{
    const struct experiment_facts facts = {.losses = 3};
    struct experiment_decision decision =
        experiment_decide(EXPERIMENT_FAILED, EXPERIMENT_EVENT_RESTART, &facts);

    (void)state;
    assert_true(decision.fresh);
    assert_int_equal(decision.losses, 0);
    assert_int_equal(decision.verdict, VERDICT_NONE);
}

static void exit_line_is_read_and_described(void **state)
{
    const char *text = "{\"event\":\"exit\",\"status\":-1,\"signal\":9,\"wall_s\":1.5,"
                       "\"cpu_s\":1.25,\"peak_rss_bytes\":4096,\"reason\":\"timeout\","
                       "\"message\":\"two\\nlines\"}";
    scoped(json_free) cJSON *json = NULL;
    struct experiment_exit exit;
    struct error error;
    char described[128];

    (void)state;
    assert_true(json_parse(text, strlen(text), &json, &error));
    experiment_exit_read(json, &exit);
    assert_int_equal(exit.status, -1);
    assert_int_equal(exit.signal, 9);
    assert_int_equal(exit.peak_rss_bytes, 4096);
    assert_string_equal(exit.message, "two lines");
    experiment_exit_describe(&exit, described, sizeof(described));
    assert_string_equal(described, "time limit reached after 2 s: two lines");
    exit.reason[0] = exit.message[0] = '\0';
    experiment_exit_describe(&exit, described, sizeof(described));
    assert_string_equal(described, "signal 9 (Killed)");
    exit.signal = 0;
    exit.status = 75;
    experiment_exit_describe(&exit, described, sizeof(described));
    assert_string_equal(described, "exit status 75");
    (void)snprintf(exit.reason, sizeof(exit.reason), "cancelled");
    experiment_exit_describe(&exit, described, sizeof(described));
    assert_string_equal(described, "");
}

static void states_are_told_and_read_alike(void **state)
{
    enum experiment_state read;

    (void)state;
    for (int s = 0; s < EXPERIMENT_STATE_COUNT; s++) {
        assert_true(experiment_state_from_text(experiment_state_text(s), &read));
        assert_int_equal(read, s);
    }
    assert_false(experiment_state_from_text("gone", &read));
}

static void resumed_one_runs_if_it_has_started(void **state)
{
    const struct experiment_facts facts = {.started = true};
    struct experiment_decision pause =
        experiment_decide(EXPERIMENT_RUNNING, EXPERIMENT_EVENT_PAUSE, &facts);
    struct experiment_decision resume =
        experiment_decide(EXPERIMENT_PAUSED, EXPERIMENT_EVENT_RESUME, &facts);

    (void)state;
    assert_true(pause.pause_run);
    assert_int_equal(resume.state, EXPERIMENT_RUNNING);
    assert_false(resume.pause_run);
    assert_true(experiment_state_active(EXPERIMENT_PAUSED));
    assert_true(experiment_state_live(EXPERIMENT_PAUSED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_meets_every_event),
        cmocka_unit_test(verdicts_go_with_states),
        cmocka_unit_test(exit_means_what_it_says),
        cmocka_unit_test(three_losses_without_progress_hold),
        cmocka_unit_test(lost_and_not_to_be_repeated_fails),
        cmocka_unit_test(cancel_asks_the_worker_each_time),
        cmocka_unit_test(never_started_spends_nothing),
        cmocka_unit_test(restart_is_fresh),
        cmocka_unit_test(resumed_one_runs_if_it_has_started),
        cmocka_unit_test(exit_line_is_read_and_described),
        cmocka_unit_test(states_are_told_and_read_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
