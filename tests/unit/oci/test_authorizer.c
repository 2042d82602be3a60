#include "oci_world.h"

/* authorizer.c, origin.c and request.c: the authorization of one request, and
 * the alternative after a rejection */

#define UPLOADS "/v2/" PATH "/blobs/uploads/"
#define POST "POST " REG UPLOADS
#define PROBE "GET " REG "/v2/"
#define GET "GET " AUTH "?*"

static void with_password(void)
{
    pusher_open(&world, &pusher, "reg.example", PASSWORD);
}

static void post(struct sending_result *result)
{
    send_to(&world, &pusher, "POST", UPLOADS, result);
}

static void answer(const char *name, int status, const char *headers,
                   const char *body)
{
    fake_answer(world.http, name, status, headers, body);
}

/* --- schemes ---------------------------------------------------------------
 */

static void the_scheme_is_asked_for_once(void **state)
{
    struct sending_result results[2];

    with_password();
    post(&results[0]);
    post(&results[1]);
    answer(PROBE, 401, BASIC, "");
    assert_header(world.http, POST, "Authorization: Basic Ym90OnBhNTV3b3Jk");
    answer(POST, 202, "", "");
    answer(POST, 202, "", "");
    assert_status(&results[0], 202);
    assert_status(&results[1], 202);
    post(&results[0]);
    answer(POST, 202, "", "");
    assert_status(&results[0], 202);
    assert_int_equal(fake_sent(world.http), 4);
}

static void a_registry_that_wanted_nothing_may_want_something_later(
    void **state)
{
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 200, "", "");
    assert_anonymous(world.http, POST);
    answer(POST, 401, BEARER, "");
    answer(GET, 200, "", TOKEN("t1"));
    assert_header(world.http, POST, "Authorization: Bearer t1");
    answer(POST, 202, "", "");
    assert_status(&result, 202);
    post(&result); /* and that is remembered */
    assert_header(world.http, POST, "Authorization: Bearer t1");
    answer(POST, 202, "", "");
    assert_status(&result, 202);
}

static void a_401_that_asks_for_nothing_known_is_the_end(void **state)
{
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 200, "", "");
    answer(POST, 401, "WWW-Authenticate: Negotiate", "");
    assert_status(&result, 401);
    assert_int_equal(fake_waiting(world.http), 0);
}

/* Harbor answers like this if a token does not suffice. */
static void basic_behind_bearer_is_tried(void **state)
{
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 401, BEARER, "");
    answer(GET, 200, "", TOKEN("t1"));
    answer(POST, 401, BASIC, "");
    assert_header(world.http, POST, "Authorization: Basic Ym90OnBhNTV3b3Jk");
    answer(POST, 202, "", "");
    assert_status(&result, 202);
}

static void basic_behind_bearer_is_nothing_for_a_refresh_token(void **state)
{
    struct sending_result result;

    pusher_bind(&world, &pusher, BINDING_IDENTITY_TOKEN, "r1");
    post(&result);
    answer(PROBE, 401, BEARER, "");
    answer("POST " AUTH, 200, "", TOKEN("t1"));
    answer(POST, 401, BASIC, "");
    assert_int_equal(result.calls, 1);
    assert_int_equal(result.err.kind, ERROR_AUTH);
    assert_message_contains(&result.err, "requires a username and a password");
    /* That concerned only this request: the next one starts again. */
    post(&result);
    answer(PROBE, 401, BEARER, "");
    answer("POST " AUTH, 200, "", TOKEN("t2"));
    answer(POST, 202, "", "");
    assert_status(&result, 202);
}

/* The failure of the first resets the scheme before the second is told that
 * there are no credentials. */
