#include "waybill/clock.h"

#include <ctype.h>
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
    /* Rounded towards the past, also before 1970. */
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

int64_t clock_parse_http_date(const char *text)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr",
                                         "May", "Jun", "Jul", "Aug",
                                         "Sep", "Oct", "Nov", "Dec"};
    struct tm parts = {0};
    char month[4];
    int year;
    int end = 0;

    /* NOLINTNEXTLINE(cert-err34-c): widths keep each number in range */
    if (sscanf(text, "%*3[A-Za-z], %2d %3s %4d %2d:%2d:%2d GMT%n",
               &parts.tm_mday, month, &year, &parts.tm_hour, &parts.tm_min,
               &parts.tm_sec, &end) != 6 ||
        end == 0) {
        return -1;
    }
    parts.tm_year = year - 1900;
    parts.tm_mon = -1;
    for (int i = 0; i < 12; i++) {
        if (strcmp(month, months[i]) == 0) {
            parts.tm_mon = i;
        }
    }
    return parts.tm_mon < 0 ? -1 : (int64_t)timegm(&parts) * 1000;
}

/* Behind the seconds: a fraction, of which milliseconds are kept */
static const char *skip_fraction(const char *text, int64_t *ret_millis)
{
    int64_t unit = 100;

    *ret_millis = 0;
    if (*text != '.') {
        return text;
    }
    for (text++; isdigit((unsigned char)*text); text++) {
        *ret_millis += (*text - '0') * unit;
        unit /= 10;
    }
    return text;
}

int64_t clock_parse_rfc3339(const char *text)
{
    struct tm parts = {0};
    int64_t millis;
    int64_t offset = 0;
    int hours = 0;
    int minutes = 0;
    int end = 0;
    char sign[2];

    /* NOLINTNEXTLINE(cert-err34-c): widths keep each number in range */
    if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &parts.tm_year,
               &parts.tm_mon, &parts.tm_mday, &parts.tm_hour, &parts.tm_min,
               &parts.tm_sec, &end) != 6 ||
        end != 19) {
        return -1;
    }
    text = skip_fraction(text + end, &millis);
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    if (strcmp(text, "Z") != 0 && strcmp(text, "z") != 0) {
        /* NOLINTNEXTLINE(cert-err34-c): as above */
        if (sscanf(text, "%1[+-]%2d:%2d%n", sign, &hours, &minutes, &end) !=
                3 ||
            end != 6 || text[6] != '\0') {
            return -1;
        }
        offset = (int64_t)hours * 3600 + (int64_t)minutes * 60;
        offset = sign[0] == '-' ? -offset : offset;
    }
    return ((int64_t)timegm(&parts) - offset) * 1000 + millis;
}
