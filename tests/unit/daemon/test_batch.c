/* Submissions: what they mean, experiment by experiment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/owner.h"
#include "daemon/batch.h"
#include "tests/support/json_text.h"

/* What nightjard expand prints. Borrowed until the next call. */
static const char *expand(const char *params)
{
    static struct buffer out;
    scoped(json_free) cJSON *json = parse_json(params);
    struct error error;

    buffer_clear(&out);
    if (!batch_expand_lines(json, &out, &error) && error.kind != ERROR_INVALID)
        fail_msg("%s", error.message);
    return out.data ? out.data : "";
}

/* The `path` of the index-th experiment, as JSON text. */
static const char *part(const char *params, int index, const char *path)
{
    static struct buffer text;
    scoped(json_free) cJSON *line = NULL;
    const char *out = expand(params);
    struct error error;
    const cJSON *found;

    while (index--) {
        out = strchr(out, '\n');
        assert_non_null(out);
        out++;
    }
    assert_true(json_parse(out, strcspn(out, "\n"), &line, &error));
    found = json_at(line, path);
    if (!found)
        fail_msg("no %s in %s", path, out);
    buffer_clear(&text);
    assert_true(json_print(found, &text, &error));
    return text.data;
}

static void base_alone_is_one_experiment(void **state)
{
    (void)state;
    assert_string_equal(expand("{'base':{'name':'a','command':['true']},'seed':3}"),
                        "{\"name\":\"a\",\"seed\":3,\"replicate\":0,\"parameters\":{},\"spec\":"
                        "{\"command\":[\"true\"],\"name\":\"a\",\"seed\":3}}\n");
}

static void deltas_are_merged_over_the_base(void **state)
{
    static const char *const params =
        "{'base':{'name':'b','command':['x'],'resources':{'cpus':2,'gpus':1}},'experiments':["
        "{'resources':{'cpus':1}},{'command':['y','z'],'name':'own','seed':9}]}";

    (void)state;
    assert_string_equal(part(params, 0, "spec.resources"), "{\"cpus\":1,\"gpus\":1}");
    assert_string_equal(part(params, 0, "name"), "\"b/1\"");
    assert_string_equal(part(params, 1, "spec.command"), "[\"y\",\"z\"]");
    assert_string_equal(part(params, 1, "name"), "\"own\"");
    assert_string_equal(part(params, 1, "seed"), "9");
}

static void both_lists_may_stand_inside_the_file(void **state)
{
    (void)state;
    assert_string_equal(
        part("{'base':{'command':['x'],'experiments':[{'seed':1},{'seed':2}]}}", 1, "seed"), "2");
    assert_string_equal(part("{'base':{'command':['x','{a}'],'sweep':{'parameters':{'a':[5,6]}}}}",
                             1, "spec.command"),
                        "[\"x\",\"6\"]");
}

static void replicates_are_seeds_of_one_configuration(void **state)
{
    static const char *const params =
        "{'base':{'name':'s','command':['x','{a}']},'sweep':{'seed':10,'replicates':2,"
        "'parameters':{'a':[1,2]}}}";

    (void)state;
    assert_string_equal(part(params, 0, "seed"), "10");
    assert_string_equal(part(params, 1, "seed"), "11");
    assert_string_equal(part(params, 1, "replicate"), "1");
    assert_string_equal(part(params, 2, "seed"), "10");
    assert_string_equal(part(params, 3, "parameters"), "{\"a\":2}");
    assert_string_equal(part(params, 3, "name"), "\"s/4\"");
}

/* Draws of the same and values that stand twice. */
static void repeats_have_seeds_of_their_own(void **state)
{
    static const char *const drawn =
        "{'base':{'name':'s','command':['x','{a}']},'sweep':{'method':'random','trials':3,"
        "'seed':10,'replicates':2,'parameters':{'a':[1]}}}";
    static const char *const listed =
        "{'base':{'name':'s','command':['x','{a}']},'sweep':{'parameters':{'a':[1,2,1]}}}";

    (void)state;
    assert_string_equal(part(drawn, 0, "seed"), "10");
    assert_string_equal(part(drawn, 1, "seed"), "11");
    assert_string_equal(part(drawn, 2, "seed"), "12");
    assert_string_equal(part(drawn, 5, "seed"), "15");
    assert_string_equal(part(drawn, 5, "spec.seed"), "15");
    assert_string_equal(part(listed, 1, "seed"), "0");
    assert_string_equal(part(listed, 2, "seed"), "1");
}

struct keys {
    char key[4][HASH_TEXT_SIZE];
    int64_t n;
};

