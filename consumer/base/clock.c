#include "waybill/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

int64_t clock_parse_http_date(const char *text)
{
    static const char days[] = "MonTueWedThuFriSatSun";
    struct tm parts = {0};
    const char *at = text;
    char day[4] = {0};
    int64_t seconds;

    memcpy(day, text, strnlen(text, 3));
    if (strlen(day) != 3 || strstr(days, day) == NULL) {
        return -1;
    }
    at += 3;
    if (!read_char(&at, ',') || !read_char(&at, ' ') ||
        !read_number(&at, 2, 31, &parts.tm_mday) || !read_char(&at, ' ') ||
        !read_month(&at, &parts.tm_mon) || !read_char(&at, ' ') ||
        !read_number(&at, 4, 9999, &parts.tm_year) || !read_char(&at, ' ') ||
        !read_clock(&at, &parts) || strcmp(at, " GMT") != 0) {
        return -1;
    }
    parts.tm_year -= 1900;
    seconds = seconds_of(parts);
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
