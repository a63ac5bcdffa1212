/* Reports: the numbers that answer a batch's question, with their marks. */
#include "tests/unit/daemon/store_fixture.h"

#include "common/wire.h"
#include "daemon/report/interval.h"
#include "daemon/report/metric.h"
#include "daemon/report/report.h"
#include "daemon/report/summary.h"

#include <inttypes.h>

#define VOWELS                                                                                 \
    "{'name':'vowels','question':'does the split matter?','expectation':'not "                 \
    "much','base':{'data':{'source':'v.csv'},"                                                 \
    "'model':[{'type':'dense','units':8}],'evaluate':{'metrics':['accuracy']}},'sweep':{"      \
    "'goal':{'maximize':'test.accuracy'},'parameters':{'data.split':["                         \
    "{'label':'rows','value':{'by':'fraction'}},{'label':'speakers','value':{'by':'group'}}]," \
    "'model[0].units':[8,16]},'replicates':3}}"

static struct report_view view_now(void)
{
    return (struct report_view){.limits = {.slots = 2, .cpus = 2}, .wall_ms = now_ms};
}

static void finish(int64_t id, double accuracy, bool leaks)
{
    char line[256];

    run_to_running(id);
    (void)snprintf(line, sizeof(line),
                   "{'event':'metric','name':'test.accuracy','value':%.4f,'naive':0.09}", accuracy);
    report(id, 0, line);
    if (leaks)
        report(id, 100, "{'event':'mark','mark':'LEAK','reason':'r','count':9}");
    end_with(id, 0);
}

static void run_one(int64_t id, const char *line)
{
    run_to_running(id);
    report(id, 0, line);
    end_with(id, 0);
}

/* The random rows leak and look good; the number of units does nothing. */
static void run_vowels(int n)
{
    static const double noise[] = {0, 0.01, 0.02};

    for (int i = 0; i < n; i++)
        finish(i + 1, (i < 6 ? 0.9 : 0.45) + noise[i % 3], i < 6);
}

static cJSON *report_of(const char *params)
{
    scoped(json_free) cJSON *json = parse_json(params);
    struct report_view view = view_now();
    struct error error;
    cJSON *reply;

    if (!report_batches(store, json, &view, &reply, &error))
        fail_msg("%s", error.message);
    return reply;
}

static void report_answers_the_question(void **state)
{
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *batch, *first, *last;
    const char *found;

    (void)state;
    submit(VOWELS);
    run_vowels(12);
    reply = report_of("{'batch':[1]}");
    batch = json_at(reply, "batches[0]");
    assert_string_equal(json_text(batch, "question", ""), "does the split matter?");
    assert_string_equal(json_text(batch, "expectation", ""), "not much");
    assert_string_equal(json_text(batch, "metric", ""), "test.accuracy");
    assert_string_equal(json_text(batch, "goal", ""), "maximize");
    assert_int_equal(json_integer(json_member(batch, "counts"), "done", 0), 12);
    assert_int_equal(cJSON_GetArraySize(json_member(batch, "configurations")), 4);
    first = json_at(batch, "configurations[0]");
    last = json_at(batch, "configurations[3]");
    assert_near(json_number(first, "mean", 0), 0.91, 1e-9);
    assert_near(json_number(first, "sd", 0), 0.01, 1e-9);
    /* 4.302653 0.01 / sqrt 3 */
    assert_near(json_number(first, "low", 0), 0.91 - 0.0248414, 1e-7);
    assert_near(json_number(first, "high", 0), 0.91 + 0.0248414, 1e-7);
    assert_near(json_number(first, "naive", 0), 0.09, 1e-9);
    assert_int_equal(json_integer(first, "n", 0), 3);
    assert_string_equal(print_json(json_member(first, "marks")), "[\"LEAK\"]");
    assert_non_null(strstr(json_text(last, "label", ""), "split=speakers units="));
    assert_string_equal(print_json(json_member(last, "marks")), "[]");
    assert_near(json_number(json_member(batch, "best"), "value", 0), 0.92, 1e-9);
    assert_string_equal(print_json(json_at(batch, "best.marks")), "[\"LEAK\"]");
    assert_near(json_number(batch, "wall_s", 0), 24, 1e-9);
    assert_near(json_number(batch, "wasted_s", 9), 0, 1e-9);
    assert_true(json_member(batch, "elapsed_s") != NULL);
    assert_true(cJSON_IsNull(json_member(batch, "waiting")));

    found = cJSON_GetStringValue(json_at(batch, "findings[0]"));
    assert_string_equal(found, "split: test.accuracy rows [LEAK] (0.91, n=6) against speakers "
                               "(0.46, n=6): they differ by 0.45, 77.9 standard errors");
    found = cJSON_GetStringValue(json_at(batch, "findings[1]"));
    assert_string_equal(
        found, "units: 8 and 16 do not differ by more than chance may (2.78 standard errors)");
    assert_string_equal(
        print_json(json_at(batch, "next")),
        "[\"split=speakers units=8 and split=speakers units=16 do equally well: take "
        "the cheaper one\"]");
}

#define SIZES                                                                             \
    "{'name':'sizes','base':{'data':{'source':'v.csv'},'prepare':[{'type':'subset'}],"    \
    "'model':[{'type':'dense','units':8}],'evaluate':{'metrics':['accuracy']}},'sweep':{" \
    "'goal':{'maximize':'test.accuracy'},'parameters':{'prepare[0].%s':[%s]}}}"

static void learning_curve_is_extrapolated(void **state)
{
    static const double rows[] = {100, 200, 400, 800, 1600};
    scoped(json_free) cJSON *reply = NULL;
    double twice, tenfold;
    char text[1024];
    const char *found = NULL;
    const cJSON *item;

    (void)state;
    (void)snprintf(text, sizeof(text), SIZES, "rows", "100,200,400,800,1600");
    submit(text);
    for (int i = 0; i < 5; i++)
        finish(i + 1, 0.9 - 2 / sqrt(rows[i]), false);
    reply = report_of("{'batch':[1]}");
    cJSON_ArrayForEach(item, json_at(reply, "batches[0].findings"))
    {
        if (strncmp(item->valuestring, "learning curve", 14) == 0)
            found = item->valuestring;
    }
    assert_non_null(found);
    assert_non_null(strstr(found, "test.accuracy goes as 0.9 - 2 n^-0.50, within "));
    found = strstr(found, "by that ");
    assert_non_null(found);
    assert_int_equal(
        sscanf(found, "by that %lf with twice as many rows, %lf with ten times", &twice, &tenfold),
        2);
    assert_near(twice, 0.9 - 2 / sqrt(3200), 2e-4); /* of numbers with four digits */
    assert_near(tenfold, 0.9 - 2 / sqrt(16000), 5e-4);
}

/* The figures of twice and of ten times as many rows, from four sizes, with the metric shown times
 * a factor; "": nothing is said. */
static const char *extrapolated(const char *metric, const double *score, double factor)
{
    static char text[256];
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *item;
    char params[512];

    (void)snprintf(params, sizeof(params),
                   "{'base':{'command':['x','{prepare.rows}']},'sweep':{'goal':{'maximize':'%s'},"
                   "'parameters':{'prepare.rows':[100,200,400,800]}}}",
                   metric);
    submit(params);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(params, sizeof(params), "{'%s':%.17g}", metric, score[i]);
        run_to_running(i + 1);
        report(i + 1, 0, params);
        end_with(i + 1, 0);
    }
    (void)snprintf(params, sizeof(params), "{'batch':[1],'scale':{'%s':%g}}", metric, factor);
    reply = report_of(params);
    text[0] = '\0';
    cJSON_ArrayForEach(item, json_at(reply, "batches[0].findings"))
    {
        const char *found = strstr(item->valuestring, "by that ");

        if (found)
            (void)snprintf(text, sizeof(text), "%s", found);
    }
    return text;
}

static void extrapolation_stays_within_what_the_metric_can_be(void **state)
{
    static const double steep[] = {0.80, 0.86, 0.92, 0.975};
    double twice, tenfold;

    (void)state;
    assert_int_equal(sscanf(extrapolated("test.top_5_accuracy", steep, 1),
                            "by that %lf with twice as many rows, %lf with ten times", &twice,
                            &tenfold),
                     2);
    assert_true(twice > 0.95 && tenfold > twice && tenfold <= 1);
}

static void limits_are_scaled_with_their_metric(void **state)
{
    static const double steep[] = {0.80, 0.86, 0.92, 0.975};
    double twice, tenfold;

    (void)state;
    assert_int_equal(sscanf(extrapolated("test.top_5_accuracy", steep, -100),
                            "by that %lf with twice as many rows, %lf with ten times", &twice,
                            &tenfold),
                     2);
    assert_true(twice < -95 && tenfold < twice && tenfold >= -100);
}

