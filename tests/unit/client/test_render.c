/* What a person sees. */
#include "client/render.h"
#include "client/row.h"

#include "common/owner.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct render plain = {.out = NULL};
static const struct render rich = {.terminal = true, .colour = true, .unicode = true, .width = 40};

static void numbers_have_as_many_digits_as_they_need(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{12, "12"},
                 {0, "0"},
                 {-3, "-3"},
                 {0.47, "0.47"},
                 {0.473684, "0.47368"},
                 {1.0 / 3, "0.33333"},
                 {1e-5, "1e-05"},
                 {528000, "528000"},
                 {1e12, "1e+12"},
                 {123456.789, "1.2346e+05"},
                 {INFINITY, "inf"},
                 {NAN, "nan"}};
    char text[RENDER_NUMBER_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(render_number(cases[i].value, text), cases[i].text);
}

static void mean_is_given_to_the_place_of_its_deviation(void **state)
{
    char text[RENDER_NUMBER_SIZE];

    (void)state;
    assert_int_equal(render_decimals(0.01234), 3);
    assert_int_equal(render_decimals(0.0996), 2);
    assert_int_equal(render_decimals(1.77), 1);
    assert_int_equal(render_decimals(120), 0);
    assert_int_equal(render_decimals(1e-12), 6);
    assert_int_equal(render_decimals(0), 0);
    assert_int_equal(render_decimals(NAN), 0);
    assert_string_equal(render_mean(&plain, 0.47321, 0.01234, 3, text), "0.473 +- 0.012");
    assert_string_equal(render_mean(&rich, 0.47321, 0.01234, 4, text), "0.4732 ± 0.0123");
    assert_string_equal(render_mean(&plain, 5423.8, 120, 0, text), "5424 +- 120");
    assert_string_equal(render_mean(&plain, 0.5, 0, 3, text), "0.500 +- 0.000");
    assert_string_equal(render_mean(&plain, 0.25, 0, 0, text), "0.25 +- 0");
    assert_string_equal(render_mean(&plain, 12, 0, 0, text), "12 +- 0");
    assert_string_equal(render_mean(&plain, 0.47321, NAN, 3, text), "0.473");
    assert_string_equal(render_mean(&plain, 0.47321, NAN, 0, text), "0.47321");
    assert_string_equal(render_mean(&plain, 2e-9, 1e-10, 6, text), "2e-09 +- 1e-10");
    assert_string_equal(render_mean(&plain, 3e7, 1e4, 0, text), "3e+07 +- 1e+04");
}

static void sizes_and_durations_are_short(void **state)
{
    char text[RENDER_NUMBER_SIZE];

    (void)state;
    assert_string_equal(render_bytes(512, text), "512 B");
    assert_string_equal(render_bytes(1536, text), "1.5 KiB");
    assert_string_equal(render_bytes(12.3 * 1024 * 1024, text), "12 MiB");
    assert_string_equal(render_bytes(NAN, text), "-");
    assert_string_equal(render_duration(0.042, text), "42ms");
    assert_string_equal(render_duration(3.21, text), "3.2s");
    assert_string_equal(render_duration(42, text), "42s");
    assert_string_equal(render_duration(200, text), "3m 20s");
    assert_string_equal(render_duration(-1, text), "-");
    assert_string_equal(render_duration(NAN, text), "-");
}

static void times_of_another_day_have_a_date(void **state)
{
    char text[RENDER_NUMBER_SIZE];
    double noon = 1790000000 - 1790000000 % 86400 + 12 * 3600;

    (void)state;
    setenv("TZ", "UTC", 1);
    assert_string_equal(render_time(noon, noon, text), "12:00");
    assert_string_equal(render_time(noon, noon + 86400, text), "Sep 21 12:00");
    assert_string_equal(render_time(noon, noon + 400 * 86400, text), "2026-09-21 12:00");
    assert_string_equal(render_time(NAN, noon, text), "-");
}

