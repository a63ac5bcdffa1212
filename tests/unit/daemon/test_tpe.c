/*
 * Sweeps that learn: better than draws on functions whose best place is known, the same for the
 * same seed, and decided when a trial begins.
 */
#include "tests/unit/daemon/store_fixture.h"

#include "daemon/sampler/sampler.h"
#include "daemon/sampler/sweep.h"
#include "daemon/store/report.h"
#include "tests/support/near.h"

#include <inttypes.h>
#include <math.h>

#define TRIALS 50
#define SEEDS 25

#define SPACE                                                                                     \
    "'trials':50,'goal':{'minimize':'loss'},'parameters':{"                                       \
    "'rate':{'low':1e-6,'high':1,'log':true},'units':{'low':1,'high':512,'int':true,'log':true}," \
    "'depth':{'low':1,'high':12,'int':true},'share':{'low':0,'high':1},"                          \
    "'kind':[{'label':'a','value':'relu'},'tanh',['x'],'gelu']}"

static double number(const cJSON *parameters, const char *name)
{
    return json_number(parameters, name, NAN);
}

/* Least, 0, at a rate of 1e-3, 64 units, 5 layers, a share of 0.7, and tanh. */
static double loss_of(const cJSON *parameters)
{
    double rate = log10(number(parameters, "rate")) + 3;
    double units = log2(number(parameters, "units")) - 6, depth = number(parameters, "depth") - 5;
    double share = number(parameters, "share") - 0.7;
    bool tanh = cJSON_IsString(json_member(parameters, "kind"));

    return rate * rate / 3 + units * units / 9 + depth * depth / 30 + 2 * share * share +
           (tanh && strcmp(json_text(parameters, "kind", ""), "tanh") == 0 ? 0 : 0.5);
}

static void read_sweep(const char *text, uint64_t seed, cJSON **json, struct sampler_sweep *sweep)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};

    *json = parse_json(text);
    if (!sampler_sweep_read(*json, seed, sweep, &diagnostics))
        fail_msg("%s: %s", diagnostics.item[0].path, diagnostics.item[0].message);
}

/* Best loss of a sweep whose trials run one after the other; with `told` what was tried. */
static double run_sweep(const char *text, uint64_t seed, struct buffer *told)
{
    scoped(json_free) cJSON *json = NULL;
    scoped(json_free) cJSON *tried = cJSON_CreateArray();
    scoped(sampler_sweep_release) struct sampler_sweep sweep = {0};
    struct sampler_trial trial[TRIALS];
    struct error error;
    double best = INFINITY;

    read_sweep(text, seed, &json, &sweep);
    for (int64_t i = 0; i < TRIALS; i++) {
        const struct sampler_history history = {.trial = trial, .n = (size_t)i, .minimize = true};
        cJSON *parameters = NULL;

        assert_true(sampler_improve(&sweep, i, &history, &parameters, &error));
        assert_true(parameters || sampler_propose(&sweep, i, &parameters, &error));
        assert_true(cJSON_AddItemToArray(tried, parameters));
        trial[i] = (struct sampler_trial){i, parameters, loss_of(parameters)};
        best = fmin(best, trial[i].value);
        if (told)
            assert_true(json_print(parameters, told, &error));
        for (size_t k = 0; k < sweep.space.n; k++) {
            const struct sampler_parameter *parameter = &sweep.space.parameter[k];

            assert_false(isnan(
                sampler_parameter_place(parameter, json_member(parameters, parameter->name))));
        }
    }
    return best;
}