/* Neither a metric of one's own has limits, nor an accuracy in percent. */
static void unknown_limits_are_none(void **state)
{
    static const double steep[] = {80, 86, 92, 97.5};
    double twice, tenfold;

    (void)state;
    assert_int_equal(sscanf(extrapolated("accuracy", steep, 1),
                            "by that %lf with twice as many rows, %lf with ten times", &twice,
                            &tenfold),
                     2);
    assert_true(twice > 100 && tenfold > twice);
}

/* The index-th text of the first batch's findings. */
static const char *finding(const cJSON *reply, int index)
{
    return cJSON_GetStringValue(cJSON_GetArrayItem(json_at(reply, "batches[0].findings"), index));
}

static void assert_scaled(const cJSON *plain, const cJSON *scaled, const char *path, double factor)
{
    assert_true(cJSON_IsNumber(json_at(plain, path)));
    assert_near(json_at(scaled, path)->valuedouble, factor * json_at(plain, path)->valuedouble,
                1e-9);
}

static void all_numbers_of_a_report_are_scaled(void **state)
{
    static const char *const scaled[] = {"low", "high", "mean", "sd", "naive", "best.value"};
    static const char *const same[] = {"n", "wall_s", "best.id"};
    scoped(json_free) cJSON *plain = NULL, *large = NULL, *turned = NULL;
    char path[64];

    (void)state;
    submit(VOWELS);
    run_vowels(12);
    plain = report_of("{'batch':[1]}");
    large = report_of("{'batch':[1],'scale':{'accuracy':1000,'loss':7}}");
    for (size_t i = 0; i < sizeof(scaled) / sizeof(scaled[0]); i++) {
        (void)snprintf(path, sizeof(path), "batches[0].configurations[1].%s", scaled[i]);
        assert_scaled(plain, large, path, 1000);
    }
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        (void)snprintf(path, sizeof(path), "batches[0].configurations[1].%s", same[i]);
        assert_scaled(plain, large, path, 1);
    }
    assert_scaled(plain, large, "batches[0].best.value", 1000);
    assert_scaled(plain, large, "batches[0].best.naive", 1000);
    assert_string_equal(json_text(json_at(large, "batches[0]"), "metric", ""),
                        "test.accuracy x 1000");
    assert_non_null(strstr(finding(plain, 0), "test.accuracy rows [LEAK] (0.91, n=6) against "));
    assert_non_null(strstr(finding(plain, 0), "differ by 0.45, "));
    assert_non_null(
        strstr(finding(large, 0), "test.accuracy x 1000 rows [LEAK] (910, n=6) against "));
    assert_non_null(strstr(finding(large, 0), "differ by 450, "));
    /* what was highest is lowest */
    turned = report_of("{'batch':[1],'scale':{'test.accuracy':-1}}");
    assert_string_equal(json_text(json_at(turned, "batches[0]"), "goal", ""), "minimize");
    assert_scaled(plain, turned, "batches[0].best.value", -1);
    assert_scaled(plain, turned, "batches[0].best.id", 1);
    assert_scaled(plain, turned, "batches[0].configurations[0].sd", 1);
}

static void learning_curve_is_scaled_with_its_metric(void **state)
{
    static const double rows[] = {100, 200, 400, 800, 1600};
    scoped(json_free) cJSON *reply = NULL;
    char text[1024];

    (void)state;
    (void)snprintf(text, sizeof(text), SIZES, "rows", "100,200,400,800,1600");
    submit(text);
    for (int i = 0; i < 5; i++)
        finish(i + 1, 0.9 - 2 / sqrt(rows[i]), false);
    reply = report_of("{'batch':[1],'scale':{'accuracy':100}}");
    assert_non_null(
        strstr(finding(reply, cJSON_GetArraySize(json_at(reply, "batches[0].findings")) - 1),
               "test.accuracy x 100 goes as 90 - 200 n^-0.50, within "));
}

static void bad_scales_are_refused(void **state)
{
    static const char *const cases[] = {"{'scale':3}", "{'scale':{'a':'b'}}", "{'scale':{'a':0}}"};
    struct report_view view = view_now();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        scoped(json_free) cJSON *params = parse_json(cases[i]);
        struct error error;
        cJSON *reply;

        assert_false(report_batches(store, params, &view, &reply, &error));
        assert_string_equal(error.path, "scale");
    }
}

static void too_few_points_are_no_learning_curve(void **state)
{
    scoped(json_free) cJSON *reply = NULL;
    char text[1024];
    const cJSON *item;

    (void)state;
    (void)snprintf(text, sizeof(text), SIZES, "share", "0.1,0.2,0.4");
    submit(text);
    for (int i = 0; i < 3; i++)
        finish(i + 1, 0.5 + 0.1 * i, false);
    reply = report_of("{'batch':[1]}");
    cJSON_ArrayForEach(item, json_at(reply, "batches[0].findings"))
    {
        assert_null(strstr(item->valuestring, "learning curve"));
    }
}

/* Of eight outputs one learns far less than the others. */
static void target_that_stands_out_is_named(void **state)
{
    static const double accuracy[] = {0.90, 0.91, 0.89, 0.92, 0.55, 0.90, 0.91, 0.88};
    scoped(json_free) cJSON *reply = NULL;
    const char *found = NULL;
    const cJSON *item;

    (void)state;
    submit("{'name':'probe','base':{'data':{'source':'v.csv'},'model':[{'type':'dense','units':8}],"
           "'evaluate':{'metrics':['accuracy']}},'sweep':{'goal':{'maximize':'test.accuracy'},"
           "'parameters':{'data.target':['t0','t1','t2','t3','t4','t5','t6','t7']}}}");
    for (int i = 0; i < 8; i++)
        finish(i + 1, accuracy[i], false);
    reply = report_of("{'batch':[1]}");
    cJSON_ArrayForEach(item, json_at(reply, "batches[0].findings"))
    {
        if (strstr(item->valuestring, "stands out"))
            found = item->valuestring;
    }
    assert_non_null(found);
    assert_string_equal(found,
                        "t4 (0.55) stands out: the median test.accuracy of 8 targets is 0.9");
}

static void alike_targets_do_not_stand_out(void **state)
{
    static const double accuracy[] = {0.90, 0.91, 0.89, 0.92, 0.87, 0.99};
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *item;

    (void)state;
    submit("{'name':'probe','base':{'data':{'source':'v.csv'},'model':[{'type':'dense','units':8}],"
           "'evaluate':{'metrics':['accuracy']}},'sweep':{'goal':{'maximize':'test.accuracy'},"
           "'parameters':{'data.target':['t0','t1','t2','t3','t4','t5']}}}");
    for (int i = 0; i < 6; i++)
        finish(i + 1, accuracy[i], false);
    reply = report_of("{'batch':[1]}");
    cJSON_ArrayForEach(item, json_at(reply, "batches[0].findings"))
    {
        assert_null(strstr(item->valuestring, "out: the median"));
    }
}

static const char *finding_where(bool first_leaks, bool second_leaks)
{
    static const double noise[] = {0, 0.01, 0.02};
    scoped(json_free) cJSON *reply = NULL;
    static char text[256];

    submit(VOWELS);
    for (int i = 0; i < 12; i++)
        finish(i + 1, (i < 6 ? 0.9 : 0.45) + noise[i % 3], i < 6 ? first_leaks : second_leaks);
    reply = report_of("{'batch':[1]}");
    (void)snprintf(text, sizeof(text), "%s",
                   cJSON_GetStringValue(json_at(reply, "batches[0].findings[0]")));
    return text;
}

static void finding_between_honest_numbers_names_the_better(void **state)
{
    (void)state;
    assert_non_null(strstr(finding_where(false, false),
                           "rows (0.91, n=6) is better than speakers (0.46, n=6)"));
}

static void finding_between_leaking_numbers_names_none(void **state)
{
    (void)state;
    assert_non_null(strstr(finding_where(true, true),
                           "rows [LEAK] (0.91, n=6) against speakers [LEAK] (0.46, n=6)"));
}

static void report_groups_failures_and_counts_what_was_wasted(void **state)
{
    const struct experiment_exit failure = {.status = 1, .wall_s = 5, .message = "boom"};
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *batch;

    (void)state;
    submit("{'base':{'command':['x']},'experiments':[{},{},{}]}");
    for (int64_t id = 1; id <= 2; id++) {
        run_to_running(id);
        report(id, 0, "{'event':'warning','text':'hm'}");
        apply_exit(id, EXPERIMENT_EVENT_EXIT, &failure);
    }
    reply = report_of("{}");
    batch = json_at(reply, "batches[0]");
    assert_string_equal(print_json(json_member(batch, "failures")),
                        "[{\"message\":\"exit status 1: boom\",\"count\":2,"
                        "\"experiments\":[1,2]}]");
    assert_string_equal(print_json(json_member(batch, "warnings")),
                        "[{\"text\":\"hm\",\"count\":2,\"experiments\":[1,2]}]");
    assert_near(json_number(batch, "wasted_s", 0), 10, 1e-9);
    assert_true(cJSON_IsNull(json_member(batch, "metric")));
    assert_true(cJSON_IsNull(json_member(batch, "best")));
}

