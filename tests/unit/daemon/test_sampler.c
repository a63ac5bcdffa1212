/* Sweeps: what is proposed, in which order, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>

#include "common/owner.h"
#include "daemon/batch.h"
#include "daemon/sampler/sampler.h"
#include "tests/support/json_text.h"
#include "tests/support/near.h"

/* One line a trial, or the complaints. Borrowed until the next call. */
static const char *trials(const char *sweep, int64_t seed, int64_t limit)
{
    static struct buffer out;
    scoped(json_free) cJSON *json = parse_json(sweep);
    scoped(sampler_sweep_release) struct sampler_sweep read = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct error error;

    buffer_clear(&out);
    assert_true(buffer_append_text(&out, "", &error));
    if (!sampler_sweep_read(json, (uint64_t)seed, &read, &diagnostics)) {
        for (size_t i = 0; i < diagnostics.n; i++)
            assert_true(buffer_append_format(&out, &error, "%s: %s\n", diagnostics.item[i].path,
                                             diagnostics.item[i].message));
        return out.data;
    }
    for (int64_t i = 0; i < read.trials && i < limit; i++) {
        scoped(json_free) cJSON *parameters = NULL;

        assert_true(sampler_propose(&read, i, &parameters, &error));
        assert_true(json_print(parameters, &out, &error) && buffer_append_text(&out, "\n", &error));
    }
    return out.data;
}

static void first_parameter_of_a_grid_is_slowest(void **state)
{
    (void)state;
    assert_string_equal(trials("{'parameters':{'b':[1,2],'a':['x','y',true]}}", 0, 99),
                        "{\"b\":1,\"a\":\"x\"}\n{\"b\":1,\"a\":\"y\"}\n{\"b\":1,\"a\":true}\n"
                        "{\"b\":2,\"a\":\"x\"}\n{\"b\":2,\"a\":\"y\"}\n{\"b\":2,\"a\":true}\n");
}

