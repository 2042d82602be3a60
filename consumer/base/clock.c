#include "waybill/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "waybill/compiler.h"

static uint64_t system_monotonic(void *state)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t system_wall(void *state)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct clock *clock_system(void)
{
    static const struct clock system_clock = {system_monotonic, system_wall,
                                              NULL};

    return &system_clock;
}

uint64_t clock_monotonic_ms(const struct clock *clock)
{
    return clock->monotonic_ms(clock->state);
}

int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->state);
}

const char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    /* Round down, also before 1970. */
    int64_t millis = (wall_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((wall_ms - millis) / 1000);
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL || parts.tm_year > 8099 ||
        parts.tm_year < -1900) {
        memcpy(text, "1970-01-01T00:00:00.000Z", 25);
        return text;
    }
    snprintf(text, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(parts.tm_year + 1900) % 10000U,
             (unsigned)(parts.tm_mon + 1) % 100U,
             (unsigned)parts.tm_mday % 100U, (unsigned)parts.tm_hour % 100U,
             (unsigned)parts.tm_min % 100U, (unsigned)parts.tm_sec % 100U,
             (unsigned)millis % 1000U);
    return text;
}

/* Reads a number of exactly `digits` digits that is at most `max`; advances
 * *at. */
static bool read_number(const char **at, int digits, int max, int *ret_number)
{
    int number = 0;

    for (; digits > 0; digits--, (*at)++) {
        if (!isdigit((unsigned char)**at)) {
            return false;
        }
        number = number * 10 + (**at - '0');
    }
    *ret_number = number;
    return number <= max;
}

static bool read_char(const char **at, char c)
{
    bool matches = **at == c;

    *at += matches;
    return matches;
}

static bool read_clock(const char **at, struct tm *parts)
{
    return read_number(at, 2, 23, &parts->tm_hour) && read_char(at, ':') &&
           read_number(at, 2, 59, &parts->tm_min) && read_char(at, ':') &&
           read_number(at, 2, 60, &parts->tm_sec);
}

/* timegm() would normalize 31 February to 3 March. */
static int64_t seconds_of(struct tm parts)
{
    int day = parts.tm_mday;
    time_t seconds = timegm(&parts);

    return parts.tm_mday == day ? (int64_t)seconds : -1;
}

static bool read_month(const char **at, int *ret_month)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (size_t i = 0; i < 12; i++) {
        if (strncmp(*at, &months[3 * i], 3) == 0) {
            *at += 3;
            *ret_month = (int)i;
            return true;
        }
    }
    return false;
}

/* Reads the name of a weekday and what follows it, and nothing of either if the
 * text begins otherwise. The name says nothing that the date does not. */
static bool read_weekday(const char **at, bool whole_name, const char *end)
{
    static const char *const days[] = {"Monday",   "Tuesday", "Wednesday",
                                       "Thursday", "Friday",  "Saturday",
                                       "Sunday"};
    size_t end_len = strlen(end);

    for (size_t i = 0; i < ARRAY_SIZE(days); i++) {
        size_t len = whole_name ? strlen(days[i]) : 3;

        if (strncmp(*at, days[i], len) == 0 &&
            strncmp(*at + len, end, end_len) == 0) {
            *at += len + end_len;
            return true;
        }
    }
    return false;
}

/* "06 Nov 1994 08:49:37 GMT", behind "Sun, " */
static bool read_fixed_date(const char *at, struct tm *parts)
{
    bool read = read_number(&at, 2, 31, &parts->tm_mday) &&
                read_char(&at, ' ') && read_month(&at, &parts->tm_mon) &&
                read_char(&at, ' ') &&
                read_number(&at, 4, 9999, &parts->tm_year) &&
                read_char(&at, ' ') && read_clock(&at, parts);

    parts->tm_year -= 1900;
    return read && strcmp(at, " GMT") == 0;
}