static void bars_fill_from_the_left(void **state)
{
    char bar[128];

    (void)state;
    assert_string_equal(render_bar(&plain, 0.5, 10, bar, sizeof(bar)), "#####.....");
    assert_string_equal(render_bar(&plain, -1, 4, bar, sizeof(bar)), "....");
    assert_string_equal(render_bar(&plain, 7, 4, bar, sizeof(bar)), "####");
    assert_string_equal(render_bar(&plain, NAN, 4, bar, sizeof(bar)), "....");
    assert_string_equal(render_bar(&rich, 0.375, 4, bar, sizeof(bar)), "█▌░░");
    for (int i = 0; i <= 100; i++)
        assert_int_equal(render_width(render_bar(&rich, i / 100.0, 7, bar, sizeof(bar))), 7);
}

static void width_counts_columns_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(render_width("abc"), 3);
    assert_int_equal(render_width("žluť"), 4);
    assert_int_equal(render_width("日本"), 4);
    assert_int_equal(render_width("e\u0301"), 1);
    assert_int_equal(render_width("\xff\xfe"), 2);
}

static void expect_clean(const struct render *render, const char *text, int width,
                         const char *expected)
{
    struct buffer clean = {0};
    struct error error;

    assert_true(render_clean(render, text, width, &clean, &error));
    assert_string_equal(clean.data ? clean.data : "", expected);
    buffer_release(&clean);
}

static void foreign_texts_cannot_steer_the_terminal(void **state)
{
    /* U+202E, in bytes: the tools refuse it in a source */
    static const char reversing[] = {(char)0xe2, (char)0x80, (char)0xae, 'e', 'v', 'i', 'l', 0};

    (void)state;
    expect_clean(&plain, "a\033[31mb\rc\nd\te", 0, "a?[31mb?c d e");
    expect_clean(&plain,
                 "x\xc2\x9b"
                 "2Jy",
                 0, "x?2Jy");
    expect_clean(&plain, reversing, 0, "?evil");
    expect_clean(&plain,
                 "\xff"
                 "a",
                 0, "?a");
}

static void long_texts_end_in_an_ellipsis(void **state)
{
    (void)state;
    expect_clean(&plain, "abcdef", 4, "abc~");
    expect_clean(&rich, "abcdef", 4, "abc…");
    expect_clean(&rich, "abcd", 4, "abcd");
    expect_clean(&rich, "日本語", 4, "日…");
}

static char *paragraph(const char *text, int width)
{
    struct render render = {.width = width};
    char *printed = NULL;
    size_t size;
    struct error error;

    render.out = open_memstream(&printed, &size);
    assert_non_null(render.out);
    assert_true(render_paragraph(&render, text, 2, &error));
    fclose(render.out);
    return printed;
}

static void paragraphs_are_broken_between_words(void **state)
{
    char *text = paragraph("one two three four", 10);

    (void)state;
    assert_string_equal(text, "  one two\n  three\n  four\n");
    free(text);
    text = paragraph("one two\nthree\033four", 0);
    assert_string_equal(text, "  one two three?four\n");
    free(text);
    text = paragraph("longerthantheline x", 8);
    assert_string_equal(text, "  longerthantheline\n  x\n");
    free(text);
    text = paragraph("", 8);
    assert_string_equal(text, "\n");
    free(text);
}

static char *print(const struct table *table, struct render render, bool tabs)
{
    char *text = NULL;
    size_t size;
    struct error error;

    render.out = open_memstream(&text, &size);
    assert_non_null(render.out);
    assert_true(tabs ? table_print_tabs(table, &render, &error)
                     : table_print(table, &render, &error));
    fclose(render.out);
    return text;
}

static const struct table_column columns[] = {
    {.title = "id", .right = true}, {.title = "name", .shrinks = true}, {.title = "state"}};

static struct table *example(void)
{
    struct table *table = table_new(columns, 3);