static void every_spelling_means_the_same(void **state)
{
    static const char *const spellings[] = {
        "[2,4,6]",
        "{'choice':[2,4,6]}",
        "{'values':[2,4,6]}",
        "{'low':2,'high':6,'int':true,'step':2}",
        "{'low':2,'high':6,'step':2}",
        "{'min':2,'max':7,'step':2}",
        "{'distribution':'q_uniform','min':2,'max':6,'q':2}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        char sweep[256];

        (void)snprintf(sweep, sizeof(sweep), "{'parameters':{'a':%s}}", spellings[i]);
        assert_string_equal(trials(sweep, 0, 99), "{\"a\":2}\n{\"a\":4}\n{\"a\":6}\n");
    }
    assert_string_equal(trials("{'parameters':{'a':3}}", 0, 99), "{\"a\":3}\n");
    assert_string_equal(trials("{'parameters':{'a':{'value':[1]}}}", 0, 99), "{\"a\":[1]}\n");
    assert_string_equal(trials("{'parameters':{'a':{'min':1,'max':3}}}", 0, 99),
                        "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
    assert_string_equal(trials("{'parameters':{'a':{'low':0.1,'high':0.5,'step':0.1}}}", 0, 99),
                        "{\"a\":0.1}\n{\"a\":0.2}\n{\"a\":0.3}\n{\"a\":0.4}\n{\"a\":0.5}\n");
    /* 0.6 / 0.1 is 5.999999999999999 */
    assert_non_null(strstr(trials("{'parameters':{'a':{'low':0.1,'high':0.7,'step':0.1}}}", 0, 99),
                           "{\"a\":0.7}"));
}

static void labels_stand_beside_values(void **state)
{
    static const char *const expected =
        "{\"s\":{\"label\":\"a\",\"value\":{\"by\":1}}}\n{\"s\":{\"label\":\"b\",\"value\":7}}\n";

    (void)state;
    assert_string_equal(
        trials("{'parameters':{'s':[{'label':'a','value':{'by':1}},{'label':'b','value':7}]}}", 0,
               99),
        expected);
    assert_string_equal(trials("{'parameters':{'s':{'choice':{'a':{'by':1},'b':7}}}}", 0, 99),
                        expected);
    assert_string_equal(
        trials("{'parameters':{'s':{'choice':[{'by':1},7],'labels':['a','b']}}}", 0, 99), expected);
    /* an object that is not labelled is wrapped, so that its own "value" is never mistaken */
    assert_string_equal(trials("{'parameters':{'s':[{'value':1}]}}", 0, 99),
                        "{\"s\":{\"value\":{\"value\":1}}}\n");
}

#define RANDOM                                                                                   \
    "{'method':'random','trials':%d,'parameters':{%s'rate':{'low':1e-5,'high':1e-1,'log':true}," \
    "'units':{'low':1,'high':8,'int':true},'drop':{'low':0,'high':0.5},'kind':['a','b','c']}}"

static char *random_trials(int n, const char *more, int64_t seed)
{
    char sweep[512];

    (void)snprintf(sweep, sizeof(sweep), RANDOM, n, more);
    return strdup(trials(sweep, seed, n));
}

static void draws_are_a_function_of_seed_trial_and_name(void **state)
{
    scoped(memory_free) char *few = random_trials(5, "", 1);
    scoped(memory_free) char *many = random_trials(50, "", 1);
    scoped(memory_free) char *other = random_trials(5, "", 2);
    scoped(memory_free) char *more = random_trials(5, "'new':[1],", 1);
    char *line;

    (void)state;
    assert_memory_equal(few, many, strlen(few));
    assert_string_not_equal(few, other);
    /* without its first member a line is what it was */
    for (line = strtok(more, "\n"); line; line = strtok(NULL, "\n"))
        assert_non_null(strstr(few, line + strlen("{\"new\":1,")));
}

static void draws_cover_their_ranges(void **state)
{
    scoped(json_free) cJSON *json = NULL;
    scoped(sampler_sweep_release) struct sampler_sweep sweep = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    char text[512];
    int decade[4] = {0}, units[9] = {0}, kinds[3] = {0};
    double sum = 0;
    struct error error;

    (void)state;
    (void)snprintf(text, sizeof(text), RANDOM, 4000, "");
    json = parse_json(text);
    assert_true(sampler_sweep_read(json, 3, &sweep, &diagnostics));
    for (int64_t i = 0; i < 4000; i++) {
        scoped(json_free) cJSON *p = NULL;
        double rate, unit;

        assert_true(sampler_propose(&sweep, i, &p, &error));
        rate = json_number(p, "rate", -1);
        unit = json_number(p, "units", -1);
        assert_true(rate >= 1e-5 && rate <= 1e-1);
        assert_true(unit >= 1 && unit <= 8 && unit == floor(unit));
        decade[(int)fmin(3, floor(log10(rate) + 5))]++;
        units[(int)unit]++;
        kinds[json_text(p, "kind", "?")[0] - 'a']++;
        sum += json_number(p, "drop", -1);
    }
    /* five standard deviations of a count */
    for (int i = 0; i < 4; i++)
        assert_in_range(decade[i], 1000 - 137, 1000 + 137);
    for (int i = 1; i <= 8; i++)
        assert_in_range(units[i], 500 - 105, 500 + 105);
    for (int i = 0; i < 3; i++)
        assert_in_range(kinds[i], 1333 - 150, 1333 + 150);
    assert_near(sum / 4000, 0.25, 5 * 0.5 / sqrt(12 * 4000.0));
}

/* How many different values of `a` the draws of a range have. */
static int count_values(const char *range)
{
    char sweep[256], seen[300][64];
    int n = 0;

    (void)snprintf(sweep, sizeof(sweep), "{'method':'random','trials':300,'parameters':{'a':%s}}",
                   range);
    for (const char *line = trials(sweep, 5, 300); *line; line = strchr(line, '\n') + 1) {
        int known = 0;

        (void)snprintf(seen[n], sizeof(seen[n]), "%.*s", (int)strcspn(line, "\n"), line);
        while (strcmp(seen[known], seen[n]) != 0)
            known++;
        n += known == n;
    }
    return n;
}

static void narrow_ranges_do_not_collapse_to_their_ends(void **state)
{
    (void)state;
    assert_true(count_values("{'low':1000000,'high':1000009}") > 290);
    assert_true(count_values("{'low':0.9990001,'high':0.9990009}") > 290);
    assert_true(count_values("{'low':0.9990001,'high':0.9990009,'log':true}") > 290);
    assert_true(count_values("{'low':-1000009,'high':-1000000}") > 290);
    assert_int_equal(count_values("{'low':1000000,'high':1000000.000001,'step':1e-7}"), 11);
    assert_int_equal(count_values("{'low':3,'high':3}"), 1);
    /* no more digits than it takes */
    assert_string_equal(
        trials("{'method':'random','trials':1,'parameters':{'a':{'low':0,'high':9}}}", 5, 1),
        "{\"a\":0.827316}\n");
}

static void log_integers_reach_both_ends(void **state)
{
    const char *text = trials("{'method':'random','trials':400,'parameters':{'a':{'low':1,"
                              "'high':4,'int':true,'log':true}}}",
                              5, 400);

    (void)state;
    assert_non_null(strstr(text, "{\"a\":1}"));
    assert_non_null(strstr(text, "{\"a\":4}"));
    assert_null(strstr(text, "{\"a\":5}"));
    assert_null(strstr(text, "{\"a\":0}"));
}

static void bad_sweeps_are_refused_with_their_place(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "sweep.parameters: "},
        {"{'parameters':{}}", "sweep.parameters: expected {name: values} with at least one name"},
        {"{'parameters':{'a':[]}}",
         "sweep.parameters.a: expected a list of values with at least one of them"},
        {"{'parameters':{'a':{'low':1}}}", "sweep.parameters.a: needs low and high, or choice"},
        {"{'parameters':{'a':{'lwo':1,'high':2}}}",
         "sweep.parameters.a.lwo: unknown setting; did you mean 'low'?"},
        {"{'parameters':{'a':{'low':2,'high':1}}}", "sweep.parameters.a: low is above high"},
        {"{'parameters':{'a':{'low':0,'high':1,'log':true}}}",
         "sweep.parameters.a: low must be above 0 where log is true"},
        {"{'parameters':{'a':{'low':1,'high':2.5,'int':true}}}",
         "sweep.parameters.a: low and high must be whole numbers where int is true"},
        {"{'parameters':{'a':{'low':1,'high':2,'log':true,'step':1}}}",
         "sweep.parameters.a: step and log do not go together; give a list"},
        {"{'parameters':{'a':{'low':0,'high':1}}}",
         "sweep.parameters.a: a range has no grid; give a list, a step, or use method: random"},
        {"{'parameters':{'a':{'choice':[1,2],'low':3}}}",
         "sweep.parameters.a: choice and low do not go together"},
        {"{'parameters':{'a':{'value':1,'labels':['x']}}}",
         "sweep.parameters.a: value and labels do not go together"},
        {"{'parameters':{'a':{'low':1,'min':2,'high':3,'int':true}}}",
         "sweep.parameters.a: low and min do not go together"},
        {"{'parameters':{'a':{'choice':[1,2],'labels':['x']}}}",
         "sweep.parameters.a: labels must be a list, one for each value of the list"},
        {"{'parameters':{'a':[1]},'trials':5}",
         "sweep.trials: a grid tries every combination; use method: random for 5 trials"},
        {"{'method':'random','parameters':{'a':[1]}}",
         "sweep.trials: missing: how many trials to draw"},
        {"{'method':'gird','parameters':{'a':[1]}}", "did you mean 'grid'"},
        {"{'parameters':{'a':[1]},'goal':{'minimize':'a','maximize':'b'}}",
         "sweep.goal: minimize or maximize, not both"},
        {"{'parameters':{'a':{'low':1,'high':1001,'int':true},'b':{'low':1,'high':1001,"
         "'int':true}}}",
         "sweep.parameters: the grid has 1002001 combinations; at most 1000000 experiments make a "
         "batch"},
        {"{'parameters':{'a':{'low':1,'high':1000,'int':true}},'replicates':1001}",
         "sweep: 1000 trials with 1001 replicates are 1001000 experiments; at most 1000000 make a "
         "batch"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *found = trials(cases[i][0], 0, 1);

        if (!strstr(found, cases[i][1]))
            fail_msg("%s gave '%s', not '%s'", cases[i][0], found, cases[i][1]);
    }
}

