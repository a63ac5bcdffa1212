/*
 * A decimal of at most 15 digits whose power of ten lies within 10^22 is one exact multiplication
 * or division away from its double (Clinger, "How to read floating point numbers accurately",
 * PLDI 1990). Everything else goes through strtod.
 */
#include "worker/engine/dataset/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXACT_DIGITS 15
#define EXACT_POWER 22
#define INTEGER_DIGITS 18 /* always fit into int64_t */
#define TEXT_LIMIT 400    /* longer ones are copied for strtod */

static const double power_of_ten[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* What a scan of the text found. */
struct decimal {
    bool negative, signed_plus, has_point, has_exponent, leading_zero;
    int n_digits;      /* significant ones: leading zeros do not count */
    uint64_t mantissa; /* of the first 19 significant digits */
    int64_t exponent;  /* of ten, behind the mantissa as an integer */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void add_digit(struct decimal *decimal, char c)
{
    if (decimal->n_digits == 0 && c == '0')
        return;
    if (decimal->n_digits < 19)
        decimal->mantissa = decimal->mantissa * 10 + (uint64_t)(c - '0');
    else
        decimal->exponent++;
    decimal->n_digits++;
}

static const char *scan_exponent(const char *at, const char *end, struct decimal *decimal)
{
    bool negative = false;
    int64_t exponent = 0;
    const char *first;

    at++;
    if (at < end && (*at == '+' || *at == '-'))
        negative = *at++ == '-';
    first = at;
    for (; at < end && is_digit(*at); at++)
        if (exponent < 100000)
            exponent = exponent * 10 + (*at - '0');
    if (at == first)
        return NULL;
    decimal->has_exponent = true;
    decimal->exponent += negative ? -exponent : exponent;
    return at;
}

/* False: not a decimal number. */
static bool scan(const char *at, const char *end, struct decimal *decimal)
{
    const char *first;
    int n = 0;

    if (at < end && (*at == '-' || *at == '+')) {
        decimal->negative = *at == '-';
        decimal->signed_plus = *at == '+';
        at++;
    }
    first = at;
    for (; at < end && is_digit(*at); at++, n++)
        add_digit(decimal, *at);
    decimal->leading_zero = n > 1 && *first == '0';
    if (at < end && *at == '.') {
        decimal->has_point = true;
        for (at++; at < end && is_digit(*at); at++, n++) {
            add_digit(decimal, *at);
            decimal->exponent--;
        }
    }
    if (n == 0)
        return false;
    if (at < end && (*at == 'e' || *at == 'E'))
        at = scan_exponent(at, end, decimal);
    return at == end;
}

static bool is_special(const char *text, size_t size)
{
    static const char *const name[] = {"nan", "inf", "infinity"};

    if (size > 0 && (*text == '+' || *text == '-')) {
        text++;
        size--;
    }
    for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
        if (size == strlen(name[i]) && strncasecmp(text, name[i], size) == 0)
            return true;
    return false;
}

static double through_strtod(const char *text, size_t size)
{
    char local[TEXT_LIMIT + 1];
    char *copy = size <= TEXT_LIMIT ? local : malloc(size + 1);
    double value = NAN;

    if (!copy)
        return NAN;
    memcpy(copy, text, size);
    copy[size] = '\0';
    value = strtod(copy, NULL);
    if (copy != local)
        free(copy);
    return value;
}

static double to_real(const struct decimal *decimal, const char *text, size_t size)
{
    double value = (double)decimal->mantissa;

    if (decimal->n_digits > EXACT_DIGITS || decimal->exponent < -EXACT_POWER ||
        decimal->exponent > EXACT_POWER)
        return through_strtod(text, size);
    if (decimal->exponent < 0)
        value /= power_of_ten[-decimal->exponent];
    else
        value *= power_of_ten[decimal->exponent];
    return decimal->negative ? -value : value;
}

static bool to_integer(const struct decimal *decimal, int64_t *ret)
{
    uint64_t limit = (uint64_t)INT64_MAX + (decimal->negative ? 1 : 0);

    if (decimal->has_point || decimal->has_exponent || decimal->signed_plus ||
        decimal->leading_zero || decimal->n_digits > INTEGER_DIGITS + 1 ||
        decimal->mantissa > limit || (decimal->negative && decimal->mantissa == 0))
        return false;
    *ret = decimal->negative ? (int64_t)(0 - decimal->mantissa) : (int64_t)decimal->mantissa;
    return true;
}

enum number_kind number_parse(const char *text, size_t size, int64_t *ret_integer, double *ret_real)
{
    struct decimal decimal = {0};
    double value;

    if (size == 0 || (*text > '9' && !is_special(text, size)))
        return NUMBER_NONE;
    if (!scan(text, text + size, &decimal))
        return is_special(text, size) ? NUMBER_SPECIAL : NUMBER_NONE;
    value = to_real(&decimal, text, size);
    if (isinf(value))
        return NUMBER_OVERFLOW;
    *ret_real = value;
    return to_integer(&decimal, ret_integer) ? NUMBER_INTEGER : NUMBER_REAL;
}
