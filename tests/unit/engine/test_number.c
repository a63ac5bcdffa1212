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

        write_text(i, text, 64);
        wanted = strtod(text, NULL);
        kind = number_parse(text, strlen(text), &integer, &parsed);
        if (kind == NUMBER_OVERFLOW)
            continue;
        if ((kind != NUMBER_REAL && kind != NUMBER_INTEGER) || !same(parsed, wanted))
            fail_msg("%s: %a instead of %a", text, parsed, wanted);
        (void)snprintf(text + strlen(text), NUMBER_PADDING, ",%s.5", i % 3 ? "-7" : "0123");
        if (!number_read_real(text, strcspn(text, ","), &scanned))
            continue;
        n_fast++;
        if (!same(scanned, wanted))
            fail_msg("%s: %a instead of %a", text, scanned, wanted);
    }
    assert_true(n_fast > TEXTS / 2);
}

static void integers_are_read_as_they_are_printed(void **state)
{
    static const char *const odd[] = {"-0", "007", "+1", "", "-", "x", "1234567890123456789"};
    int64_t integer = 0;

    (void)state;
    for (uint64_t i = 0; i < TEXTS / 10; i++) {
        int64_t wanted = (int64_t)(word(i, 3) >> (i % 64)) / 20;
        char text[32 + NUMBER_PADDING] = "";

        wanted = i % 2 ? -wanted : wanted;
        (void)snprintf(text, 32, "%lld,5", (long long)wanted);
        assert_true(number_read_integer(text, strcspn(text, ","), &integer));
        assert_true(integer == wanted);
    }
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char text[32 + NUMBER_PADDING] = "";

        (void)snprintf(text, 32, "%s", odd[i]);
        assert_false(number_read_integer(text, strlen(text), &integer));
    }
}

static void what_is_no_simple_number_is_left_to_the_slow_way(void **state)
{
    static const char *const odd[] = {".",
                                      "-.",
                                      "-",
                                      "",
                                      "x",
                                      "1.2.3",
                                      "1e5",
                                      "+1",
                                      "1-",
                                      "12345678x.5",
                                      "1234567 8",
                                      "1.1234567x",
                                      "1.12345678x1",
                                      "1.123456781234567/",
                                      "12345678901234567890.1"};
    double real;

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char text[32 + NUMBER_PADDING] = "";

        (void)snprintf(text, 32, "%s", odd[i]);
        assert_false(number_read_real(text, strlen(text), &real));
    }
}

/* Some of them with a byte that does not belong there, some short, some of digits alone. */
static void write_field(uint64_t i, char *text)
{
    static const char odd[] = "-.+/: 0e";
    static const char *const few[] = {"", "-", ".", "-.", "-.5", "5.", "0", "-0", "00000000", "x"};
    uint64_t x = word(i, 5);

    write_text(i, text, 40);
    if (x % 16 == 0)
        text[(x >> 8) % strlen(text)] = odd[x >> 16 & 7];
    else if (x % 16 == 1)
        (void)snprintf(text, 40, "%s", few[(x >> 8) % 10]);
    else if (x % 16 == 2)
        (void)snprintf(text, 40, "%llu", (unsigned long long)(x >> (x >> 8) % 60));
}

static void columns_are_read_as_their_fields_are(void **state)
{
    static char text[3 * NUMBER_COLUMN_MAX * 41 + NUMBER_COLUMN_PADDING];
    uint32_t separator[3 * NUMBER_COLUMN_MAX + 1] = {UINT32_MAX};
    int64_t n_read = 0, n_both = 0;

    (void)state;
    for (uint64_t pass = 0; pass < 3000; pass++) {
        int64_t n = (int64_t)(pass % NUMBER_COLUMN_MAX) + 1;
        uint32_t at = 0;

        memset(text, pass % 2 ? '7' : '.', sizeof(text)); /* what stands behind is not read */
        for (int64_t i = 0; i < 3 * n; i++) {
            write_field(pass * 1000 + (uint64_t)i, text + at);
            at += (uint32_t)strlen(text + at);
            separator[i + 1] = at;
            text[at++] = i % 3 == 2 ? '\n' : ',';
        }
        for (int64_t i = 0; i < 3; i++) {
            const struct number_column column = {text, separator + i, 3};
            double wide[NUMBER_COLUMN_MAX], plain[NUMBER_COLUMN_MAX];
            uint64_t odd = number_read_reals(&column, n, wide);
            uint64_t odd_plain = number_read_reals_plain(&column, n, plain);

            for (int64_t k = 0; k < n; k++) {
                uint32_t from = separator[3 * k + i] + 1, to = separator[3 * k + i + 1];
                int64_t integer;
                double wanted = 0;
                enum number_kind kind = number_parse(text + from, to - from, &integer, &wanted);
                bool number = kind == NUMBER_INTEGER || kind == NUMBER_REAL;
                bool read = !(odd >> k & 1), read_plainly = !(odd_plain >> k & 1);

                if ((read && (!number || !same(wide[k], wanted))) ||
                    (read_plainly && (!number || !same(plain[k], wanted))))
                    fail_msg("%.*s: %a, %a instead of %a", (int)(to - from), text + from, wide[k],
                             plain[k], wanted);
                n_read += read || read_plainly;
                n_both += read && read_plainly;
            }
            assert_int_equal(n < 64 ? odd >> n : 0, 0);
        }
    }
    assert_true(n_read > 100000 && n_both > n_read / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_is_the_double_that_strtod_makes_of_it),
        cmocka_unit_test(integers_are_read_as_they_are_printed),
        cmocka_unit_test(what_is_no_simple_number_is_left_to_the_slow_way),
        cmocka_unit_test(columns_are_read_as_their_fields_are),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
