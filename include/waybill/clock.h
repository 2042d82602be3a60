#ifndef WAYBILL_CLOCK_H
#define WAYBILL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/*
 * An injected clock. Nothing else in Waybill reads the time of the system, so
 * that the simulator can run hours in a second.
 *
 * Monotonic time is for timers and durations; wall time is for time stamps that
 * people and other programs read. A jump of the wall clock affects no timer.
 */
struct clock {
    uint64_t (*monotonic_ms)(void *state);
    int64_t (*wall_ms)(void *state); /* since 1970, UTC */
    void *state;
};

const struct clock *clock_system(void);
uint64_t clock_monotonic_ms(const struct clock *clock);
int64_t clock_wall_ms(const struct clock *clock);

#define CLOCK_TEXT_SIZE 32
/* RFC 3339, UTC, milliseconds: 2026-01-02T03:04:05.678Z */
const char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);
/* Parses an HTTP date to milliseconds since 1970; -1 if it is invalid. All
 * three forms of RFC 9110, section 5.6.7, are accepted: IMF-fixdate, and the
 * obsolete ones of RFC 850 and of asctime(). */
int64_t clock_parse_http_date(const char *text);
/* Parses an RFC 3339 time with any offset and fraction to milliseconds since
 * 1970; -1 if it is invalid. */
int64_t clock_parse_rfc3339(const char *text);

#endif
