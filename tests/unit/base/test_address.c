#include <netinet/in.h>
#include <sys/un.h>

#include "asserts.h"
#include "waybill/address.h"

static void address__is_read_and_written_alike(void **state)
{
    static const struct {
        const char *text;
        const char *written; /* NULL: as it is */
        enum address_class class;
    } rows[] = {
        {"127.0.0.1:9464", NULL, ADDRESS_LOOPBACK},
        {"127.8.9.10:1", NULL, ADDRESS_LOOPBACK},
        {"localhost:80", "127.0.0.1:80", ADDRESS_LOOPBACK},
        {"0.0.0.0:65535", NULL, ADDRESS_UNSPECIFIED},
        {"192.0.2.1:0", NULL, ADDRESS_PUBLIC},
        {"[::1]:9464", NULL, ADDRESS_LOOPBACK},
        {"[::]:9464", NULL, ADDRESS_UNSPECIFIED},
        {"[2001:db8::1]:9464", NULL, ADDRESS_PUBLIC},
        {"[::ffff:127.0.0.1]:1", NULL, ADDRESS_LOOPBACK},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *text = rows[i].text;
        char out[ADDRESS_TEXT];
        struct address address;
        struct error err;

        check(text, address_parse(text, &address, &err) == 0);
        check_text(text, address_format(&address, out),
                   rows[i].written != NULL ? rows[i].written : text);
        check_number(text, address_classify((struct sockaddr *)&address.socket),
                     rows[i].class);
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

/* --- classes of addresses ------------------------------------------------ */

static const struct {
    const char *host;
    enum address_class class;
} hosts[] = {
    {"192.0.2.1", ADDRESS_PUBLIC},
    {"8.8.8.8", ADDRESS_PUBLIC},
    {"2001:db8::1", ADDRESS_PUBLIC},
    {"ghcr.io", ADDRESS_PUBLIC},
    {"registry", ADDRESS_PUBLIC},
    {"", ADDRESS_PUBLIC},
    {".", ADDRESS_PUBLIC},
    /* the limits of private networks */
    {"9.255.255.255", ADDRESS_PUBLIC},
    {"10.0.0.0", ADDRESS_PRIVATE},
    {"10.255.255.255", ADDRESS_PRIVATE},
    {"11.0.0.0", ADDRESS_PUBLIC},
    {"172.15.255.255", ADDRESS_PUBLIC},
    {"172.16.0.0", ADDRESS_PRIVATE},
    {"172.31.255.255", ADDRESS_PRIVATE},
    {"172.32.0.0", ADDRESS_PUBLIC},
    {"192.168.0.1", ADDRESS_PRIVATE},
    {"192.169.0.1", ADDRESS_PUBLIC},
    {"100.63.255.255", ADDRESS_PUBLIC},
    {"100.64.0.0", ADDRESS_PRIVATE},
    {"100.127.255.255", ADDRESS_PRIVATE},
    {"100.128.0.0", ADDRESS_PUBLIC},
    {"192.0.0.192", ADDRESS_PRIVATE},
    {"198.19.255.255", ADDRESS_PRIVATE},
    {"198.20.0.0", ADDRESS_PUBLIC},
    {"224.0.0.1", ADDRESS_PRIVATE},
    {"255.255.255.255", ADDRESS_PRIVATE},
    {"fc00::1", ADDRESS_PRIVATE},
    {"fdff::1", ADDRESS_PRIVATE},
    {"fe00::1", ADDRESS_PUBLIC},
    {"fec0::1", ADDRESS_PRIVATE},
    {"ff02::1", ADDRESS_PRIVATE},
    {"64:ff9b:1::1", ADDRESS_PRIVATE},
    /* this machine */
    {"127.0.0.1", ADDRESS_LOOPBACK},
    {"127.255.255.255", ADDRESS_LOOPBACK},
    {"128.0.0.1", ADDRESS_PUBLIC},
    {"::1", ADDRESS_LOOPBACK},
    {"0:0:0:0:0:0:0:1", ADDRESS_LOOPBACK},
    {"::2", ADDRESS_PRIVATE}, /* 0.0.0.2 */
    {"localhost", ADDRESS_LOOPBACK},
    {"LocalHost", ADDRESS_LOOPBACK},
    {"localhost.", ADDRESS_LOOPBACK},
    {"a.localhost", ADDRESS_LOOPBACK},
    {"localhost.example", ADDRESS_PUBLIC},
    {"xlocalhost", ADDRESS_PUBLIC},
    {".localhost", ADDRESS_PUBLIC},
    {"0.0.0.0", ADDRESS_UNSPECIFIED},
    {"0", ADDRESS_UNSPECIFIED},
    {"::", ADDRESS_UNSPECIFIED},
    {"0.0.0.1", ADDRESS_PRIVATE},
    /* link-local addresses, and the metadata services of clouds */
    {"169.253.255.255", ADDRESS_PUBLIC},
    {"169.254.0.1", ADDRESS_LINK_LOCAL},
    {"fe80::1", ADDRESS_LINK_LOCAL},
    {"fe80::1%eth0", ADDRESS_LINK_LOCAL},
    {"febf::1", ADDRESS_LINK_LOCAL},
    {"169.254.169.254", ADDRESS_METADATA},
    {"169.254.169.254.", ADDRESS_METADATA},
    {"169.254.170.2", ADDRESS_METADATA},
    {"169.254.170.23", ADDRESS_METADATA},
    {"100.100.100.200", ADDRESS_METADATA},
    {"100.100.100.201", ADDRESS_PRIVATE},
    {"168.63.129.16", ADDRESS_METADATA},
    {"fd00:ec2::254", ADDRESS_METADATA},
    {"FD00:EC2::254", ADDRESS_METADATA},
    {"fd00:ec2::23", ADDRESS_METADATA},
    {"fd00:ec3::254", ADDRESS_PRIVATE},
    {"fd20:ce::254", ADDRESS_METADATA},
    {"metadata.google.internal", ADDRESS_METADATA},
    {"Metadata.Google.Internal.", ADDRESS_METADATA},
    {"metadata.goog", ADDRESS_METADATA},
    {"x.metadata.google.internal", ADDRESS_PUBLIC},
    /* IPv4 inside IPv6 */
    {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
    {"::ffff:a9fe:a9fe", ADDRESS_METADATA},
    {"::ffff:0:0", ADDRESS_UNSPECIFIED},
    {"::ffff:8.8.8.8", ADDRESS_PUBLIC},
    {"::127.0.0.1", ADDRESS_LOOPBACK},
    {"::ffff:0:10.0.0.1", ADDRESS_PRIVATE},
    {"64:ff9b::169.254.169.254", ADDRESS_METADATA},
    {"64:ff9b::8.8.8.8", ADDRESS_PUBLIC},
    {"2002:7f00:1::", ADDRESS_LOOPBACK},
    {"2002:0808:0808::1", ADDRESS_PUBLIC},
    {"2003:7f00:1::", ADDRESS_PUBLIC},
    /* forms that resolvers accept */
    {"127.1", ADDRESS_LOOPBACK},
    {"0x7f.1", ADDRESS_LOOPBACK},
    {"0177.0.0.1", ADDRESS_LOOPBACK},
    {"2130706433", ADDRESS_LOOPBACK},
    {"0x000000000000000000000000000000000000000000007f000001",
     ADDRESS_LOOPBACK},
    {"2852039166", ADDRESS_METADATA},
    {"127.0.0.1 x", ADDRESS_PUBLIC},
    {"127.0.0.256", ADDRESS_PUBLIC},
    {"127.evil.example", ADDRESS_PUBLIC},
};

static void host__leads_where_its_address_does(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        check_number(hosts[i].host, host_classify(hosts[i].host),
                     hosts[i].class);
    }
}

static void host__is_an_address_or_a_name(void **state)
{
    static const char *const addresses[] = {
        "127.0.0.1", "8.8.8.8", "0x7f.1", "2130706433", "::1", "fe80::1%eth0"};
    static const char *const names[] = {
        "localhost", "ghcr.io", "", "1.2.3.4.5", "[::1]", "::g", "a", "1 2"};

    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        check(addresses[i], host_is_address(addresses[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        check(names[i], !host_is_address(names[i]));
    }
}

static void address__of_a_unix_socket_is_this_machines(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    assert_int_equal(address_classify((struct sockaddr *)&local),
                     ADDRESS_LOOPBACK);
}

/* --- host and port -------------------------------------------------------- */

static void host__is_taken_from_its_port(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        size_t name_len;
        int port;
    } rows[] = {
        {"ghcr.io", "ghcr.io", 7, -1},
        {"ghcr.io:443", "ghcr.io", 7, 443},
        {"Under_score-1:0", "Under_score-1", 13, 0},
        {"h:65535", "h", 1, 65535},
        {"h:00080", "h", 1, 80},
        {"127.0.0.1:5000", "127.0.0.1", 9, 5000},
        {"[::1]", "::1", 5, -1},
        {"[::1]:5000", "::1", 5, 5000},
        {"[2001:DB8::1]:1", "2001:DB8::1", 13, 1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct host_port split;

        check(rows[i].text, host_port_split(rows[i].text, &split));
        check_text(rows[i].text, split.host, rows[i].host);
        check_number(rows[i].text, split.name_len, rows[i].name_len);
        check_number(rows[i].text, split.port, rows[i].port);
    }
}

static void host__with_a_port_is_refused_when_it_reads_in_two_ways(void **state)
{
    static const char *const rows[] = {"",
                                       ":",
                                       ":80",
                                       "h:",
                                       "h:x",
                                       "h:80x",
                                       "h:65536",
                                       "h:123456",
                                       "h:-1",
                                       "h:1:2",
                                       "::1",
                                       "::1:80",
                                       "[::1",
                                       "[]",
                                       "[]:80",
                                       "[::g]:1",
                                       "[::1]80",
                                       "[::1]:",
                                       "[h]:80",
                                       "[::1]x",
                                       "[::1].x:1",
                                       "h x:1",
                                       "h/x",
                                       "u@h:1",
                                       "h\n",
                                       " h",
                                       "\xC3\xA9",
                                       "[127.0.0.1]:80",
                                       "[fe80::1%eth0]:80"};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct host_port split = {.port = 7};

        check(rows[i], !host_port_split(rows[i], &split));
        check_number(rows[i], split.port, 7);
    }
}

static void host__may_be_as_long_as_a_name_can_be(void **state)
{
    struct host_port split;
    char text[300];

    memset(text, 'a', sizeof(text));
    text[255] = '\0';
    assert_true(host_port_split(text, &split));
    assert_string_equal(split.host, text);
    text[255] = 'a';
    text[256] = '\0';
    assert_false(host_port_split(text, &split));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address__is_read_and_written_alike),
        cmocka_unit_test(address__is_refused_when_it_is_none),
        cmocka_unit_test(host__leads_where_its_address_does),
        cmocka_unit_test(host__is_an_address_or_a_name),
        cmocka_unit_test(address__of_a_unix_socket_is_this_machines),
        cmocka_unit_test(host__is_taken_from_its_port),
        cmocka_unit_test(
            host__with_a_port_is_refused_when_it_reads_in_two_ways),
        cmocka_unit_test(host__may_be_as_long_as_a_name_can_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
