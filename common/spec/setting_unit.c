/* Durations and sizes as people write them. */
#include "common/spec/setting.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double duration_unit(char letter)
{
    switch (letter) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 7 * 86400.0;
    default:
        return 0;
    }
}

/* Digits with at most one point; strtod alone would take "0x1p3", "inf" and signs too. */
static bool read_decimal(const char **text, double *ret_number)
{
    size_t length = strspn(*text, "0123456789.");
    char digits[32];

    if (length == 0 || length >= sizeof(digits) || !strpbrk(*text, "0123456789"))
        return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';

    char *end;
    double number = strtod(digits, &end);

    if (end == digits || *end)
        return false;
    *text += length;
    *ret_number = number;
    return true;
}

bool setting_parse_duration(const char *text, double *ret_seconds)
{
    double seconds = 0, last_unit = INFINITY;

    do {
        double number, unit;

        if (!read_decimal(&text, &number))
            return false;
        if (*text == '\0' && isinf(last_unit)) { /* "90": seconds */
            *ret_seconds = number;
            return true;
        }
        unit = *text ? duration_unit(*text) : 0;
        if (unit == 0 || unit >= last_unit) /* 30m1h is a slip */
            return false;
        seconds += number * unit;
        last_unit = unit;
        text++;
    } while (*text);
    *ret_seconds = seconds;
    return true;
}

bool setting_parse_size(const char *text, int64_t *ret_bytes)
{
    static const char letters[] = "KMGTP";
    double number;

    if (!read_decimal(&text, &number))
        return false;

    const char *letter = *text ? strchr(letters, toupper((unsigned char)*text)) : NULL;

    if (letter) {
        for (const char *step = letters; step <= letter; step++)
            number *= 1024;
        text++;
        if (*text == 'i')
            text++;
    }
    if (*text == 'B')
        text++;
    if (*text || number != floor(number) || number >= 9007199254740992.0)
        return false;
    *ret_bytes = (int64_t)number;
    return true;
}