static void what_is_frequent_is_told_however_late_it_comes(void **state)
{
    scoped(json_free) cJSON *reply = NULL;
    char spec[4000] = "{'base':{'command':['x'],'queue':{'breaker':0}},'experiments':[{}";
    const cJSON *batch;

    (void)state;
    for (int i = 1; i < 240; i++)
        (void)strcat(spec, ",{}");
    submit(strcat(spec, "]}"));
    for (int64_t id = 1; id <= 240; id++) {
        struct experiment_exit failure = {.status = 1};
        char warning[96];

        (void)snprintf(failure.message, sizeof(failure.message),
                       id <= 110 ? "kind%" PRId64 "." : "same", id);
        (void)snprintf(warning, sizeof(warning), "{'event':'warning','text':'%s %" PRId64 ".5'}",
                       id == 240 ? "rows were NaN at" : "loss is", id);
        run_to_running(id);
        report(id, 0, warning);
        apply_exit(id, EXPERIMENT_EVENT_EXIT, &failure);
    }
    reply = report_of("{}");
    batch = json_at(reply, "batches[0]");
    assert_string_equal(json_text(json_at(batch, "failures[0]"), "message", ""),
                        "exit status 1: same");
    assert_int_equal(json_integer(json_at(batch, "failures[0]"), "count", 0), 130);
    assert_string_equal(print_json(json_member(batch, "failures_total")),
                        "{\"kinds\":111,\"count\":240}");
    assert_string_equal(json_text(json_at(batch, "warnings[0]"), "text", ""),
                        "loss is 1.5 .. 239.5");
    assert_int_equal(json_integer(json_at(batch, "warnings[0]"), "count", 0), 239);
    assert_string_equal(json_text(json_at(batch, "warnings[1]"), "text", ""),
                        "rows were NaN at 240.5");
}

/* The oldest of so many batches of one experiment each failed, the others wait. */
static void submit_many(int n, const char *spec)
{
    const struct experiment_exit failure = {.status = 9, .message = "boom"};

    for (int i = 0; i < n; i++)
        submit(spec);
    run_to_running(1);
    apply_exit(1, EXPERIMENT_EVENT_EXIT, &failure);
}

static void what_is_too_much_to_tell_in_full_is_told_in_brief(void **state)
{
    scoped(json_free) cJSON *reply = NULL, *named = NULL;

    (void)state;
    submit_many(25, "{'base':{'command':['x']}}");
    reply = report_of("{}");
    assert_int_equal(cJSON_GetArraySize(json_member(reply, "batches")), 20);
    assert_int_equal(json_integer(json_at(reply, "batches[0]"), "id", 0), 6);
    assert_int_equal(json_integer(json_at(reply, "batches[19]"), "id", 0), 25);
    assert_int_equal(cJSON_GetArraySize(json_member(reply, "earlier")), 5);
    assert_string_equal(print_json(json_at(reply, "earlier[0].failures")),
                        "[{\"message\":\"exit status 9: boom\",\"count\":1,"
                        "\"experiments\":[1]}]");
    assert_string_equal(print_json(json_member(reply, "total")),
                        "{\"batches\":25,\"failures\":1,\"first\":1,\"last\":25}");
    assert_string_equal(print_json(json_member(reply, "untold")),
                        "{\"batches\":0,\"failures\":0,\"first\":0,\"last\":0}");
    named = report_of("{'batch':[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22]}");
    assert_int_equal(cJSON_GetArraySize(json_member(named, "earlier")), 2);
}

/* Long questions fill the message. */
static void what_is_too_much_to_tell_at_all_is_counted(void **state)
{
    scoped(json_free) cJSON *reply = NULL;
    char spec[40000];
    int n_full, n_brief;

    (void)state;
    (void)snprintf(spec, sizeof(spec), "{'question':'%0*d','base':{'command':['x']}}", 38000, 0);
    submit_many(30, spec);
    reply = report_of("{}");
    n_full = cJSON_GetArraySize(json_member(reply, "batches"));
    n_brief = cJSON_GetArraySize(json_member(reply, "earlier"));
    assert_in_range(n_full, 1, 19);
    assert_in_range(n_brief, 1, 25);
    assert_true(strlen(print_json(reply)) < WIRE_FRAME_LIMIT);
    assert_int_equal(json_integer(json_at(reply, "untold"), "batches", 0), 30 - n_full - n_brief);
    assert_int_equal(json_integer(json_at(reply, "untold"), "last", 0), 30 - n_full - n_brief);
    assert_int_equal(json_integer(json_at(reply, "untold"), "failures", 0), 1);
    assert_int_equal(json_integer(json_at(reply, "total"), "batches", 0), 30);
}

static void what_runs_remark_and_what_people_note_stand_apart(void **state)
{
    scoped(json_free) cJSON *note = parse_json("{'id':1,'text':'dropout calms it'}");
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *batch;
    struct error error;
    int64_t today;

    (void)state;
    submit("{'base':{'command':['x']},'experiments':[{},{}]}");
    for (int64_t id = 1; id <= 2; id++) {
        run_to_running(id);
        report(id, 0, "{'event':'note','text':'was slow'}");
        end_with(id, 0);
    }
    assert_true(store_begin(store, &error));
    assert_true(store_note(store, note, now_ms, &today, &error));
    assert_true(store_commit(store, &error));
    reply = report_of("{'batch':[1]}");
    batch = json_at(reply, "batches[0]");
    assert_string_equal(print_json(json_member(batch, "remarks")),
                        "[{\"text\":\"was slow\",\"count\":2,\"experiments\":[1,2]}]");
    assert_string_equal(print_json(json_member(batch, "notes")),
                        "[{\"text\":\"dropout calms it\",\"count\":1,\"experiments\":[1]}]");
}

static void note(const char *params)
{
    scoped(json_free) cJSON *json = parse_json(params);
    struct error error;
    int64_t today;

    assert_true(store_begin(store, &error));
    if (!store_note(store, json, now_ms, &today, &error))
        fail_msg("%s", error.message);
    assert_true(store_commit(store, &error));
}

static void refuse_note(const char *params, const char *expected)
{
    scoped(json_free) cJSON *json = parse_json(params);
    struct error error, undo;
    int64_t today;

    assert_true(store_begin(store, &error));
    assert_true(store_savepoint(store, &error));
    assert_false(store_note(store, json, now_ms, &today, &error));
    assert_non_null(strstr(error.message, expected));
    assert_true(store_undo(store, &undo));
    assert_true(store_commit(store, &error));
}

static void notes_point_at_what_exists(void **state)
{
    scoped(json_free) cJSON *shown = NULL, *reply = NULL;
    struct error error;

    (void)state;
    submit("{'base':{'command':['x']},'experiments':[{},{},{}]}");
    note("{'id':1,'text':'as before','links':['2-3','batch:1','2']}");
    note("{'id':2,'text':'as before','links':['1']}");
    note("{'batch':1,'text':'all in all','links':['3']}");
    refuse_note("{'id':1,'text':'a','links':['4']}", "there is no experiment 4");
    refuse_note("{'id':1,'text':'a','links':['batch:2']}", "there is no batch 2");
    refuse_note("{'id':1,'text':'a','links':['2-']}", "expected ids");
    refuse_note("{'id':1,'text':'a','links':['last']}", "expected ids");
    refuse_note("{'id':1,'text':'a','links':['1-1000000000']}", "more than 100");
    assert_true(store_show(store, 1, now_ms, &shown, &error));
    assert_string_equal(print_json(json_at(shown, "notes[0].links")),
                        "[{\"id\":2},{\"id\":3},{\"batch\":1}]");
    assert_int_equal(cJSON_GetArraySize(json_member(shown, "notes")), 1);
    reply = report_of("{'batch':[1]}");
    assert_string_equal(print_json(json_at(reply, "batches[0].notes[0].links")), "[{\"id\":3}]");
    assert_string_equal(print_json(json_at(reply, "batches[0].notes[1].links")),
                        "[{\"id\":1},{\"id\":2},{\"id\":3},{\"batch\":1}]");
}

static cJSON *search(const char *params)
{
    scoped(json_free) cJSON *json = parse_json(params);
    struct error error;
    cJSON *reply;

    if (!report_search(store, json, &reply, &error))
        fail_msg("%s", error.message);
    return reply;
}

/* "2 1": the batches found, in order. */
static void assert_found(const char *params, const char *expected)
{
    scoped(json_free) cJSON *reply = search(params);
    const cJSON *batch;
    char text[64] = "";
    size_t used = 0;

    cJSON_ArrayForEach(batch, json_member(reply, "batches")) used +=
        (size_t)snprintf(text + used, sizeof(text) - used, "%s%" PRId64, used ? " " : "",
                         json_integer(batch, "id", 0));
    if (strcmp(text, expected) != 0)
        fail_msg("%s found '%s', expected '%s'", params, text, expected);
}

