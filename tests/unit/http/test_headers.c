#include "asserts.h"
#include "waybill/http.h"

#define WALL 1767323045678 /* 2026-01-02T03:04:05.678Z */

static struct http_response with(const char *headers)
{
    struct http_response response = {.status = 200};

    str_init(&response.headers, STR_UNLIMITED);
    str_append_text(&response.headers, headers);
    return response;
}

struct lookup {
    const char *headers;
    const char *name;
    size_t n;
    const char *value; /* NULL: there is none */
};

static const struct lookup lookups[] = {
    {"Location: /a\n", "Location", 0, "/a"},
    {"location: /a\n", "Location", 0, "/a"},
    {"LOCATION: /a\n", "location", 0, "/a"},
    {"Location: /a\n", "Location", 1, NULL},
    {"", "Location", 0, NULL},
    {"Location:/a\n", "Location", 0, "/a"},
    {"Location:  \t /a b \t\r\n", "Location", 0, "/a b"},
    {"Location:\n", "Location", 0, ""},
    {"Location:   \n", "Location", 0, ""},
    {"X-Location: /a\n", "Location", 0, NULL},
    {"Location-X: /a\n", "Location", 0, NULL},
    {"Location : /a\n", "Location", 0, NULL},
    {"Locatio", "Location", 0, NULL},
    {"x: Location: /a\n", "Location", 0, NULL},
    {"a: 1\nb: 2\nA: 3\n", "a", 0, "1"},
    {"a: 1\nb: 2\nA: 3\n", "a", 1, "3"},
    {"a: 1\nb: 2\nA: 3\n", "a", 2, NULL},
    {"a: b: c\n", "a", 0, "b: c"},
};

static void headers__are_found_by_name_and_number(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(lookups); i++) {
        const struct lookup *row = &lookups[i];
        CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);
        struct http_response response = with(row->headers);

        str_append_text(&value, ">");
        check_number(row->headers,
                     http_header(&response, row->name, row->n, &value),
                     row->value != NULL);
        check_text(row->headers, value.data + 1, row->value ? row->value : "");
        str_release(&response.headers);
    }
}

struct waiting {
    const char *headers;
    uint32_t ms;
};

static const struct waiting waits[] = {
    {"", 0},
    {"Retry-After:\n", 0},
    {"Retry-After: 0\n", 0},
    {"Retry-After: 1\n", 1000},
    {"Retry-After: 007\n", 7000},
    {"retry-after:  12  \n", 12000},
    {"Retry-After: 300\n", 300000},
    {"Retry-After: 301\n", 300000},
    {"Retry-After: 86400\n", 300000},
    {"Retry-After: 4294968\n", 300000},
    {"Retry-After: 99999999999999999999999999\n", 300000},
    {"Retry-After: -5\n", 0},
    {"Retry-After: +5\n", 0},
    {"Retry-After: 1.5\n", 1500},
    {"Retry-After: 0.0304\n", 30},
    {"Retry-After: 1.\n", 0},
    {"Retry-After: 1.5s\n", 0},
    {"Retry-After: 299.9999\n", 299999},
    {"Retry-After: 10.3ms, allowed: 2000/minute\n", 0},
    {"Retry-After: 5s\n", 0},
    {"Retry-After: soon\n", 0},
    {"Retry-After: 2\nRetry-After: 9\n", 2000},
    /* a date: relative to our clock */
    {"Retry-After: Fri, 02 Jan 2026 03:04:15 GMT\n", 9322},
    {"Retry-After: Fri, 02 Jan 2026 03:04:05 GMT\n", 0},
    {"Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\n", 0},
    {"Retry-After: Fri, 02 Jan 2099 03:04:05 GMT\n", 300000},
    {"Retry-After: Fri, 02 Jan 2026 03:04:15 CET\n", 0},
    {"Retry-After: Friday, 02-Jan-26 03:04:15 GMT\n", 9322},
    {"Retry-After: Fri Jan  2 03:04:15 2026\n", 9322},
    {"Retry-After: Thursday, 01-Jan-70 00:00:00 GMT\n", 0},
    {"Retry-After: Fri Jan  2 03:04:05 9999\n", 300000},
};

static void headers__say_how_long_to_wait_within_reason(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        struct http_response response = with(waits[i].headers);

        check_number(waits[i].headers, http_retry_after_ms(&response, WALL),
                     waits[i].ms);
        str_release(&response.headers);
    }
}

static void headers__have_names_and_values_that_can_be_sent(void **state)
{
    static const char *const names[] = {"A", "X-Api-Key", "a!#$%&'*+-.^_`|~9"};
    static const char *const no_names[] = {
        "", " ", "A B", "A:", "A\t", "A\r\n", "(A)", "\xC3\xA9", "A\x7F"};
    static const char *const values[] = {"a", "Bearer a b", "!~",
                                         "a: b; c=\"d\""};
    static const char *const no_values[] = {
        "", " a", "a ", "a\tb", "a\nb", "a\rb", "\xC3\xA9", "a\x7F"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        check(names[i], http_is_header_name(names[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(no_names); i++) {
        check(no_names[i], !http_is_header_name(no_names[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        check(values[i], http_is_header_value(values[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(no_values); i++) {
        check(no_values[i], !http_is_header_value(no_values[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers__are_found_by_name_and_number),
        cmocka_unit_test(headers__say_how_long_to_wait_within_reason),
        cmocka_unit_test(headers__have_names_and_values_that_can_be_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
