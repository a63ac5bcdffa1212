/* YAML: what is understood, what is refused and on which line, and how much may be asked of it. */
#include "common/spec/yaml.h"

#include "common/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *read_yaml(const char *text)
{
    struct error error = {0};
    cJSON *root = NULL;

    if (!yaml_read(text, strlen(text), "x.yaml", &root, NULL, NULL, &error))
        fail_msg("%d: %s", error.line, error.message);
    return root;
}

/* The JSON that the text means. */
static void assert_means(const char *text, const char *expected)
{
    scoped(json_free) cJSON *root = read_yaml(text);
    scoped(buffer_release) struct buffer printed = {0};
    struct error error = {0};

    assert_true(json_print(root, &printed, &error));
    assert_string_equal(printed.data, expected);
}

static void assert_refused(const char *text, int line, const char *message)
{
    struct error error = {0};
    cJSON *root = NULL;

    assert_false(yaml_read(text, strlen(text), "x.yaml", &root, NULL, NULL, &error));
    assert_null(root);
    if (!strstr(error.message, message))
        fail_msg("'%s' is not in '%s'", message, error.message);
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_int_equal(error.line, line);
    assert_string_equal(error.path, "x.yaml");
}

static void scalars_follow_the_core_schema(void **state)
{
    (void)state;
    assert_means("[null, Null, NULL, ~, ]", "[null,null,null,null]");
    assert_means("a:\n", "{\"a\":null}");
    assert_means("[true, True, TRUE, false]", "[true,true,true,false]");
    assert_means("[1, -2, +3, 007, 0o17, 0xFf]", "[1,-2,3,7,15,255]");
    assert_means("[1.5, .5, 1., 1e-3, -2.5E+2, 1e3]", "[1.5,0.5,1,0.001,-250,1000]");
}

static void everything_else_is_text(void **state)
{
    (void)state;
    assert_means("[no, yes, on, off, y, n]", "[\"no\",\"yes\",\"on\",\"off\",\"y\",\"n\"]");
    assert_means("[22:00, 2026-11-22, 1_000, 0b1, 1e, ., -, +, 0x, 12a, e5]",
                 "[\"22:00\",\"2026-11-22\",\"1_000\",\"0b1\",\"1e\",\".\",\"-\",\"+\",\"0x\","
                 "\"12a\",\"e5\"]");
    assert_means("['1', \"true\", '']", "[\"1\",\"true\",\"\"]");
    assert_means("a: |\n  1\n", "{\"a\":\"1\\n\"}");
    assert_means("[nan, inf, NaN, 0o8]", "[\"nan\",\"inf\",\"NaN\",\"0o8\"]");
}

static void tags_of_the_core_schema_are_understood(void **state)
{
    (void)state;
    assert_means("[!!str 12, ! 12, !!int 12, !!float 1.5, !!bool true, !!null ~]",
                 "[\"12\",\"12\",12,1.5,true,null]");
    assert_means("[!!seq [1], !!map {a: 1}, !!int '7']", "[[1],{\"a\":1},7]");
    assert_refused("a: 1\nb: !!int abc\n", 2, "'abc' is not what its tag says");
    assert_refused("a: !python/object x\n", 1, "a tag that has no meaning here");
    assert_refused("a: !!map [1]\n", 1, "a tag that has no meaning here");
}

static void aliases_stand_for_what_they_name(void **state)
{
    (void)state;
    assert_means("a: &x {b: [1, 2]}\nc: *x\n", "{\"a\":{\"b\":[1,2]},\"c\":{\"b\":[1,2]}}");
    assert_means("[&x 1, &x 2, *x]", "[1,2,2]");
    assert_refused("a: 1\nb: *nobody\n", 2, "*nobody: no anchor of that name");
}

static void an_alias_within_what_it_names_is_refused(void **state)
{
    (void)state;
    assert_refused("a: &x\n  - 1\n  - *x\n", 3, "*x stands inside of what it names");
}

static void merged_keys_give_way_to_explicit_ones(void **state)
{
    (void)state;
    assert_means("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n",
                 "{\"base\":{\"x\":1,\"y\":2},\"use\":{\"y\":3,\"x\":1}}");
    assert_means("[&a {x: 1}, &b {x: 2, z: 3}, {<<: [*a, *b], w: 0}]",
                 "[{\"x\":1},{\"x\":2,\"z\":3},{\"w\":0,\"x\":1,\"z\":3}]");
    assert_means("[&a {x: 1}, &b {<<: *a, y: 2}, {<<: *b}]",
                 "[{\"x\":1},{\"y\":2,\"x\":1},{\"y\":2,\"x\":1}]");
    assert_means("{'<<': 1}", "{\"<<\":1}");
    assert_refused("a: 1\nb:\n  <<: 5\n", 3, "<< merges a mapping or a list of mappings");
    assert_refused("b:\n  <<: [1]\n", 2, "<< merges a mapping or a list of mappings");
}

static void a_key_that_is_there_twice_is_refused(void **state)
{
    (void)state;
    assert_refused("a: 1\nb: 2\na: 3\n", 3, "'a' is here twice; first on line 1");
    assert_refused("x: {a: 1, 'a': 3}\n", 1, "'a' is here twice");
    assert_refused("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n", 4, "'<<' is here twice");
}

static void keys_are_texts(void **state)
{
    (void)state;
    assert_means("{1: a, true: b, null: c}", "{\"1\":\"a\",\"true\":\"b\",\"null\":\"c\"}");
    assert_refused("? [1, 2]\n: x\n", 1, "a key has to be a text");
    assert_refused("a: 1\n'': 2\n", 2, "an empty key");
}

