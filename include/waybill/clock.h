#ifndef WAYBILL_CLOCK_H
#define WAYBILL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Time, handed in: nothing in Waybill asks the system for it anywhere else, so
 * that the simulator can run hours in a second.
 *
 * Monotonic time is for waiting and measuring; wall time is for what people
 * and other programs read. A jump of the wall clock moves no timer.
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
/* An HTTP date (RFC 9110, IMF-fixdate); -1 when it is none */
int64_t clock_parse_http_date(const char *text);
/* RFC 3339, any offset, any fraction; -1 when it is none */
int64_t clock_parse_rfc3339(const char *text);

#endif
