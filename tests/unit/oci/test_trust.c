#include "asserts.h"
#include "oci/trust.h"

struct sending {
    const char *from;
    bool plain_allowed;
    const char *to;
    enum redirect_kind redirect_kind;
    enum trust trust;
};

#define REG "https://reg.example/v2/"
#define REG5 "https://reg.example:5000/v2/"

static const struct sending sendings[] = {
    /* the registry's own origin */
    {REG, false, "https://reg.example/up?x", REDIRECT_UPLOAD,
     TRUST_CREDENTIALS},
    {REG, false, "https://reg.example:443/up", REDIRECT_UPLOAD,
     TRUST_CREDENTIALS},
    {REG, false, "https://REG.example/up", REDIRECT_UPLOAD, TRUST_CREDENTIALS},
    {REG5, false, "https://reg.example:5000/up", REDIRECT_UPLOAD,
     TRUST_CREDENTIALS},
    /* any other host receives no credentials */
    {REG, false, "https://cdn.example/up", REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {REG, false, "https://a.reg.example/up", REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {REG, false, "https://reg.example.evil/up", REDIRECT_UPLOAD,
     TRUST_ANONYMOUS},
    {REG, false, "https://reg.example:8443/up", REDIRECT_UPLOAD,
     TRUST_ANONYMOUS},
    {REG5, false, "https://reg.example/up", REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    /* https never becomes http */
    {REG, false, "http://cdn.example/up", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, true, "http://cdn.example/up", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "http://auth.example/t", REDIRECT_REALM, TRUST_REFUSED},
    {REG, true, "http://auth.example/t", REDIRECT_REALM, TRUST_REFUSED},
    {REG, false, "http://auth.reg.example/t", REDIRECT_REALM, TRUST_REFUSED},
    {"https://127.0.0.1:5000/", false, "http://127.0.0.2:5001/t",
     REDIRECT_REALM, TRUST_REFUSED},
    /* but on the registry's own host https is restored */
    {REG, false, "http://reg.example/t", REDIRECT_REALM, TRUST_CREDENTIALS},
    {REG5, false, "http://reg.example:5000/t", REDIRECT_REALM,
     TRUST_CREDENTIALS},
    {"https://127.0.0.1:5000/", false, "http://127.0.0.1:5001/t",
     REDIRECT_REALM, TRUST_CREDENTIALS},
    /* the token server that the registry names */
    {REG, false, "https://auth.example/t", REDIRECT_REALM, TRUST_CREDENTIALS},
    {REG, false, "https://reg.example:8443/t", REDIRECT_REALM,
     TRUST_CREDENTIALS},
    /* plain http: loopback, or allowed explicitly */
    {"http://localhost:5000/", false, "http://localhost:5000/up",
     REDIRECT_UPLOAD, TRUST_CREDENTIALS},
    {"http://localhost:5000/", false, "http://localhost:6000/up",
     REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {"http://localhost:5000/", false, "http://127.0.0.1:5001/t", REDIRECT_REALM,
     TRUST_CREDENTIALS},
    {"http://localhost:5000/", false, "http://auth.example/t", REDIRECT_REALM,
     TRUST_REFUSED},
    {"http://localhost:5000/", false, "http://cdn.example/up", REDIRECT_UPLOAD,
     TRUST_REFUSED},
    {"http://localhost:5000/", false, "https://auth.example/t", REDIRECT_REALM,
     TRUST_CREDENTIALS},
    {"http://localhost:5000/", false, "https://localhost:5000/up",
     REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {"http://reg.house/", true, "http://auth.house/t", REDIRECT_REALM,
     TRUST_CREDENTIALS},
    {"http://reg.house/", true, "http://cdn.house/up", REDIRECT_UPLOAD,
     TRUST_ANONYMOUS},
    {"http://reg.house/", true, "http://reg.house/up", REDIRECT_UPLOAD,
     TRUST_CREDENTIALS},
    /* addresses that are reachable only from here */
    {REG, false, "https://localhost/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://a.localhost/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://127.0.0.1/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://127.9.9.9/", REDIRECT_REALM, TRUST_REFUSED},
    {REG, false, "https://[::1]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://[0:0:0:0:0:0:0:1]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://0.0.0.0/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://[::]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://10.0.0.1/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://10.0.0.1/", REDIRECT_REALM, TRUST_REFUSED},
    {REG, false, "https://172.16.0.1/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://172.31.255.255/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://172.32.0.1/", REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {REG, false, "https://172.15.0.1/", REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {REG, false, "https://192.168.1.1/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://192.169.1.1/", REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {REG, false, "https://169.254.169.254/latest/", REDIRECT_REALM,
     TRUST_REFUSED},
    {REG, false, "https://100.64.0.1/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://100.127.255.255/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://100.128.0.1/", REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {REG, false, "https://[fe80::1]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://[fe80::1%25eth0]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://[fd00:ec2::254]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://[fc00::1]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://100.100.100.200/", REDIRECT_REALM, TRUST_REFUSED},
    {REG, false, "https://[2001:db8::1]/", REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {REG, false, "https://metadata.google.internal/", REDIRECT_REALM,
     TRUST_REFUSED},
    {REG, false, "https://METADATA.google.internal/", REDIRECT_REALM,
     TRUST_REFUSED},
    /* the same in other forms that resolvers accept */
    {REG, false, "https://0x7f.1/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://0x7f000001/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://2130706433/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://0177.0.0.1/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://127.1/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://0/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://2852039166/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://0xa9.0xfe.43518/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://0xA.0.0.1/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://[::ffff:127.0.0.1]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://[::ffff:a9fe:a9fe]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://[::ffff:0a00:1]/", REDIRECT_UPLOAD, TRUST_REFUSED},
    {REG, false, "https://[::ffff:8.8.8.8]/", REDIRECT_UPLOAD, TRUST_ANONYMOUS},
    {REG, false, "https://%6c%6f%63alhost/", REDIRECT_UPLOAD, TRUST_REFUSED},
    /* hosts with such an address themselves may */
    {"https://10.0.0.5/", false, "https://10.0.0.6/t", REDIRECT_REALM,
     TRUST_CREDENTIALS},
    {"https://10.0.0.5/", false, "https://192.168.0.6/up", REDIRECT_UPLOAD,
     TRUST_ANONYMOUS},
    {"https://10.0.0.5/", false, "https://127.0.0.1/up", REDIRECT_UPLOAD,
     TRUST_REFUSED},
    {"https://10.0.0.5/", false, "https://auth.example/t", REDIRECT_REALM,
     TRUST_CREDENTIALS},
    {"http://127.0.0.1:5000/", false, "https://10.0.0.6/t", REDIRECT_REALM,
     TRUST_CREDENTIALS},
    {"https://127.0.0.1:5000/", false, "https://localhost:5001/t",
     REDIRECT_REALM, TRUST_CREDENTIALS},
    {"https://[::1]:5000/", false, "https://[::1]:5000/up", REDIRECT_UPLOAD,
     TRUST_CREDENTIALS},
};

/* Another table decides whether it is allowed at all. */
static void check_sending(const struct sending *row)
{
    static const struct allow_list anywhere = {.any = true};
    const struct oci_target roaming = {
        .plain_http_allowed = row->plain_allowed,
        .allowed = &anywhere,
    };
    struct error err;
    struct url from;
    struct url to;
    char label[256];

    snprintf(label, sizeof(label), "%s to %s", row->from, row->to);
    check_number(label, url_parse(row->from, NULL, &from, &err), 0);
    check_number(label, url_parse(row->to, NULL, &to, &err), 0);
    check_number(label, trust_of(&from, &roaming, &to, row->redirect_kind),
                 row->trust);
    url_release(&from);
    url_release(&to);
}

static void check_sendings(const struct sending *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_sending(&rows[i]);
    }
}

static void trust__sends_credentials_home_and_nowhere_else(void **state)
{
    check_sendings(sendings, ARRAY_SIZE(sendings));
}

/* On Linux these two connect to the machine itself, as 127.0.0.1 does. */
static void trust__counts_the_unspecified_address_as_loopback(void **state)
{
    static const struct sending rows[] = {
        {"https://10.0.0.5/", false, "https://0.0.0.0/up", REDIRECT_UPLOAD,
         TRUST_REFUSED},
        {"https://10.0.0.5/", false, "https://[::]/up", REDIRECT_UPLOAD,
         TRUST_REFUSED},
    };

    check_sendings(rows, ARRAY_SIZE(rows));
}

/* A name may end with the root's dot. */
static void trust__is_not_fooled_by_a_dot_at_the_end(void **state)
{
    static const struct sending rows[] = {
        {REG, false, "https://localhost./", REDIRECT_UPLOAD, TRUST_REFUSED},
        {REG, false, "https://a.localhost./", REDIRECT_UPLOAD, TRUST_REFUSED},
        {REG, false, "https://metadata.google.internal./", REDIRECT_REALM,
         TRUST_REFUSED},
        {REG, false, "https://metadata.google.internal../", REDIRECT_REALM,
         TRUST_REFUSED},
        {REG, false, "https://169.254.169.254../", REDIRECT_UPLOAD,
         TRUST_REFUSED},
    };

    check_sendings(rows, ARRAY_SIZE(rows));
}

/* IPv4 inside IPv6, as a NAT64 gateway or a tunnel extracts it */
static void trust__looks_at_the_ipv4_address_inside_an_ipv6_one(void **state)
{
    static const struct sending rows[] = {
        {REG, false, "https://[64:ff9b::169.254.169.254]/", REDIRECT_UPLOAD,
         TRUST_REFUSED},
        {REG, false, "https://[64:ff9b::a00:1]/", REDIRECT_UPLOAD,
         TRUST_REFUSED},
        {REG, false, "https://[::127.0.0.1]/", REDIRECT_UPLOAD, TRUST_REFUSED},
        {REG, false, "https://[2002:7f00:1::]/", REDIRECT_UPLOAD,
         TRUST_REFUSED},
    };

    check_sendings(rows, ARRAY_SIZE(rows));
}

/* --- restored https ------------------------------------------------------- */

static const struct oci_target target;

struct given_back {
    const char *from;
    const char *to;
    const char *text;
    enum trust trust;
};

static const struct given_back given_back[] = {
    {REG, "http://reg.example/up?s=%2f", "https://reg.example/up?s=%2f",
     TRUST_CREDENTIALS},
    {REG5, "http://reg.example:5000/up", "https://reg.example:5000/up",
     TRUST_CREDENTIALS},
    /* not that of another host */
    {REG, "http://cdn.example/up", "http://cdn.example/up", TRUST_REFUSED},
    /* nothing to restore */
    {"http://localhost:1/", "http://localhost:1/up", "http://localhost:1/up",
     TRUST_CREDENTIALS},
    {REG, "https://reg.example/up", "https://reg.example/up",
     TRUST_CREDENTIALS},
};

static void trust__gives_https_back_to_the_registrys_own_host(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(given_back); i++) {
        const struct given_back *row = &given_back[i];
        struct error err;
        struct url from;
        struct url to;

        assert_int_equal(url_parse(row->from, NULL, &from, &err), 0);
        assert_int_equal(url_parse(row->to, NULL, &to, &err), 0);
        check_number(row->to, trust_of(&from, &target, &to, REDIRECT_UPLOAD),
                     row->trust);
        check_text(row->to, to.text, row->text);
        url_release(&from);
        url_release(&to);
    }
}

/* The decision must concern the URL that is requested: a port that is only in
 * the struct would send the credentials to another one. */
static void trust__judges_the_url_that_the_request_goes_to(void **state)
{
    static const char *const froms[] = {REG, REG5, "https://reg.example:8443/"};
    static const char *const tos[] = {
        "http://reg.example/up", "http://reg.example:80/up",
        "http://reg.example:5000/up", "http://reg.example:8443/up"};

    for (size_t i = 0; i < ARRAY_SIZE(froms) * ARRAY_SIZE(tos); i++) {
        const char *from_text = froms[i / ARRAY_SIZE(tos)];
        const char *to_text = tos[i % ARRAY_SIZE(tos)];
        char label[128];
        struct error err;
        struct url from;
        struct url to;
        struct url asked;
        enum trust trust;

        snprintf(label, sizeof(label), "%s to %s", from_text, to_text);
        assert_int_equal(url_parse(from_text, NULL, &from, &err), 0);
        assert_int_equal(url_parse(to_text, NULL, &to, &err), 0);
        trust = trust_of(&from, &target, &to, REDIRECT_UPLOAD);
        check_number(label, url_parse(to.text, NULL, &asked, &err), 0);
        check_number(label, asked.https, to.https);
        check_number(label, asked.port, to.port);
        check(label, trust != TRUST_CREDENTIALS || asked.port == from.port);
        url_release(&from);
        url_release(&to);
        url_release(&asked);
    }
}

struct leading {
    const char *from;
    const char *to;
    bool allowed;
};

/* A host of another site that is neither known nor named is not contacted, for
 * a realm or a redirect. */
static void trust__goes_only_where_it_is_allowed(void **state)
{
    static const char *const patterns[] = {
        "auth.example.net", "*.cdn.example", "10.0.0.6",
        "169.254.169.254",  "fd00:ec2::254", "100.100.100.200"};
    static const struct allow_list allowed = {patterns, ARRAY_SIZE(patterns),
                                              false};
    static const struct leading rows[] = {
        {"https://registry.corp.com/", "https://registry.corp.com:5001/", true},
        {"https://registry.corp.com/", "https://auth.corp.com/", true},
        {"https://registry.corp.com/", "https://corp.com/", true},
        {"https://corp.com/", "https://auth.corp.com/", true},
        {"https://registry.corp.com/", "https://corp.com.evil.org/", false},
        {"https://registry.corp.com/", "https://evilcorp.com/", false},
        {"https://corp.com/", "https://evil.com/", false},
        {"https://registry.corp.com/", "https://evil.org/", false},
        {"https://registry.eu.corp.com/", "https://auth.corp.com/", true},
        {"https://registry.co.uk/", "https://evil.co.uk/", false},
        {"https://acme.github.io/", "https://evil.github.io/", false},
        {"https://registry/", "https://auth/", true},
        {"https://registry.lan/", "https://auth.lan/", true},
        {"https://registry.internal/", "https://a.auth.internal/", true},
        {"https://registry.lan/", "https://auth.home/", false},
        {"https://registry.lan/", "https://lan.evil.org/", false},
        {"https://registry/", "https://auth.corp.com/", false},
        {"https://registry.corp.com/", "https://auth.example.net/", true},
        {"https://registry.corp.com/", "https://a.cdn.example/", true},
        {"https://registry.corp.com/", "https://ghcr.io/", true},
        {"https://index.docker.io/", "https://auth.docker.io/", true},
        {"https://registry.gitlab.com/", "https://gitlab.com/", true},
        {"http://127.0.0.1:5000/", "http://localhost:5001/", true},
        {"https://10.0.0.5/", "https://10.0.0.7/", false},
        {"https://8.8.8.8/", "https://8.8.8.9/", false},
        /* a named host is allowed also at an address that is reachable only
         * from here, but never there */
        {"https://registry.corp.com/", "https://10.0.0.6/", true},
        {"https://registry.corp.com/", "https://169.254.169.254/", false},
        {"https://registry.corp.com/", "https://[fd00:ec2::254]/", false},
        {"https://registry.corp.com/", "https://100.100.100.200/", false},
        {"https://10.0.0.5/", "https://100.100.100.200/", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct oci_target led = {.allowed = &allowed};
        struct error err;
        struct url from;
        struct url to;
        char label[256];

        snprintf(label, sizeof(label), "%s to %s", rows[i].from, rows[i].to);
        check_number(label, url_parse(rows[i].from, NULL, &from, &err), 0);
        check_number(label, url_parse(rows[i].to, NULL, &to, &err), 0);
        check_number(
            label, trust_of(&from, &led, &to, REDIRECT_REALM) != TRUST_REFUSED,
            rows[i].allowed);
        url_release(&from);
        url_release(&to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trust__goes_only_where_it_is_allowed),
        cmocka_unit_test(trust__sends_credentials_home_and_nowhere_else),
        cmocka_unit_test(trust__counts_the_unspecified_address_as_loopback),
        cmocka_unit_test(trust__is_not_fooled_by_a_dot_at_the_end),
        cmocka_unit_test(trust__looks_at_the_ipv4_address_inside_an_ipv6_one),
        cmocka_unit_test(trust__gives_https_back_to_the_registrys_own_host),
        cmocka_unit_test(trust__judges_the_url_that_the_request_goes_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