static void broken_text_is_told_with_its_line(void **state)
{
    (void)state;
    assert_refused("a: 1\nb: [1, 2\nc: 3\n", 3, "did not find expected");
    assert_refused("a:\n\t- 1\n", 2, "a tab does not indent in YAML; use spaces");
    assert_refused("a: 1\nb: \"unfinished\n", 3, "found unexpected end of stream");
    assert_refused("a: 1\n  b: 2\n", 2, "mapping values are not allowed");
    assert_refused("a: 1\nb: \x01\n", 2, "control characters are not allowed");
    assert_refused("a: 1\nb: \xff\n", 2, "invalid leading UTF-8 octet");
    assert_refused("a: \"\\0\"\n", 1, "a text with a NUL in it");
    assert_refused("a: 1\n---\nb: 2\n", 2, "a second document");
}

static void numbers_that_cannot_be_held_are_refused(void **state)
{
    (void)state;
    assert_means("[9007199254740991]", "[9007199254740991]");
    assert_refused("[9007199254740992]", 1, "is no number that a spec can hold");
    assert_refused("a: 1\nb: 0xffffffffffffffffffff", 2, "is no number that a spec can hold");
    assert_refused("[.inf]", 1, "is no number that a spec can hold");
    assert_refused("[-.Inf]", 1, "is no number that a spec can hold");
    assert_refused("a: 1\nb: .nan\n", 2, ".nan is no number that a spec can hold");
    assert_means("[\".inf\"]", "[\".inf\"]");
    assert_refused("a: 1e999\n", 1, "is no number that a spec can hold");
    assert_means("['9007199254740992']", "[\"9007199254740992\"]");
}

static void depth_is_bounded(void **state)
{
    char text[300];
    int n = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        text[n++] = '[';
    text[n] = '\0';
    assert_refused(text, 1, "nested more than 48 deep");
}

static void aliases_do_not_deepen_beyond_the_bound(void **state)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    (void)state;
    assert_true(buffer_append_text(&text, "a0: &a0 [1]\n", &error));
    for (int i = 1; i < 70; i++)
        assert_true(buffer_append_format(&text, &error, "a%d: &a%d [*a%d]\n", i, i, i - 1));
    assert_refused(text.data, 1, "nested more than 48 deep");
}

static void an_alias_bomb_is_refused(void **state)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    (void)state;
    assert_true(buffer_append_text(&text, "a0: &a0 [lol]\n", &error));
    for (int i = 1; i < 12; i++)
        assert_true(buffer_append_format(
            &text, &error, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
            i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1));
    assert_refused(text.data, 1, "too large once its aliases are unfolded");
}

static void a_merge_bomb_is_refused(void **state)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error = {0};
    cJSON *root = NULL;

    (void)state;
    assert_true(buffer_append_text(&text, "a0: &a0 {k: 1}\n", &error));
    for (int i = 1; i < 30; i++)
        assert_true(buffer_append_format(&text, &error, "a%d: &a%d {<<: [*a%d, *a%d]}\n", i, i,
                                         i - 1, i - 1));
    assert_false(yaml_read(text.data, text.size, "x.yaml", &root, NULL, NULL, &error));
    assert_non_null(strstr(error.message, "too large once its aliases are unfolded"));
}

static void a_long_text_named_often_is_refused(void **state)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error = {0};
    cJSON *root = NULL;

    (void)state;
    assert_true(buffer_append_text(&text, "a: &a '", &error));
    for (int i = 0; i < 100000; i++)
        assert_true(buffer_append_text(&text, "xxxxxxxxxx", &error));
    assert_true(buffer_append_text(&text, "'\nb: [", &error));
    for (int i = 0; i < 40; i++)
        assert_true(buffer_append_text(&text, "*a, ", &error));
    assert_true(buffer_append_text(&text, "]\n", &error));
    assert_false(yaml_read(text.data, text.size, "x.yaml", &root, NULL, NULL, &error));
    assert_non_null(strstr(error.message, "too large once its aliases are unfolded"));
}

static void many_anchors_are_refused(void **state)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error = {0};

    (void)state;
    for (int i = 0; i < 1001; i++)
        assert_true(buffer_append_format(&text, &error, "- &a%d x\n", i));
    assert_refused(text.data, 1001, "more than 1000 anchors");
}

static void a_hundred_thousand_keys_are_read(void **state)
{
    scoped(buffer_release) struct buffer text = {0};
    struct error error = {0};

    (void)state;
    for (int i = 0; i < 100000; i++)
        assert_true(buffer_append_format(&text, &error, "k%d: %d\n", i, i));

    scoped(json_free) cJSON *root = read_yaml(text.data);

    assert_int_equal(cJSON_GetArraySize(root), 100000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_follow_the_core_schema),
        cmocka_unit_test(everything_else_is_text),
        cmocka_unit_test(tags_of_the_core_schema_are_understood),
        cmocka_unit_test(aliases_stand_for_what_they_name),
        cmocka_unit_test(an_alias_within_what_it_names_is_refused),
        cmocka_unit_test(merged_keys_give_way_to_explicit_ones),
        cmocka_unit_test(a_key_that_is_there_twice_is_refused),
        cmocka_unit_test(keys_are_texts),
        cmocka_unit_test(broken_text_is_told_with_its_line),
        cmocka_unit_test(numbers_that_cannot_be_held_are_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(aliases_do_not_deepen_beyond_the_bound),
        cmocka_unit_test(an_alias_bomb_is_refused),
        cmocka_unit_test(a_merge_bomb_is_refused),
        cmocka_unit_test(a_long_text_named_often_is_refused),
        cmocka_unit_test(many_anchors_are_refused),
        cmocka_unit_test(a_hundred_thousand_keys_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
