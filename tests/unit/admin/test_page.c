/* The page and the policy that it comes with. */

#include "admin/admin_internal.h"
#include "asserts.h"

static void page__holds_its_script_and_style_and_nothing_to_fetch(void **state)
{
    struct page page;

    page_make(&page);
    check_contains("html", page.html.data, "<!doctype html>");
    check_contains("style", page.html.data, "<style>:root {");
    check_contains("script", page.html.data, "<script>'use strict';");
    assert_null(strstr(page.html.data, "@style@"));
    assert_null(strstr(page.html.data, "@script@"));
    assert_null(strstr(page.html.data, "src="));
    assert_null(strstr(page.html.data, "http:"));
    assert_null(strstr(page.html.data, "https:"));
    assert_null(strstr(page.html.data, "innerHTML"));
    page_release(&page);
}

static void page__allows_no_other_script_or_style(void **state)
{
    struct page page;

    page_make(&page);
    check_contains("default", page.policy.data, "default-src 'none'");
    check_contains("script", page.policy.data, "; script-src 'sha256-");
    check_contains("style", page.policy.data, "; style-src 'sha256-");
    check_contains("frame", page.policy.data, "; frame-ancestors 'none'");
    assert_null(strstr(page.policy.data, "unsafe"));
    assert_null(strstr(page.policy.data, "\n"));
    page_release(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page__holds_its_script_and_style_and_nothing_to_fetch),
        cmocka_unit_test(page__allows_no_other_script_or_style),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