    table_cell(table, STYLE_PLAIN, "%d", 7);
    table_cell(table, STYLE_PLAIN, "vowel/3");
    table_cell(table, STYLE_GREEN, "done");
    table_cell(table, STYLE_PLAIN, "%d", 12);
    table_cell(table, STYLE_PLAIN, "%s", "a name that is longer than the terminal is wide");
    table_cell(table, STYLE_RED, "failed");
    return table;
}

static void table_aligns_its_columns(void **state)
{
    struct table *table = example();
    char *text = print(table, plain, false);

    (void)state;
    assert_string_equal(text, "id  name                                             state\n"
                              " 7  vowel/3                                          done\n"
                              "12  a name that is longer than the terminal is wide  failed\n");
    assert_int_equal(table_rows(table), 2);
    free(text);
    table_free(&table);
}

static void table_shrinks_to_the_terminal(void **state)
{
    struct table *table = example();
    struct render narrow = {.terminal = true, .unicode = true, .width = 30};
    char *text = print(table, narrow, false);
    char *rest = NULL;

    (void)state;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        assert_true(render_width(line) <= 30);
    free(text);
    text = print(table, narrow, false);
    assert_non_null(strstr(text, "12  a name that is lo…  failed\n"));
    free(text);
    table_free(&table);
}

static void columns_that_do_not_fit_are_left_out_and_told(void **state)
{
    static const struct table_column many[] = {{.title = "id"},
                                               {.title = "parameter-one", .shrinks = true},
                                               {.title = "parameter-two", .shrinks = true},
                                               {.title = "metric"}};
    struct table *table = table_new(many, 4);
    struct render narrow = {.terminal = true, .width = 24};
    char *text;

    (void)state;
    for (int i = 0; i < 4; i++)
        table_cell(table, STYLE_PLAIN, "%d", 12345);
    text = print(table, narrow, false);
    assert_string_equal(text, "id     paramet~  metric\n"
                              "12345  12345     12345\n"
                              "1 column does not fit here; --json has it\n");
    free(text);
    table_free(&table);
}

static void whole_columns_go_before_others_are_cut(void **state)
{
    static const struct table_column many[] = {{.title = "name", .shrinks = true},
                                               {.title = "one", .drops = true},
                                               {.title = "two"},
                                               {.title = "three", .drops = true}};
    struct table *table = table_new(many, 4);
    struct render narrow = {.terminal = true, .width = 26};
    char *text;

    (void)state;
    for (int i = 0; i < 4; i++)
        table_cell(table, STYLE_PLAIN, "%d", 12345678);
    text = print(table, narrow, false);
    assert_string_equal(text, "name      two\n"
                              "12345678  12345678\n"
                              "2 columns do not fit here; --json has them\n");
    free(text);
    table_free(&table);
}

static void column_with_nothing_in_it_is_left_out(void **state)
{
    struct table *table = table_new(columns, 3);
    char *text;

    (void)state;
    table_cell(table, STYLE_PLAIN, "%d", 1);
    table_cell(table, STYLE_PLAIN, "%s", "");
    table_cell(table, STYLE_PLAIN, "done");
    text = print(table, plain, false);
    assert_string_equal(text, "id  state\n 1  done\n");
    free(text);
    table_free(&table);
}

static void table_for_programs_has_tabs_and_no_titles(void **state)
{
    struct table *table = example();
    char *text = print(table, plain, true);

    (void)state;
    assert_string_equal(
        text, "7\tvowel/3\tdone\n12\ta name that is longer than the terminal is wide\tfailed\n");
    free(text);
    table_free(&table);
}

static void colours_need_a_terminal(void **state)
{
    struct table *table = example();
    char *text = print(table, plain, false);

    (void)state;
    assert_null(strchr(text, '\033'));
    free(text);
    text = print(table, rich, false);
    assert_non_null(strstr(text, "\033[32mdone\033[0m"));
    free(text);
    table_free(&table);
}

