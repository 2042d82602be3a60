#include "asserts.h"
#include "runtime/nsswitch.h"

static void nsswitch__needs_sockets_only_for_some_modules(void **state)
{
    static const struct {
        const char *text;
        bool expected;
    } rows[] = {
        {"", false},
        {"passwd: files systemd\nhosts: files dns\n", false},
        {"hosts:\tfiles myhostname dns # mdns4\n", false},
        {"hosts: files [NOTFOUND=return] dns", false},
        {"hosts: files resolve [!UNAVAIL=return] dns\n", true},
        {"hosts: files [NOTFOUND=return resolve] dns\n", false},
        {"hosts: files mdns4_minimal [NOTFOUND=return] dns\n", true},
        {"  hosts:files dns sss", true},
        {"#hosts: resolve\nhosts: files\n", false},
        {"hosts: dnsx\n", true},
        {"hosts: [", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check_number(rows[i].text, nsswitch_uses_sockets(rows[i].text),
                     rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nsswitch__needs_sockets_only_for_some_modules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
