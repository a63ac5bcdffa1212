/* Which line of a log is told as the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "worker/message.h"

static void assert_message(const char *text, const char *expected)
{
    char message[MESSAGE_SIZE];

    assert_string_equal(message_find(text, strlen(text), message), expected);
}

static void exception_of_the_last_traceback_is_the_message(void **state)
{
    (void)state;
    assert_message("epoch 1\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n"
                   "    raise KeyError(1)\nKeyError: 1\n\nDuring handling of the above exception, "
                   "another exception occurred:\n\nTraceback (most recent call last):\n"
                   "  File \"a.py\", line 3, in <module>\n    g()\nValueError: bad rate\nbye\n",
                   "ValueError: bad rate");
}

static void line_with_an_error_word_is_the_message(void **state)
{
    (void)state;
    assert_message("loading\nERROR: cannot open train.csv\ncleaning up\n",
                   "ERROR: cannot open train.csv");
    assert_message("first error\nsecond error\r\nend", "second error");
    assert_message("sh: 1: nope: not found\n", "sh: 1: nope: not found");
}

static void otherwise_the_last_line_is_the_message(void **state)
{
    (void)state;
    assert_message("one\ntwo\n\n  three  \n \n", "three");
    assert_message("", "");
    assert_message("\n\n", "");
    assert_message("no newline", "no newline");
}

static void unfinished_traceback_falls_back_to_other_lines(void **state)
{
    (void)state;
    assert_message("Traceback (most recent call last):\n  File \"a.py\", line 1\n",
                   "File \"a.py\", line 1");
}

static void message_is_clean_text(void **state)
{
    (void)state;
    assert_message("\x1b[31merror:\x1b[0m\tred\x01\n", "error: red");
    assert_message("error \xff\xc3\xa9\xed\xa0\x80 end", "error ?\xc3\xa9??? end");
}

static void long_message_is_cut_at_a_character(void **state)
{
    char text[3000];
    char message[MESSAGE_SIZE];

    (void)state;
    text[0] = 'x';
    for (size_t i = 1; i + 1 < sizeof(text); i += 2) {
        text[i] = '\xc3';
        text[i + 1] = '\xa9';
    }
    (void)message_find(text, sizeof(text) - 1, message);
    assert_int_equal(strlen(message), MESSAGE_SIZE - 1);
    assert_memory_equal(message + MESSAGE_SIZE - 3, "\xc3\xa9", 2);
}

static void bytes_that_are_no_text_are_survived(void **state)
{
    char text[4096];
    char message[MESSAGE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 2654435761U >> 11);
    (void)message_find(text, sizeof(text), message);
    assert_true(strlen(message) < MESSAGE_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exception_of_the_last_traceback_is_the_message),
        cmocka_unit_test(line_with_an_error_word_is_the_message),
        cmocka_unit_test(otherwise_the_last_line_is_the_message),
        cmocka_unit_test(unfinished_traceback_falls_back_to_other_lines),
        cmocka_unit_test(message_is_clean_text),
        cmocka_unit_test(long_message_is_cut_at_a_character),
        cmocka_unit_test(bytes_that_are_no_text_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
