/*
 * A decimal of at most 15 digits whose power of ten lies within 10^22 is one exact multiplication
 * or division away from its double (Clinger, "How to read floating point numbers accurately", PLDI
 * 1990). One of at most 19 digits is the product of its digits, a 64-bit integer, and a power of
 * ten; 128 bits of that power give the double's 53 except where they cannot tell on which side of
 * the middle between two doubles it lies, and that is noticed (Lemire, "Number parsing at a
 * gigabyte per second", SPE 2021). Everything else goes through strtod.
 */
#include "worker/engine/dataset/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/engine/dataset/number_power.h"

#define EXACT_DIGITS 15
#define EXACT_POWER 22
#define MANTISSA_DIGITS 19 /* always fit into uint64_t */
#define INTEGER_DIGITS 18  /* always fit into int64_t */
#define TEXT_LIMIT 400     /* longer ones are copied for strtod */

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
    if (decimal->n_digits < MANTISSA_DIGITS)
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
    double value = (double)NAN;

    if (!copy)
        return (double)NAN;
    memcpy(copy, text, size);
    copy[size] = '\0';
    value = strtod(copy, NULL);
    if (copy != local)
        free(copy);
    return value;
}

__extension__ typedef unsigned __int128 uint128;

struct product {
    uint64_t high, low;
};

static struct product multiply(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;

    return (struct product){(uint64_t)(product >> 64), (uint64_t)product};
}

/* The double nearest to mantissa * 10^exponent. False: 128 bits do not tell, or it is no normal
 * number. */
static bool by_powers(uint64_t mantissa, int64_t exponent, double *ret)
{
    const struct number_power *power;
    struct product product;
    int zeros, shift;
    int64_t binary;
    uint64_t bits;

    if (mantissa == 0 || exponent < -NUMBER_POWER_LIMIT || exponent > NUMBER_POWER_LIMIT)
        return false;
    power = &number_power[exponent + NUMBER_POWER_LIMIT];
    zeros = __builtin_clzll(mantissa);
    mantissa <<= zeros;
    product = multiply(mantissa, power->high);
    if ((product.high & 0x1ff) == 0x1ff) { /* a carry of the power's low half might matter */
        struct product more = multiply(mantissa, power->low);

        product.low += more.high;
        product.high += product.low < more.high;
    }
    if (product.low == UINT64_MAX && exponent < -27)
        return false;
    shift = 9 + (int)(product.high >> 63);
    bits = product.high >> shift; /* 53 of them, one to round, in front of what is cut off */
    /* floor(log2(10^exponent)) by multiplication */
    binary = ((217706 * exponent) >> 16) + 63 + (shift - 9) - zeros + 1023;
    if (binary < 1 || binary > 2045)
        return false;
    /* exactly in the middle: to the even one */
    if (product.low <= 1 && exponent >= -4 && exponent <= 23 && (bits & 3) == 1 &&
        bits << shift == product.high)
        bits &= ~(uint64_t)1;
    bits = (bits + (bits & 1)) >> 1;
    if (bits >> 53) {
        bits >>= 1;
        binary++;
    }
    bits = (bits & ~((uint64_t)1 << 52)) | (uint64_t)binary << 52;
    memcpy(ret, &bits, sizeof(*ret));
    return true;
}

static bool to_double(uint64_t mantissa, int n_digits, int64_t exponent, double *ret)
{
    if (n_digits <= EXACT_DIGITS && exponent >= -EXACT_POWER && exponent <= EXACT_POWER) {
        *ret = exponent < 0 ? (double)mantissa / power_of_ten[-exponent]
                            : (double)mantissa * power_of_ten[exponent];
        return true;
    }
    return n_digits <= MANTISSA_DIGITS && by_powers(mantissa, exponent, ret);
}