static bool keep_key(void *context, const struct batch_experiment *experiment, struct error *error)
{
    struct keys *keys = context;

    (void)error;
    memcpy(keys->key[keys->n++], experiment->configuration, HASH_TEXT_SIZE);
    return true;
}

static void replicates_share_a_configuration_key(void **state)
{
    scoped(json_free) cJSON *params = parse_json(
        "{'base':{'command':['x','{a}']},'sweep':{'replicates':2,'parameters':{'a':[1,2]}}}");
    scoped(batch_head_release) struct batch_head head = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct keys keys = {0};
    const struct batch_visitor visitor = {keep_key, &keys};
    struct error error;
    int64_t count;

    (void)state;
    assert_true(batch_head_read(params, &head, &diagnostics, &error));
    assert_true(batch_expand(&head, &visitor, &count, &diagnostics, &error));
    assert_int_equal(count, 4);
    assert_string_equal(keys.key[0], keys.key[1]);
    assert_string_equal(keys.key[2], keys.key[3]);
    assert_string_not_equal(keys.key[0], keys.key[2]);
}

static void nothing_is_visited_after_a_complaint(void **state)
{
    scoped(json_free) cJSON *params =
        parse_json("{'base':{'command':['x']},'experiments':[{},{'resources':{'cpus':-1}},{},{'"
                   "resources':{'gpus':-1}}]}");
    scoped(batch_head_release) struct batch_head head = {0};
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct keys keys = {0};
    const struct batch_visitor visitor = {keep_key, &keys};
    struct error error;
    int64_t count;

    (void)state;
    assert_true(batch_head_read(params, &head, &diagnostics, &error));
    assert_false(batch_expand(&head, &visitor, &count, &diagnostics, &error));
    assert_int_equal(keys.n, 1);
    assert_int_equal(diagnostics.n, 2);
}

static void placeholders_become_values(void **state)
{
    (void)state;
    assert_string_equal(
        part("{'base':{'command':['a','--x={x}','{{x}}','{x}{y}','}'],'resources':{'cpus':'{x}'}},"
             "'sweep':{'parameters':{'x':[2],'y':['t']}}}",
             0, "spec.command"),
        "[\"a\",\"--x=2\",\"{x}\",\"2t\",\"}\"]");
    /* alone and outside a command it keeps its type */
    assert_string_equal(part("{'base':{'command':['a','{x}'],'resources':{'cpus':'{x}'}},"
                             "'sweep':{'parameters':{'x':[2]}}}",
                             0, "spec.resources.cpus"),
                        "2");
    assert_string_equal(part("{'base':{'command':['a','{x}']},'sweep':{'parameters':{'x':["
                             "{'label':'long','value':0.001}]}}}",
                             0, "spec.command[1]"),
                        "\"0.001\"");
    /* without a sweep braces are braces */
    assert_string_equal(part("{'base':{'command':['awk','{print $1}']}}", 0, "spec.command[1]"),
                        "\"{print $1}\"");
}

#define PIPELINE "'base':{'data':{'source':'{set}.csv'},'model':[{'type':'dense','units':4}]}"

static void parameters_of_a_pipeline_are_paths(void **state)
{
    static const char *const params = "{" PIPELINE ",'sweep':{'parameters':{'set':['a','b'],"
                                      "'model[0].units':[8],'data.split':[{'label':'s','value':"
                                      "{'by':'group'}}]}}}";

    (void)state;
    assert_string_equal(part(params, 1, "spec.data"),
                        "{\"source\":\"b.csv\",\"split\":{\"by\":\"group\"}}");
    assert_string_equal(part(params, 1, "spec.model"), "[{\"type\":\"dense\",\"units\":8}]");
    assert_string_equal(part(params, 1, "parameters"),
                        "{\"set\":\"b\",\"model[0].units\":8,\"data.split\":{\"label\":\"s\","
                        "\"value\":{\"by\":\"group\"}}}");
    assert_string_equal(part(params, 1, "name"), "\"batch/2\"");
}

static void texts_about_the_batch_have_no_placeholders(void **state)
{
    static const char *const params =
        "{'base':{'command':['a','{x}'],'question':'{x} or {y}?','expectation':'{{','on_finish':"
        "'echo ${NIGHTJAR_DONE}'},'sweep':{'parameters':{'x':[2]}}}";

    (void)state;
    assert_string_equal(part(params, 0, "spec.question"), "\"{x} or {y}?\"");
    assert_string_equal(part(params, 0, "spec.expectation"), "\"{{\"");
    assert_string_equal(part(params, 0, "spec.on_finish"), "\"echo ${NIGHTJAR_DONE}\"");
    assert_string_equal(part(params, 0, "spec.command[1]"), "\"2\"");
    assert_non_null(
        strstr(expand("{'base':{'command':['a'],'question':'{x}?'},'sweep':{'parameters':"
                      "{'x':[2]}}}"),
               "is used nowhere"));
}

