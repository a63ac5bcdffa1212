/* UTF-8: what is a character and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/utf8.h"

static void every_code_survives_and_is_one_character(void **state)
{
    (void)state;
    for (uint32_t code = 1; code < 0x110000; code += code < 0x3000 ? 1 : 97) {
        char text[5] = "";
        size_t size = utf8_encode(code, text);

        if (code >= 0xd800 && code < 0xe000)
            continue;
        assert_int_equal(utf8_size(text, size), size);
        assert_null(utf8_fault(text));
        if (size > 1)
            assert_int_equal(utf8_size(text, size - 1), 0);
    }
}

static void first_byte_that_begins_no_character_is_found(void **state)
{
    static const struct {
        const char *text;
        int at; /* -1: nowhere */
    } cases[] = {
        {"", -1},
        {"plain", -1},
        {"caf\xc3\xa9", -1},
        {"caf\xe9", 3},
        {"\xff", 0},
        {"a\xc3", 1},
        {"\xc0\x80", 0},
        {"\xed\xa0\x80x", 0},
        {"\xf4\x90\x80\x80", 0},
        {"ab\xe2\x82", 2},
        {"\xe2\x82\xac\x80", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *fault = utf8_fault(cases[i].text);

        assert_int_equal(fault ? fault - cases[i].text : -1, cases[i].at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_survives_and_is_one_character),
        cmocka_unit_test(first_byte_that_begins_no_character_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
