/* Buffers: growth, limits and the NUL behind the bytes. */
#include "common/buffer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/owner.h"

static void text_grows_and_stays_terminated(void **state)
{
    scoped(buffer_release) struct buffer buffer = {0};
    struct error error;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        assert_true(buffer_append(&buffer, "abc", 3, &error));
        assert_int_equal(buffer.size, 3 * (i + 1));
        assert_int_equal(buffer.data[buffer.size], '\0');
    }
    assert_int_equal(strlen(buffer.data), 30000);
    assert_memory_equal(buffer.data + 29997, "abc", 4);
}

static void formats_are_appended(void **state)
{
    scoped(buffer_release) struct buffer buffer = {0};
    struct error error;

    (void)state;
    assert_true(buffer_append_text(&buffer, "x", &error));
    assert_true(buffer_append_format(&buffer, &error, "%s-%05d%200s", "y", 42, "z"));
    assert_int_equal(buffer.size, 1 + 2 + 5 + 200);
    assert_memory_equal(buffer.data, "xy-00042 ", 9);
    assert_true(buffer_append_format(&buffer, &error, "%s", ""));
    assert_int_equal(buffer.size, 208);
}

static void integers_are_appended_to_their_last_digit(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {-1, "-1"},
        {1234567890, "1234567890"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        scoped(buffer_release) struct buffer buffer = {0};

        assert_true(buffer_append_text(&buffer, "#", &error));
        assert_true(buffer_append_integer(&buffer, cases[i].value, &error));
        assert_string_equal(buffer.data + 1, cases[i].text);
    }
}

static void reals_are_appended_as_briefly_as_they_come_back(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "0.1"},
        {9.95, "9.95"},
        {-1e22, "-1e+22"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {1000000000.1, "1000000000.1"},
        {5e-324, "5e-324"},
        {0, "0"},
        {(double)INFINITY, "inf"},
    };
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        scoped(buffer_release) struct buffer buffer = {0};

        assert_true(buffer_append_real(&buffer, cases[i].value, &error));
        assert_string_equal(buffer.data, cases[i].text);
    }
}

static void nothing_appended_is_an_empty_text(void **state)
{
    scoped(buffer_release) struct buffer buffer = {0};
    struct error error;

    (void)state;
    assert_true(buffer_append(&buffer, NULL, 0, &error));
    assert_string_equal(buffer.data, "");
    buffer_release(&buffer);
    scoped(memory_free) char *text = buffer_take(&buffer);
    assert_string_equal(text, "");
    assert_null(buffer.data);
}

static void front_is_dropped_and_the_rest_moves(void **state)
{
    scoped(buffer_release) struct buffer buffer = {0};
    struct error error;

    (void)state;
    buffer_drop_front(&buffer, 5);
    assert_int_equal(buffer.size, 0);
    assert_true(buffer_append_text(&buffer, "0123456789", &error));
    buffer_drop_front(&buffer, 0);
    buffer_drop_front(&buffer, 4);
    assert_string_equal(buffer.data, "456789");
    buffer_drop_front(&buffer, 6);
    assert_string_equal(buffer.data, "");
    assert_true(buffer_append_text(&buffer, "abc", &error));
    buffer_drop_front(&buffer, 99);
    assert_int_equal(buffer.size, 0);
}

static void limit_is_never_passed(void **state)
{
    scoped(buffer_release) struct buffer buffer = {.limit = 5};
    struct error error;

    (void)state;
    assert_true(buffer_append_text(&buffer, "12345", &error));
    assert_false(buffer_append_text(&buffer, "6", &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_string_equal(buffer.data, "12345");
    assert_false(buffer_reserve(&buffer, SIZE_MAX, &error));
    buffer_clear(&buffer);
    assert_false(buffer_append_format(&buffer, &error, "%d", 123456));
    assert_string_equal(buffer.data, "");
    buffer_release(&buffer);
    assert_int_equal(buffer.limit, 5);
}

static void absurd_reservation_fails_and_keeps_the_bytes(void **state)
{
    scoped(buffer_release) struct buffer buffer = {0};
    struct error error;

    (void)state;
    assert_true(buffer_append_text(&buffer, "kept", &error));
    assert_false(buffer_reserve(&buffer, SIZE_MAX - 4, &error));
    assert_int_equal(error.kind, ERROR_NO_MEMORY);
    assert_string_equal(buffer.data, "kept");
}

static void taken_text_leaves_an_empty_buffer(void **state)
{
    scoped(buffer_release) struct buffer buffer = {.limit = 100};
    struct error error;

    (void)state;
    assert_true(buffer_append_text(&buffer, "text", &error));
    scoped(memory_free) char *text = buffer_take(&buffer);
    assert_string_equal(text, "text");
    assert_int_equal(buffer.size, 0);
    assert_int_equal(buffer.limit, 100);
    assert_true(buffer_append_text(&buffer, "again", &error));
    assert_string_equal(buffer.data, "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_stays_terminated),
        cmocka_unit_test(formats_are_appended),
        cmocka_unit_test(integers_are_appended_to_their_last_digit),
        cmocka_unit_test(reals_are_appended_as_briefly_as_they_come_back),
        cmocka_unit_test(nothing_appended_is_an_empty_text),
        cmocka_unit_test(front_is_dropped_and_the_rest_moves),
        cmocka_unit_test(limit_is_never_passed),
        cmocka_unit_test(absurd_reservation_fails_and_keeps_the_bytes),
        cmocka_unit_test(taken_text_leaves_an_empty_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