static void search_finds_batches_by_all_of_their_words(void **state)
{
    (void)state;
    submit("{'name':'vowels','question':'does the Speaker matter?','expectation':'a little',"
           "'base':{'command':['x'],'tags':['weekend']},'experiments':[{'name':'calm'},{},{}]}");
    submit("{'name':'seats','question':'does the speaker sit?','base':{'command':['x']}}");
    note("{'id':2,'text':'Dropout 50% calms_it','links':['batch:2']}");
    note("{'batch':2,'text':'\xc3\x9c"
         "beranpassung'}");
    run_to_end(3, 7);
    assert_found("{'words':['speaker']}", "2 1");
    assert_found("{'words':['SPEAKER','little']}", "1"); /* question and expectation */
    assert_found("{'words':['matter?','dropout']}", "1");
    assert_found("{'words':['speaker sit']}", "2");
    assert_found("{'words':['WEEKend']}", "1");
    assert_found("{'words':['calm']}", "1");
    assert_found("{'words':['0%']}", "1");
    assert_found("{'words':['%']}", "1"); /* letters, no pattern */
    assert_found("{'words':['s_i']}", "1");
    assert_found("{'words':['\xc3\xbc"
                 "BER']}",
                 "2"); /* beyond ASCII */
    assert_found("{'words':['exit status 7']}", "1");
    assert_found("{'words':['vowels/']}", ""); /* a name that only counts is the batch's */
    assert_found("{'words':['speaker','dropout','sit']}", "");
    assert_found("{'words':['speaker'],'limit':1}", "2");
}

static void search_tells_where_and_what_came_of_it(void **state)
{
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *batch;

    (void)state;
    submit(VOWELS);
    run_vowels(12);
    submit("{'base':{'command':['x'],'queue':{'after':['12']}}}");
    note("{'id':2,'text':'the SPLIT leaks','links':['13','1']}");
    note("{'id':3,'text':'the SPLIT leaks'}");
    note("{'id':13,'text':'follows','links':['batch:1']}");
    reply = search("{'words':['split'],'limit':1}");
    assert_false(json_boolean(reply, "more", true));
    batch = json_at(reply, "batches[0]");
    assert_string_equal(print_json(json_member(batch, "matches")),
                        "[{\"where\":\"question\",\"text\":\"does the split matter?\"},"
                        "{\"where\":\"note\",\"text\":\"the SPLIT leaks\",\"experiment\":2,"
                        "\"count\":2}]");
    assert_string_equal(print_json(json_member(batch, "links")),
                        "[{\"id\":13,\"by\":\"noted\"},{\"id\":13,\"by\":\"note\"},"
                        "{\"id\":13,\"by\":\"before\"}]");
    assert_int_equal(json_integer(json_member(batch, "counts"), "done", 0), 12);
    assert_near(json_number(json_member(batch, "best"), "value", 0), 0.47, 1e-9);
    assert_near(json_number(json_member(batch, "marked"), "value", 0), 0.92, 1e-9);
    json_free(&reply);
    reply = search("{'words':['follows']}");
    assert_string_equal(print_json(json_at(reply, "batches[0].links")),
                        "[{\"id\":2,\"by\":\"noted\"},{\"batch\":1,\"by\":\"note\"},"
                        "{\"id\":12,\"by\":\"after\"}]");
}

static void search_refuses_what_is_no_word(void **state)
{
    static const char *const bad[] = {"{}",
                                      "{'words':[]}",
                                      "{'words':['']}",
                                      "{'words':[3]}",
                                      "{'words':'a'}",
                                      "{'words':['a'],'limit':0}",
                                      "{'words':['a'],'limit':101}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        scoped(json_free) cJSON *json = parse_json(bad[i]);
        struct error error;
        cJSON *reply;

        if (report_search(store, json, &reply, &error))
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(error.kind, ERROR_INVALID);
    }
}

static void report_says_when_the_rest_should_be_done(void **state)
{
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *waiting;

    (void)state;
    submit(VOWELS);
    run_vowels(2); /* 2 s each */
    run_to_running(3);
    reply = report_of("{'batch':[1]}");
    waiting = json_at(reply, "batches[0].waiting");
    assert_int_equal(json_integer(waiting, "count", 0), 9);
    assert_int_equal(json_integer(waiting, "running", 0), 1);
    /* ten of them, two at a time */
    assert_near(json_number(waiting, "eta", 0), (double)now_ms / 1000 + 10, 1e-6);
}

static void old_batches_are_not_in_the_morning_report(void **state)
{
    scoped(json_free) cJSON *reply = NULL;

    (void)state;
    submit("{'base':{'command':['x']}}");
    run_to_end(1, 0);
    now_ms += INT64_C(2) * 24 * 3600 * 1000;
    submit("{'name':'new','base':{'command':['x']}}");
    reply = report_of("{}");
    assert_int_equal(cJSON_GetArraySize(json_member(reply, "batches")), 1);
    assert_string_equal(json_text(json_at(reply, "batches[0]"), "name", ""), "new");
    json_free(&reply);
    reply = report_of("{'since_s':1e6}");
    assert_int_equal(cJSON_GetArraySize(json_member(reply, "batches")), 2);
}

static void report_of_an_unknown_batch_is_refused(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'batch':[5]}");
    struct report_view view = view_now();
    struct error error;
    cJSON *reply;

    (void)state;
    assert_false(report_batches(store, params, &view, &reply, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

static void metric_comes_from_goal_then_evaluate_then_the_first_final(void **state)
{
    scoped(json_free) cJSON *reply = NULL;

    (void)state;
    submit("{'base':{'data':{'source':'v'},'evaluate':{'metrics':['confusion','log_loss']}}}");
    run_to_running(1);
    report(1, 0, "{'event':'metric','name':'valid.loss','value':1,'step':1}");
    report(1, 100, "{'event':'metric','name':'test.accuracy','value':0.5}");
    report(1, 200, "{'event':'metric','name':'test.log_loss','value':0.7}");
    end_with(1, 0);
    reply = report_of("{'batch':[1]}");
    assert_string_equal(json_text(json_at(reply, "batches[0]"), "metric", ""), "test.log_loss");
    assert_string_equal(json_text(json_at(reply, "batches[0]"), "goal", ""), "minimize");
    json_free(&reply);

    submit("{'base':{'command':['x']}}");
    run_to_running(2);
    report(2, 0, "{'loss':1,'step':1}");
    report(2, 100, "{'event':'metric','name':'score','value':5}");
    end_with(2, 0);
    reply = report_of("{'batch':[2]}");
    assert_string_equal(json_text(json_at(reply, "batches[0]"), "metric", ""), "score");
    assert_string_equal(json_text(json_at(reply, "batches[0]"), "goal", ""), "maximize");
}

static void direction_is_known_by_name(void **state)
{
    static const char *const low[] = {"test.crps",
                                      "test.crps_quadrature",
                                      "valid.nll",
                                      "test.ece",
                                      "test.pinball[0.1]",
                                      "test.width[0.8]",
                                      "test.rmse[wl_0.55]",
                                      "test.exoplanet_numerator",
                                      "test.balanced.ece",
                                      "test.log_loss[iris.a]",
                                      "test.log_loss_class[a]"};
    static const char *const high[] = {"test.r2[travel_time]", "test.recall[error]",
                                       "test.precision", "bandwidth", "test.exoplanet_score"};

    (void)state;
    assert_true(report_metric_minimizes("valid.log_loss"));
    assert_true(report_metric_minimizes("test.rmse"));
    assert_true(report_metric_minimizes("error"));
    assert_false(report_metric_minimizes("test.accuracy"));
    assert_false(report_metric_minimizes("loss_free.auc"));
    assert_false(report_metric_minimizes("test.r2"));
    for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++)
        assert_true(report_metric_minimizes(low[i]));
    for (size_t i = 0; i < sizeof(high) / sizeof(high[0]); i++)
        assert_false(report_metric_minimizes(high[i]));
}

/* Of the names alone the first would be maximized and the second minimized. */
static void direction_is_what_was_reported_with_it(void **state)
{
    scoped(json_free) cJSON *reply = NULL;
    scoped(json_free) cJSON *ask =
        parse_json("{'select':{'ids':[[1,3]]},'metric':'latency','top':1}");
    scoped(json_free) cJSON *other = parse_json("{'select':{'batch':[2]},'metric':'uptime'}");
    struct error error;

    (void)state;
    submit("{'base':{'command':['x','{a}']},'sweep':{'parameters':{'a':[1,2,3]}}}");
    run_one(1, "{'event':'metric','name':'latency','value':1}");
    run_one(2, "{'event':'metric','name':'latency','value':0.5,'goal':'minimize'}");
    run_one(3, "{'event':'metric','name':'latency','value':2,'goal':'odd'}");
    reply = report_of("{'batch':[1]}");
    assert_string_equal(json_text(json_at(reply, "batches[0]"), "goal", ""), "minimize");
    assert_int_equal(json_integer(json_at(reply, "batches[0].best"), "id", 0), 2);
    json_free(&reply);
    assert_true(report_best(store, ask, &reply, &error));
    assert_string_equal(json_text(reply, "goal", ""), "minimize");
    assert_int_equal(json_integer(json_at(reply, "rows[0]"), "id", 0), 2);
    json_free(&reply);

    submit("{'base':{'command':['x']}}");
    run_one(4, "{'event':'metric','name':'uptime','step':1,'value':1,'goal':'maximize'}");
    reply = report_of("{'batch':[2]}");
    assert_string_equal(json_text(json_at(reply, "batches[0]"), "goal", ""), "maximize");
    json_free(&reply);
    assert_true(report_best(store, other, &reply, &error));
    assert_string_equal(json_text(reply, "goal", ""), "maximize");
}

static void best_ranks_by_the_goal_and_leaks_last(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'select':{'batch':[1]},'top':7}");
    scoped(json_free) cJSON *worst =
        parse_json("{'select':{'all':true},'metric':'test.accuracy','goal':'minimize','top':1}");
    scoped(json_free) cJSON *wrong =
        parse_json("{'select':{'all':true},'metric':'test.accuracy','goal':'up'}");
    scoped(json_free) cJSON *reply = NULL;
    struct error error;

    (void)state;
    submit(VOWELS);
    run_vowels(12);
    assert_true(report_best(store, params, &reply, &error));
    assert_int_equal(cJSON_GetArraySize(json_member(reply, "rows")), 7);
    assert_int_equal(json_integer(json_at(reply, "rows[0]"), "id", 0), 9);
    assert_int_equal(json_integer(json_at(reply, "rows[1]"), "id", 0), 12);
    assert_string_equal(print_json(json_at(reply, "rows[0].marks")), "[]");
    assert_int_equal(json_integer(json_at(reply, "rows[6]"), "id", 0), 3);
    assert_string_equal(print_json(json_at(reply, "rows[6].marks")), "[\"LEAK\"]");
    assert_string_equal(print_json(json_at(reply, "rows[6].parameters")),
                        "{\"data.split\":\"rows\",\"model[0].units\":8}");
    json_free(&reply);
    assert_true(report_best(store, worst, &reply, &error));
    assert_int_equal(json_integer(json_at(reply, "rows[0]"), "id", 0), 7);
    json_free(&reply);
    assert_false(report_best(store, wrong, &reply, &error));
    assert_string_equal(error.path, "goal");
}