static cJSON *row_of(const char *text)
{
    cJSON *row = NULL;
    struct error error;

    assert_true(json_parse(text, strlen(text), &row, &error));
    return row;
}

static void row_tells_what_happened_in_few_words(void **state)
{
    cJSON *row =
        row_of("{\"state\":\"failed\",\"verdict\":\"out_of_memory\",\"message\":\"killed\","
               "\"metric\":{\"name\":\"valid.loss\",\"value\":0.5}}");
    char text[ROW_TEXT_SIZE];

    (void)state;
    assert_string_equal(row_state(row, text), "out of memory");
    assert_string_equal(row_outcome(row, text), "killed");
    json_free(&row);

    row = row_of("{\"state\":\"done\",\"verdict\":\"done\",\"message\":\"\",\"marks\":[\"LEAK\"],"
                 "\"metric\":{\"name\":\"test.accuracy\",\"value\":0.97}}");
    assert_string_equal(row_outcome(row, text), "LEAK  test.accuracy 0.97");
    json_free(&row);
}

static void row_shows_progress_only_while_it_runs(void **state)
{
    cJSON *row = row_of("{\"state\":\"running\",\"progress\":{\"done\":12,\"total\":40,"
                        "\"unit\":\"epoch\"},\"eta_s\":12.4}");
    char text[ROW_TEXT_SIZE];

    (void)state;
    assert_string_equal(row_progress(&plain, row, text), "###....... 12/40 epoch");
    assert_string_equal(row_eta(row, text), "12s");
    json_free(&row);
    row = row_of("{\"state\":\"done\",\"progress\":{\"done\":40,\"total\":40},\"eta_s\":0}");
    assert_string_equal(row_progress(&plain, row, text), "");
    assert_string_equal(row_eta(row, text), "");
    json_free(&row);
}

static void parameters_are_shown_by_their_labels(void **state)
{
    cJSON *row = row_of("{\"split\":{\"label\":\"new speakers\",\"value\":{\"by\":\"group\"}},"
                        "\"units\":32,\"list\":[1,2],\"name\":\"x\"}");
    char text[ROW_TEXT_SIZE];

    (void)state;
    assert_string_equal(row_parameters(row, text), "split=new speakers units=32 list=[1,2] name=x");
    json_free(&row);
    row = row_of("{\"train.optimizer.rate\":0.1,\"model[0].units\":8}");
    assert_string_equal(row_parameters(row, text), "rate=0.1 units=8");
    json_free(&row);
    row = row_of("{\"model[0].units\":8,\"model[1].units\":4,\"seed\":1}");
    assert_string_equal(row_parameters(row, text), "model[0].units=8 model[1].units=4 seed=1");
    json_free(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_as_many_digits_as_they_need),
        cmocka_unit_test(mean_is_given_to_the_place_of_its_deviation),
        cmocka_unit_test(sizes_and_durations_are_short),
        cmocka_unit_test(times_of_another_day_have_a_date),
        cmocka_unit_test(bars_fill_from_the_left),
        cmocka_unit_test(width_counts_columns_not_bytes),
        cmocka_unit_test(foreign_texts_cannot_steer_the_terminal),
        cmocka_unit_test(long_texts_end_in_an_ellipsis),
        cmocka_unit_test(paragraphs_are_broken_between_words),
        cmocka_unit_test(table_aligns_its_columns),
        cmocka_unit_test(table_shrinks_to_the_terminal),
        cmocka_unit_test(columns_that_do_not_fit_are_left_out_and_told),
        cmocka_unit_test(whole_columns_go_before_others_are_cut),
        cmocka_unit_test(column_with_nothing_in_it_is_left_out),
        cmocka_unit_test(table_for_programs_has_tabs_and_no_titles),
        cmocka_unit_test(colours_need_a_terminal),
        cmocka_unit_test(row_tells_what_happened_in_few_words),
        cmocka_unit_test(row_shows_progress_only_while_it_runs),
        cmocka_unit_test(parameters_are_shown_by_their_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
