/* JSON: what is refused, where, and that every number comes back as it was. */
#include "common/json.h"
#include "common/json_plain.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/owner.h"
#include "common/random.h"
#include "tests/support/json_text.h"
#include "tests/support/no_memory.h"

static void expect_refused(const char *text, size_t size, const char *message)
{
    struct error error = {0};
    cJSON *json = NULL;

    assert_false(json_parse(text, size, &json, &error));
    assert_null(json);
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_string_equal(error.message, message);
}

static void expect_printed(const cJSON *json, const char *expected)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    assert_true(json_print(json, &text, &error));
    assert_string_equal(text.data, expected);
}

static void value_prints_as_it_was_read(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "[]",
        "{}",
        "[1,-2,3.5,\"x\",[null,{\"a\":{}}]]",
        "{\"b\":1,\"a\":[true],\"A\":\"\\u0001\\n\\t\\\"\\\\\"}",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x99\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        scoped(json_free) cJSON *json = json_of(texts[i]);
        expect_printed(json, texts[i]);
    }
}

/* Eight bytes at once and one by one come to the same, wherever the byte stands that ends it. */
static void plain_bytes_end_at_the_first_that_is_none(void **state)
{
    char text[21] = "abcdefghijklmnopqrst";

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';

        for (size_t at = 0; at < 20; at++) {
            char before = text[at];

            text[at] = (char)byte;
            assert_int_equal(json_plain_size(text, 20), plain ? 20 : at);
            assert_int_equal(json_plain_size(text, at), at);
            text[at] = before;
        }
    }
}

static void white_space_and_escapes_are_understood(void **state)
{
    scoped(json_free) cJSON *json =
        json_of(" {\r\n\t\"a\" : [ 1 , 2 ] ,\"b\":\"\\u00e9\\ud83c\\udf19\\/\\b\\f\"} \n");

    (void)state;
    expect_printed(json, "{\"a\":[1,2],\"b\":\"\xc3\xa9\xf0\x9f\x8c\x99/\\b\\f\"}");
}