static void two_that_have_nothing_to_show_end_alike(void **state)
{
    static const char *const challenges[] = {BASIC, BEARER};

    for (size_t i = 0; i < ARRAY_SIZE(challenges); i++) {
        struct sending_result results[2];

        pusher_open(&world, &pusher, "reg.example", NULL);
        post(&results[0]);
        post(&results[1]);
        answer(PROBE, 401, challenges[i], "");
        if (i == 1) {
            answer(GET, 401, "", "");
        }
        assert_int_equal(results[0].err.kind, ERROR_AUTH);
        assert_int_equal(results[1].err.kind, ERROR_AUTH);
        assert_int_equal(fake_waiting(world.http), 0);
        assert_int_equal(fake_sent(world.http), 1 + i);
        end_world(NULL);
        begin_world(NULL);
    }
    with_password();
}

static void every_401_is_answered_once(void **state)
{
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 401, BEARER, "");
    answer(GET, 200, "", TOKEN("t1"));
    answer(POST, 401, BEARER, "");
    answer(GET, 200, "", TOKEN("t2"));
    assert_header(world.http, POST, "Bearer t2");
    answer(POST, 401, BEARER, "");
    assert_status(&result, 401);
    assert_int_equal(fake_waiting(world.http), 0);
}

/* The token was rejected: the sources of credentials, which may be programs,
 * are not queried again. */
static void a_refused_token_leaves_the_credential_alone(void **state)
{
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 401, BEARER, "");
    answer(GET, 200, "", TOKEN("t1"));
    wait_ms(&world, 60000);
    pusher.options.password = "an0ther";
    answer(POST, 401, BEARER, "");
    assert_header(world.http, GET, "Authorization: Basic Ym90OnBhNTV3b3Jk");
    answer(GET, 200, "", TOKEN("t2"));
    answer(POST, 202, "", "");
    assert_status(&result, 202);
}

static void a_registry_that_has_no_url_is_named(void **state)
{
    struct sending_result result;

    with_password();
    pusher.target.registry = "reg example";
    post(&result);
    fake_settle(world.http);
    assert_int_equal(result.calls, 1);
    assert_message_contains(&result.err, "registry 'reg example'");
}

/* --- realms that change ----------------------------------------------------
 */

#define REALM(name)                                                            \
    "WWW-Authenticate: Bearer realm=\"" REG "/" name "/token\",service=\"s\""

/* Artifactory: each repository's requests name its own. */
static void two_registrations_with_a_realm_each_do_not_disturb_each_other(
    void **state)
{
    struct pusher other;
    struct sending_result result;

    with_password();
    pusher_open(&world, &other, "reg.example", "an0ther");
    send_to(&world, &pusher, "POST", UPLOADS, &result);
    answer(PROBE, 200, "", "");
    answer(POST, 401, REALM("one"), "");
    answer("GET " REG "/one/token?*", 200, "", TOKEN("t1"));
    answer(POST, 202, "", "");
    assert_status(&result, 202);
    send_to(&world, &other, "POST", UPLOADS, &result);
    answer(POST, 401, REALM("two"), "");
    answer("GET " REG "/two/token?*", 200, "", TOKEN("t2"));
    answer(POST, 202, "", "");
    assert_status(&result, 202);
    wait_ms(&world, 300000); /* both tokens have expired */
    send_to(&world, &pusher, "POST", UPLOADS, &result);
    answer("GET " REG "/one/token?*", 200, "", TOKEN("t3"));
    answer(POST, 202, "", "");
    assert_status(&result, 202);
    pusher_close(&other);
}

static void a_token_server_that_has_moved_is_found_again(void **state)
{
    static const int statuses[] = {0, 404, 401, 403};

    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        struct sending_result result;

        with_password();
        post(&result);
        answer(PROBE, 401, REALM("old"), "");
        if (statuses[i] == 0) {
            fake_break(world.http, "GET *", ERROR_UNREACHABLE);
        } else {
            answer("GET " REG "/old/token?*", statuses[i], "", "");
        }
        assert_int_equal(result.calls, 1);
        post(&result);
        answer(PROBE, 401, REALM("new"), "");
        answer("GET " REG "/new/token?*", 200, "", TOKEN("t1"));
        answer(POST, 202, "", "");
        assert_status(&result, 202);
        end_world(NULL);
        begin_world(NULL);
    }
    with_password();
}