static void parameter_may_change_what_an_earlier_one_set(void **state)
{
    static const char *const params =
        "{'base':{'command':['a']},'sweep':{'parameters':{'resources':[{'cpus':1,'memory':'1G'}],"
        "'resources.cpus':[2]}}}";

    (void)state;
    assert_string_equal(part(params, 0, "spec.resources"), "{\"cpus\":2,\"memory\":\"1G\"}");
    /* what is in the command alone is no path, whatever its name */
    assert_string_equal(part("{'base':{'command':['{queue}']},'sweep':{'parameters':{"
                             "'queue.priority':[1],'queue':['q']}}}",
                             0, "spec.queue"),
                        "{\"priority\":1}");
}

static void swept_seed_is_the_first_of_its_replicates(void **state)
{
    static const char *const params =
        "{'base':{'command':['a','{seed}']},'sweep':{'replicates':2,'parameters':{'seed':[7,9]}}}";

    (void)state;
    assert_string_equal(part(params, 0, "seed"), "7");
    assert_string_equal(part(params, 3, "seed"), "10");
}

static void same_submission_expands_the_same(void **state)
{
    static const char *const params =
        "{'base':{'command':['a','{x}']},'seed':4,'sweep':{'method':'random','trials':20,"
        "'parameters':{'x':{'low':0,'high':1}}}}";
    scoped(memory_free) char *first = strdup(expand(params));

    (void)state;
    assert_string_equal(first, expand(params));
}