/* "06-Nov-94 08:49:37 GMT", behind "Sunday, ". A year that seems to be more
 * than 50 years in the future is in the past (RFC 9110, section 5.6.7); until
 * 2050 that is the rule of POSIX, by which 69 to 99 are 1969 to 1999. */
static bool read_rfc850_date(const char *at, struct tm *parts)
{
    bool read = read_number(&at, 2, 31, &parts->tm_mday) &&
                read_char(&at, '-') && read_month(&at, &parts->tm_mon) &&
                read_char(&at, '-') &&
                read_number(&at, 2, 99, &parts->tm_year) &&
                read_char(&at, ' ') && read_clock(&at, parts);

    parts->tm_year += parts->tm_year < 69 ? 100 : 0;
    return read && strcmp(at, " GMT") == 0;
}

/* "Nov  6 08:49:37 1994", behind "Sun " */
static bool read_asctime_date(const char *at, struct tm *parts)
{
    bool read =
        read_month(&at, &parts->tm_mon) && read_char(&at, ' ') &&
        read_number(&at, read_char(&at, ' ') ? 1 : 2, 31, &parts->tm_mday) &&
        read_char(&at, ' ') && read_clock(&at, parts) && read_char(&at, ' ') &&
        read_number(&at, 4, 9999, &parts->tm_year);

    parts->tm_year -= 1900;
    return read && *at == '\0';
}

int64_t clock_parse_http_date(const char *text)
{
    struct tm parts = {0};
    const char *at = text;
    int64_t seconds = -1;

    if (read_weekday(&at, false, ", ") ? read_fixed_date(at, &parts)
        : read_weekday(&at, true, ", ")
            ? read_rfc850_date(at, &parts)
            : read_weekday(&at, false, " ") && read_asctime_date(at, &parts)) {
        seconds = seconds_of(parts);
    }
    return seconds < 0 ? -1 : seconds * 1000;
}

/* Reads the optional fraction after the seconds, truncated to milliseconds. */
static bool read_fraction(const char **at, int64_t *ret_millis)
{
    int64_t unit = 100;

    *ret_millis = 0;
    if (!read_char(at, '.')) {
        return true;
    }
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    for (; isdigit((unsigned char)**at); (*at)++) {
        *ret_millis += (**at - '0') * unit;
        unit /= 10;
    }
    return true;
}

static bool read_zone(const char **at, int64_t *ret_seconds)
{
    bool west = **at == '-';
    int hours;
    int minutes;

    *ret_seconds = 0;
    if (read_char(at, 'Z') || read_char(at, 'z')) {
        return true;
    }
    if ((!read_char(at, '-') && !read_char(at, '+')) ||
        !read_number(at, 2, 23, &hours) || !read_char(at, ':') ||
        !read_number(at, 2, 59, &minutes)) {
        return false;
    }
    *ret_seconds = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    *ret_seconds = west ? -*ret_seconds : *ret_seconds;
    return true;
}

static bool read_date(const char **at, struct tm *parts)
{
    bool read = read_number(at, 4, 9999, &parts->tm_year) &&
                read_char(at, '-') && read_number(at, 2, 12, &parts->tm_mon) &&
                read_char(at, '-') && read_number(at, 2, 31, &parts->tm_mday);

    parts->tm_year -= 1900;
    parts->tm_mon -= 1;
    return read && parts->tm_mon >= 0 && parts->tm_mday > 0;
}

int64_t clock_parse_rfc3339(const char *text)
{
    struct tm parts = {0};
    const char *at = text;
    int64_t millis;
    int64_t offset;
    int64_t seconds;

    if (!read_date(&at, &parts) ||
        (!read_char(&at, 'T') && !read_char(&at, 't') &&
         !read_char(&at, ' ')) ||
        !read_clock(&at, &parts) || !read_fraction(&at, &millis) ||
        !read_zone(&at, &offset) || *at != '\0') {
        return -1;
    }
    seconds = seconds_of(parts);
    return seconds < 0 ? -1 : (seconds - offset) * 1000 + millis;
}