/* Its failures do not affect the others. */
static void one_registration_that_is_refused_lets_the_others_be(void **state)
{
    struct pusher other;
    struct sending_result result;

    with_password();
    pusher_open(&world, &other, "reg.example", "an0ther");
    post(&result);
    answer(PROBE, 401, BEARER, "");
    answer(GET, 401, "", "");
    assert_int_equal(result.err.kind, ERROR_AUTH);
    send_to(&world, &other, "POST", UPLOADS, &result);
    answer(GET, 200, "", TOKEN("t1"));
    answer(POST, 202, "", "");
    assert_status(&result, 202);
    pusher_close(&other);
}

static void a_server_in_trouble_has_not_moved(void **state)
{
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 401, BEARER, "");
    answer(GET, 503, "", "");
    assert_int_equal(result.err.kind, ERROR_UNAVAILABLE);
    post(&result);
    answer(GET, 200, "", TOKEN("t1"));
    answer(POST, 202, "", "");
    assert_status(&result, 202);
}

static void a_realm_where_credentials_may_not_go_is_refused(void **state)
{
    static const char *const realms[] = {
        "http://auth.reg.example/token",
        "https://elsewhere.test/token",
        "https://169.254.169.254/token",
        "https://metadata.google.internal../token",
        "ftp://reg.example/token",
        "https://user:pass@reg.example/token",
    };

    for (size_t i = 0; i < ARRAY_SIZE(realms); i++) {
        struct sending_result result;
        char header[128];

        snprintf(header, sizeof(header),
                 "WWW-Authenticate: Bearer realm=\"%s\"", realms[i]);
        with_password();
        post(&result);
        answer(PROBE, 401, header, "");
        check_number(realms[i], result.calls, 1);
        check_number(realms[i], fake_waiting(world.http), 0);
        check_number(realms[i], fake_sent(world.http), 1);
        end_world(NULL);
        begin_world(NULL);
    }
    with_password();
}

/* The result of a proxy that terminates TLS */
static void a_realm_by_http_at_home_goes_by_https(void **state)
{
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 401,
           "WWW-Authenticate: Bearer realm=\"http://reg.example/token\"", "");
    assert_header(world.http, "GET https://reg.example/token?*",
                  "Authorization: Basic Ym90OnBhNTV3b3Jk");
    answer("GET https://reg.example/token?*", 200, "", TOKEN("t1"));
    answer(POST, 202, "", "");
    assert_status(&result, 202);
}

/* The first one resets it before the second is told of it. */
static void a_probe_counts_for_all_who_waited_for_it(void **state)
{
    struct sending_result results[2];

    with_password();
    post(&results[0]);
    post(&results[1]);
    answer(PROBE, 401,
           "WWW-Authenticate: Bearer realm=\"https://elsewhere.test/token\"",
           "");
    assert_int_equal(results[0].err.kind, ERROR_AUTH);
    assert_int_equal(results[1].err.kind, ERROR_AUTH);
    assert_int_equal(fake_waiting(world.http), 0);
    assert_int_equal(fake_sent(world.http), 1);
    post(&results[0]); /* a later request asks again */
    answer(PROBE, 200, "", "");
    answer(POST, 202, "", "");
    assert_status(&results[0], 202);
}

/* --- scopes ------------------------------------------------------------------
 */

#define SCOPE(scope) BEARER ",error=\"insufficient_scope\",scope=\"" scope "\""
#define OURS "&scope=repository%3Aacme%2Fapp%3Apull%2Cpush"