/* A kind for every file that is no part of the frame, in the registry's order. */
static void registry_lists_every_method_in_order(void **state)
{
    static const char *const frame[] = {"registry.c", "parameter.c", "sweep.c"};
    const struct kind *const *kind = sampler_registry.kind;
    DIR *folder = opendir("daemon/sampler");
    const struct dirent *entry;
    size_t n_kinds = 0, n_files = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        const char *dot = strrchr(entry->d_name, '.');
        bool counts = dot && strcmp(dot, ".c") == 0;

        for (size_t i = 0; i < sizeof(frame) / sizeof(frame[0]); i++)
            counts = counts && strcmp(entry->d_name, frame[i]) != 0;
        n_files += counts;
    }
    (void)closedir(folder);
    for (; kind[n_kinds]; n_kinds++) {
        assert_true(strlen(kind[n_kinds]->help) > 10);
        if (n_kinds)
            assert_true(strcmp(kind[n_kinds - 1]->name, kind[n_kinds]->name) < 0);
    }
    assert_int_equal(n_kinds, n_files);
}

static void parameters_are_drawn_independently(void **state)
{
    scoped(json_free) cJSON *sweep =
        parse_json("{'method':'random','trials':50,'parameters':{'a':{'low':0,'high':1},"
                   "'b':{'low':0,'high':1}}}");
    scoped(sampler_sweep_release) struct sampler_sweep read = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct error error;
    int apart = 0;

    (void)state;
    assert_true(sampler_sweep_read(sweep, 1, &read, &diagnostics));
    for (int64_t i = 0; i < read.trials; i++) {
        scoped(json_free) cJSON *drawn = NULL;

        assert_true(sampler_propose(&read, i, &drawn, &error));
        apart += fabs(json_number(drawn, "a", 0) - json_number(drawn, "b", 0)) > 0.01;
    }
    assert_in_range(apart, 40, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_parameter_of_a_grid_is_slowest),
        cmocka_unit_test(every_spelling_means_the_same),
        cmocka_unit_test(labels_stand_beside_values),
        cmocka_unit_test(draws_are_a_function_of_seed_trial_and_name),
        cmocka_unit_test(draws_cover_their_ranges),
        cmocka_unit_test(narrow_ranges_do_not_collapse_to_their_ends),
        cmocka_unit_test(log_integers_reach_both_ends),
        cmocka_unit_test(bad_sweeps_are_refused_with_their_place),
        cmocka_unit_test(registry_lists_every_method_in_order),
        cmocka_unit_test(parameters_are_drawn_independently),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