static int by_value(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static double median_of(const char *text)
{
    double best[SEEDS];

    for (uint64_t seed = 0; seed < SEEDS; seed++)
        best[seed] = run_sweep(text, seed, NULL);
    qsort(best, SEEDS, sizeof(best[0]), by_value);
    return best[SEEDS / 2];
}

static void it_finds_more_than_draws_do(void **state)
{
    double drawn = median_of("{'method':'random'," SPACE "}");
    double learnt = median_of("{'method':'tpe'," SPACE "}");

    (void)state;
    if (!(learnt < 0.6 * drawn))
        fail_msg("%g by tpe, %g by draws", learnt, drawn);
}

static void the_same_seed_tries_the_same(void **state)
{
    scoped(buffer_release) struct buffer one = {0}, same = {0}, other = {0};

    (void)state;
    (void)run_sweep("{'method':'tpe'," SPACE "}", 3, &one);
    (void)run_sweep("{'method':'tpe'," SPACE "}", 3, &same);
    (void)run_sweep("{'method':'tpe'," SPACE "}", 4, &other);
    assert_string_equal(one.data, same.data);
    assert_string_not_equal(one.data, other.data);
}

#define FINITE                                                                                 \
    "{'method':{'type':'tpe','start':%d},'trials':50,'goal':{'minimize':'loss'},'first':[{}]," \
    "'parameters':{'rate':[0.001],'units':{'low':62,'high':66,'int':true,'log':true},"         \
    "'depth':{'low':1,'high':9,'int':true,'step':2},'share':[0.7,0.9],'kind':['tanh']}}"

/* How many of the first `n` trials are no repeat of another. */
static int count_distinct(int start, uint64_t seed, int n)
{
    scoped(buffer_release) struct buffer told = {0};
    char text[512], *seen[TRIALS], *line;
    int distinct = 0;

    (void)snprintf(text, sizeof(text), FINITE, start);
    (void)run_sweep(text, seed, &told);
    line = strtok(told.data, "}");
    for (int i = 0; i < n; i++, line = strtok(NULL, "}")) {
        int j = 0;

        while (j < distinct && strcmp(seen[j], line) != 0)
            j++;
        seen[j] = line;
        distinct += j == distinct;
    }
    return distinct;
}

/* 5 * 5 * 2 configurations, and as many trials. */
static void nothing_is_tried_twice_while_something_is_left(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        assert_int_equal(count_distinct(3, seed, TRIALS), TRIALS);
        assert_int_equal(count_distinct(TRIALS, seed, TRIALS), TRIALS);
    }
}

static void what_was_best_elsewhere_is_tried_first(void **state)
{
    scoped(json_free) cJSON *json = NULL;
    scoped(json_free) cJSON *first = NULL;
    scoped(sampler_sweep_release) struct sampler_sweep sweep = {0};
    struct error error;

    (void)state;
    read_sweep("{'method':'tpe','first':[{'rate':1e-3,'kind':'tanh'},{'depth':5}]," SPACE "}", 1,
               &json, &sweep);
    assert_true(sampler_propose(&sweep, 0, &first, &error));
    assert_near(number(first, "rate"), 1e-3, 1e-15);
    assert_string_equal(json_text(first, "kind", ""), "tanh");
    assert_in_range(number(first, "depth"), 1, 12);
    json_free(&first);
    assert_true(sampler_propose(&sweep, 1, &first, &error));
    assert_int_equal(number(first, "depth"), 5);
}

static void assert_refused(const char *text, const char *path, const char *message)
{
    scoped(json_free) cJSON *json = parse_json(text);
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(sampler_sweep_release) struct sampler_sweep sweep = {0};

    assert_false(sampler_sweep_read(json, 0, &sweep, &diagnostics));
    assert_string_equal(diagnostics.item[0].path, path);
    if (!strstr(diagnostics.item[0].message, message))
        fail_msg("%s", diagnostics.item[0].message);
}

/* "path: message" of all complaints about what stands around a sweep over `c`. */
static const char *complaints_about(const char *method, const char *base)
{
    static char told[1024];
    char text[256];
    scoped(json_free) cJSON *json = NULL;
    scoped(json_free) cJSON *spec = parse_json(base);
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(sampler_sweep_release) struct sampler_sweep sweep = {0};
    size_t size = 0;

    (void)snprintf(text, sizeof(text),
                   "{'method':'%s','trials':5,'goal':{'minimize':'x'},'parameters':"
                   "{'c':{'low':0.05,'high':1.2}}}",
                   method);
    read_sweep(text, 0, &json, &sweep);
    told[0] = '\0';
    bool good = sampler_sweep_check_base(&sweep, spec, &diagnostics);
    assert_int_equal(good, diagnostics.n == 0);
    for (size_t i = 0; i < diagnostics.n; i++)
        size += (size_t)snprintf(told + size, sizeof(told) - size, "%s: %s\n",
                                 diagnostics.item[i].path, diagnostics.item[i].message);
    return told;
}

