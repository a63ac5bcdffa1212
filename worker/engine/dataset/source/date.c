#include "worker/engine/dataset/source/date.h"

#include <stdint.h>
#include <string.h>

struct reading {
    const char *at, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly n digits. */
static bool read_digits(struct reading *reading, int n, int *ret)
{
    int value = 0;

    for (int i = 0; i < n; i++, reading->at++) {
        if (reading->at == reading->end || !is_digit(*reading->at))
            return false;
        value = value * 10 + (*reading->at - '0');
    }
    *ret = value;
    return true;
}

static bool read_one_of(struct reading *reading, const char *characters)
{
    if (reading->at == reading->end || !strchr(characters, *reading->at))
        return false;
    reading->at++;
    return true;
}

static double read_fraction(struct reading *reading)
{
    double value = 0, unit = 0.1;

    if (!read_one_of(reading, "."))
        return 0;
    for (; reading->at < reading->end && is_digit(*reading->at); reading->at++, unit /= 10)
        value += unit * (*reading->at - '0');
    return value;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that a leap day is the
 * last of its year. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t century = y / 400, of_century = y - century * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return century * 146097 + of_century * 365 + of_century / 4 - of_century / 100 + of_year -
           719468;
}

struct clock_time {
    int hour, minute, second, zone_hour, zone_minute, zone_sign;
    double fraction;
};

static bool read_zone(struct reading *reading, struct clock_time *clock)
{
    const char *sign = reading->at;

    if (read_one_of(reading, "Z") || sign == reading->end)
        return true;
    if (!read_one_of(reading, "+-"))
        return false;
    clock->zone_sign = *sign == '-' ? -1 : 1;
    return read_digits(reading, 2, &clock->zone_hour) && read_one_of(reading, ":") &&
           read_digits(reading, 2, &clock->zone_minute);
}

static bool read_clock(struct reading *reading, struct clock_time *clock)
{
    if (!read_one_of(reading, "T ") || !read_digits(reading, 2, &clock->hour) ||
        !read_one_of(reading, ":") || !read_digits(reading, 2, &clock->minute))
        return false;
    if (read_one_of(reading, ":")) {
        if (!read_digits(reading, 2, &clock->second))
            return false;
        clock->fraction = read_fraction(reading);
    }
    return read_zone(reading, clock);
}

enum date_kind date_parse(const char *text, size_t size, double *ret_seconds)
{
    struct reading reading = {.at = text, .end = text + size};
    struct clock_time clock = {0};
    int year, month, day;

    if (!read_digits(&reading, 4, &year) || !read_one_of(&reading, "-") ||
        !read_digits(&reading, 2, &month) || !read_one_of(&reading, "-") ||
        !read_digits(&reading, 2, &day) ||
        (reading.at < reading.end && !read_clock(&reading, &clock)) || reading.at < reading.end)
        return DATE_NONE;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) ||
        clock.hour > 23 || clock.minute > 59 || clock.second > 60 || clock.zone_hour > 14 ||
        clock.zone_minute > 59)
        return DATE_ABSURD;
    *ret_seconds = (double)days_since_epoch(year, month, day) * 86400 + clock.hour * 3600 +
                   clock.minute * 60 + clock.second + clock.fraction -
                   clock.zone_sign * (clock.zone_hour * 3600 + clock.zone_minute * 60);
    return DATE_GOOD;
}