static void compare_shows_what_differs(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'select':{'ids':[[1,1],[4,4]]}}");
    scoped(json_free) cJSON *across = parse_json("{'select':{'ids':[[13,14]]}}");
    scoped(json_free) cJSON *reply = NULL;
    struct error error;

    (void)state;
    submit(VOWELS);
    run_vowels(4);
    assert_true(report_compare(store, params, &reply, &error));
    assert_string_equal(print_json(json_member(reply, "parameters")), "[\"model[0].units\"]");
    assert_string_equal(print_json(json_member(reply, "metrics")), "[\"test.accuracy\"]");
    assert_string_equal(print_json(json_at(reply, "rows[1].parameters")),
                        "{\"model[0].units\":16}");
    assert_string_equal(print_json(json_at(reply, "rows[0].metrics")), "{\"test.accuracy\":0.9}");
    json_free(&reply);
    submit("{'base':{'command':['a','--fast'],'resources':{'cpus':1}},"
           "'experiments':[{},{'command':['a','--slow']}]}");
    assert_true(report_compare(store, across, &reply, &error));
    assert_string_equal(print_json(json_member(reply, "parameters")), "[\"command[1]\"]");
}

/* Experiments that differ in their seeds alone, beside others. */
static void compare_tells_the_spread_of_replicates(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'select':{'ids':[[1,7]]}}");
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *group, *metric;
    struct error error;

    (void)state;
    submit(VOWELS);
    run_vowels(7);
    assert_true(report_compare(store, params, &reply, &error));
    assert_int_equal(cJSON_GetArraySize(json_member(reply, "replicates")), 2);
    group = json_at(reply, "replicates[1]");
    metric = json_member(json_member(group, "metrics"), "test.accuracy");
    assert_string_equal(print_json(json_member(group, "experiments")), "[4,5,6]");
    assert_int_equal(json_integer(json_member(group, "parameters"), "model[0].units", 0), 16);
    assert_int_equal(json_integer(metric, "n", 0), 3);
    assert_near(json_number(metric, "mean", 0), 0.91, 1e-9);
    assert_near(json_number(metric, "sd", 0), 0.01, 1e-9);
    assert_near(json_number(metric, "high", 0), 0.91 + 0.0248414, 1e-7);
}

static void compare_scales_replicates_too(void **state)
{
    scoped(json_free) cJSON *params = parse_json(
        "{'select':{'ids':[[1,7]]},'metrics':['test.accuracy'],'scale':{'accuracy':10}}");
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *metric;
    struct error error;

    (void)state;
    submit(VOWELS);
    run_vowels(7);
    assert_true(report_compare(store, params, &reply, &error));
    assert_string_equal(print_json(json_member(reply, "metrics")), "[\"test.accuracy x 10\"]");
    assert_near(json_number(json_at(reply, "rows[0].metrics"), "test.accuracy x 10", 0), 9, 1e-9);
    metric = json_member(json_at(reply, "replicates[1].metrics"), "test.accuracy x 10");
    assert_near(json_number(metric, "mean", 0), 9.1, 1e-9);
    assert_near(json_number(metric, "sd", 0), 0.1, 1e-9);
    assert_near(json_number(metric, "high", 0), 9.1 + 0.248414, 1e-6);
}

/* What failed or still runs has numbers too: they are in no mean of the report's either. */
static void compare_leaves_out_of_the_spread_what_is_not_done(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'select':{'ids':[[1,6]]}}");
    scoped(json_free) cJSON *reply = NULL;
    scoped(json_free) cJSON *reported = NULL;
    const cJSON *metric, *configuration;
    struct error error;

    (void)state;
    submit("{'base':{'command':['x','{a}']},'sweep':{'goal':{'minimize':'loss'},"
           "'parameters':{'a':[1,2]},'replicates':3}}");
    for (int64_t id = 1; id <= 6; id++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "{'loss':%d}", (int)id);
        run_to_running(id);
        report(id, 0, line);
        if (id < 5)
            end_with(id, id == 1);
    }
    /* 1 failed, 2 to 4 are done, 5 and 6 run */
    assert_true(report_compare(store, params, &reply, &error));
    reported = report_of("{'batch':[1]}");
    assert_int_equal(cJSON_GetArraySize(json_member(reply, "replicates")), 1);
    assert_string_equal(print_json(json_at(reply, "replicates[0].experiments")), "[2,3]");
    metric = json_at(reply, "replicates[0].metrics.loss");
    configuration = json_at(reported, "batches[0].configurations[0]");
    assert_int_equal(json_integer(metric, "n", 0), json_integer(configuration, "n", -1));
    assert_near(json_number(metric, "mean", 0), 2.5, 1e-9);
    assert_near(json_number(metric, "sd", 0), json_number(configuration, "sd", 9), 1e-9);
}

/* By the tables of Student's distribution, to their last digit. */
static void intervals_are_those_of_students_distribution(void **state)
{
    static const struct {
        size_t degrees;
        double t;
    } table[] = {{1, 12.706},  {2, 4.303},    {3, 3.182},     {4, 2.776},  {5, 2.571},
                 {9, 2.262},   {10, 2.228},   {29, 2.045},    {30, 2.042}, {99, 1.984},
                 {120, 1.980}, {1000, 1.962}, {100001, 1.960}};

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_near(interval_t(table[i].degrees), table[i].t, 5.01e-4);
    assert_true(isnan(interval_half(1, 0.5)));
    assert_near(interval_half(10, 2), 2.262157 * 2 / sqrt(10), 1e-5);
}

static void compare_has_all_metrics_those_of_test_rows_first(void **state)
{
    static const char *const split[] = {"train", "valid", "test"};
    scoped(json_free) cJSON *params = parse_json("{'select':{'ids':[[1,1]]}}");
    scoped(json_free) cJSON *reply = NULL;
    struct error error;
    int line = 0;

    (void)state;
    submit("{'base':{'command':['x']}}");
    run_to_running(1);
    for (size_t i = 0; i < sizeof(split) / sizeof(split[0]); i++)
        for (int metric = 0; metric < 4; metric++) {
            char text[128];

            (void)snprintf(text, sizeof(text), "{'event':'metric','name':'%s.m%d','value':1}",
                           split[i], metric);
            report(1, 100 * line++, text);
        }
    end_with(1, 0);
    assert_true(report_compare(store, params, &reply, &error));
    assert_string_equal(print_json(json_member(reply, "metrics")),
                        "[\"test.m0\",\"test.m1\",\"test.m2\",\"test.m3\",\"valid.m0\","
                        "\"valid.m1\",\"valid.m2\",\"valid.m3\",\"train.m0\",\"train.m1\","
                        "\"train.m2\",\"train.m3\"]");
    assert_int_equal(json_integer(reply, "metrics_total", 0), 12);
}