/* A value that passed at the submission may be another one, out of its range, when a trial begins.
 */
static void placeholders_are_refused_where_a_trial_is_looked_at_before_it_begins(void **state)
{
    (void)state;
    assert_string_equal(complaints_about("tpe", "{'resources':{'cpus':'{c}'}}"),
                        "resources.cpus: {c} is what tpe decides when a trial begins: too late\n");
    assert_string_equal(
        complaints_about("tpe", "{'queue':{'after':['7','{{{c}'],'priority':'{c}'},'seed':'{c}'}"),
        "queue.after[1]: {c} is what tpe decides when a trial begins: too late\n"
        "queue.priority: {c} is what tpe decides when a trial begins: too late\n"
        "seed: {c} is what tpe decides when a trial begins: too late\n");
    assert_string_equal(complaints_about("tpe", "{'command':['a','{c}'],'queue':{'x':'{{c}}'},"
                                                "'resources':{'cpus':2}}"),
                        "");
    assert_string_equal(complaints_about("random", "{'resources':{'cpus':'{c}'}}"), "");
}

static void bad_sweeps_are_refused(void **state)
{
    (void)state;
    assert_refused("{'method':'tpe','trials':5,'parameters':{'a':[1,2]}}", "sweep.goal",
                   "missing: what tpe learns from");
    assert_refused("{'method':'tpe','goal':{'minimize':'x'},'parameters':{'a':[1,2]}}",
                   "sweep.trials", "missing");
    assert_refused("{'method':'tpe','trials':5,'goal':{'minimize':'x'},"
                   "'parameters':{'resources.cpus':[1,2]}}",
                   "sweep.parameters.resources.cpus", "too late");
    assert_refused("{'method':'random','trials':5,'parameters':{'a':{'low':1,'high':2}},"
                   "'first':[{'b':1}]}",
                   "sweep.first[0].b", "no such parameter");
    assert_refused("{'method':'random','trials':5,'parameters':{'a':{'low':1,'high':2}},"
                   "'first':[{},{'a':3}]}",
                   "sweep.first[1].a", "has no such value");
    assert_refused("{'method':'random','trials':1,'parameters':{'a':[1]},'first':[{},{}]}",
                   "sweep.first", "at most as many as trials");
    assert_refused("{'parameters':{'a':[1]},'first':[{}]}", "sweep.first", "a grid tries every");
}

static void parameters_may_be_called_almost_like_a_setting(void **state)
{
    scoped(json_free) cJSON *json = NULL;
    scoped(sampler_sweep_release) struct sampler_sweep sweep = {0};

    (void)state;
    read_sweep("{'method':'tpe','trials':5,'goal':{'minimize':'x'},'parameters':"
               "{'queue_len':[1,2],'resources_x':[1,2],'seeds':[1,2]}}",
               0, &json, &sweep);
    assert_int_equal(sweep.space.n, 3);
}

/* ---- in the queue ---- */

static cJSON *spec_of(int64_t id)
{
    struct error error;
    cJSON *spec;

    if (!store_spec(store, id, &spec, &error))
        fail_msg("%s", error.message);
    return spec;
}

static double rate_of(int64_t id)
{
    scoped(json_free) cJSON *spec = spec_of(id);

    return json_number(json_at(spec, "train.optimizer"), "rate", NAN);
}

static void run_trial(int64_t id)
{
    double rate;
    char line[128];

    run_to_running(id);
    rate = rate_of(id);
    (void)snprintf(line, sizeof(line), "{'event':'metric','name':'valid.loss','value':%.9f}",
                   fabs(log10(rate) + 3));
    report(id, 0, line);
    end_with(id, 0);
}

