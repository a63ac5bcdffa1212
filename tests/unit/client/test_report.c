/* The morning's report as a person reads it. */
#include "client/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CONFIGURATION(split, n, mean, sd, id, value, marks)                                        \
    "{\"parameters\":{\"data.split\":\"" split "\",\"units\":16},\"n\":" n ",\"mean\":" mean       \
    ",\"sd\":" sd ",\"naive\":0.09,\"best\":{\"id\":" id ",\"value\":" value "},\"marks\":[" marks \
    "],\"experiments\":[]}"

typedef bool printer(const struct render *render, const cJSON *report, struct error *error);

static char *print_with(printer *how, const char *batch)
{
    struct render render = {0};
    struct error error = {0};
    char *text = NULL, *json = NULL;
    size_t size;
    cJSON *report = NULL;

    assert_true(asprintf(&json, "{\"batches\":[%s]}", batch) > 0);
    if (!json_parse(json, strlen(json), &report, &error))
        fail_msg("%s", error.message);
    render.out = open_memstream(&text, &size);
    assert_non_null(render.out);
    assert_true(how(&render, report, &error));
    fclose(render.out);
    json_free(&report);
    free(json);
    return text;
}

static char *print(const char *batch)
{
    return print_with(report_print, batch);
}

static void expect(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void configurations_stand_beside_the_naive_score(void **state)
{
    char *text = print("{\"id\":4,\"name\":\"vowels\",\"question\":\"does it matter?\","
                       "\"expectation\":\"a little\","
                       "\"counts\":{\"done\":6,\"failed\":1},\"metric\":\"test.accuracy\","
                       "\"goal\":\"maximize\",\"wall_s\":65,\"cpu_s\":42,\"wasted_s\":2,"
                       "\"configurations\":[" CONFIGURATION(
                           "rows", "3", "0.97", "0.012", "14", "0.98",
                           "\"LEAK\"") "," CONFIGURATION("speakers", "3", "0.495", "0.0237", "24",
                                                         "0.52", "") "]}");

    (void)state;
    expect(text, "batch 4  vowels\n");
    expect(text, "question   does it matter?\n");
    expect(text, "outcome    6 done, 1 failed\n");
    expect(text, "1m 05s in runs, 42s of processors, 2.0s spent on what failed");
    expect(text, "rows         16  3  0.970 +- 0.012   0.09  0.98 (14)  LEAK\n");
    expect(text, "  expected   a little\n  best       test.accuracy 0.52, experiment 24");
    expect(text, "speakers     16  3  0.495 +- 0.024   0.09  0.52 (24)\n");
    free(text);
}

static void replicates_have_an_interval_and_runs_a_speed(void **state)
{
    char *text = print(
        "{\"id\":4,\"metric\":\"test.accuracy\",\"goal\":\"maximize\",\"wall_s\":65,\"cpu_s\":60,"
        "\"elapsed_s\":"
        "26,"
        "\"configurations\":[{\"parameters\":{\"units\":16},\"n\":3,\"mean\":0.495,\"sd\":0.0237,"
        "\"low\":0.4361,\"high\":0.5539,\"wall_s\":1.2,\"best\":{\"id\":24,\"value\":0.52},"
        "\"marks\":[]},"
        "{\"parameters\":{\"units\":32},\"n\":1,\"mean\":0.4,\"sd\":null,\"low\":null,\"wall_s\":2,"
        "\"high\":"
        "null,"
        "\"best\":{\"id\":25,\"value\":0.4},\"marks\":[]}]}");

    (void)state;
    expect(text, "95 % of mean");
    expect(text, "16  3  0.495 +- 0.024  0.436 .. 0.554  1.2s  0.52 (24)");
    expect(text, "32  1  0.400                           2.0s   0.4 (25)");
    expect(text, "1m 05s in runs, 1m 00s of processors, 2.5 at a time");
    free(text);
}

static void what_leaks_is_never_called_the_best(void **state)
{
    char *text = print("{\"id\":4,\"metric\":\"test.accuracy\",\"goal\":\"maximize\","
                       "\"configurations\":[" CONFIGURATION(
                           "rows", "3", "0.97", "0.012", "14", "0.98",
                           "\"LEAK\"") "," CONFIGURATION("speakers", "3", "0.495", "0.0237", "24",
                                                         "0.52", "") "]}");

    (void)state;
    expect(text, "best       test.accuracy 0.52, experiment 24: split=speakers units=16\n");
    expect(text, "marked     LEAK  test.accuracy 0.98, experiment 14");
    free(text);
}

static void best_follows_the_goal(void **state)
{
    char *text = print(
        "{\"id\":4,\"metric\":\"rmse\",\"goal\":\"minimize\",\"configurations\":[" CONFIGURATION(
            "a", "2", "0.5", "0.1", "1", "0.04", "") "," CONFIGURATION("b", "2", "0.5", "0.1", "2",
                                                                       "0.03", "") "]}");

    (void)state;
    expect(text, "best       rmse 0.03, experiment 2");
    free(text);
}

static void no_better_than_naive_is_said_so(void **state)
{
    char *text =
        print("{\"id\":4,\"metric\":\"m\",\"goal\":\"maximize\",\"configurations\":[" CONFIGURATION(
            "a", "2", "0.08", "0.01", "1", "0.09", "") "," CONFIGURATION("b", "2", "0.5", "0.01",
                                                                         "2", "0.5", "") "]}");
    char *second;

    (void)state;
    expect(text, "0.09 (1)  no better than naive\n");
    second = strstr(text, "0.5 (2)");
    assert_non_null(second);
    assert_true(strncmp(second, "0.5 (2)\n", 8) == 0);
    free(text);
}

static void what_went_wrong_is_counted(void **state)
{
    char *text =
        print("{\"id\":4,\"failures\":[{\"message\":\"line 7 .. 12: no column x\",\"count\":3,"
              "\"experiments\":[3,4,6]},{\"message\":\"killed\",\"count\":1,"
              "\"experiments\":[5]}],"
              "\"warnings\":[{\"text\":\"dead unit\",\"experiments\":[1,2,3,4,5,6,7]}],"
              "\"remarks\":[{\"text\":\"a\",\"count\":9},{\"text\":\"b\"},{\"text\":\"c\"},"
              "{\"text\":\"d\"},{\"text\":\"e\"},{\"text\":\"f\"},{\"text\":\"g\"}],"
              "\"remarks_total\":{\"kinds\":12,\"count\":49},"
              "\"findings\":[\"model[0].units: a\",\"model[1].units: a\"],"
              "\"notes\":[\"try \\u001b[31m dropout\"]}");

    (void)state;
    expect(text, "    3x line 7 .. 12: no column x  (3, 4, 6)\n");
    expect(text, "    ... and 6 others (40x): --json has the 7 most frequent\n");
    expect(text, "    killed  (5)\n");
    expect(text, "    7x dead unit  (1, 2, 3, 4, 5, ...)\n");
    expect(text, "    try ?[31m dropout\n");
    expect(text, "  findings\n    model[0].units: a\n    model[1].units: a\n");
    free(text);
}

static void single_experiment_has_a_result_and_no_table(void **state)
{
    char *text = print("{\"id\":4,\"metric\":\"m\",\"goal\":\"maximize\",\"configurations\":[{"
                       "\"parameters\":{},\"n\":1,\"mean\":0.5,\"sd\":null,\"naive\":0.1,"
                       "\"best\":{\"id\":7,\"value\":0.5,\"naive\":0.1},\"marks\":[]}]}");

    (void)state;
    expect(text, "result     m 0.5, experiment 7 (naive 0.1)\n");
    assert_null(strstr(text, "configuration"));
    free(text);
}

static void what_waits_is_told_with_its_end(void **state)
{
    char *text = print("{\"id\":4,\"counts\":{\"queued\":3},\"waiting\":{\"count\":3,"
                       "\"reason\":\"both slots are taken\",\"eta\":1790000000}}");

    (void)state;
    expect(text, "waiting    3, finished about ");
    expect(text, "\n    both slots are taken\n");
    free(text);
}

static void what_is_found_is_told_with_place_and_links(void **state)
{
    char *text = print_with(
        report_print_found,
        "{\"id\":4,\"name\":\"vowels\",\"question\":\"why?\",\"expectation\":\"so\",\"first\":3,"
        "\"last\":9,\"counts\":{\"done\":6},\"metric\":\"loss\",\"goal\":\"minimize\","
        "\"best\":{\"id\":7,\"value\":0.25,\"parameters\":{\"units\":8},\"marks\":[]},"
        "\"marked\":null,\"links\":[{\"id\":2,\"by\":\"noted\"},{\"batch\":1,\"by\":\"noted\"},"
        "{\"id\":31,\"by\":\"after\"}],\"matches\":[{\"where\":\"question\",\"text\":\"why?\"},"
        "{\"where\":\"note\",\"text\":\"calm \\u001b[31m\",\"experiment\":5,\"count\":3}]}");

    (void)state;
    expect(text, "batch 4  vowels\n  question   why?\n  expected   so\n  outcome    6 done\n"
                 "  best       loss 0.25, experiment 7: units=8\n"
                 "  links      mentioned by 2, batch:1; after 31\n"
                 "  found in   question\n    note of 5 and 2 others: calm ");
    assert_null(strchr(text, 27));
    free(text);
}

static void earlier_batches_have_a_line_each(void **state)
{
    char *text = print_with(
        report_print,
        "{\"id\":40,\"name\":\"z\"}],\"earlier\":["
        "{\"id\":3,\"name\":\"a.sh\",\"counts\":{\"done\":1},\"metric\":\"loss\","
        "\"best\":{\"id\":7,\"value\":0.25,\"marks\":[]}},"
        "{\"id\":4,\"name\":\"b.sh\",\"counts\":{\"done\":1,\"failed\":9},"
        "\"failures\":[{\"message\":\"boom\",\"count\":5},{\"message\":\"hm\",\"count\":1}]}],"
        "\"untold\":{\"batches\":2,\"failures\":1,\"first\":1,\"last\":6},\"other\":[");

    (void)state;
    expect(text, "before these: 2 batches, 9 failures; nj report batch:N tells all of one\n");
    expect(text, "      3  a.sh  1 done             loss 0.25 (7)\n");
    expect(text, "      4  b.sh  1 done, 9 failed                  5x boom; hm; and 3 more\n");
    expect(text, "... and 2 earlier batches with 1 failure: nj report 1-6\n");
    free(text);
}

static void rest_of_a_long_table_is_shown_by_best(void **state)
{
    char *json = NULL, *text;
    size_t size;
    FILE *out = open_memstream(&json, &size);

    (void)state;
    assert_non_null(out);
    fputs("{\"id\":4,\"first\":11,\"last\":260,\"metric\":\"m\",\"goal\":\"maximize\","
          "\"configurations_total\":250,\"configurations\":[",
          out);
    for (int i = 0; i < 40; i++)
        fprintf(out, "%s" CONFIGURATION("a", "1", "0.5", "null", "11", "0.5", ""), i ? "," : "");
    fputs("]}", out);
    fclose(out);
    text = print(json);
    expect(text, "  ... and 230 more: nj best batch:4 -n 250\n");
    free(text);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations_stand_beside_the_naive_score),
        cmocka_unit_test(replicates_have_an_interval_and_runs_a_speed),
        cmocka_unit_test(what_leaks_is_never_called_the_best),
        cmocka_unit_test(best_follows_the_goal),
        cmocka_unit_test(no_better_than_naive_is_said_so),
        cmocka_unit_test(what_went_wrong_is_counted),
        cmocka_unit_test(single_experiment_has_a_result_and_no_table),
        cmocka_unit_test(what_waits_is_told_with_its_end),
        cmocka_unit_test(what_is_found_is_told_with_place_and_links),
        cmocka_unit_test(earlier_batches_have_a_line_each),
        cmocka_unit_test(rest_of_a_long_table_is_shown_by_best),
    };

    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