static const char *why(int64_t id, const struct report_view *view)
{
    static char text[2048];
    scoped(json_free) cJSON *reply = NULL;
    struct error error;

    if (!report_why(store, id, view, &reply, &error))
        fail_msg("%s", error.message);
    (void)snprintf(text, sizeof(text), "%s", print_json(json_member(reply, "reasons")));
    return text;
}

static void why_explains_every_state(void **state)
{
    const struct scheduler_run runs[] = {{.id = 1, .need = {.cpus = 1}},
                                         {.id = 2, .need = {.cpus = 1}}};
    const struct experiment_exit failure = {.status = 1, .message = "boom"};
    struct report_view view = view_now();

    (void)state;
    submit("{'base':{'command':['x']},'experiments':[{},{},{},{}]}");
    submit("{'base':{'command':['x'],'resources':{'cpus':99}}}");
    submit("{'base':{'command':['x'],'queue':{'after_ok':['3']}}}");
    submit("{'base':{'command':['x'],'queue':{'hold':true}}}");
    run_to_running(1);
    start(2);
    view.run = runs;
    view.n_runs = 2;
    assert_non_null(strstr(why(1, &view), "run 1 has taken"));
    assert_non_null(strstr(why(2, &view), "given to a worker"));
    assert_string_equal(why(3, &view), "[\"it needs 1 cpus; 2 of 2 are taken\"]");
    assert_string_equal(why(4, &view),
                        "[\"it needs 1 cpus; 2 of 2 are taken\",\"1 experiment stands before it in "
                        "line (priority 0)\"]");
    assert_string_equal(why(5, &view),
                        "[\"it asks for 99 cpus and the machine has 2: it can never start here\"]");
    assert_string_equal(why(6, &view),
                        "[\"it waits for experiment 3, which is queued and must succeed\"]");
    assert_string_equal(why(7, &view), "[\"it is held until somebody releases it: nj release 7\"]");
    apply(3, EXPERIMENT_EVENT_CANCEL);
    assert_string_equal(why(3, &view), "[\"it was cancelled before it started\"]");
    assert_string_equal(why(6, &view), "[\"it waited for experiment 3, which is cancelled\"]");
    apply_exit(1, EXPERIMENT_EVENT_EXIT, &failure);
    assert_string_equal(why(1, &view), "[\"exit status 1: boom\"]");
    apply(2, EXPERIMENT_EVENT_CANCEL);
    assert_non_null(strstr(why(2, &view), "asked to stop"));
}

static void why_tells_how_long_it_ran_and_who_ended_it(void **state)
{
    const struct experiment_exit good = {.wall_s = 0.4};
    const struct experiment_exit terminated = {.signal = 15, .wall_s = 2.5, .reason = "cancelled"};
    struct report_view view = view_now();

    (void)state;
    submit("{'base':{'command':['x']},'experiments':[{},{}]}");
    run_to_running(1);
    apply_exit(1, EXPERIMENT_EVENT_EXIT, &good);
    assert_string_equal(why(1, &view), "[\"it ended with exit status 0 after 0.40s\"]");
    run_to_running(2);
    apply(2, EXPERIMENT_EVENT_CANCEL);
    apply_exit(2, EXPERIMENT_EVENT_EXIT, &terminated);
    assert_string_equal(why(2, &view),
                        "[\"it was cancelled after it had run for 2.5s: signal 15 (Terminated)\"]");
}

static void why_of_what_fits_tells_who_stands_before_it_and_what_keeps_all(void **state)
{
    struct report_view view = view_now();

    (void)state;
    submit("{'base':{'command':['x']},'experiments':[{},{},{}]}");
    assert_string_equal(why(1, &view), "[\"it fits and starts next\"]");
    assert_string_equal(why(3, &view), "[\"2 experiments stand before it in line (priority 0)\"]");
    view.obstacle = "the daemon drains"; /* which request_why tells first */
    assert_string_equal(why(1, &view), "[]");
}