static void another_scope_is_asked_for_beside_ours(void **state)
{
    static const struct {
        const char *scope;
        const char *url;
    } rows[] = {
        {SCOPE("repository:acme/app:pull,push"), OURS "&account"},
        {SCOPE("repository:acme/app:push,pull"), OURS "&account"},
        {SCOPE("repository:acme/app:push"), OURS "&account"},
        {SCOPE("repository:acme/app:pull repository:acme/app:push"),
         OURS "&account"},
        {SCOPE("repository:x/acme/app:push"),
         OURS "&scope=repository%3Ax%2Facme%2Fapp%3Apush&account"},
        {SCOPE("repository:acme/app:pull repository:b:pull repository:c:*"),
         OURS "&scope=repository%3Ab%3Apull&scope=repository%3Ac%3A%2A&acc"},
        {SCOPE("registry:catalog:*"), OURS "&account"},
        {SCOPE("repository:b:pull\tx"), OURS "&account"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sending_result result;

        with_password();
        post(&result);
        answer(PROBE, 401, BEARER, "");
        answer(GET, 200, "", TOKEN("t1"));
        answer(POST, 401, rows[i].scope, "");
        check_contains(rows[i].scope, fake_asked(world.http, GET)->name,
                       rows[i].url);
        answer(GET, 200, "", TOKEN("t2"));
        assert_header(world.http, POST, "Bearer t2");
        answer(POST, 202, "", "");
        assert_status(&result, 202);
        end_world(NULL);
        begin_world(NULL);
    }
    with_password();
}

/* The token is for the repository by its other name. */
static void a_token_by_another_name_is_the_registrys_business(void **state)
{
    /* {"access":[{"type":"repository","name":"x","actions":["push"]}]} */
    static const char token[] =
        "{\"token\":\"e30.eyJhY2Nlc3MiOlt7InR5cGUiOiJyZXBvc2l0b3J5IiwibmFtZSI6"
        "IngiLCJhY3Rpb25zIjpbInB1c2giXX1dfQ.c\"}";
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 200, "", "");
    answer(POST, 401, SCOPE("repository:x:push"), "");
    answer(GET, 200, "", token);
    assert_string_equal(result.err.message, "");
    answer(POST, 202, "", "");
    assert_status(&result, 202);
}

/* --- expired credentials -----------------------------------------------------
 */

static void ecr_says_403_of_a_password_that_has_ended(void **state)
{
    static const char host[] = "1234.dkr.ecr.eu-west-1.amazonaws.com";
    static const char ecr_post[] =
        "POST https://1234.dkr.ecr.eu-west-1.amazonaws.com" UPLOADS;
    struct sending_result result;

    pusher_open(&world, &pusher, host, PASSWORD);
    post(&result);
    answer("GET https://1234.dkr.ecr.eu-west-1.amazonaws.com/v2/", 401, BASIC,
           "");
    wait_ms(&world, 60000);
    answer(ecr_post, 403, "", "Your authorization token has expired");
    /* The chain was resolved again, but it has nothing new. */
    fake_settle(world.http);
    assert_int_equal(result.err.kind, ERROR_AUTH);
    assert_int_equal(fake_waiting(world.http), 0);
}

/* Accounts are locked after a few failures. */
static void a_wrong_password_is_shown_once(void **state)
{
    struct sending_result results[3];

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
        post(&results[i]);
    }
    answer(PROBE, 401, BASIC, "");
    assert_int_equal(fake_waiting(world.http), 1);
    answer(POST, 401, BASIC, "");
    fake_settle(world.http);
    assert_int_equal(fake_waiting(world.http), 0);
    for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
        assert_int_equal(results[i].err.kind, ERROR_AUTH);
    }
    post(&results[0]);
    fake_settle(world.http);
    assert_int_equal(fake_waiting(world.http), 0);
    assert_int_equal(results[0].err.kind, ERROR_AUTH);
    /* ... until it may have been corrected at the registry */
    wait_ms(&world, LIMIT_REFUSAL_MS);
    post(&results[0]);
    answer(POST, 202, "", "");
    assert_status(&results[0], 202);
}