static void batches_are_named_by_what_they_run(void **state)
{
    static const char *const cases[][2] = {
        {"{'base':{'command':['python3','src/train.py','--x']}}", "\"train\""},
        {"{'base':{'command':['/usr/bin/sleep','1']}}", "\"sleep\""},
        {"{'base':{'data':{'source':'in/vowel.csv.gz'},'model':[]}}", "\"vowel\""},
        {"{'name':'given','base':{'name':'other','command':['a']}}", "\"given\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(part(cases[i][0], 0, "name"), cases[i][1]);
}

static void bad_submissions_are_refused_with_their_place(void **state)
{
    static const char *const cases[][3] = {
        {"{'base':{}}", "", "nothing to run"},
        {"{}", "", "nothing to run"},
        {"{'base':[1]}", "", "expected an object"},
        {"{'base':{'command':['a'],'data':{}}}", "data", "either a command or a pipeline"},
        {"{'base':{'comand':['a']}}", "comand", "did you mean 'command'"},
        {"{'base':{'command':['a'],'queue':{'priority':1e6}}}", "queue.priority", "outside"},
        {"{'base':{'command':['a']},'experiments':[]}", "experiments", "empty"},
        {"{'base':{'command':['a']},'experiments':[{},{'resources':{'cpus':-1}}]}",
         "experiments[1].resources.cpus", "-1 is outside"},
        {"{'base':{'command':['a']},'experiments':[3]}", "experiments[0]", "expected an object"},
        {"{'base':{'command':['a']},'experiments':[{'sweep':{}}]}", "experiments[0]", "at the top"},
        {"{'base':{'command':['a']},'experiments':[{}],'sweep':{'parameters':{'a':[1]}}}", "sweep",
         "do not go together"},
        {"{'base':{'command':['a','{b}']},'sweep':{'parameters':{'a':[1],'c':[2]}}}", "command[1]",
         "{b} is no parameter of this sweep (there are: a, c)"},
        {"{'base':{'command':['a','{b']},'sweep':{'parameters':{'b':[1]}}}", "command[1]",
         "nothing closes"},
        {"{'base':{'command':['a']},'sweep':{'parameters':{'b':[1]}}}", "sweep.parameters.b",
         "is used nowhere"},
        {"{" PIPELINE ",'sweep':{'parameters':{'set':['a'],'modle[0].units':[1]}}}",
         "sweep.parameters.modle[0].units", "is used nowhere"},
        {"{" PIPELINE ",'sweep':{'parameters':{'set':['a'],'model[5].units':[1]}}}",
         "sweep.parameters.model[5].units", "names no place"},
        {"{" PIPELINE ",'sweep':{'parameters':{'set':['a'],'model[0].units':[1],'model':[[]]}}}",
         "sweep.parameters.model[0].units", "is replaced by model, which stands behind it"},
        {"{'base':{'command':['a']},'sweep':{'parameters':{'queue.priority':[1],'queue':[{}]}}}",
         "sweep.parameters.queue.priority", "is replaced by queue"},
        {"{'base':{'command':['a','{x}']},'sweep':{'parameters':{'x':[1],"
         "'resources.cpus':[1,-3]}}}",
         "sweep.parameters.resources.cpus", "-3 is outside"},
        {"{'base':{'command':['a']},'seed':-2}", "seed", "whole number"},
        {"{'base':{'command':['a','{seed}']},'sweep':{'parameters':{'seed':[1,0.5]}}}",
         "sweep.parameters.seed", "whole number"},
        {"{'base':{'command':['a']},'experiments':[{'on_finish':'b'}]}", "experiments[0]",
         "on_finish belongs to the whole batch"},
        {"{'base':{'command':['a']},'cwd':3}", "cwd", "expected a text"},
        {"{'base':{'command':['a']},'environment':['A=b',3]}", "environment", "list of texts"},
        {"{'base':{'command':['a']},'question':['b']}", "question", "expected a text"},
        {"{'base':{'command':['a']},'sweep':{'parameters':{'b':[1]},'goal':{'minimise':'l'}}}",
         "sweep.goal.minimise", "did you mean 'minimize'"},
        {"{'base':{'command':['a','{b}']},'sweep':{'parameters':{'b':{'choise':[1]}}}}",
         "sweep.parameters.b.choise", "did you mean 'choice'"},
        {"{'base':{'command':['a','{c}'],'resources':{'cpus':'{c}'}},'sweep':{'method':'tpe',"
         "'trials':3,'goal':{'minimize':'l'},'parameters':{'c':{'low':1,'high':1.2}}}}",
         "resources.cpus", "{c} is what tpe decides when a trial begins"},
        {"{'name':'a\\nb','base':{'command':['a']}}", "name", "control character"},
        {"{'base':{'command':['a'],'queue':{'after':['x']}}}", "queue.after", "no experiment"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *out = expand(cases[i][0]);
        scoped(json_free) cJSON *line = NULL;
        const cJSON *first;
        struct error error;

        if (!json_parse(out, strcspn(out, "\n"), &line, &error))
            fail_msg("%s gave %s", cases[i][0], out);
        first = json_at(line, "diagnostics[0]");
        if (!first || strcmp(json_text(first, "path", "?"), cases[i][1]) != 0 ||
            !strstr(json_text(first, "message", ""), cases[i][2]))
            fail_msg("%s gave %s", cases[i][0], out);
    }
}

static void fault_of_the_base_is_told_once(void **state)
{
    const char *out = expand("{'base':{'command':['a'],'queue':{'retries':-1}},'experiments':["
                             "{},{},{'resources':{'cpus':-1}}]}");

    (void)state;
    assert_string_equal(out, "{\"diagnostics\":[{\"path\":\"queue.retries\",\"message\":\"-1 is "
                             "outside [0, 100]\"},{\"path\":\"experiments[2].resources.cpus\","
                             "\"message\":\"-1 is outside [0.1, 1024]\"}]}\n");
}

static void settings_describe_sweeps(void **state)
{
    scoped(json_free) cJSON *settings = NULL;
    struct error error;

    (void)state;
    assert_true(batch_settings(&settings, &error));
    assert_string_equal(json_text(json_at(settings, "sweep.settings[0]"), "name", ""), "method");
    assert_int_equal(cJSON_GetArraySize(json_at(settings, "sweep.settings[0].kinds")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_alone_is_one_experiment),
        cmocka_unit_test(deltas_are_merged_over_the_base),
        cmocka_unit_test(both_lists_may_stand_inside_the_file),
        cmocka_unit_test(replicates_are_seeds_of_one_configuration),
        cmocka_unit_test(repeats_have_seeds_of_their_own),
        cmocka_unit_test(replicates_share_a_configuration_key),
        cmocka_unit_test(nothing_is_visited_after_a_complaint),
        cmocka_unit_test(placeholders_become_values),
        cmocka_unit_test(parameters_of_a_pipeline_are_paths),
        cmocka_unit_test(texts_about_the_batch_have_no_placeholders),
        cmocka_unit_test(parameter_may_change_what_an_earlier_one_set),
        cmocka_unit_test(swept_seed_is_the_first_of_its_replicates),
        cmocka_unit_test(same_submission_expands_the_same),
        cmocka_unit_test(batches_are_named_by_what_they_run),
        cmocka_unit_test(bad_submissions_are_refused_with_their_place),
        cmocka_unit_test(fault_of_the_base_is_told_once),
        cmocka_unit_test(settings_describe_sweeps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
