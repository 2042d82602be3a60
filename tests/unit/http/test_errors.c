#include "asserts.h"
#include "waybill/http.h"

struct status_kind {
    const char *label;
    int status;
    enum error_kind kind;
    bool temporary;
};

static const struct status_kind rows[] = {
    {"204", 204, ERROR_REJECTED, false},
    {"301", 301, ERROR_REJECTED, false},
    {"304", 304, ERROR_REJECTED, false},
    {"307", 307, ERROR_REJECTED, false},
    {"400", 400, ERROR_REJECTED, false},
    {"401", 401, ERROR_AUTH, false},
    {"402", 402, ERROR_REJECTED, false},
    {"403", 403, ERROR_AUTH, false},
    {"404", 404, ERROR_NOT_FOUND, false},
    {"405", 405, ERROR_REJECTED, false},
    {"408", 408, ERROR_UNAVAILABLE, true},
    {"409", 409, ERROR_REJECTED, false},
    {"412", 412, ERROR_REJECTED, false},
    {"413", 413, ERROR_TOO_LARGE, false},
    {"416", 416, ERROR_REJECTED, false},
    {"424", 424, ERROR_REJECTED, false},
    {"425", 425, ERROR_UNAVAILABLE, true},
    {"426", 426, ERROR_REJECTED, false},
    {"429", 429, ERROR_RATE_LIMITED, true},
    {"431", 431, ERROR_REJECTED, false},
    {"499", 499, ERROR_REJECTED, false},
    {"500", 500, ERROR_UNAVAILABLE, true},
    {"501", 501, ERROR_UNAVAILABLE, true},
    {"502", 502, ERROR_UNAVAILABLE, true},
    {"503", 503, ERROR_UNAVAILABLE, true},
    {"507", 507, ERROR_UNAVAILABLE, true},
    {"520", 520, ERROR_UNAVAILABLE, true},
    {"600", 600, ERROR_UNAVAILABLE, true},
    {"999", 999, ERROR_UNAVAILABLE, true},
    {"none", 0, ERROR_REJECTED, false},
};

static void errors__have_the_kind_that_the_status_says(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct status_kind *row = &rows[i];

        check_number(row->label, http_error_kind(row->status), row->kind);
        check_number(row->label, http_status_is_temporary(row->status),
                     row->temporary);
    }
}

static void errors__are_temporary_as_the_pipeline_takes_them(void **state)
{
    for (int status = 100; status <= 999; status++) {
        const struct error err = {.kind = http_error_kind(status)};

        check_number("status", http_status_is_temporary(status),
                     disposition_of(&err) == DISPOSITION_BACK_OFF);
    }
}

static void errors__are_filled_as_a_whole(void **state)
{
    struct http_response response = {.status = 503};
    struct error err = {.kind = ERROR_AUTH, .code = "OLD"};

    str_init(&response.headers, STR_UNLIMITED);
    str_append_text(&response.headers, "Retry-After: 7\n");
    http_error_fill(&err, &response, 0, "'%s' answers %d", "x", 503);
    assert_error_kind(&err, ERROR_UNAVAILABLE);
    assert_string_equal(err.message, "'x' answers 503");
    assert_string_equal(err.code, "");
    assert_int_equal(err.http_status, 503);
    assert_int_equal(err.retry_after_ms, 7000);
    str_clear(&response.headers);
    http_error_fill(&err, &response, 0, "again");
    assert_int_equal(err.retry_after_ms, 0);
    str_release(&response.headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors__have_the_kind_that_the_status_says),
        cmocka_unit_test(errors__are_temporary_as_the_pipeline_takes_them),
        cmocka_unit_test(errors__are_filled_as_a_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