static void malformed_text_is_refused_at_its_place(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1, column 1: the text ends where a value is expected"},
        {" \n ", "line 2, column 2: the text ends where a value is expected"},
        {"{\n  \"a\": 1,\n  \"b\" 2}", "line 3, column 7: expected ':'"},
        {"[1 2]", "line 1, column 4: expected ',' or ']'"},
        {"[1,]", "line 1, column 4: expected a value"},
        {"{\"a\":1,}", "line 1, column 8: expected a key in double quotes"},
        {"{a:1}", "line 1, column 2: expected a key in double quotes"},
        {"{\"a\":1", "line 1, column 7: expected ',' or '}'"},
        {"1 2", "line 1, column 3: something follows the value"},
        {"nul", "line 1, column 1: expected a value"},
        {"nullx", "line 1, column 5: something follows the value"},
        {"01", "line 1, column 1: expected a value"},
        {"1.", "line 1, column 1: expected a value"},
        {".5", "line 1, column 1: expected a value"},
        {"+1", "line 1, column 1: expected a value"},
        {"1e", "line 1, column 1: expected a value"},
        {"-", "line 1, column 1: expected a value"},
        {"0x10", "line 1, column 2: something follows the value"},
        {"\"a", "line 1, column 3: the text ends within a string"},
        {"\"a\\", "line 1, column 4: the text ends within a string"},
        {"\"a\\u12", "line 1, column 7: the text ends within a string"},
        {"\"\\x\"", "line 1, column 2: an unknown escape"},
        {"\"\\u12g4\"", "line 1, column 4: \\u wants four hexadecimal digits"},
        {"\"\\u0000\"", "line 1, column 2: a string may not hold the character NUL"},
        {"\"\\ud800\"", "line 1, column 2: half a surrogate pair"},
        {"\"\\udc00\"", "line 1, column 2: half a surrogate pair"},
        {"\"\\ud800\\u0041\"", "line 1, column 2: half a surrogate pair"},
        {"\"a\tb\"", "line 1, column 3: a control character in a string"},
        {"\"\xc3\xa9\xff\"", "line 1, column 3: invalid UTF-8"},
        {"\"\xc0\xaf\"", "line 1, column 2: invalid UTF-8"},
        {"\"\xe0\x80\xaf\"", "line 1, column 2: invalid UTF-8"},
        {"\"\xed\xa0\x80\"", "line 1, column 2: invalid UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "line 1, column 2: invalid UTF-8"},
        {"\"\xe2\x82\"", "line 1, column 2: invalid UTF-8"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "line 1, column 14: the key \"a\" stands here twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        expect_refused(cases[i].text, strlen(cases[i].text), cases[i].message);
    expect_refused("\"a\0b\"", 5, "line 1, column 3: a control character in a string");
    expect_refused("1\0", 2, "line 1, column 2: something follows the value");
}

static void error_carries_the_line(void **state)
{
    struct error error = {0};
    cJSON *json = NULL;

    (void)state;
    assert_false(json_parse("{\n\n!", 4, &json, &error));
    assert_int_equal(error.line, 3);
}

static void duplicate_key_among_many_is_found(void **state)
{
    scoped(buffer_release) struct buffer text = {0};
    scoped(json_free) cJSON *good = NULL;
    struct error error;
    cJSON *json = NULL;

    (void)state;
    buffer_append_text(&text, "{\n", &error);
    for (int i = 0; i < 5000; i++)
        buffer_append_format(&text, &error, "\"k%d\":{\"k%d\":0},\n", i, i);
    buffer_append_text(&text, "\"last\":0}", &error);
    assert_true(json_parse(text.data, text.size, &good, &error));
    assert_int_equal(cJSON_GetArraySize(good), 5001);

    text.size -= 1;
    buffer_append_text(&text, ",\n\"k77\":1}", &error);
    assert_false(json_parse(text.data, text.size, &json, &error));
    assert_string_equal(error.message, "line 5003, column 1: the key \"k77\" stands here twice");
}

static void depth_is_bounded(void **state)
{
    char text[2 * (JSON_DEPTH_LIMIT + 1) + 1];
    scoped(json_free) cJSON *json = NULL;
    struct error error;

    (void)state;
    memset(text, '[', JSON_DEPTH_LIMIT);
    memset(text + JSON_DEPTH_LIMIT, ']', JSON_DEPTH_LIMIT);
    assert_true(json_parse(text, 2 * JSON_DEPTH_LIMIT, &json, &error));
    memset(text, '[', sizeof(text));
    expect_refused(text, sizeof(text), "line 1, column 65: nested deeper than 64");
}

static void not_a_number_is_null_and_infinity_a_number(void **state)
{
    scoped(json_free) cJSON *json =
        json_of("{\"a\":NaN,\"b\":Infinity,\"c\":-Infinity,\"d\":\"NaN\"}");

    (void)state;
    assert_true(cJSON_IsNull(json_member(json, "a")));
    assert_true(json_number(json, "b", 0) == INFINITY);
    assert_true(json_number(json, "c", 0) == -INFINITY);
    assert_string_equal(json_text(json, "d", ""), "NaN");
    expect_printed(json, "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"NaN\"}");
}

static void expect_number(double value, const char *text)
{
    scoped(json_free) cJSON *json = cJSON_CreateNumber(value);
    scoped(json_free) cJSON *again = json_of(text);

    expect_printed(json, text);
    assert_memory_equal(&again->valuedouble, &value, sizeof(value));
}

static void number_prints_with_the_fewest_digits(void **state)
{
    (void)state;
    expect_number(0, "0");
    expect_number(-0.0, "-0");
    expect_number(0.1, "0.1");
    expect_number(0.1 + 0.2, "0.30000000000000004");
    expect_number(1.0 / 3, "0.3333333333333333");
    expect_number(9007199254740991.0, "9007199254740991");
    expect_number(-9007199254740991.0, "-9007199254740991");
    expect_number(1e22, "1e+22");
    expect_number(5e-324, "5e-324");
    expect_number(DBL_MAX, "1.7976931348623157e+308");
    expect_number(DBL_MIN, "2.2250738585072014e-308");
    expect_number(1e-5, "1e-05");
}

static void random_numbers_survive_the_way(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        scoped(buffer_release) struct buffer text = {0};
        scoped(json_free) cJSON *json = NULL;
        scoped(json_free) cJSON *again = NULL;
        struct philox_block block = random_block(1, i, 0, 0);
        struct error error;
        double value;

        memcpy(&value, block.word, sizeof(value));
        if (!isfinite(value))
            continue;
        json = cJSON_CreateNumber(value);
        assert_true(json_print(json, &text, &error));
        assert_true(json_parse(text.data, text.size, &again, &error));
        assert_memory_equal(&again->valuedouble, &value, sizeof(value));
    }
}

static void long_number_is_read_and_endless_one_refused(void **state)
{
    char text[2000];
    scoped(json_free) cJSON *json = NULL;
    struct error error;

    (void)state;
    memset(text, '1', sizeof(text));
    assert_true(json_parse(text, 100, &json, &error));
    assert_true(fabs(json->valuedouble / 1.1111111111111111e99 - 1) < 1e-15);
    expect_refused(text, sizeof(text), "line 1, column 1: a number of more than 1024 digits");
}

static void broken_utf8_prints_as_replacement(void **state)
{
    scoped(json_free) cJSON *json = cJSON_CreateString("a\xff"
                                                       "b\xe2\x82");

    (void)state;
    expect_printed(json, "\"a\xef\xbf\xbd"
                         "b\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void pretty_print_indents_by_two(void **state)
{
    scoped(json_free) cJSON *json = json_of("{\"a\":[1,{}],\"b\":[]}");
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    (void)state;
    assert_true(json_print_pretty(json, &text, &error));
    assert_string_equal(text.data, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

static void member_of_another_type_yields_the_fallback(void **state)
{
    scoped(json_free) cJSON *json =
        json_of("{\"t\":\"x\",\"n\":1.5,\"i\":7,\"big\":1e300,\"b\":true,\"z\":null}");

    (void)state;
    assert_string_equal(json_text(json, "t", "?"), "x");
    assert_string_equal(json_text(json, "T", "?"), "?");
    assert_string_equal(json_text(json, "n", "?"), "?");
    assert_int_equal(json_integer(json, "i", -1), 7);
    assert_int_equal(json_integer(json, "n", -1), -1);
    assert_int_equal(json_integer(json, "big", -1), -1);
    assert_true(json_boolean(json, "b", false));
    assert_true(json_boolean(json, "i", true));
    assert_true(json_number(json, "z", 3) == 3);
    assert_null(json_member(NULL, "t"));
    assert_string_equal(json_text(NULL, "t", "none"), "none");
}

static void builders_add_what_they_are_given(void **state)
{
    scoped(json_free) cJSON *json = cJSON_CreateObject();
    cJSON *item = cJSON_CreateString("moved"), *orphan = cJSON_CreateNull();

    (void)state;
    assert_true(json_add_text(json, "t", "x") && json_add_text(json, "none", NULL));
    assert_true(json_add_number(json, "n", 0.5) && json_add_integer(json, "i", 1LL << 52));
    assert_true(json_add_boolean(json, "b", false) && json_add_item(json, "m", &item));
    assert_null(item);
    assert_true(json_add_integer(json_add_object(json, "o"), "x", 1));
    assert_non_null(json_add_array(json, "a"));
    assert_false(json_add_item(NULL, "m", &orphan));
    assert_null(orphan);
    expect_printed(json,
                   "{\"t\":\"x\",\"n\":0.5,\"i\":4503599627370496,\"b\":false,\"m\":\"moved\","
                   "\"o\":{\"x\":1},\"a\":[]}");
}

static void path_leads_to_its_value(void **state)
{
    scoped(json_free) cJSON *json = json_of("{\"a\":{\"b\":[1,{\"c\":7},[8,9]]}}");

    (void)state;
    assert_int_equal(json_at(json, "a.b[1].c")->valueint, 7);
    assert_int_equal(json_at(json, "a.b[2][1]")->valueint, 9);
    static const char *const missing[] = {
        "",      "a.x",     "a.b[3]", "a[0]",    "a.b.c",
        "a.",    ".a",      "a..b",   "a.b[",    "a.b[x]",
        "a.b[]", "a.b[-1]", "A",      "a.b[1]c", "a.b[99999999999999999999]"};
    for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
        assert_null(json_at(json, missing[i]));
}

static bool set(cJSON *json, const char *path, const char *value, struct error *error)
{
    cJSON *item = json_of(value);
    bool good = json_set_at(json, path, &item, error);

    assert_null(item);
    return good;
}

static void path_is_set_and_made_on_the_way(void **state)
{
    scoped(json_free) cJSON *json = json_of("{\"a\":{\"b\":[1]},\"z\":null}");
    struct error error;

    (void)state;
    assert_true(set(json, "a.b[0]", "2", &error));
    assert_true(set(json, "a.b[1].c.d", "3", &error));
    assert_true(set(json, "new.list[0][0].x", "true", &error));
    assert_true(set(json, "z.deep", "\"t\"", &error));
    assert_true(set(json, "a.k", "{}", &error));
    assert_true(set(json, "a.k", "[]", &error));
    expect_printed(json, "{\"a\":{\"b\":[2,{\"c\":{\"d\":3}}],\"k\":[]},\"z\":{\"deep\":\"t\"},"
                         "\"new\":{\"list\":[[{\"x\":true}]]}}");
}

static void path_that_does_not_fit_changes_nothing(void **state)
{
    static const char *const before = "{\"a\":{\"b\":[1]},\"n\":5}";
    scoped(json_free) cJSON *json = json_of(before);
    struct error error;
    static const struct {
        const char *path, *at;
    } cases[] = {
        {"a.b[2]", "a.b[2]"}, {"a[0]", "a[0]"}, {"n.x", "n.x"},
        {"a.b.c", "a.b.c"},   {"n.x.y", "n.x"}, {"new.x[1]", "new.x[1]"},
        {"a..b", "a..b"},     {"", ""},         {"[0]", "[0]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_false(set(json, cases[i].path, "1", &error));
        assert_int_equal(error.kind, ERROR_INVALID);
        assert_string_equal(error.path, cases[i].at);
        expect_printed(json, before);
    }
}

static void merge_goes_down_objects_and_replaces_the_rest(void **state)
{
    scoped(json_free) cJSON *target =
        json_of("{\"a\":{\"x\":1,\"y\":[1,2]},\"b\":2,\"c\":{\"d\":1}}");
    scoped(json_free) cJSON *patch =
        json_of("{\"a\":{\"y\":[3],\"z\":null},\"b\":{\"n\":1},\"c\":7,\"e\":\"new\"}");
    struct error error;

    (void)state;
    assert_true(json_merge(target, patch, &error));
    expect_printed(target, "{\"a\":{\"x\":1,\"y\":[3],\"z\":null},\"b\":{\"n\":1},\"c\":7,"
                           "\"e\":\"new\"}");
    assert_false(json_merge(target, json_member(patch, "e"), &error));
    assert_int_equal(error.kind, ERROR_INVALID);
}

/* ---- memory that runs out ---- */

static bool work_on_trees(struct error *error)
{
    static const char *const text = "{\"a\":{\"b\":[1,\"x\",null,{}]},\"c\":true,\"d\":1.5}";
    static const char *const change = "{\"a\":{\"n\":[7]},\"c\":{\"x\":0}}";
    scoped(json_free) cJSON *json = NULL;
    scoped(json_free) cJSON *patch = NULL;
    scoped(buffer_release) struct buffer printed = {0};
    cJSON *value = NULL;

    if (!json_parse(text, strlen(text), &json, error) ||
        !json_parse(change, strlen(change), &patch, error) || !json_merge(json, patch, error))
        return false;
    value = cJSON_CreateString("v");
    if (!json_set_at(json, "a.new[0].x", &value, error))
        return false;
    value = cJSON_CreateNull();
    if (!json_set_at(json, "a.b[0]", &value, error))
        return false;
    if (!json_add_text(json, "t", "x") || !json_add_integer(json_add_object(json, "o"), "i", 1))
        return error_set(error, ERROR_NO_MEMORY, "out of memory");
    if (!json_print(json, &printed, error))
        return false;
    assert_string_equal(printed.data,
                        "{\"a\":{\"b\":[null,\"x\",null,{}],\"n\":[7],\"new\":[{\"x\":\"v\"}]},"
                        "\"c\":{\"x\":0},\"d\":1.5,\"t\":\"x\",\"o\":{\"i\":1}}");
    return true;
}

/* The sanitizers see what is lost or freed twice on the way. */
static void every_lack_of_memory_is_told(void **state)
{
    (void)state;
    assert_true(fail_every_allocation(work_on_trees) > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_prints_as_it_was_read),
        cmocka_unit_test(plain_bytes_end_at_the_first_that_is_none),
        cmocka_unit_test(white_space_and_escapes_are_understood),
        cmocka_unit_test(malformed_text_is_refused_at_its_place),
        cmocka_unit_test(error_carries_the_line),
        cmocka_unit_test(duplicate_key_among_many_is_found),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(not_a_number_is_null_and_infinity_a_number),
        cmocka_unit_test(number_prints_with_the_fewest_digits),
        cmocka_unit_test(random_numbers_survive_the_way),
        cmocka_unit_test(long_number_is_read_and_endless_one_refused),
        cmocka_unit_test(broken_utf8_prints_as_replacement),
        cmocka_unit_test(pretty_print_indents_by_two),
        cmocka_unit_test(member_of_another_type_yields_the_fallback),
        cmocka_unit_test(builders_add_what_they_are_given),
        cmocka_unit_test(path_leads_to_its_value),
        cmocka_unit_test(path_is_set_and_made_on_the_way),
        cmocka_unit_test(path_that_does_not_fit_changes_nothing),
        cmocka_unit_test(merge_goes_down_objects_and_replaces_the_rest),
        cmocka_unit_test(every_lack_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
