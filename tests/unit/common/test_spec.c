/* Spec files: lines, --set, owners, what common reads, the configuration's key. */
#include "common/spec/spec.h"

#include "common/owner.h"
#include "tests/support/near.h"
#include "tests/support/no_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct spec_file *parse(const char *text)
{
    struct spec_file *file = NULL;
    struct error error = {0};

    if (!spec_file_parse(text, strlen(text), "night.yaml", &file, &error))
        fail_msg("%s:%d: %s", error.path, error.line, error.message);
    return file;
}

static void assert_refused(const char *text, int line, const char *message)
{
    struct spec_file *file = NULL;
    struct error error = {0};
    char described[1200];

    assert_false(spec_file_parse(text, strlen(text), "night.yaml", &file, &error));
    assert_null(file);
    assert_int_equal(error.kind, ERROR_INVALID);
    error_describe(&error, described, sizeof(described));
    if (!strstr(described, message))
        fail_msg("'%s' is not in '%s'", message, described);
    assert_string_equal(error.path, "night.yaml");
    assert_int_equal(error.line, line);
}

static void a_path_knows_its_line(void **state)
{
    scoped(spec_file_free) struct spec_file *file = parse("name: x\n"
                                                          "model:\n"
                                                          "  - {type: dense, units: 4}\n"
                                                          "  - type: dense\n"
                                                          "    units: -1\n"
                                                          "train:\n"
                                                          "  optimizer:\n"
                                                          "    rate: 1e-3\n");

    (void)state;
    assert_int_equal(spec_file_line(file, "name"), 1);
    assert_int_equal(spec_file_line(file, "model"), 2);
    assert_int_equal(spec_file_line(file, "model[0].units"), 3);
    assert_int_equal(spec_file_line(file, "model[1]"), 4);
    assert_int_equal(spec_file_line(file, "model[1].units"), 5);
    assert_int_equal(spec_file_line(file, "train.optimizer.rate"), 8);
}

static void a_path_without_a_line_takes_its_parents(void **state)
{
    scoped(spec_file_free) struct spec_file *file = parse("a: 1\ntrain:\n  batch: 3\n");

    (void)state;
    assert_int_equal(spec_file_line(file, "train.optimizer.rate"), 2);
    assert_int_equal(spec_file_line(file, "train[3]"), 2);
    assert_int_equal(spec_file_line(file, "trainer"), 0);
    assert_int_equal(spec_file_line(file, ""), 0);
}

static void json_is_read_too_with_lines(void **state)
{
    scoped(spec_file_free) struct spec_file *file =
        parse("{\n  \"name\": \"x\",\n  \"seed\":7,\n\t\"command\": [\"true\"]\n}\n");

    (void)state;
    assert_int_equal(json_integer(file->root, "seed", 0), 7);
    assert_int_equal(spec_file_line(file, "seed"), 3);
    assert_int_equal(spec_file_line(file, "command[0]"), 4);
}

static void json_that_yaml_does_not_take_is_read(void **state)
{
    scoped(spec_file_free) struct spec_file *file = parse("{\"name\": \"\\ud83d\\ude00\"}");

    (void)state;
    assert_string_equal(json_text(file->root, "name", ""), "\xf0\x9f\x98\x80");
}

static void json_means_what_json_says(void **state)
{
    scoped(spec_file_free) struct spec_file *file =
        parse("{\"name\": \"a\xe2\x80\xa8 b\"}"); /* a line separator */

    (void)state;
    assert_string_equal(json_text(file->root, "name", ""), "a\xe2\x80\xa8 b");
    assert_int_equal(spec_file_line(file, "name"), 1);
}

static void json_is_no_way_round_the_depth(void **state)
{
    char text[300] = "{\"a\\ud83d\\ude00\":";

    (void)state;
    for (int i = 0; i < 50; i++)
        strcat(text, "[");
    for (int i = 0; i < 50; i++)
        strcat(text, "]");
    strcat(text, "}");
    assert_refused(text, 1, "");
}

