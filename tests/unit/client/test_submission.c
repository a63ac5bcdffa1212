/* The params of submit, from command lines, files and options. */
#include "client/submission.h"

#include "common/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct command *submit(void)
{
    const struct command *command = NULL;
    struct error error;

    assert_true(command_find("submit", &command, &error));
    return command;
}

static void parse(struct arguments *arguments, char **argv)
{
    struct error error;

    if (!arguments_parse(submit(), argv, arguments, &error))
        fail_msg("%s", error.message);
}

static cJSON *of_text(const char *text, char **argv)
{
    struct arguments arguments;
    struct spec_file *file = NULL;
    struct error error;
    cJSON *params = NULL;

    parse(&arguments, argv);
    if (!spec_file_parse(text, strlen(text), "<stdin>", &file, &error) ||
        !submission_of_file(&arguments, file, &params, &error) ||
        !submission_set_options(&arguments, params, &error))
        fail_msg("%s", error.message);
    spec_file_free(&file);
    arguments_release(&arguments);
    return params;
}

static void expect(const cJSON *params, const char *path, const char *json)
{
    struct buffer printed = {0};
    struct error error;
    const cJSON *value = json_at(params, path);

    if (!value)
        fail_msg("%s is missing", path);
    assert_true(json_print(value, &printed, &error));
    assert_string_equal(printed.data, json);
    buffer_release(&printed);
}

static void command_line_is_kept_word_by_word(void **state)
{
    char *argv[] = {(char[]){"--"}, (char[]){"sh"}, (char[]){"-c"}, (char[]){"exit 'a b'"}, NULL};
    struct arguments arguments;
    struct error error;
    cJSON *params = NULL;
    char cwd[4096], expected[4100];

    (void)state;
    parse(&arguments, argv);
    assert_true(submission_of_program(&arguments, &params, &error));
    expect(params, "base.command", "[\"sh\",\"-c\",\"exit 'a b'\"]");
    expect(params, "base.name", "\"sh -c exit 'a b'\"");
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    snprintf(expected, sizeof(expected), "\"%s\"", cwd);
    expect(params, "cwd", expected);
    assert_null(json_at(params, "fingerprints"));
    json_free(&params);
    arguments_release(&arguments);
}

static void script_is_remembered_and_gives_its_name(void **state)
{
    char *argv[] = {(char[]){"--"},     (char[]){"python3"}, (char[]){"tests/CMakeLists.txt"},
                    (char[]){"--rate"}, (char[]){"tests"},   NULL};
    struct arguments arguments;
    struct error error;
    cJSON *params = NULL;
    const cJSON *print;

    (void)state;
    parse(&arguments, argv);
    assert_true(submission_of_program(&arguments, &params, &error));
    expect(params, "base.name", "\"CMakeLists.txt --rate tests\"");
    assert_int_equal(cJSON_GetArraySize(json_at(params, "fingerprints")), 1);
    print = json_at(params, "fingerprints[0]");
    assert_int_equal(json_text(print, "path", "")[0], '/');
    assert_int_equal(strlen(json_text(print, "hash", "")), 32);
    assert_true(json_number(print, "size", 0) > 100);
    assert_true(json_number(print, "mtime_ns", 0) > 1e18);
    json_free(&params);
    arguments_release(&arguments);
}

static void long_command_gives_a_short_name_of_one_line(void **state)
{
    char *argv[] = {(char[]){"--"}, (char[]){"/bin/echo"}, (char[]){"a\nb"},
                    (char[]){"12345678901234567890123456789\xc3\xb6\xc3\xb6"}, NULL};
    struct arguments arguments;
    struct error error;
    cJSON *params = NULL;

    (void)state;
    parse(&arguments, argv);
    assert_true(submission_of_program(&arguments, &params, &error));
    /* 40 bytes would tear the second o-umlaut */
    expect(params, "base.name", "\"echo a b 12345678901234567890123456789\xc3\xb6...\"");
    cJSON_Delete(params);
    arguments_release(&arguments);
}

static void options_are_put_where_the_spec_has_them(void **state)
{
    char *argv[] = {(char[]){"-"},      (char[]){"--priority"},     (char[]){"-3"},
                    (char[]){"--hold"}, (char[]){"--memory"},       (char[]){"4G"},
                    (char[]){"--set"},  (char[]){"train.epochs=5"}, NULL};
    cJSON *params = of_text("{name: x, train: {epochs: 9, batch: 8}}", argv);

    (void)state;
    expect(params, "base.queue", "{\"priority\":-3,\"hold\":true}");
    expect(params, "base.resources", "{\"memory\":\"4G\"}");
    expect(params, "base.train", "{\"epochs\":5,\"batch\":8}");
    json_free(&params);
}

static void list_becomes_the_experiments_of_an_empty_base(void **state)
{
    char *argv[] = {(char[]){"-"},     (char[]){"--seed"}, (char[]){"7"},
                    (char[]){"--set"}, (char[]){"name=z"}, NULL};
    cJSON *params = of_text("[{name: a, seed: 1}, {command: [x]}]", argv);

    (void)state;
    expect(params, "base.experiments", "[{\"name\":\"z\",\"seed\":7},{\"command\":[\"x\"]}]");
    expect(params, "base.seed", "7");
    expect(params, "base.name", "\"z\"");
    json_free(&params);
}

static void values_go_into_base_and_deltas(void **state)
{
    char *argv[] = {(char[]){"-"}, NULL};
    cJSON *params =
        of_text("{command: [x], experiments: [{queue: {after: [9]}}, {name: b}]}", argv);
    cJSON *words = cJSON_CreateArray();
    struct error error;

    (void)state;
    assert_true(cJSON_AddItemToArray(words, cJSON_CreateString("3-12")));
    assert_true(submission_set(params, "queue.after", words, &error));
    expect(params, "base.queue.after", "[\"3-12\"]");
    expect(params, "base.experiments[0].queue.after", "[\"3-12\"]");
    expect(params, "base.experiments[1]", "{\"name\":\"b\"}");
    json_free(&words);
    json_free(&params);
}

static void environment_of_a_run_is_not_handed_on(void **state)
{
    cJSON *params = cJSON_CreateObject();
    const cJSON *variable;
    struct error error;
    bool found = false;

    (void)state;
    setenv("NIGHTJAR_RUN", "home/1/1", 1);
    setenv("NIGHTJAR_EVENTS", "/tmp/x", 1);
    setenv("SUBMISSION_TEST", "kept", 1);
    assert_true(submission_add_context(params, &error));
    cJSON_ArrayForEach(variable, json_member(params, "environment"))
    {
        assert_null(strstr(variable->valuestring, "NIGHTJAR_RUN="));
        assert_null(strstr(variable->valuestring, "NIGHTJAR_EVENTS="));
        found = found || strcmp(variable->valuestring, "SUBMISSION_TEST=kept") == 0;
    }
    assert_true(found);
    assert_int_equal(strlen(json_text(params, "token", "")), 32);
    json_free(&params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_line_is_kept_word_by_word),
        cmocka_unit_test(script_is_remembered_and_gives_its_name),
        cmocka_unit_test(long_command_gives_a_short_name_of_one_line),
        cmocka_unit_test(options_are_put_where_the_spec_has_them),
        cmocka_unit_test(list_becomes_the_experiments_of_an_empty_base),
        cmocka_unit_test(values_go_into_base_and_deltas),
        cmocka_unit_test(environment_of_a_run_is_not_handed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
