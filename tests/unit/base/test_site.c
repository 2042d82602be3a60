#include "asserts.h"
#include "waybill/site.h"

static const struct {
    const char *from;
    const char *to;
    bool same;
} rows[] = {
    /* the registrable domain decides, however many labels precede it */
    {"corp.com", "corp.com", true},
    {"registry.corp.com", "auth.corp.com", true},
    {"registry.corp.com", "corp.com", true},
    {"corp.com", "auth.corp.com", true},
    {"registry.eu.corp.com", "auth.corp.com", true},
    {"registry.corp.com", "a.b.c.corp.com", true},
    {"registry.corp.com", "auth.corp.org", false},
    {"registry.corp.com", "evilcorp.com", false},
    {"registry.corp.com", "corp.com.evil.org", false},
    {"corp.com", "evil.com", false},
    {"registry.com", "com", false},
    /* a suffix of several labels belongs to no organization */
    {"registry.corp.co.uk", "auth.corp.co.uk", true},
    {"corp.co.uk", "evil.co.uk", false},
    {"registry.co.uk", "co.uk", false},
    {"co.uk", "evil.co.uk", false},
    {"corp.com.au", "evil.com.au", false},
    {"corp.kawasaki.jp", "evil.kawasaki.jp", false}, /* *.kawasaki.jp */
    {"a.city.kawasaki.jp", "b.city.kawasaki.jp",
     true}, /* ... except this one */
    /* neither does one below which anybody can register a name */
    {"registry.acme.github.io", "auth.acme.github.io", true},
    {"acme.github.io", "evil.github.io", false},
    {"github.io", "acme.github.io", false},
    {"acme.github.io", "github.io", false},
    {"acme.s3.amazonaws.com", "evil.s3.amazonaws.com", false},
    {"acme.s3.amazonaws.com", "s3.amazonaws.com", false},
    {"registry.amazonaws.com", "evil.s3.amazonaws.com", false},
    {"acme.herokuapp.com", "evil.herokuapp.com", false},
    {"acme.blogspot.com", "evil.blogspot.com", false},
    /* names in other scripts, as they are in the DNS */
    {"a.xn--85x722f.xn--55qx5d.cn", "b.xn--85x722f.xn--55qx5d.cn", true},
    {"xn--85x722f.xn--55qx5d.cn", "evil.xn--55qx5d.cn", false},
    /* a top-level domain that the list does not know is one label */
    {"registry.dev.cluster", "auth.dev.cluster", true},
    {"registry.cluster", "auth.cluster", false},
    /* a private top-level domain belongs to one organization */
    {"registry.internal", "auth.internal", true},
    {"registry.internal", "a.auth.internal", true},
    {"registry.lan", "auth.lan", true},
    {"registry.lan", "auth.home", false},
    {"registry.lan", "lan.evil.org", false},
    {"registry.lan", "evillan", false},
    {"registry.ns.svc.cluster.local", "auth.ns.svc.cluster.local", true},
    {"registry.ns.svc.cluster.local", "auth.other.svc.cluster.local", false},
    {"registry.dev.internal", "auth.dev.internal", true},
    {"registry.dev.internal", "auth.prod.internal", false},
    /* and so does any name without a dot */
    {"registry", "auth", true},
    {"registry", "auth.corp.com", false},
    {"registry.corp.com", "auth", false},
    /* an address belongs to no site */
    {"10.0.0.5", "10.0.0.5", false},
    {"10.0.0.5", "10.0.0.6", false},
    {"::1", "registry", false},
    {"registry", "2130706433", false},
    {"registry", "::1", false},
    /* invalid names belong to no site */
    {"", "", true},
    {".", ".", false},
    {"corp.com", "", false},
    {".corp.com", ".corp.com", false},
};

static void site__is_told_by_names(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char label[256];

        snprintf(label, sizeof(label), "%s to %s", rows[i].from, rows[i].to);
        check_number(label, same_site(rows[i].from, rows[i].to), rows[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(site__is_told_by_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