/* Two replicates of each: the second begins with what the first one had. */
static void a_trial_is_decided_when_it_begins(void **state)
{
    double drawn[40], far = 0, near = 0;

    (void)state;
    submit("{'base':{'data':{'source':'v.csv'},'model':[{'type':'dense','units':8}]},"
           "'sweep':{'method':{'type':'tpe','start':6},'trials':20,'replicates':2,"
           "'goal':{'minimize':'valid.loss'},"
           "'parameters':{'train.optimizer.rate':{'low':1e-6,'high':1,'log':true}}}}");
    for (int64_t id = 1; id <= 40; id++)
        drawn[id - 1] = rate_of(id);
    for (int64_t id = 1; id <= 40; id++)
        run_trial(id);
    for (int64_t id = 1; id <= 40; id++) {
        scoped(json_free) cJSON *row = row_of(id);
        double off = fabs(log10(rate_of(id)) + 3);

        assert_near(json_number(json_member(row, "parameters"), "train.optimizer.rate", 0),
                    rate_of(id), 1e-12);
        if (id % 2 == 0)
            assert_near(rate_of(id), rate_of(id - 1), 0);
        if (id <= 12)
            assert_near(rate_of(id), drawn[id - 1], 0);
        else
            near += off / 28;
        far += fabs(log10(drawn[id - 1]) + 3) / 40;
    }
    assert_true(near < 0.6 * far);
}

/* 3 configurations in 8 trials of 2 replicates: a repeat's seeds begin where those before it end.
 */
static void repeat_has_seeds_of_its_own(void **state)
{
    int64_t next[3] = {7, 7, 7};

    (void)state;
    submit("{'base':{'command':['x','{u}']},'sweep':{'method':{'type':'tpe','start':2},'trials':8,"
           "'replicates':2,'seed':7,'goal':{'minimize':'loss'},'parameters':{'u':[0,1,2]}}}");
    for (int64_t id = 1; id <= 16; id++) {
        scoped(json_free) cJSON *row = NULL;
        scoped(json_free) cJSON *spec = NULL;
        char line[64];
        int u;

        run_to_running(id);
        row = row_of(id);
        spec = spec_of(id);
        u = (int)json_integer(json_member(row, "parameters"), "u", -1);
        assert_in_range(u, 0, 2);
        assert_int_equal(json_integer(row, "seed", -1), next[u]++);
        assert_int_equal(json_integer(spec, "seed", -1), json_integer(row, "seed", -2));
        (void)snprintf(line, sizeof(line), "{'loss':%d}", u);
        report(id, 0, line);
        end_with(id, 0);
        if (id == 5)
            reopen();
    }
    for (int u = 0; u < 3; u++)
        assert_in_range(next[u], 9, 7 + 12);
}

/* It keeps what it tries: of a run that goes on nothing is proposed again. */
static void a_trial_that_starts_again_stays_what_it_is(void **state)
{
    double rate;

    (void)state;
    submit("{'base':{'data':{'source':'v.csv'},'queue':{'retries':1},"
           "'model':[{'type':'dense','units':8}]},"
           "'sweep':{'method':{'type':'tpe','start':1},'trials':3,'goal':{'minimize':'valid.loss'},"
           "'parameters':{'train.optimizer.rate':{'low':1e-6,'high':1,'log':true}}}}");
    run_trial(1);
    run_to_running(2);
    rate = rate_of(2);
    end_with(2, 1);
    run_trial(3);
    now_ms += 3600 * 1000;
    start(2);
    assert_near(rate_of(2), rate, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_more_than_draws_do),
        cmocka_unit_test(the_same_seed_tries_the_same),
        cmocka_unit_test(nothing_is_tried_twice_while_something_is_left),
        cmocka_unit_test(what_was_best_elsewhere_is_tried_first),
        cmocka_unit_test(placeholders_are_refused_where_a_trial_is_looked_at_before_it_begins),
        cmocka_unit_test(parameters_may_be_called_almost_like_a_setting),
        cmocka_unit_test(bad_sweeps_are_refused),
        TEST(a_trial_is_decided_when_it_begins),
        TEST(repeat_has_seeds_of_its_own),
        TEST(a_trial_that_starts_again_stays_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