static void why_tells_whose_place_is_kept(void **state)
{
    const struct scheduler_run run = {.id = 9, .need = {.cpus = 1}};
    struct report_view view = view_now();

    (void)state;
    submit("{'base':{'command':['x'],'resources':{'cpus':2}}}");
    submit("{'base':{'command':['x']}}");
    view.run = &run;
    view.n_runs = 1;
    view.memory = (struct scheduler_memory){.waiting_id = 1, .waiting_since_ms = 0};
    view.monotonic_ms = SCHEDULER_PATIENCE_MS;
    assert_non_null(strstr(why(2, &view), "experiment 1 has waited long enough"));
    assert_non_null(strstr(why(1, &view), "it needs 2 cpus; 1 of 2 are taken"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

static void run_loss(const double *loss, int n)
{
    for (int i = 0; i < n; i++) {
        char line[128];

        (void)snprintf(line, sizeof(line), "{'loss':%.17g}", loss[i]);
        run_one(i + 1, line);
    }
}

static const char *finding_of(const char *sweep, const double *loss, int n)
{
    static char text[512];
    scoped(json_free) cJSON *reply = NULL;
    const char *found;
    char params[512];

    (void)snprintf(params, sizeof(params), "{'base':{'command':['x','{a}']},'sweep':{%s}}", sweep);
    submit(params);
    run_loss(loss, n);
    reply = report_of("{'batch':[1]}");
    found = cJSON_GetStringValue(json_at(reply, "batches[0].findings[0]"));
    (void)snprintf(text, sizeof(text), "%s", found ? found : "");
    return text;
}

/* All that is said to be tried next, line by line. */
static const char *next_of(const char *sweep, const double *loss, int n)
{
    static char text[1024];
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *sentence;
    char params[512];

    (void)snprintf(params, sizeof(params), "{'base':{'command':['x','{a}']},'sweep':{%s}}", sweep);
    submit(params);
    run_loss(loss, n);
    reply = report_of("{'batch':[1]}");
    *text = '\0';
    cJSON_ArrayForEach(sentence, json_at(reply, "batches[0].next"))
    {
        size_t used = strlen(text);

        (void)snprintf(text + used, sizeof(text) - used, "%s\n", sentence->valuestring);
    }
    return text;
}

static void best_at_the_end_of_a_range_asks_for_what_lies_beyond(void **state)
{
    static const double loss[] = {3, 3.1, 2, 2.1, 1, 1.1};

    (void)state;
    assert_string_equal(next_of("'goal':{'minimize':'loss'},'parameters':{'a':[1,4,16]},"
                                "'replicates':2",
                                loss, 6),
                        "a: the best, 16, is the largest that was tried: try 64\n");
}

static void best_at_the_small_end_of_even_steps_has_no_figure(void **state)
{
    static const double loss[] = {1, 1.1, 2, 2.1, 3, 3.1};

    (void)state;
    assert_string_equal(next_of("'goal':{'minimize':'loss'},'parameters':{'a':[10,11,12]},"
                                "'replicates':2",
                                loss, 6),
                        "a: the best, 10, is the smallest that was tried: try smaller ones\n");
}

/* What is to be tried next of a pipeline's setting whose best value is the first of three, each
 * with two replicates; the settings' tables say what it can be. */
static const char *next_of_setting(const char *path, const char *values)
{
    static const double loss[] = {1, 1.1, 2, 2.1, 3, 3.1};
    static char text[256];
    scoped(json_free) cJSON *reply = NULL;
    const char *said;
    char params[512];

    (void)snprintf(params, sizeof(params),
                   "{'base':{'data':{'source':'v.csv'},'model':[{'type':'boosted_trees'}],"
                   "'train':{'optimizer':'adam'}},'sweep':{'goal':{'minimize':'loss'},"
                   "'parameters':{'%s':[%s]},'replicates':2}}",
                   path, values);
    if (close_store(NULL) || open_store(NULL))
        fail_msg("no store of its own");
    submit(params);
    run_loss(loss, 6);
    reply = report_of("{'batch':[1]}");
    said = cJSON_GetStringValue(json_at(reply, "batches[0].next[0]"));
    (void)snprintf(text, sizeof(text), "%s", said ? strstr(said, "try ") : "");
    return text;
}

static void suggestion_is_within_the_settings_range_and_of_its_type(void **state)
{
    (void)state;
    /* in (0, 1] */
    assert_string_equal(next_of_setting("model[0].rate", "0.9,0.4,0.1"), "");
    assert_string_equal(next_of_setting("model[0].rate", "0.1,0.4,0.9"), "try 0.025");
    assert_string_equal(next_of_setting("model[0].rate", "1,0.9,0.8"), "");
    assert_string_equal(next_of_setting("model[0].rate", "0.9,0.8,0.7"), "try larger ones");
    /* whole numbers from 1 on */
    assert_string_equal(next_of_setting("train.epochs", "1,5,30"), "");
    assert_string_equal(next_of_setting("train.epochs", "3,7,30"), "try 1");
    assert_string_equal(next_of_setting("train.epochs", "131072,512,8"), "try 33554432");
    /* of the kind that is there; a real one, whatever was tried */
    assert_string_equal(next_of_setting("train.optimizer.rate", "1,10,100"), "try 0.1");
    assert_string_equal(next_of_setting("train.optimizer.beta1", "0.8,0.4,0.2"), "");
}

/* A command's: what was tried is all that is known. */
static void suggestion_for_whole_numbers_is_one(void **state)
{
    static const double loss[] = {1, 1.1, 2, 2.1, 3, 3.1};

    (void)state;
    assert_string_equal(next_of("'goal':{'minimize':'loss'},'parameters':{'a':[1,5,30]},"
                                "'replicates':2",
                                loss, 6),
                        "");
}

static void best_within_a_range_asks_for_nothing(void **state)
{
    static const double loss[] = {3, 3.1, 1, 1.1, 2, 2.1};

    (void)state;
    assert_string_equal(next_of("'goal':{'minimize':'loss'},'parameters':{'a':[1,4,16]},"
                                "'replicates':2",
                                loss, 6),
                        "");
}

/* sd 0.1 and a difference of 0.1: 2 (2 * 0.1 / 0.1)^2 = 8 replicates. */
static void leaders_that_are_close_ask_for_replicates(void **state)
{
    static const double loss[] = {1, 1.1, 1.2, 1.1, 1.2, 1.3};

    (void)state;
    assert_string_equal(next_of("'goal':{'minimize':'loss'},'parameters':{'a':['x','y']},"
                                "'replicates':3",
                                loss, 6),
                        "a=x and a=y are not told apart: about 8 replicates of each would do\n");
}

static void single_runs_are_to_be_repeated(void **state)
{
    static const double loss[] = {1, 2};

    (void)state;
    assert_string_equal(next_of("'goal':{'minimize':'loss'},'parameters':{'a':['x','y']}", loss, 2),
                        "each configuration ran once: run the best again with other seeds "
                        "(sweep.replicates) before they are believed\n");
}

static void failures_are_to_be_restarted_once_all_have_ended(void **state)
{
    const struct experiment_exit failure = {.status = 1, .message = "boom"};
    scoped(json_free) cJSON *before = NULL, *after = NULL;

    (void)state;
    submit("{'base':{'command':['x']},'experiments':[{},{}]}");
    run_to_running(1);
    apply_exit(1, EXPERIMENT_EVENT_EXIT, &failure);
    before = report_of("{'batch':[1]}");
    assert_string_equal(print_json(json_at(before, "batches[0].next")), "[]");
    run_one(2, "{'loss':1}");
    after = report_of("{'batch':[1]}");
    assert_string_equal(print_json(json_at(after, "batches[0].next")),
                        "[\"when the cause of the failures is mended: nj restart batch:1 --state "
                        "failed\"]");
}

#define TWO_SETTINGS "'goal':{'minimize':'loss'},'parameters':{'a':[1,2]},'replicates':4"

/* Means differ by 1.5 standard errors. */
static void difference_of_less_than_two_standard_errors_is_none(void **state)
{
    static const double loss[] = {1, 2, 3, 4, 2.37, 3.37, 4.37, 5.37};

    (void)state;
    assert_non_null(strstr(finding_of(TWO_SETTINGS, loss, 8), "do not differ"));
}

static void spread_of_large_values_is_seen(void **state)
{
    static const double loss[] = {1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4,
                                  1e9 + 2, 1e9 + 3, 1e9 + 4, 1e9 + 5};

    (void)state;
    assert_non_null(strstr(finding_of("'goal':{'minimize':'loss'},'method':'random','trials':8,"
                                      "'parameters':{'a':{'choice':[1,2]}},'seed':3",
                                      loss, 8),
                           "do not differ"));
}

/* Two parameters, of which `a` has the given means for each b; replicates are nearly alike. Ends
 * before the last combination: the grid is not full. */
static const char *finding_of_unfinished_grid(const double *mean)
{
    static char text[512];
    scoped(json_free) cJSON *reply = NULL;
    double loss[14];

    for (size_t i = 0; i < 14; i++)
        loss[i] = mean[i / 2] + 0.01 * (double)(i % 2);
    submit("{'base':{'command':['x','{a}','{b}']},'sweep':{'goal':{'minimize':'loss'},"
           "'parameters':{'a':[1,2],'b':[1,2,3,4]},'replicates':2}}");
    run_loss(loss, 14);
    reply = report_of("{'batch':[1]}");
    (void)snprintf(text, sizeof(text), "%s",
                   cJSON_GetStringValue(json_at(reply, "batches[0].findings[0]")));
    return text;
}

/* What the other parameter does counts as chance. */
static void unfinished_grid_is_judged_over_its_configurations(void **state)
{
    static const double mean[] = {1, 9, 1, 9, 3, 11, 3};

    (void)state;
    assert_non_null(strstr(finding_of_unfinished_grid(mean), "do not differ"));
}

/* a=1: 1 1.2 1.4 1.6, a=2: 9 9.2 9.4; s = sqrt((0.2 + 0.08) / 5), its error sqrt(1/4 + 1/3) s. */
static void spread_is_pooled_over_the_settings(void **state)
{
    static const double mean[] = {1, 1.2, 1.4, 1.6, 9, 9.2, 9.4};

    (void)state;
    assert_non_null(strstr(finding_of_unfinished_grid(mean), "n=3): they differ by 7.9, "
                                                             "43.7 standard errors"));
}

static void long_settings_are_told_apart_by_their_value(void **state)
{
    static const double loss[] = {1, 1.1, 1, 1.1, 5, 5.1, 5, 5.1};
    char sweep[400], path[80];

    (void)state;
    memset(path, 'p', 70);
    path[70] = '\0';
    (void)snprintf(sweep, sizeof(sweep),
                   "'goal':{'minimize':'loss'},'parameters':{'a':['%s1','%s2']},'replicates':4",
                   path, path);
    assert_non_null(strstr(finding_of(sweep, loss, 8), "standard errors"));
}

/* The name says that lower is better; the sweep knows better. */
static void goal_that_nobody_reported_is_told_of(void **state)
{
    scoped(json_free) cJSON *reply = NULL;

    (void)state;
    submit("{'base':{'command':['x','{a}']},'sweep':{'goal':{'minimize':'valid.mea'},"
           "'parameters':{'a':[1,2]}}}");
    run_to_end(1, 1);
    reply = report_of("{'batch':[1]}");
    assert_string_equal(print_json(json_at(reply, "batches[0].findings")), "[]");
    json_free(&reply);
    run_one(2, "{'valid.mae':1}");
    reply = report_of("{'batch':[1]}");
    assert_string_equal(print_json(json_at(reply, "batches[0].findings")),
                        "[\"no run reported valid.mea, the metric of sweep.goal\"]");
    assert_true(cJSON_IsNull(json_at(reply, "batches[0].best")));
}

static void goal_of_the_sweep_beats_the_name(void **state)
{
    scoped(json_free) cJSON *named = parse_json("{'select':{'batch':[1]},'metric':'loss'}");
    scoped(json_free) cJSON *reply = NULL;
    struct error error;

    (void)state;
    submit("{'base':{'command':['x','{a}']},'sweep':{'goal':{'maximize':'loss'},"
           "'parameters':{'a':[1,2,3]}}}");
    run_to_end(1, 1);
    run_one(2, "{'loss':1}");
    run_one(3, "{'loss':2}");
    reply = report_of("{'batch':[1]}");
    assert_int_equal(json_integer(json_at(reply, "batches[0].best"), "id", 0), 3);
    assert_near(json_number(json_at(reply, "batches[0].configurations[0]"), "mean", 0), 2, 1e-9);
    assert_int_equal(json_integer(json_at(reply, "batches[0].configurations[2]"), "n", 9), 0);
    json_free(&reply);
    assert_true(report_best(store, named, &reply, &error));
    assert_int_equal(json_integer(json_at(reply, "rows[0]"), "id", 0), 3);
}

static void naive_score_of_one_replicate_stays(void **state)
{
    scoped(json_free) cJSON *reply = NULL;

    (void)state;
    submit("{'base':{'command':['x','{a}']},'sweep':{'goal':{'minimize':'loss'},"
           "'parameters':{'a':[1]},'replicates':2}}");
    run_one(1, "{'event':'metric','name':'loss','value':1,'naive':0.5}");
    run_one(2, "{'event':'metric','name':'loss','value':2}");
    reply = report_of("{'batch':[1]}");
    assert_near(json_number(json_at(reply, "batches[0].configurations[0]"), "naive", 0), 0.5, 1e-9);
}

/* Their mean is better than the mean of these, though not than the last one. */
static void replicates_are_held_against_naive_scores_of_their_own(void **state)
{
    scoped(json_free) cJSON *reply = NULL;
    const cJSON *first;

    (void)state;
    submit("{'base':{'command':['x','{a}']},'sweep':{'goal':{'minimize':'loss'},"
           "'parameters':{'a':[1]},'replicates':3}}");
    run_one(1, "{'event':'metric','name':'loss','value':75.5,'naive':79}");
    run_one(2, "{'event':'metric','name':'loss','value':71.5,'naive':78}");
    run_one(3, "{'event':'metric','name':'loss','value':78,'naive':74}");
    reply = report_of("{'batch':[1]}");
    first = json_at(reply, "batches[0].configurations[0]");
    assert_near(json_number(first, "mean", 0), 75, 1e-9);
    assert_near(json_number(first, "naive", 0), 77, 1e-9);
    assert_near(json_number(json_member(first, "best"), "naive", 0), 78, 1e-9);
    assert_near(json_number(json_at(reply, "batches[0].best"), "naive", 0), 78, 1e-9);
    assert_null(strstr(print_json(json_at(reply, "batches[0].next")), "without looking"));
}

/* The second of the same seed is left out, here and there. */
static void a_seed_counts_once(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'select':{'all':true}}");
    scoped(json_free) cJSON *reply = NULL;
    scoped(json_free) cJSON *compared = NULL;
    const cJSON *configuration;
    struct error error;

    (void)state;
    submit("{'base':{'name':'n','command':['x']},'experiments':[{'seed':1},{'seed':1},{'seed':2},"
           "{'seed':1}]}");
    run_to_running(1);
    report(1, 0, "{'loss':5}");
    end_with(1, 1); /* failed: it is none of them */
    run_one(2, "{'loss':1}");
    run_one(3, "{'loss':2}");
    run_one(4, "{'loss':1}");
    reply = report_of("{'batch':[1]}");
    configuration = json_at(reply, "batches[0].configurations[0]");
    assert_int_equal(json_integer(configuration, "n", 0), 2);
    assert_near(json_number(configuration, "mean", 0), 1.5, 1e-9);
    assert_near(json_number(configuration, "sd", 0), sqrt(0.5), 1e-9);
    assert_string_equal(print_json(json_member(configuration, "experiments")), "[1,2,3,4]");
    assert_true(report_compare(store, params, &compared, &error));
    assert_string_equal(print_json(json_at(compared, "replicates[0].experiments")), "[2,3]");
}

static void end_is_expected_at_the_pace_of_those_done(void **state)
{
    scoped(json_free) cJSON *reply = NULL;

    (void)state;
    submit("{'base':{'command':['x']},'experiments':[{},{},{},{},{}]}");
    run_one(1, "{'loss':1}");
    run_one(2, "{'loss':2}");
    reply = report_of("{'batch':[1]}"); /* three more of 2 s each, two at a time */
    assert_near(json_number(json_at(reply, "batches[0].waiting"), "eta", 0),
                (double)now_ms / 1000 + 4, 1e-3);
}

/* The breaker's key is blind to resources; who reads a report is not. */
static void what_differs_in_its_resources_alone_is_no_replicate(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'select':{'all':true}}");
    scoped(json_free) cJSON *reply = NULL;
    scoped(json_free) cJSON *compared = NULL;
    const cJSON *configurations;
    struct error error;

    (void)state;
    submit("{'base':{'command':['x'],'resources':{'memory':'1G'}},'experiments':["
           "{'name':'one','resources':{'cpus':1},'seed':1},"
           "{'name':'two','resources':{'cpus':2},'seed':1},"
           "{'name':'one','resources':{'memory':'1024M'},'seed':2}," /* as the first */
           "{'name':'two','resources':{'cpus':2},'seed':2},"
           "{'name':'long','resources':{'time':'1h'},'seed':2}]}");
    run_one(1, "{'loss':1}");
    run_one(2, "{'loss':3}");
    run_one(3, "{'loss':2}");
    run_one(4, "{'loss':4}");
    run_one(5, "{'loss':9}");
    reply = report_of("{'batch':[1]}");
    configurations = json_at(reply, "batches[0].configurations");
    assert_int_equal(cJSON_GetArraySize(configurations), 3);
    assert_string_equal(json_text(configurations->child, "label", ""), "one");
    assert_string_equal(print_json(json_member(configurations->child, "experiments")), "[1,3]");
    assert_near(json_number(configurations->child, "mean", 0), 1.5, 1e-9);
    assert_string_equal(json_text(configurations->child->next, "label", ""), "two");
    assert_near(json_number(configurations->child->next, "mean", 0), 3.5, 1e-9);
    assert_true(report_compare(store, params, &compared, &error));
    assert_string_equal(print_json(json_at(compared, "replicates[0].experiments")), "[2,4]");
}

static void only_what_is_done_can_be_best(void **state)
{
    scoped(json_free) cJSON *params = parse_json("{'select':{'all':true},'metric':'loss'}");
    scoped(json_free) cJSON *reply = NULL;
    struct error error;

    (void)state;
    submit("{'base':{'command':['x']},'experiments':[{},{}]}");
    for (int64_t id = 1; id <= 2; id++) {
        run_to_running(id);
        report(id, 0, id == 1 ? "{'loss':1}" : "{'loss':2}");
        end_with(id, id == 1);
    }
    assert_true(report_best(store, params, &reply, &error));
    assert_int_equal(json_integer(json_at(reply, "rows[0]"), "id", 0), 2);
    assert_int_equal(cJSON_GetArraySize(json_member(reply, "rows")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(report_answers_the_question),
        TEST(finding_between_honest_numbers_names_the_better),
        TEST(finding_between_leaking_numbers_names_none),
        TEST(report_groups_failures_and_counts_what_was_wasted),
        TEST(what_is_frequent_is_told_however_late_it_comes),
        TEST(what_is_too_much_to_tell_in_full_is_told_in_brief),
        TEST(what_is_too_much_to_tell_at_all_is_counted),
        TEST(what_runs_remark_and_what_people_note_stand_apart),
        TEST(notes_point_at_what_exists),
        TEST(search_finds_batches_by_all_of_their_words),
        TEST(search_tells_where_and_what_came_of_it),
        TEST(search_refuses_what_is_no_word),
        TEST(report_says_when_the_rest_should_be_done),
        TEST(old_batches_are_not_in_the_morning_report),
        TEST(report_of_an_unknown_batch_is_refused),
        TEST(metric_comes_from_goal_then_evaluate_then_the_first_final),
        TEST(learning_curve_is_extrapolated),
        TEST(learning_curve_is_scaled_with_its_metric),
        TEST(all_numbers_of_a_report_are_scaled),
        TEST(bad_scales_are_refused),
        TEST(compare_scales_replicates_too),
        TEST(target_that_stands_out_is_named),
        TEST(alike_targets_do_not_stand_out),
        TEST(extrapolation_stays_within_what_the_metric_can_be),
        TEST(limits_are_scaled_with_their_metric),
        TEST(unknown_limits_are_none),
        TEST(too_few_points_are_no_learning_curve),
        cmocka_unit_test(direction_is_known_by_name),
        TEST(direction_is_what_was_reported_with_it),
        TEST(best_ranks_by_the_goal_and_leaks_last),
        TEST(difference_of_less_than_two_standard_errors_is_none),
        TEST(spread_of_large_values_is_seen),
        TEST(best_at_the_end_of_a_range_asks_for_what_lies_beyond),
        TEST(best_at_the_small_end_of_even_steps_has_no_figure),
        TEST(suggestion_is_within_the_settings_range_and_of_its_type),
        TEST(suggestion_for_whole_numbers_is_one),
        TEST(best_within_a_range_asks_for_nothing),
        TEST(leaders_that_are_close_ask_for_replicates),
        TEST(single_runs_are_to_be_repeated),
        TEST(failures_are_to_be_restarted_once_all_have_ended),
        TEST(unfinished_grid_is_judged_over_its_configurations),
        TEST(long_settings_are_told_apart_by_their_value),
        TEST(goal_of_the_sweep_beats_the_name),
        TEST(spread_is_pooled_over_the_settings),
        TEST(goal_that_nobody_reported_is_told_of),
        TEST(naive_score_of_one_replicate_stays),
        TEST(replicates_are_held_against_naive_scores_of_their_own),
        TEST(end_is_expected_at_the_pace_of_those_done),
        TEST(what_differs_in_its_resources_alone_is_no_replicate),
        TEST(only_what_is_done_can_be_best),
        TEST(compare_shows_what_differs),
        TEST(compare_tells_the_spread_of_replicates),
        TEST(a_seed_counts_once),
        TEST(compare_leaves_out_of_the_spread_what_is_not_done),
        TEST(intervals_are_those_of_students_distribution),
        TEST(compare_has_all_metrics_those_of_test_rows_first),
        TEST(why_explains_every_state),
        TEST(why_tells_how_long_it_ran_and_who_ended_it),
        TEST(why_of_what_fits_tells_who_stands_before_it_and_what_keeps_all),
        TEST(why_tells_whose_place_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