static void a_password_that_has_counted_gets_a_second_chance(void **state)
{
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 401, BASIC, "");
    answer(POST, 202, "", "");
    assert_status(&result, 202);
    post(&result);
    answer(POST, 401, BASIC, "");
    answer(POST, 202, "", "");
    assert_status(&result, 202);
}

/* A request that never ends delays no other one. */
static void the_next_goes_first_when_the_first_gets_no_answer(void **state)
{
    struct sending_result results[2];

    with_password();
    post(&results[0]);
    post(&results[1]);
    answer(PROBE, 401, BASIC, "");
    fake_break(world.http, POST, ERROR_UNREACHABLE);
    assert_int_equal(results[0].err.kind, ERROR_UNREACHABLE);
    answer(POST, 202, "", "");
    assert_status(&results[1], 202);
}

static void elsewhere_403_is_the_end(void **state)
{
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 401, BEARER, "");
    answer(GET, 200, "", TOKEN("t1"));
    answer(POST, 403, "", "");
    assert_status(&result, 403);
    assert_int_equal(fake_waiting(world.http), 0);
}

static void ecr_public_says_400_of_a_token_that_has_ended(void **state)
{
    static const char denied[] =
        "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"Your Authorization "
        "Token is invalid.\"}]}";
    struct sending_result result;

    with_password();
    post(&result);
    answer(PROBE, 401, BEARER, "");
    answer(GET, 200, "", TOKEN("t1"));
    answer(POST, 400, "", denied);
    answer(GET, 200, "", TOKEN("t2"));
    assert_header(world.http, POST, "Bearer t2");
    answer(POST, 400, "", denied);
    assert_status(&result, 400);
    assert_int_equal(fake_waiting(world.http), 0);
}

static void a_registry_token_goes_as_it_is(void **state)
{
    struct sending_result result;

    pusher_bind(&world, &pusher, BINDING_REGISTRY_TOKEN, "rt");
    post(&result);
    answer(PROBE, 401, BEARER, "");
    assert_header(world.http, POST, "Authorization: Bearer rt");
    answer(POST, 401, BEARER, "");
    answer(POST, 401, BEARER, "");
    assert_status(&result, 401);
    assert_int_equal(fake_waiting(world.http), 0);
}

/* --- destinations of requests ------------------------------------------------
 */

static void with_certificate(void)
{
    with_password();
    pusher.target.transport.certificate = "client.crt";
    pusher.target.transport.key = "client.key";
}

static void another_host_sees_neither_credentials_nor_certificate(void **state)
{
    struct sending_result result;

    with_certificate();
    post(&result);
    answer(PROBE, 401, BASIC, "");
    assert_true(fake_asked(world.http, POST)->with_certificate);
    answer(POST, 307, "Location: https://cdn.reg.example/up", "");
    assert_anonymous(world.http, "POST https://cdn.reg.example/up");
    assert_false(fake_asked(world.http, "POST https://cdn.reg.example/up")
                     ->with_certificate);
    /* It must not decide where our credentials are sent. */
    answer("POST *", 307, "Location: " REG "/v2/other/blobs/uploads/", "");
    assert_anonymous(world.http, "POST " REG "/v2/other/blobs/uploads/");
    answer("POST *", 202, "", "");
    assert_status(&result, 202);
}

static void a_redirect_at_home_keeps_both(void **state)
{
    struct sending_result result;

    with_certificate();
    post(&result);
    answer(PROBE, 401, BASIC, "");
    answer(POST, 308, "Location: /v2/elsewhere", "");
    assert_header(world.http, "POST " REG "/v2/elsewhere",
                  "Authorization: Basic");
    assert_true(fake_asked(world.http, "POST *")->with_certificate);
    answer("POST *", 202, "", "");
    assert_status(&result, 202);
}

static void a_token_server_elsewhere_sees_no_certificate(void **state)
{
    struct sending_result result;

    with_certificate();
    post(&result);
    answer(PROBE, 401, BEARER, "");
    assert_false(fake_asked(world.http, GET)->with_certificate);
    answer(GET, 200, "", TOKEN("t1"));
    answer(POST, 202, "", "");
    assert_status(&result, 202);
}

