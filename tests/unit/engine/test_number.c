#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "worker/engine/dataset/number.h"

#define TEXTS 1000000

static uint64_t word(uint64_t element, uint32_t purpose)
{
    struct philox_block block = random_block(7, element, 0, purpose);

    return (uint64_t)block.word[0] << 32 | block.word[1];
}

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Texts of the kinds that files hold, and of those that rounding finds hard. */
static void write_text(uint64_t i, char *text, size_t size)
{
    uint64_t x = word(i, 1), y = word(i, 2);
    double real = double_of((x & 0x800fffffffffffffULL) | (1023 - 40 + y % 80) << 52);
    double narrow = (double)(float)real;

    switch (i % 8) {
    case 0: /* what repr makes of a float that became a double */
        (void)snprintf(text, size, "%.17g", narrow);
        return;
    case 1:
        (void)snprintf(text, size, "%.*f", (int)(y % 18), real);
        return;
    case 2:
        (void)snprintf(text, size, "%lld.%06lld", (long long)(x % 20000) - 10000,
                       (long long)(y % 1000000));
        return;
    case 3:
        (void)snprintf(text, size, "%llu.%llu", (unsigned long long)(x % 1000000000),
                       (unsigned long long)(y % 10000000000));
        return;
    case 4: /* halfway between two doubles, to the last digit */
        (void)snprintf(text, size, "%llu.5", (unsigned long long)(x >> 11 | 1ULL << 52));
        return;
    case 5:
        (void)snprintf(text, size, "%llue%d", (unsigned long long)x, (int)(y % 640) - 330);
        return;
    case 6:
        (void)snprintf(text, size, "0.%0*llu", (int)(y % 14) + 1, (unsigned long long)(x % 1000));
        return;
    default:
        (void)snprintf(text, size, "%.16e", double_of(x & ~(1ULL << 62)));
    }
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static void every_text_is_the_double_that_strtod_makes_of_it(void **state)
{
    int64_t n_fast = 0;

    (void)state;
    for (uint64_t i = 0; i < TEXTS; i++) {
        char text[64 + NUMBER_PADDING] = "";
        int64_t integer;
        double wanted, parsed, scanned;
        enum number_kind kind;
        const char *end;

        write_text(i, text, 64);
        wanted = strtod(text, NULL);
        kind = number_parse(text, strlen(text), &integer, &parsed);
        if (kind == NUMBER_OVERFLOW)
            continue;
        if ((kind != NUMBER_REAL && kind != NUMBER_INTEGER) || !same(parsed, wanted))
            fail_msg("%s: %a instead of %a", text, parsed, wanted);
        end = number_scan_real(text, &scanned);
        if (!end || *end == 'e')
            continue;
        n_fast++;
        if (*end || !same(scanned, wanted))
            fail_msg("%s: %a instead of %a", text, scanned, wanted);
    }
    assert_true(n_fast > TEXTS / 2);
}

static void integers_are_scanned_as_they_are_printed(void **state)
{
    static const char *const odd[] = {"-0", "007", "+1", "", "-", "x", "1234567890123456789"};
    int64_t integer = 0;

    (void)state;
    for (uint64_t i = 0; i < TEXTS / 10; i++) {
        int64_t wanted = (int64_t)(word(i, 3) >> (i % 64)) / 20;
        char text[32 + NUMBER_PADDING] = "";
        const char *end;

        wanted = i % 2 ? -wanted : wanted;
        (void)snprintf(text, 32, "%lld,5", (long long)wanted);
        end = number_scan_integer(text, &integer);
        assert_non_null(end);
        assert_int_equal(*end, ',');
        assert_true(integer == wanted);
    }
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char text[32 + NUMBER_PADDING] = "";

        (void)snprintf(text, 32, "%s", odd[i]);
        assert_null(number_scan_integer(text, &integer));
    }
}

static void what_is_no_simple_number_is_left_to_the_slow_way(void **state)
{
    static const char *const odd[] = {".", "-.", "-", "", "x", "12345678901234567890.1"};
    double real;

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char text[32 + NUMBER_PADDING] = "";

        (void)snprintf(text, 32, "%s", odd[i]);
        assert_null(number_scan_real(text, &real));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_is_the_double_that_strtod_makes_of_it),
        cmocka_unit_test(integers_are_scanned_as_they_are_printed),
        cmocka_unit_test(what_is_no_simple_number_is_left_to_the_slow_way),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
