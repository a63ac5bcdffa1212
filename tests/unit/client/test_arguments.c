/* Reading a verb's command line by its option table. */
#include "client/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const colours[] = {"red", "green", NULL};

static const struct command_option options[] = {
    {.name = "all", .letter = 'a', .help = "All."},
    {.name = "lines",
     .letter = 'n',
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 1,
     .high = 10,
     .help = "Lines."},
    {.name = "limit", .type = OPTION_REAL, .value = "X", .low = 0.5, .high = 2, .help = "Limit."},
    {.name = "time", .letter = 't', .type = OPTION_DURATION, .value = "T", .help = "Time."},
    {.name = "size", .type = OPTION_SIZE, .value = "S", .help = "Size."},
    {.name = "set", .type = OPTION_TEXT, .repeats = true, .value = "V", .help = "Set."},
    {.name = "colour", .type = OPTION_TEXT, .value = "C", .choices = colours, .help = "Colour."},
    {0},
};

static const struct command command = {
    .name = "test",
    .synopsis = "[ID]...",
    .options = options,
    .max_arguments = 2,
    .takes_program = true,
};

static bool parse(struct arguments *arguments, struct error *error, const char *words)
{
    static char text[256];
    static char *argv[32];
    size_t n = 0;
    char *state = NULL;

    snprintf(text, sizeof(text), "%s", words);
    for (char *word = strtok_r(text, " ", &state); word; word = strtok_r(NULL, " ", &state))
        argv[n++] = word;
    argv[n] = NULL;
    return arguments_parse(&command, argv, arguments, error);
}

static void options_and_arguments_may_be_mixed(void **state)
{
    struct arguments arguments;
    struct error error;

    (void)state;
    assert_true(parse(&arguments, &error, "12 --lines 3 batch:4 -a --limit=1.5"));
    assert_int_equal(arguments.n_arguments, 2);
    assert_string_equal(arguments.argument[1], "batch:4");
    assert_true(arguments_flag(&arguments, "all"));
    assert_true(arguments_number(&arguments, "lines", 0) == 3);
    assert_true(arguments_number(&arguments, "limit", 0) == 1.5);
    assert_true(arguments_number(&arguments, "time", 7) == 7);
    assert_null(arguments.program);
    arguments_release(&arguments);
}

static void letters_may_be_run_together_and_end_in_a_value(void **state)
{
    struct arguments arguments;
    struct error error;

    (void)state;
    assert_true(parse(&arguments, &error, "-an5 -t 1h30m"));
    assert_true(arguments_flag(&arguments, "all"));
    assert_true(arguments_number(&arguments, "lines", 0) == 5);
    assert_true(arguments_number(&arguments, "time", 0) == 5400);
    arguments_release(&arguments);
}

static void last_value_counts_and_repeated_ones_are_kept_in_order(void **state)
{
    struct arguments arguments;
    struct error error;

    (void)state;
    assert_true(parse(&arguments, &error, "--set a=1 -n 2 --set b=2 -n 3 --size 4K"));
    assert_string_equal(arguments_text(&arguments, "set", ""), "b=2");
    assert_int_equal(arguments.n_values, 5);
    assert_string_equal(arguments.value[0].text, "a=1");
    assert_true(arguments_number(&arguments, "lines", 0) == 3);
    assert_true(arguments_number(&arguments, "size", 0) == 4096);
    arguments_release(&arguments);
}

static void what_follows_two_dashes_is_left_alone(void **state)
{
    struct arguments arguments;
    struct error error;

    (void)state;
    assert_true(parse(&arguments, &error, "-a -- python3 --help -x"));
    assert_false(arguments.help);
    assert_non_null(arguments.program);
    assert_string_equal(arguments.program[0], "python3");
    assert_string_equal(arguments.program[2], "-x");
    assert_null(arguments.program[3]);
    arguments_release(&arguments);
}

static void help_is_found_before_anything_is_checked(void **state)
{
    struct arguments arguments;
    struct error error;

    (void)state;
    assert_true(parse(&arguments, &error, "--nonsense --help"));
    assert_true(arguments.help);
    arguments_release(&arguments);
}

static void long_options_may_be_cut_where_no_other_begins_so(void **state)
{
    struct arguments arguments;
    struct error error;

    (void)state;
    assert_true(parse(&arguments, &error, "--lin 4 --ti 5s"));
    assert_true(arguments_number(&arguments, "lines", 0) == 4);
    arguments_release(&arguments);
    assert_false(parse(&arguments, &error, "--li 4"));
    assert_string_equal(error.message, "--li could be --lines or --limit");
}

