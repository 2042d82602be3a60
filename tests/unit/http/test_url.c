#include "asserts.h"
#include "waybill/limits.h"
#include "waybill/url.h"

struct good {
    const char *text;
    bool https;
    const char *host;
    unsigned port;
    const char *kept; /* NULL: as it was */
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
    /* a signature may be over these bytes */
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
    assert_string_equal(err.message, "URL holds credentials");
    assert_int_equal(url_parse("ftp://h/", &base, &url, &err), -1);
    assert_int_equal(url.port, 7);
    url_release(&base);
}

static int parse_long(size_t len, struct url *url, struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_puts(&text, "https://h/");
    while (text.len < len) {
        str_putc(&text, 'a');
    }
    return url_parse(text.data, NULL, url, err);
}

static void url__is_held_to_its_cap(void **state)
{
    struct error err = ERROR_UNTOUCHED;
    struct url url;

    assert_int_equal(parse_long(LIMIT_URL, &url, &err), 0);
    assert_int_equal(strlen(url.text), LIMIT_URL);
    assert_untouched(&err);
    url_release(&url);
    assert_null(url.text);
    assert_int_equal(parse_long(LIMIT_URL + 1, &url, &err), -1);
    assert_message_contains(&err, "too long");
}

static void url__escapes_whatever_has_a_meaning(void **state)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    url_put_escaped(&out, "AZaz09-._~");
    url_put_escaped(&out, " /?&=+%:@#\n\xC3\xA9");
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
        cmocka_unit_test(url__is_held_to_its_cap),
        cmocka_unit_test(url__escapes_whatever_has_a_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
