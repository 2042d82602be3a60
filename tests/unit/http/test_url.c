#include "asserts.h"
#include "waybill/limits.h"
#include "waybill/url.h"

struct good {
    const char *text;
    bool https;
    const char *host;
    unsigned port;
    const char *kept; /* NULL: unchanged */
};

static const struct good goods[] = {
    {"https://reg.example/v2/", true, "reg.example", 443, NULL},
    {"http://reg.example/v2/", false, "reg.example", 80, NULL},
    {"https://reg.example:5000/v2/", true, "reg.example", 5000, NULL},
    {"https://reg.example:443/v2/", true, "reg.example", 443, NULL},
    {"http://reg.example:443/v2/", false, "reg.example", 443, NULL},
    {"https://reg.example", true, "reg.example", 443, "https://reg.example/"},
    {"https://reg.example?x", true, "reg.example", 443,
     "https://reg.example/?x"},
    {"https://Reg.EXAMPLE/Path", true, "reg.example", 443, NULL},
    {"https://127.0.0.1:5000/", true, "127.0.0.1", 5000, NULL},
    {"https://[::1]:5000/x", true, "::1", 5000, NULL},
    {"https://[2001:DB8::1]/", true, "2001:db8::1", 443, NULL},
    {"https://a_b/", true, "a_b", 443, NULL},
    {"https://h//a//b", true, "h", 443, NULL},
    /* a signature may cover these bytes */
    {"https://h/p%2fq/%7e?Sig=a%2Bb+c/~%7e=&n=%2f&empty=", true, "h", 443,
     NULL},
    {"https://h/p?a=b?c=d&e=/../f&g=./", true, "h", 443, NULL},
    {"https://h/p?x=%zz&y=[]{}|^`\"<>", true, "h", 443, NULL},
    {"https://h/p;a=1,2:3@4", true, "h", 443, NULL},
    /* a fragment is never sent */
    {"https://h/p?q#f?g", true, "h", 443, "https://h/p?q"},
    {"https://h/#", true, "h", 443, "https://h/"},
};

static void url__is_taken_apart_and_kept(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
        const struct good *row = &goods[i];
        struct error err = ERROR_UNTOUCHED;
        struct url url;

        check_number(row->text, url_parse(row->text, NULL, &url, &err), 0);
        check_untouched(row->text, &err);
        check_number(row->text, url.https, row->https);
        check_text(row->text, url.host, row->host);
        check_number(row->text, url.port, row->port);
        check_text(row->text, url.text, row->kept ? row->kept : row->text);
        url_release(&url);
    }
}

struct relative {
    const char *text;
    const char *absolute;
};

#define BASE "https://reg.example:5000/v2/a/blobs/uploads/x?state=%2fab~"

static const struct relative relatives[] = {
    {"/v2/b?u=%2F%2f", "https://reg.example:5000/v2/b?u=%2F%2f"},
    {"y", "https://reg.example:5000/v2/a/blobs/uploads/y"},
    {"y?z", "https://reg.example:5000/v2/a/blobs/uploads/y?z"},
    {"./y", "https://reg.example:5000/v2/a/blobs/uploads/y"},
    {"../y", "https://reg.example:5000/v2/a/blobs/y"},
    {"?digest=sha256:00",
     "https://reg.example:5000/v2/a/blobs/uploads/x?digest=sha256:00"},
    {"/a:b", "https://reg.example:5000/a:b"},
    {"//cdn.example/p", "https://cdn.example/p"},
    {"//cdn.example:8/p", "https://cdn.example:8/p"},
    {"http://cdn.example/p", "http://cdn.example/p"},
    {"https://reg.example/p?q=%2f", "https://reg.example/p?q=%2f"},
};

static void url__may_be_relative_to_another(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(relatives); i++) {
        struct error err = ERROR_UNTOUCHED;
        struct url base;
        struct url url;

        assert_int_equal(url_parse(BASE, NULL, &base, &err), 0);
        check_number(relatives[i].text,
                     url_parse(relatives[i].text, &base, &url, &err), 0);
        check_untouched(relatives[i].text, &err);
        check_text(relatives[i].text, url.text, relatives[i].absolute);
        check_text("the base", base.text, BASE);
        url_release(&base);
        url_release(&url);
    }
}

static const char *const bads[] = {
    "",
    "/v2/",
    "reg.example/v2/",
    "?x",
    "https://",
    "http://user@h/",
    "http://user:password@h/",
    "http://:password@h/",
    "http://@h/",
    "https://h\\@evil/",
    "ftp://h/",
    "file:///etc/passwd",
    "gopher://h/",
    "javascript:alert(1)",
    "mailto:a@b",
    "https://h:99999/",
    "https://h:x/",
    "https://h:-1/",
    "https://[::1/",
    "https://[::g]/",
    "https://a b/",
    "https://h/a b",
    "https://h/a\nb",
    "https://h/a\rHost: evil",
    "https://h/\x01",
    "https://h/\x7F",
    " https://h/",
    "https://h/ ",
    /* parsers disagree about the host of these */
    "https:/h/",
    "https:///h/",
    "https:////h/",
    "https:h/",
    "1https://h/",
    "grpcs://h/",
};