static void bad_command_lines_are_refused_in_one_line(void **state)
{
    static const struct {
        const char *words, *message;
    } cases[] = {
        {"--line0 3", "unknown option --line0; did you mean --lines?"},
        {"--zzzzz", "unknown option --zzzzz"},
        {"-x", "unknown option -x"},
        {"--lines", "--lines needs a value (N)"},
        {"-n", "-n needs a value (N)"},
        {"--all=yes", "--all takes no value"},
        {"-n 0", "--lines: 0 is outside [1, 10]"},
        {"-n 2.5", "--lines: expected a whole number, not '2.5'"},
        {"-n 3x", "--lines: expected a number, not '3x'"},
        {"--limit nan", "--limit: expected a number, not 'nan'"},
        {"--time soon", "--time: expected a duration such as 90s, 15m or 1h30m, not 'soon'"},
        {"--size big", "--size: expected a size such as 512M or 4G, not 'big'"},
        {"--colour blue", "--colour: 'blue' is none of red, green"},
        {"1 2 3", "'3' is too much: nj test [ID]..."},
        {"1 --", "no command follows --"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arguments arguments;
        struct error error = {0};

        assert_false(parse(&arguments, &error, cases[i].words));
        assert_string_equal(error.message, cases[i].message);
        assert_int_equal(error_exit_status(error.kind), 2);
    }
}

static void verbs_are_found_by_name_alias_and_unambiguous_prefix(void **state)
{
    const struct command *found;
    struct error error;

    (void)state;
    assert_true(command_find("submit", &found, &error));
    assert_string_equal(found->name, "submit");
    assert_true(command_find("add", &found, &error));
    assert_string_equal(found->name, "submit");
    assert_true(command_find("wa", &found, &error));
    assert_string_equal(found->name, "wait");
    assert_false(command_find("re", &found, &error));
    assert_string_equal(error.message, "'re' could be any of release, report, restart, resume");
    assert_false(command_find("sumbit", &found, &error));
    assert_string_equal(error.message, "unknown command 'sumbit'; did you mean 'submit'?");
    assert_false(command_find("", &found, &error));
}

static void registry_is_alphabetical_and_every_verb_is_told_about(void **state)
{
    (void)state;
    for (size_t i = 0; command_registry[i]; i++) {
        const struct command *verb = command_registry[i];

        if (i > 0)
            assert_true(strcmp(command_registry[i - 1]->name, verb->name) < 0);
        assert_non_null(verb->run);
        assert_non_null(verb->synopsis);
        assert_non_null(verb->help);
        assert_true(verb->help[strlen(verb->help) - 1] == '.');
        for (const struct command_option *option = verb->options; option && option->name;
             option++) {
            assert_true(option->help && option->help[strlen(option->help) - 1] == '.');
            assert_true((option->type == OPTION_FLAG) == (option->value == NULL));
        }
    }
}

static void every_verb_that_the_queue_needs_is_there(void **state)
{
    static const char *const verbs[] = {
        "submit", "check", "status",  "show",    "log",  "follow",    "wait",   "why",
        "cancel", "hold",  "release", "restart", "best", "compare",   "report", "explain",
        "note",   "event", "clean",   "daemon",  "help", "completion"};

    (void)state;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        const struct command *found;
        struct error error;

        if (!command_find(verbs[i], &found, &error))
            fail_msg("%s", error.message);
        assert_string_equal(found->name, verbs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_arguments_may_be_mixed),
        cmocka_unit_test(letters_may_be_run_together_and_end_in_a_value),
        cmocka_unit_test(last_value_counts_and_repeated_ones_are_kept_in_order),
        cmocka_unit_test(what_follows_two_dashes_is_left_alone),
        cmocka_unit_test(help_is_found_before_anything_is_checked),
        cmocka_unit_test(long_options_may_be_cut_where_no_other_begins_so),
        cmocka_unit_test(bad_command_lines_are_refused_in_one_line),
        cmocka_unit_test(verbs_are_found_by_name_alias_and_unambiguous_prefix),
        cmocka_unit_test(registry_is_alphabetical_and_every_verb_is_told_about),
        cmocka_unit_test(every_verb_that_the_queue_needs_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
