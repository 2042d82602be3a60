#include "asserts.h"
#include "waybill/address.h"

static void address__is_read_and_written_alike(void **state)
{
    static const struct {
        const char *text;
        const char *written; /* NULL: as it is */
        bool loopback;
    } rows[] = {
        {"127.0.0.1:9464", NULL, true},
        {"127.8.9.10:1", NULL, true},
        {"localhost:80", "127.0.0.1:80", true},
        {"0.0.0.0:65535", NULL, false},
        {"192.0.2.1:0", NULL, false},
        {"[::1]:9464", NULL, true},
        {"[::]:9464", NULL, false},
        {"[2001:db8::1]:9464", NULL, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *text = rows[i].text;
        char out[ADDRESS_TEXT];
        struct address address;
        struct error err;

        check(text, address_parse(text, &address, &err) == 0);
        check_text(text, address_format(&address, out),
                   rows[i].written != NULL ? rows[i].written : text);
        check(text, address_is_loopback(&address) == rows[i].loopback);
    }
}

static void address__is_refused_when_it_is_none(void **state)
{
    static const char *const rows[] = {
        "",
        ":",
        "9464",
        ":9464",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "127.0.0.1:123456",
        "127.0.0.1:-1",
        "127.1:80",
        "waybill.example.com:80",
        "::1:9464",
        "[::1]",
        "[::1:80",
        "[]:80",
        "[127.0.0.1]:80",
        "127.0.0.1:80 ",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80",
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct address address;
        struct error err;

        check(rows[i], address_parse(rows[i], &address, &err) < 0);
        check(rows[i], err.kind == ERROR_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address__is_read_and_written_alike),
        cmocka_unit_test(address__is_refused_when_it_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