static void a_root_that_is_no_mapping_is_refused(void **state)
{
    (void)state;
    assert_refused("", 0, "the spec is empty");
    assert_refused("# nothing\n", 0, "the spec is empty");
    assert_refused("hello\n", 0, "a spec is a mapping of settings");
}

static void a_list_of_specs_is_a_batch(void **state)
{
    scoped(spec_file_free) struct spec_file *file =
        parse("- command: [a]\n- command: [b]\n  seed: 3\n");

    (void)state;
    assert_int_equal(json_integer(json_at(file->root, "experiments[1]"), "seed", 0), 3);
    assert_int_equal(spec_file_line(file, "experiments[1].seed"), 3);
    assert_int_equal(spec_file_line(file, "experiments[1]"), 2);
    assert_int_equal(spec_file_line(file, "experiments"), 0);
}

static void a_commands_words_are_as_they_were_written(void **state)
{
    static const char text[] = "command: [run, 1.10, 007, 1e-3, -0.50]\n"
                               "experiments:\n- command: [run, 2.0, '3.0']\n"
                               "train: {epochs: 1.10}\n";
    scoped(spec_file_free) struct spec_file *file = parse(text);
    scoped(buffer_release) struct buffer printed = {0};
    struct error error;

    (void)state;
    assert_true(spec_file_set(file, "command[1]=3.10", &error));
    assert_true(json_print(file->root, &printed, &error));
    assert_string_equal(printed.data, "{\"command\":[\"run\",\"3.10\",\"007\",\"1e-3\",\"-0.50\"],"
                                      "\"experiments\":[{\"command\":[\"run\",\"2.0\",\"3.0\"]}],"
                                      "\"train\":{\"epochs\":1.1}}");
}

