#include "asserts.h"
#include "waybill/clock.h"

struct moment {
    int64_t ms;
    const char *text;
};

static const struct moment moments[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1, "1970-01-01T00:00:00.001Z"},
    {1767323045678, "2026-01-02T03:04:05.678Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {4107542399999, "2100-02-28T23:59:59.999Z"},
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    /* rounded down, also before 1970 */
    {-1, "1969-12-31T23:59:59.999Z"},
    {-1000, "1969-12-31T23:59:59.000Z"},
    {-1001, "1969-12-31T23:59:58.999Z"},
    {-62167219200000, "0000-01-01T00:00:00.000Z"},
    /* times without a four-digit year */
    {253402300800000, "1970-01-01T00:00:00.000Z"},
    {INT64_MAX, "1970-01-01T00:00:00.000Z"},
    {-62167219200001, "1970-01-01T00:00:00.000Z"},
};

static void clock__formats_rfc_3339_with_milliseconds(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
        char text[CLOCK_TEXT_SIZE];

        check_text(moments[i].text, clock_format(moments[i].ms, text),
                   moments[i].text);
    }
}

static const struct moment http_dates[] = {
    {784111777000, "Sun, 06 Nov 1994 08:49:37 GMT"},
    {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
    {951827696000, "Tue, 29 Feb 2000 12:34:56 GMT"},
    {-1, ""},
    {-1, "120"},
    {-1, "tomorrow"},
    /* the two obsolete forms (RFC 9110, section 5.6.7) */
    {784111777000, "Sunday, 06-Nov-94 08:49:37 GMT"},
    {784111777000, "Sun Nov  6 08:49:37 1994"},
    {1767323055000, "Friday, 02-Jan-26 03:04:15 GMT"},
    {1768187055000, "Mon Jan 12 03:04:15 2026"},
    {0, "Thursday, 01-Jan-70 00:00:00 GMT"},
    {3061065600000, "Wednesday, 01-Jan-67 00:00:00 GMT"},
    {-1, "Sunday, 06-Nov-1994 08:49:37 GMT"},
    {-1, "Sun, 06-Nov-94 08:49:37 GMT"},
    {-1, "Sunday, 06 Nov 1994 08:49:37 GMT"},
    {-1, "Sunday, 06-Nov-94 08:49:37"},
    {-1, "Sun Nov 6 08:49:37 1994"},
    {-1, "Sun Nov  6 08:49:37 1994 GMT"},
    {-1, "Sun Nov 36 08:49:37 1994"},
    {-1, "Sun Nov  6 08:49:37 94"},
    {-1, "Su"},
    {-1, "Sun, "},
    {-1, "Sunday, "},
    {-1, "Sun "},
    {-1, "Sun, 06 Nov 1994 08:49:37"},
    {-1, "Sun, 06 Nov 1994 08:49:37 CET"},
    {-1, "Sun, 06 Nou 1994 08:49:37 GMT"},
    {-1, "Sun, 06 11 1994 08:49:37 GMT"},
    {-1, "Sun, 06 Nov 1994 08:49 GMT"},
};

static void clock__reads_an_http_date(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(http_dates); i++) {
        check_number(http_dates[i].text,
                     clock_parse_http_date(http_dates[i].text),
                     http_dates[i].ms);
    }
}

static const struct moment no_http_dates[] = {
    {-1, "Sun, 06 Nov 1994 08:49:37 GMT+1"},
    {-1, "Sun, 99 Nov 1994 08:49:37 GMT"},
    {-1, "Sun, 06 Nov 1994 77:49:37 GMT"},
    {-1, "Sun, -6 Nov 1994 08:49:37 GMT"},
};

static void clock__refuses_what_is_nearly_an_http_date(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(no_http_dates); i++) {
        check_number(no_http_dates[i].text,
                     clock_parse_http_date(no_http_dates[i].text), -1);
    }
}