static void url__is_refused_with_credentials_or_another_scheme(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
        struct url url = {.port = 7};
        struct error err;

        check_number(bads[i], url_parse(bads[i], NULL, &url, &err), -1);
        check_kind(bads[i], &err, ERROR_REJECTED);
        check(bads[i], strstr(err.message, "password") == NULL);
        check_number(bads[i], url.port, 7);
    }
}

static void url__is_refused_with_credentials_though_relative(void **state)
{
    struct error err;
    struct url base;
    struct url url = {.port = 7};

    assert_int_equal(url_parse(BASE, NULL, &base, &err), 0);
    assert_int_equal(url_parse("//user:pw@h/", &base, &url, &err), -1);
    assert_string_equal(err.message, "the URL contains credentials");
    assert_int_equal(url_parse("ftp://h/", &base, &url, &err), -1);
    assert_int_equal(url_parse("https:/h/", &base, &url, &err), -1);
    assert_int_equal(url_parse("https:///h/", &base, &url, &err), -1);
    assert_int_equal(url.port, 7);
    url_release(&base);
}

static void url__may_have_any_scheme_where_it_is_asked_for(void **state)
{
    static const struct {
        const char *text;
        bool https;
        const char *host; /* NULL: refused */
        unsigned port;
    } rows[] = {
        {"https://h/", true, "h", 443},
        {"HTTP://H/x", false, "h", 80},
        {"grpcs://Remote.example", false, "remote.example", 0},
        {"grpcs://[::1]:1/x?y", false, "::1", 1},
        {"grpcs://user@h/", false, NULL, 0},
        {"grpcs:/h/", false, NULL, 0},
        {"grpcs:///h/", false, NULL, 0},
        {"mailto:a@b", false, NULL, 0},
        {"file:///etc/passwd", false, NULL, 0},
        {"1https://h/", false, NULL, 0},
        {"://h/", false, NULL, 0},
        {"//h/", false, NULL, 0},
        {"h", false, NULL, 0},
        {"", false, NULL, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct url url = {.host = NULL};
        struct error err;

        check_number(rows[i].text, url_parse_any(rows[i].text, &url, &err),
                     rows[i].host != NULL ? 0 : -1);
        check_text(rows[i].text, url.host, rows[i].host);
        check_number(rows[i].text, url.https, rows[i].https);
        check_number(rows[i].text, url.port, rows[i].port);
        url_release(&url);
    }
}

static void url__has_parts_that_lie_in_its_text(void **state)
{
    static const struct {
        const char *text;
        const char *scheme;
        const char *authority;
        const char *path;
    } rows[] = {
        {"https://reg.example:5000/v2/?a=b", "https", "reg.example:5000",
         "/v2/?a=b"},
        {"https://Reg.example", "https", "Reg.example", ""},
        {"http://h?x=://y/", "http", "h", "?x=://y/"},
        {"http://h#f", "http", "h", "#f"},
        {"grpcs://[::1]:1/", "grpcs", "[::1]:1", "/"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *text = rows[i].text;
        struct url_parts parts = url_parts(text);

        check_bytes(text, text, parts.scheme_len, rows[i].scheme,
                    strlen(rows[i].scheme));
        check_bytes(text, parts.authority, parts.authority_len,
                    rows[i].authority, strlen(rows[i].authority));
        check_text(text, parts.path, rows[i].path);
    }
}

static int parse_long(size_t len, struct url *url, struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_append_text(&text, "https://h/");
    while (text.len < len) {
        str_append_char(&text, 'a');
    }
    return url_parse(text.data, NULL, url, err);
}

static void url__is_held_to_its_cap(void **state)
{
    struct error err = ERROR_UNTOUCHED;
    struct url url;

    assert_int_equal(parse_long(LIMIT_LOCATION, &url, &err), 0);
    assert_int_equal(strlen(url.text), LIMIT_LOCATION);
    assert_untouched(&err);
    url_release(&url);
    assert_null(url.text);
    assert_int_equal(parse_long(LIMIT_LOCATION + 1, &url, &err), -1);
    assert_message_contains(&err, "too long");
}

static void url__escapes_whatever_has_a_meaning(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    url_append_escaped(&out, "AZaz09-._~");
    url_append_escaped(&out, " /?&=+%:@#\n\xC3\xA9");
    assert_string_equal(out.data,
                        "AZaz09-._~%20%2F%3F%26%3D%2B%25%3A%40%23%0A%C3%A9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url__is_taken_apart_and_kept),
        cmocka_unit_test(url__may_be_relative_to_another),
        cmocka_unit_test(url__is_refused_with_credentials_or_another_scheme),
        cmocka_unit_test(url__is_refused_with_credentials_though_relative),
        cmocka_unit_test(url__may_have_any_scheme_where_it_is_asked_for),
        cmocka_unit_test(url__has_parts_that_lie_in_its_text),
        cmocka_unit_test(url__is_held_to_its_cap),
        cmocka_unit_test(url__escapes_whatever_has_a_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