/* Its requests use another host name than outcomes and tokens. */
static void docker_hub_is_asked_by_its_wire_name(void **state)
{
    struct sending_result result;

    pusher_open(&world, &pusher, "index.docker.io", PASSWORD);
    post(&result);
    answer("GET https://registry-1.docker.io/v2/", 401,
           "WWW-Authenticate: Bearer realm=\"https://auth.docker.io/token\","
           "service=\"registry.docker.io\"",
           "");
    answer("GET https://auth.docker.io/token?client_id=waybill"
           "&service=registry.docker.io"
           "&scope=repository%3Aacme%2Fapp%3Apull%2Cpush&account=bot",
           200, "", TOKEN("t1"));
    answer("POST https://registry-1.docker.io" UPLOADS, 202, "", "");
    assert_status(&result, 202);
}

/* --- cancelled requests ------------------------------------------------------
 */

static void requests_may_be_cancelled_at_every_step(void **state)
{
    struct sending_result result;

    with_password();
    for (int step = 0; step < 4; step++) {
        struct oci_request *request =
            send_to(&world, &pusher, "POST", UPLOADS, &result);

        if (step > 0) {
            answer(PROBE, 401, BEARER, "");
        }
        if (step > 1) {
            answer(GET, 200, "", TOKEN("t1"));
        }
        if (step > 2) {
            answer(POST, 401, BEARER, "");
        }
        oci_request_cancel(request);
        fake_settle(world.http);
        assert_int_equal(result.calls, 0);
        end_world(NULL);
        begin_world(NULL);
        with_password();
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        WORLD_TEST(the_scheme_is_asked_for_once),
        WORLD_TEST(a_registry_that_wanted_nothing_may_want_something_later),
        WORLD_TEST(a_401_that_asks_for_nothing_known_is_the_end),
        WORLD_TEST(basic_behind_bearer_is_tried),
        WORLD_TEST(basic_behind_bearer_is_nothing_for_a_refresh_token),
        WORLD_TEST(two_that_have_nothing_to_show_end_alike),
        WORLD_TEST(every_401_is_answered_once),
        WORLD_TEST(a_refused_token_leaves_the_credential_alone),
        WORLD_TEST(a_registry_that_has_no_url_is_named),
        WORLD_TEST(
            two_registrations_with_a_realm_each_do_not_disturb_each_other),
        WORLD_TEST(a_token_server_that_has_moved_is_found_again),
        WORLD_TEST(one_registration_that_is_refused_lets_the_others_be),
        WORLD_TEST(a_server_in_trouble_has_not_moved),
        WORLD_TEST(a_realm_where_credentials_may_not_go_is_refused),
        WORLD_TEST(a_realm_by_http_at_home_goes_by_https),
        WORLD_TEST(a_probe_counts_for_all_who_waited_for_it),
        WORLD_TEST(another_scope_is_asked_for_beside_ours),
        WORLD_TEST(a_token_by_another_name_is_the_registrys_business),
        WORLD_TEST(ecr_says_403_of_a_password_that_has_ended),
        WORLD_TEST(a_wrong_password_is_shown_once),
        WORLD_TEST(a_password_that_has_counted_gets_a_second_chance),
        WORLD_TEST(the_next_goes_first_when_the_first_gets_no_answer),
        WORLD_TEST(elsewhere_403_is_the_end),
        WORLD_TEST(ecr_public_says_400_of_a_token_that_has_ended),
        WORLD_TEST(a_registry_token_goes_as_it_is),
        WORLD_TEST(another_host_sees_neither_credentials_nor_certificate),
        WORLD_TEST(a_redirect_at_home_keeps_both),
        WORLD_TEST(a_token_server_elsewhere_sees_no_certificate),
        WORLD_TEST(docker_hub_is_asked_by_its_wire_name),
        WORLD_TEST(requests_may_be_cancelled_at_every_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