static const struct moment rfc3339[] = {
    {1767323045678, "2026-01-02T03:04:05.678Z"},
    {1767323045000, "2026-01-02T03:04:05Z"},
    {1767323045000, "2026-01-02t03:04:05z"},
    {1767323045000, "2026-01-02 03:04:05Z"},
    {1767323045600, "2026-01-02T03:04:05.6Z"},
    {1767323045678, "2026-01-02T03:04:05.678912345Z"},
    {1767323045678, "2026-01-02T05:04:05.678+02:00"},
    {1767323045678, "2026-01-01T21:34:05.678-05:30"},
    {1767323045000, "2026-01-02T03:04:05-00:00"},
    {951782400000, "2000-02-29T00:00:00Z"},
    {-1, ""},
    {-1, "2026-01-02"},
    {-1, "2026-01-02T03:04Z"},
    {-1, "2026-01-02T03:04:05"},
    {-1, "2026-01-02T03:04:05.678"},
    {-1, "2026-01-02T03:04:05 Z"},
    {-1, "2026-01-02T03:04:05ZZ"},
    {-1, "2026-01-02T03:04:05+0200"},
    {-1, "2026-01-02T03:04:05+02"},
    {-1, "2026-01-02T03:04:05+02:00x"},
    {-1, "26-01-02T03:04:05Z"},
    {-1, "2026/01/02T03:04:05Z"},
    {-1, "2026-01-02X03:04:05Z"},
    {-1, "yesterday"},
};

static void clock__reads_rfc_3339(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rfc3339); i++) {
        check_number(rfc3339[i].text, clock_parse_rfc3339(rfc3339[i].text),
                     rfc3339[i].ms);
    }
}

static const char *const no_rfc3339[] = {
    "2026-13-02T03:04:05Z",      "2026-00-02T03:04:05Z",
    "2026-01-32T03:04:05Z",      "2026-02-30T03:04:05Z",
    "2026-01-02T24:04:05Z",      "2026-01-02T03:60:05Z",
    "2026- 1- 2T 3: 4: 5Z",      "2026-+1-02T03:04:05Z",
    "2026-01-02T03:04:05.Z",     "2026-01-02T03:04:05+99:99",
    "2026-01-02T03:04:05+-1:00",
};

static void clock__refuses_what_is_nearly_rfc_3339(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(no_rfc3339); i++) {
        check_number(no_rfc3339[i], clock_parse_rfc3339(no_rfc3339[i]), -1);
    }
}

static void clock__reads_back_what_it_formats(void **state)
{
    for (int64_t ms = 1; ms < 253402300799999; ms += 86400000007 * 3) {
        char text[CLOCK_TEXT_SIZE];

        clock_format(ms, text);
        check_number(text, clock_parse_rfc3339(text), ms);
    }
}

static void clock__of_the_system_goes_on(void **state)
{
    const struct clock *clock = clock_system();
    uint64_t before = clock_monotonic_ms(clock);

    assert_true(clock_monotonic_ms(clock) >= before);
    assert_true(clock_wall_ms(clock) > 1700000000000);
}

static uint64_t five(void *state)
{
    return *(uint64_t *)state;
}

static int64_t six(void *state)
{
    return (int64_t) * (uint64_t *)state + 1;
}

static void clock__is_whatever_was_handed_in(void **state)
{
    uint64_t number = 5;
    struct clock clock = {five, six, &number};

    assert_int_equal(clock_monotonic_ms(&clock), 5);
    assert_int_equal(clock_wall_ms(&clock), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock__formats_rfc_3339_with_milliseconds),
        cmocka_unit_test(clock__reads_an_http_date),
        cmocka_unit_test(clock__refuses_what_is_nearly_an_http_date),
        cmocka_unit_test(clock__reads_rfc_3339),
        cmocka_unit_test(clock__refuses_what_is_nearly_rfc_3339),
        cmocka_unit_test(clock__reads_back_what_it_formats),
        cmocka_unit_test(clock__of_the_system_goes_on),
        cmocka_unit_test(clock__is_whatever_was_handed_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
