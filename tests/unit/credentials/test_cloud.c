#include <math.h>

#include "asserts.h"
#include "credentials/cloud.h"

static void cloud__a_token_is_renewed_before_it_ends(void **state)
{
    static const struct {
        double seconds;
        uint64_t lifetime_ms;
        uint64_t renew_ms;
    } rows[] = {
        {3600, 3540000, 1800000},
        {120, 96000, 60000},
        {1, 800, 500},
        /* never 0, which would mean without an end */
        {0, 800, 500},
        {-5, 800, 500},
        /* and at most half a day, whatever the service states */
        {1e300, 43140000, 21600000},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct credential credential = {0};

        cloud_set_lifetime(&credential, rows[i].seconds, 50);
        assert_int_equal(credential.lifetime_ms, rows[i].lifetime_ms);
        assert_int_equal(credential.renew_ms, rows[i].renew_ms);
    }
    {
        struct credential credential = {0};

        cloud_set_lifetime(&credential, (double)NAN, 50);
        assert_int_equal(credential.lifetime_ms, 800);
    }
}

static void cloud__an_address_is_https_or_of_this_machine(void **state)
{
    static const struct {
        const char *url;
        int result;
    } rows[] = {
        {"https://oauth2.googleapis.com/token", 0},
        {"http://127.0.0.1:8080/token", 0},
        {"http://localhost/token", 0},
        {"http://[::1]/token", 0},
        {"http://oauth2.googleapis.com/token", -1},
        {"http://127.0.0.1.example/token", -1},
        {"http://localhost.example/token", -1},
        {"file:///etc/passwd", -1},
        {"https://user:password@host/", -1},
        {"", -1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err;

        check_number(rows[i].url, cloud_check_url("it", rows[i].url, &err),
                     rows[i].result);
    }
}

static void cloud__a_form_is_escaped(void **state)
{
    CLEANUP(str_release) struct str form = STR_INIT(STR_UNLIMITED);

    cloud_append_form(&form, "a", "x&y=z +%");
    cloud_append_form(&form, "b", "");
    cloud_append_form(&form, "c", "eyJ.eyJ-_~");
    assert_string_equal(form.data, "a=x%26y%3Dz%20%2B%25&b=&c=eyJ.eyJ-_~");
}

static void cloud__a_secret_in_a_form_is_noted(void **state)
{
    CLEANUP(str_release) struct str form = STR_INIT(STR_UNLIMITED);
    CLEANUP(secret_set_release) struct secret_set sent = {0};
    char words[] = "no client_secret=p%26ss%2F1, p&ss/1";

    cloud_append_form(&form, "client_id", "client");
    cloud_append_secret(&form, &sent, "client_secret", "p&ss/1");
    assert_string_equal(form.data, "client_id=client&client_secret=p%26ss%2F1");
    secret_set_scrub(&sent, words);
    assert_string_equal(words, "no client_secret=***, ***");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cloud__a_token_is_renewed_before_it_ends),
        cmocka_unit_test(cloud__an_address_is_https_or_of_this_machine),
        cmocka_unit_test(cloud__a_form_is_escaped),
        cmocka_unit_test(cloud__a_secret_in_a_form_is_noted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