static void a_text_larger_than_the_limit_is_refused(void **state)
{
    scoped(memory_free) char *text = malloc(SPEC_SIZE_LIMIT + 2);

    (void)state;
    memset(text, 'x', SPEC_SIZE_LIMIT + 1);
    text[SPEC_SIZE_LIMIT + 1] = '\0';
    assert_refused(text, 0, "larger than 8 MiB");
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct spec_file *file = NULL;
    struct error error = {0};

    (void)state;
    assert_false(spec_file_read("/nonexistent/night.yaml", &file, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_string_equal(error.path, "/nonexistent/night.yaml");
    assert_string_equal(error.message, "No such file or directory");
    assert_false(spec_file_read("/", &file, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

static void a_file_is_read_whole(void **state)
{
    char path[] = "/tmp/nightjar-spec-XXXXXX";
    scoped(spec_file_free) struct spec_file *file = NULL;
    struct error error = {0};
    int fd = mkstemp(path);
    FILE *stream = fdopen(fd, "w");

    (void)state;
    for (int i = 0; i < 20000; i++)
        fprintf(stream, "# comment %d\n", i);
    fputs("name: last\n", stream);
    fclose(stream);
    assert_true(spec_file_read(path, &file, &error));
    unlink(path);
    assert_string_equal(json_text(file->root, "name", ""), "last");
    assert_int_equal(spec_file_line(file, "name"), 20001);
    assert_string_equal(file->name, path);
}

static void a_setting_of_the_command_line_replaces_the_files(void **state)
{
    scoped(spec_file_free) struct spec_file *file =
        parse("train:\n  epochs: 3\n  optimizer: {type: sgd}\nmodel:\n  - dense\n");
    struct error error = {0};

    (void)state;
    assert_true(spec_file_set(file, "train.epochs=5", &error));
    assert_true(spec_file_set(file, "train.optimizer={type: adam, rate: 1e-3}", &error));
    assert_true(spec_file_set(file, "name=a=b", &error));
    assert_true(spec_file_set(file, "model[0]={type: dense, units: 3}", &error));
    assert_near(json_number(json_at(file->root, "train"), "epochs", 0), 5, 0);
    assert_string_equal(json_text(json_at(file->root, "train.optimizer"), "type", ""), "adam");
    assert_string_equal(json_text(file->root, "name", ""), "a=b");
    assert_int_equal(json_integer(json_at(file->root, "model[0]"), "units", 0), 3);
}

static void a_short_form_makes_room_for_its_settings(void **state)
{
    scoped(spec_file_free) struct spec_file *file =
        parse("name: one\ntrain: {optimizer: adam}\nprepare: [standard, minmax]\n");
    struct error error = {0};

    (void)state;
    assert_true(spec_file_set(file, "train.optimizer.rate=0.5", &error));
    assert_true(spec_file_set(file, "prepare[1].low=-1", &error));
    assert_string_equal(json_text(json_at(file->root, "train.optimizer"), "type", ""), "adam");
    assert_near(json_number(json_at(file->root, "train.optimizer"), "rate", 0), 0.5, 0);
    assert_string_equal(json_text(json_at(file->root, "prepare[1]"), "type", ""), "minmax");
    assert_string_equal(cJSON_GetStringValue(json_at(file->root, "prepare[0]")), "standard");
    assert_false(spec_file_set(file, "name.first=5", &error));
    assert_string_equal(json_text(file->root, "name", ""), "one");
}

static void what_was_set_on_the_command_line_has_no_line(void **state)
{
    scoped(spec_file_free) struct spec_file *file = parse("train:\n  epochs: 3\n  batch: 1\n");
    struct error error = {0};

    (void)state;
    assert_true(spec_file_set(file, "train.epochs=5", &error));
    assert_int_equal(spec_file_line(file, "train.epochs"), 0);
    assert_int_equal(spec_file_line(file, "train.batch"), 3);
    assert_true(spec_file_set(file, "train={epochs: 3}", &error));
    assert_int_equal(spec_file_line(file, "train.batch"), 0);
}

static void a_bad_assignment_is_refused(void **state)
{
    scoped(spec_file_free) struct spec_file *file = parse("name: x\n");
    struct error error = {0};

    (void)state;
    assert_false(spec_file_set(file, "train.epochs", &error));
    assert_string_equal(error.message, "--set train.epochs: expected path=value");
    assert_false(spec_file_set(file, "=5", &error));
    assert_false(spec_file_set(file, "name.first=5", &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_false(spec_file_set(file, "a=[1, 2", &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_false(spec_file_set(file, "a=.nan", &error));
    assert_false(
        spec_file_set(file,
                      "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
                      "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1",
                      &error));
    assert_null(json_member(file->root, "a"));
}

static void every_top_level_key_has_an_owner(void **state)
{
    (void)state;
    assert_int_equal(spec_owner_of("command"), SPEC_OWNER_COMMON);
    assert_int_equal(spec_owner_of("sweep"), SPEC_OWNER_DAEMON);
    assert_int_equal(spec_owner_of("train"), SPEC_OWNER_ENGINE);
    assert_int_equal(spec_owner_of("trian"), SPEC_OWNER_NONE);
    for (const struct setting *setting = common_settings; setting->name; setting++)
        assert_int_equal(spec_owner_of(setting->name), SPEC_OWNER_COMMON);
}

static void an_unknown_top_level_key_is_told_with_its_neighbour(void **state)
{
    scoped(spec_file_free) struct spec_file *file = parse("trian: {}\nzzz: 1\nname: x\n");
    struct diagnostics diagnostics = {0};

    (void)state;
    assert_false(spec_check_keys(file->root, &diagnostics));
    assert_int_equal(diagnostics.n, 2);
    assert_string_equal(diagnostics.item[0].path, "trian");
    assert_string_equal(diagnostics.item[0].message, "unknown setting; did you mean 'train'?");
    assert_string_equal(diagnostics.item[1].message, "unknown setting");
    diagnostics_release(&diagnostics);
}

static void an_experiment_is_a_command_or_a_pipeline(void **state)
{
    scoped(spec_file_free) struct spec_file *both = parse("command: [x]\ndata: {}\n");
    scoped(spec_file_free) struct spec_file *neither = parse("name: x\n");
    scoped(spec_file_free) struct spec_file *command = parse("command: [x]\n");
    scoped(spec_file_free) struct spec_file *pipeline = parse("data: {}\nmodel: []\n");
    struct diagnostics diagnostics = {0};

    (void)state;
    assert_true(spec_check_experiment(command->root, &diagnostics));
    assert_true(spec_check_experiment(pipeline->root, &diagnostics));
    assert_int_equal(diagnostics.n, 0);
    assert_false(spec_check_experiment(both->root, &diagnostics));
    assert_string_equal(diagnostics.item[0].path, "data");
    assert_false(spec_check_experiment(neither->root, &diagnostics));
    assert_string_equal(diagnostics.item[1].message,
                        "nothing to run: give a command, or data and a model");
    diagnostics_release(&diagnostics);
}

static void common_settings_have_defaults(void **state)
{
    scoped(spec_file_free) struct spec_file *file = parse("command: true.sh\ndata: {x: 1}\n");
    struct common_config config = {0};
    struct diagnostics diagnostics = {0};

    (void)state;
    assert_true(spec_parse_common(file->root, &config, &diagnostics));
    assert_int_equal(config.command.n, 1);
    assert_string_equal(config.command.item[0], "true.sh");
    assert_near(config.resources.cpus, 1, 0);
    assert_int_equal(config.resources.log, 16 * 1024 * 1024);
    assert_near(config.resources.grace, 10, 0);
    assert_true(config.queue.requeue);
    assert_int_equal(config.queue.retries, 0);
    assert_null(config.name);
    settings_release(common_settings, &config);
    diagnostics_release(&diagnostics);
}

static void common_settings_complain_about_everything(void **state)
{
    scoped(spec_file_free) struct spec_file *file =
        parse("seed: -1\nresources: {cpus: 0, memory: lots, time: 90m}\n"
              "queue: {after: [1, x], prioriy: 3}\ncommand: ['']\n");
    static const char *const expected[][2] = {
        {"seed", "-1 is outside [0, 9007199254740991]"},
        {"queue.prioriy", "unknown setting; did you mean 'priority'?"},
        {"resources.cpus", "0 is outside [0.1, 1024]"},
        {"resources.memory", "expected a size such as 4096, 512K or 4G, not text ('lots')"},
        {"queue.after", "'x' is no experiment; expected 12, 3-9, batch:4 or last"},
        {"command[0]", "the program's name is empty"},
    };
    struct common_config config = {0};
    struct diagnostics diagnostics = {0};

    (void)state;
    assert_false(spec_parse_common(file->root, &config, &diagnostics));
    assert_int_equal(diagnostics.n, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < diagnostics.n; i++) {
        assert_string_equal(diagnostics.item[i].path, expected[i][0]);
        assert_string_equal(diagnostics.item[i].message, expected[i][1]);
    }
    assert_near(config.resources.time, 5400, 0);
    settings_release(common_settings, &config);
    diagnostics_release(&diagnostics);
}

static void a_command_line_in_one_text_is_refused(void **state)
{
    static const struct {
        const char *text, *path; /* path NULL: good */
    } cases[] = {
        {"command: python3 train.py --rate 0.1", "command"},
        {"command: ./train.sh now", "command"},
        {"command: ['echo hi']", "command[0]"},
        {"command: ['/opt/my programs/train']", NULL},
        {"command: ['my train', x]", NULL},
        {"command: train.sh", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        scoped(spec_file_free) struct spec_file *file = parse(cases[i].text);
        scoped(diagnostics_release) struct diagnostics diagnostics = {0};
        struct common_config config = {0};

        assert_int_equal(spec_parse_common(file->root, &config, &diagnostics), !cases[i].path);
        if (cases[i].path) {
            assert_int_equal(diagnostics.n, 1);
            assert_string_equal(diagnostics.item[0].path, cases[i].path);
            assert_non_null(strstr(diagnostics.item[0].message, "is one word and no program"));
        }
        settings_release(common_settings, &config);
    }
}

static void key_of(const char *text, char key[33])
{
    scoped(spec_file_free) struct spec_file *file = parse(text);
    struct error error = {0};

    assert_true(spec_configuration_key(file->root, key, &error));
}

static void the_key_forgets_what_changes_no_result(void **state)
{
    char a[33], b[33], c[33];

    (void)state;
    key_of("name: a\nseed: 1\ndata: {source: x, header: true}\ntrain: {epochs: 3, batch: 2}\n", a);
    key_of("train: {batch: 2.0, epochs: 3}\ndata: {header: true, source: x}\nseed: 2\n"
           "question: why\nqueue: {priority: 4}\nresources: {cpus: 2}\ntags: [x]\non_finish: y\n",
           b);
    key_of("data: {source: x, header: true}\ntrain: {epochs: 4, batch: 2}\n", c);
    assert_int_equal(strlen(a), 32);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
}

/* ---- memory that runs out ---- */

/* All that is done with a spec; false where memory was wanted somewhere. */
static bool use_spec(struct error *error)
{
    static const char text[] = "base: &b {x: 1, y: [a, 2.5, true]}\ncommand: [prog, 3]\n"
                               "data: {<<: *b}\nqueue: {after: [1]}\n";
    scoped(spec_file_free) struct spec_file *file = NULL;
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    scoped(json_free) cJSON *described = NULL, *values = NULL;
    struct common_config config = {0};
    char key[33];
    bool good;

    if (!spec_file_parse(text, strlen(text), "x.yaml", &file, error) ||
        !spec_file_set(file, "data.z={q: [1]}", error) ||
        !spec_configuration_key(file->root, key, error))
        return false;
    good = spec_parse_common(file->root, &config, &diagnostics);
    values = good ? settings_json(common_settings, &config) : NULL;
    described = settings_describe(common_settings);
    settings_release(common_settings, &config);
    assert_true(good || diagnostics.overflow);
    assert_int_equal(diagnostics.n, 0);
    return (good && values && described) || error_set(error, ERROR_NO_MEMORY, "out of memory");
}

static void every_lack_of_memory_is_told(void **state)
{
    (void)state;
    assert_true(fail_every_allocation(use_spec) > 50);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_knows_its_line),
        cmocka_unit_test(a_path_without_a_line_takes_its_parents),
        cmocka_unit_test(json_is_read_too_with_lines),
        cmocka_unit_test(json_that_yaml_does_not_take_is_read),
        cmocka_unit_test(json_means_what_json_says),
        cmocka_unit_test(json_is_no_way_round_the_depth),
        cmocka_unit_test(a_root_that_is_no_mapping_is_refused),
        cmocka_unit_test(a_list_of_specs_is_a_batch),
        cmocka_unit_test(a_commands_words_are_as_they_were_written),
        cmocka_unit_test(a_text_larger_than_the_limit_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
        cmocka_unit_test(a_file_is_read_whole),
        cmocka_unit_test(a_setting_of_the_command_line_replaces_the_files),
        cmocka_unit_test(a_short_form_makes_room_for_its_settings),
        cmocka_unit_test(what_was_set_on_the_command_line_has_no_line),
        cmocka_unit_test(a_bad_assignment_is_refused),
        cmocka_unit_test(every_top_level_key_has_an_owner),
        cmocka_unit_test(an_unknown_top_level_key_is_told_with_its_neighbour),
        cmocka_unit_test(an_experiment_is_a_command_or_a_pipeline),
        cmocka_unit_test(common_settings_have_defaults),
        cmocka_unit_test(common_settings_complain_about_everything),
        cmocka_unit_test(a_command_line_in_one_text_is_refused),
        cmocka_unit_test(the_key_forgets_what_changes_no_result),
        cmocka_unit_test(every_lack_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
