/* Formulas for sizes: exact, or an error that says why. */
#include "common/spec/expression.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const struct expression_variable variables[] = {{"classes", 11}, {"features", 10}};

static void assert_value(const char *text, int64_t expected)
{
    struct error error = {0};
    int64_t value = -1;

    if (!expression_evaluate(text, variables, 2, &value, &error))
        fail_msg("%s", error.message);
    assert_int_equal(value, expected);
}

static void assert_refused(const char *text, const char *message)
{
    struct error error = {0};
    int64_t value = -77;

    assert_false(expression_evaluate(text, variables, 2, &value, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_int_equal(value, -77);
    if (!strstr(error.message, message))
        fail_msg("'%s' is not in '%s'", message, error.message);
}

static void formulas_have_their_usual_precedence(void **state)
{
    (void)state;
    assert_value("7", 7);
    assert_value("131*9", 1179);
    assert_value("1 + 2 * 3", 7);
    assert_value("(1+2)*3", 9);
    assert_value("8/2/2", 2);
    assert_value("10-3-2", 5);
    assert_value("-2 * -(3)", 6);
    assert_value("9223372036854775807", INT64_MAX);
}

static void names_stand_for_their_values(void **state)
{
    (void)state;
    assert_value("classes", 11);
    assert_value(" features * 2 + classes ", 31);
}

static void what_is_no_formula_is_refused(void **state)
{
    (void)state;
    assert_refused("", "expected a number or a name at the end");
    assert_refused("131*", "expected a number or a name at the end");
    assert_refused("(1", "expected ')' at the end");
    assert_refused("1 2", "expected an operator at '2'");
    assert_refused("1.5", "expected an operator at '.5'");
    assert_refused("2 ^ 3", "expected an operator");
}

static void an_unknown_name_tells_the_known_ones(void **state)
{
    (void)state;
    assert_refused("clases", "unknown name 'clases'; known: classes, features");
}

static void inexact_results_are_refused(void **state)
{
    (void)state;
    assert_refused("7/2", "7 is not a multiple of 2");
    assert_refused("7/0", "division by zero");
    assert_refused("9223372036854775807+1", "too large");
    assert_refused("9223372036854775808", "too large");
    assert_refused("-9223372036854775807-2", "too large");
    assert_refused("4294967296*4294967296", "too large");
    assert_refused("(-9223372036854775807-1)/-1", "too large");
}

static void nesting_is_bounded(void **state)
{
    char text[1000];

    (void)state;
    memset(text, '(', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_refused(text, "nested too deeply");
    memset(text, '-', sizeof(text) - 1);
    assert_refused(text, "nested too deeply");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas_have_their_usual_precedence),
        cmocka_unit_test(names_stand_for_their_values),
        cmocka_unit_test(what_is_no_formula_is_refused),
        cmocka_unit_test(an_unknown_name_tells_the_known_ones),
        cmocka_unit_test(inexact_results_are_refused),
        cmocka_unit_test(nesting_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