static double to_real(const struct decimal *decimal, const char *text, size_t size)
{
    double value;

    if (!to_double(decimal->mantissa, decimal->n_digits, decimal->exponent, &value))
        return through_strtod(text, size);
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

/* ---- the fast way -----------------------------------------------------------------------------*/

#define BYTES(c) (0x0101010101010101ULL * (c))
#define WORD_DIGITS 8

static const uint64_t integer_power[2 * WORD_DIGITS + 1] = {1,
                                                            10,
                                                            100,
                                                            1000,
                                                            10000,
                                                            100000,
                                                            1000000,
                                                            10000000,
                                                            100000000,
                                                            1000000000,
                                                            10000000000,
                                                            100000000000,
                                                            1000000000000,
                                                            10000000000000,
                                                            100000000000000,
                                                            1000000000000000,
                                                            10000000000000000};

/* Eight bytes, the first one lowest, each less '0'. */
static uint64_t word_of(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word ^ BYTES('0');
}

/* The first n of them, 0 to 8, with zeros in front; in two steps, as no shift is by 64. */
static uint64_t first_of(uint64_t word, size_t n)
{
    return word << (32 - 4 * n) << (32 - 4 * n);
}

/* Not 0 where some byte is no digit; the lowest bit that is set lies in the first such byte. */
static uint64_t no_digits(uint64_t word)
{
    return ((word + BYTES(0x76)) | word) & BYTES(0x80);
}

/* Eight digits by three multiplications: of pairs, of fours, of all. */
static uint64_t number_of(uint64_t word)
{
    word = word * 10 + (word >> 8);
    word = ((word & 0x000000ff000000ffULL) * (100 + (1000000ULL << 32)) +
            (word >> 16 & 0x000000ff000000ffULL) * (1 + (10000ULL << 32))) >>
           32;
    return (uint32_t)word;
}

/* Digits from `at` on; *n grows by how many there are. */
static const char *scan_digits(const char *at, uint64_t *mantissa, size_t *n)
{
    for (;;) {
        uint64_t word = word_of(at), odd = no_digits(word);
        size_t found = odd ? (size_t)__builtin_ctzll(odd) / 8 : WORD_DIGITS;

        *mantissa = *mantissa * integer_power[found] + number_of(first_of(word, found));
        *n += found;
        at += found;
        if (found < WORD_DIGITS || *n > MANTISSA_DIGITS)
            return at;
    }
}

/* Zeros in front count as digits, which only makes the way longer. */
bool number_from_digits(bool negative, uint64_t digits, size_t n_fraction, double *ret)
{
    double value;
    uint64_t bits;

    if (digits < integer_power[EXACT_DIGITS] && n_fraction <= EXACT_POWER)
        value = (double)digits / power_of_ten[n_fraction];
    else if (!by_powers(digits, -(int64_t)n_fraction, &value))
        return false;
    memcpy(&bits, &value, sizeof(bits)); /* half of all numbers are negative: no branch */
    bits |= (uint64_t)negative << 63;
    memcpy(ret, &bits, sizeof(*ret));
    return true;
}

/* Digits of any number on both sides of the point. */
static bool read_long_real(const char *text, size_t size, double *ret)
{
    bool negative = size > 0 && *text == '-';
    uint64_t mantissa = 0;
    size_t n = 0, n_fraction = 0;
    const char *at = scan_digits(text + negative, &mantissa, &n);

    if (*at == '.') {
        n_fraction = n;
        at = scan_digits(at + 1, &mantissa, &n);
        n_fraction = n - n_fraction;
    }
    return at == text + size && n > 0 && n <= MANTISSA_DIGITS &&
           number_from_digits(negative, mantissa, n_fraction, ret);
}

bool number_read_real(const char *text, size_t size, double *ret)
{
    bool negative = size > 0 && *text == '-';
    const char *at = text + negative;
    size_t n = size - negative, n_whole, n_fraction;
    uint64_t word = word_of(at), point = word ^ BYTES('0' ^ '.'), whole, fraction, rest = 0;

    point = (point - BYTES(1)) & ~point & BYTES(0x80);
    n_whole = point ? (size_t)__builtin_ctzll(point) / 8 : WORD_DIGITS;
    n_whole = n_whole < n ? n_whole : n;
    n_fraction = n > n_whole ? n - n_whole - 1 : 0;
    if (n_whole == 0 || n_fraction > 2 * WORD_DIGITS || n_whole + n_fraction > MANTISSA_DIGITS ||
        (n > n_whole && at[n_whole] != '.'))
        return read_long_real(text, size, ret);
    whole = first_of(word, n_whole);
    if (n_fraction <= WORD_DIGITS) {
        fraction = first_of(word_of(at + n_whole + 1), n_fraction);
        if (no_digits(whole) | no_digits(fraction))
            return false;
        rest = number_of(fraction);
    } else {
        uint64_t more = first_of(word_of(at + n_whole + 1 + WORD_DIGITS), n_fraction - WORD_DIGITS);

        fraction = word_of(at + n_whole + 1);
        if (no_digits(whole) | no_digits(fraction) | no_digits(more))
            return false;
        rest = number_of(fraction) * integer_power[n_fraction - WORD_DIGITS] + number_of(more);
    }
    return number_from_digits(negative, number_of(whole) * integer_power[n_fraction] + rest,
                              n_fraction, ret);
}

bool number_read_integer(const char *text, size_t size, int64_t *ret)
{
    bool negative = size > 0 && *text == '-';
    const char *at = text + negative;
    uint64_t mantissa = 0;
    size_t n = 0;

    at = scan_digits(at, &mantissa, &n);
    if (at != text + size || n == 0 || n > INTEGER_DIGITS ||
        (text[negative] == '0' && (n > 1 || negative)))
        return false;
    *ret = negative ? -(int64_t)mantissa : (int64_t)mantissa;
    return true;
}
