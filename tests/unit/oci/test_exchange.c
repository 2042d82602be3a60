#include "oci_world.h"

/* exchange.c and session.c: what is sent to a token server, how often, and how
 * its responses are interpreted */

#define PROBE "GET " REG "/v2/"
#define GET "GET " AUTH "?*"
#define POST "POST " AUTH

/* Requests that only find out where the token server is */
static unsigned probes;

static int begin(void **state)
{
    probes = 0;
    return begin_world(state);
}

static void with_password(void)
{
    pusher_open(&world, &pusher, "reg.example", PASSWORD);
}

static void with_identity_token(const char *value)
{
    pusher_bind(&world, &pusher, BINDING_IDENTITY_TOKEN, value);
}

/* The registry names the token server whenever it is asked, so the test answers
 * only for the token server. */
static void want(struct pusher *of, const struct oci_target *target,
                 struct asking *asking)
{
    ask_for(&world, of, target, asking);
    if (fake_is_asked(world.http, PROBE)) {
        fake_answer(world.http, PROBE, 401, BEARER, "");
        probes++;
    }
}

static void want_token(struct asking *asking)
{
    want(&pusher, &pusher.target, asking);
}

/* Another repository of the same registration */
static void ask_path(const char *path, struct oci_target *target,
                     struct asking *asking)
{
    *target = pusher.target;
    target->path = path;
    want(&pusher, target, asking);
}

static unsigned fetches(void)
{
    return fake_sent(world.http) - probes;
}

static void answer(const char *name, int status, const char *body)
{
    fake_answer(world.http, name, status, "", body);
}

/* --- one credential, many requests for tokens ----------------------------- */

static void a_password_goes_by_get_and_basic(void **state)
{
    struct asking asking;

    with_password();
    want_token(&asking);
    assert_header(world.http,
                  "GET " AUTH "?client_id=waybill&service=reg.example"
                  "&scope=repository%3Aacme%2Fapp%3Apull%2Cpush&account=bot",
                  "Authorization: Basic Ym90OnBhNTV3b3Jk");
    answer(GET, 200, TOKEN("t1"));
    assert_shows(&asking, "Bearer t1");
    assert_int_equal(asking.lifetime_ms, 270000);
}

static void one_fetch_serves_all_who_wait(void **state)
{
    struct asking askings[3];

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(askings); i++) {
        want_token(&askings[i]);
    }
    answer(GET, 200, TOKEN("t1"));
    for (size_t i = 0; i < ARRAY_SIZE(askings); i++) {
        assert_shows(&askings[i], "Bearer t1");
    }
    assert_int_equal(fetches(), 1);
}

static void who_goes_away_leaves_the_token_to_the_others(void **state)
{
    struct asking askings[3];

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(askings); i++) {
        want_token(&askings[i]);
    }
    oci_authorize_cancel(askings[0].authorizing);
    oci_authorize_cancel(askings[2].authorizing);
    answer(GET, 200, TOKEN("t1"));
    assert_shows(&askings[1], "Bearer t1");
    assert_int_equal(askings[0].calls + askings[2].calls, 0);
}

static void a_client_may_go_with_fetches_under_way(void **state)
{
    struct oci_target targets[3];
    struct asking askings[3];

    with_identity_token("r1");
    for (size_t i = 0; i < ARRAY_SIZE(askings); i++) {
        static const char *const paths[] = {"a", "b", "c"};

        ask_path(paths[i], &targets[i], &askings[i]);
        oci_authorize_cancel(askings[i].authorizing);
    }
    assert_int_equal(fake_waiting(world.http), 1); /* two are queued */
}

static void a_wrong_password_is_shown_once(void **state)
{
    struct oci_target targets[5];
    struct asking askings[5];
    static const char *const paths[] = {"a", "b", "c", "d", "e"};

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(askings); i++) {
        ask_path(paths[i], &targets[i], &askings[i]);
    }
    answer(GET, 401, "{\"details\":\"incorrect pa55word\"}");
    for (size_t i = 0; i < ARRAY_SIZE(askings); i++) {
        assert_refused(&askings[i], ERROR_AUTH, "incorrect ***");
    }
    assert_int_equal(fetches(), 1);
}

static void a_refusal_is_taken_as_read_for_ten_seconds(void **state)
{
    struct asking asking;

    with_password();
    want_token(&asking);
    answer(GET, 401, "");
    assert_refused(&asking, ERROR_AUTH, "answers 401");
    wait_ms(&world, LIMIT_REFUSAL_MS - 1);
    want_token(&asking);
    assert_refused(&asking, ERROR_AUTH, "answers 401");
    assert_int_equal(fetches(), 1);
    wait_ms(&world, 1);
    want_token(&asking);
    answer(GET, 200, TOKEN("t1"));
    assert_shows(&asking, "Bearer t1");
}

static void the_refusal_of_one_credential_is_none_of_another(void **state)
{
    struct pusher other;
    struct asking asking;

    with_password();
    pusher_open(&world, &other, "reg.example", "an0ther");
    want_token(&asking);
    answer(GET, 401, "");
    assert_refused(&asking, ERROR_AUTH, "answers 401");
    want(&other, &other.target, &asking);
    answer(GET, 200, TOKEN("t2"));
    assert_shows(&asking, "Bearer t2");
    pusher_close(&other);
}

static void ask_three(struct oci_target targets[3], struct asking askings[3])
{
    static const char *const paths[] = {"a", "b", "c"};

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        ask_path(paths[i], &targets[i], &askings[i]);
    }
}

static void one_repository_that_is_denied_is_no_refusal_of_the_others(
    void **state)
{
    struct oci_target targets[3];
    struct asking askings[3];

    with_password();
    ask_three(targets, askings);
    assert_int_equal(fake_waiting(world.http), 1);
    answer(GET, 403, "");
    assert_refused(&askings[0], ERROR_AUTH, "answers 403");
    /* Therefore it is known to be valid. */
    assert_int_equal(fake_waiting(world.http), 2);
    answer(GET, 200, TOKEN("tb"));
    assert_shows(&askings[1], "Bearer tb");
    answer(GET, 200, TOKEN("tc"));
    assert_shows(&askings[2], "Bearer tc");
}

static void once_it_is_known_to_be_good_they_go_side_by_side(void **state)
{
    struct oci_target targets[3];
    struct asking askings[3];

    with_password();
    ask_three(targets, askings);
    assert_int_equal(fake_waiting(world.http), 1);
    answer(GET, 200, TOKEN("ta"));
    assert_int_equal(fake_waiting(world.http), 2);
    answer(GET, 200, TOKEN("tb"));
    answer(GET, 200, TOKEN("tc"));
    assert_shows(&askings[0], "Bearer ta");
    assert_shows(&askings[1], "Bearer tb");
    assert_shows(&askings[2], "Bearer tc");
}

static void a_server_in_trouble_is_so_for_all_who_wait(void **state)
{
    static const int statuses[] = {0, 503, 429, 425, 408};

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        struct oci_target targets[2];
        struct asking askings[2];

        ask_path("a", &targets[0], &askings[0]);
        ask_path("b", &targets[1], &askings[1]);
        if (statuses[i] == 0) {
            fake_break(world.http, GET, ERROR_UNREACHABLE);
        } else {
            answer(GET, statuses[i], "");
        }
        assert_int_equal(askings[0].calls, 1);
        assert_int_equal(askings[1].calls, 1);
        assert_int_not_equal(askings[0].err.kind, ERROR_AUTH);
        assert_int_equal(askings[0].err.kind, askings[1].err.kind);
        assert_string_equal(askings[0].err.message, askings[1].err.message);
    }
    assert_int_equal(fetches(), ARRAY_SIZE(statuses));
}

/* --- refresh tokens --------------------------------------------------------
 */

static void an_identity_token_goes_by_post(void **state)
{
    struct asking asking;

    with_identity_token("r+1");
    want_token(&asking);
    assert_string_equal(fake_asked(world.http, POST)->body,
                        "grant_type=refresh_token&refresh_token=r%2B1"
                        "&service=reg.example&client_id=waybill"
                        "&scope=repository%3Aacme%2Fapp%3Apull%2Cpush");
    assert_anonymous(world.http, POST);
    answer(POST, 200, "{\"access_token\":\"t1\"}");
    assert_shows(&asking, "Bearer t1");
    assert_int_equal(asking.lifetime_ms, 48000); /* of 60 s */
}

static void a_refresh_token_for_one_use_is_used_once(void **state)
{
    struct oci_target targets[3];
    struct asking askings[3];

    with_identity_token("r1");
    ask_path("a", &targets[0], &askings[0]);
    ask_path("b", &targets[1], &askings[1]);
    ask_path("c", &targets[2], &askings[2]);
    for (int i = 0; i < 3; i++) {
        char body[64];
        char used[32];

        assert_int_equal(fake_waiting(world.http), 1);
        snprintf(used, sizeof(used), "refresh_token=r%d&", i + 1);
        check_contains("form", fake_asked(world.http, POST)->body, used);
        snprintf(body, sizeof(body),
                 "{\"access_token\":\"t%d\",\"refresh_token\":\"r%d\"}", i + 1,
                 i + 2);
        answer(POST, 200, body);
    }
    assert_shows(&askings[0], "Bearer t1");
    assert_shows(&askings[1], "Bearer t2");
    assert_shows(&askings[2], "Bearer t3");
}

/* The refresh token seemed to be reusable, so two requests were sent. */
static void two_with_the_same(const char *refresh_token,
                              struct oci_target targets[3],
                              struct asking askings[3])
{
    with_identity_token(refresh_token);
    ask_path("a", &targets[0], &askings[0]);
    answer(POST, 200, "{\"access_token\":\"t1\"}");
    assert_shows(&askings[0], "Bearer t1");
    ask_path("b", &targets[1], &askings[1]);
    ask_path("c", &targets[2], &askings[2]);
    assert_int_equal(fake_waiting(world.http), 2);
}

static void one_that_was_replaced_on_the_way_is_not_given_up(void **state)
{
    struct oci_target targets[3];
    struct asking askings[3];

    two_with_the_same("r1", targets, askings);
    answer(POST, 200, "{\"access_token\":\"t2\",\"refresh_token\":\"r2\"}");
    answer(POST, 400, "{\"error\":\"invalid_grant\"}");
    check_contains("form", fake_asked(world.http, POST)->body,
                   "refresh_token=r2&");
    answer(POST, 200, "{\"access_token\":\"t3\",\"refresh_token\":\"r3\"}");
    assert_shows(&askings[1], "Bearer t2");
    assert_shows(&askings[2], "Bearer t3");
}

static void a_refresh_token_that_has_ended_gives_way_to_the_password(
    void **state)
{
    struct oci_target target;
    struct asking asking;

    with_password();
    pusher.target.exchange = OCI_EXCHANGE_OAUTH2;
    want_token(&asking);
    check_contains("form", fake_asked(world.http, POST)->body,
                   "grant_type=password&username=bot&password=pa55word"
                   "&access_type=offline");
    answer(POST, 200, "{\"access_token\":\"t1\",\"refresh_token\":\"r1\"}");
    assert_shows(&asking, "Bearer t1");
    ask_path("b", &target, &asking);
    check_contains("form", fake_asked(world.http, POST)->body,
                   "refresh_token=r1");
    answer(POST, 400, "{\"error\":\"invalid_grant\"}");
    check_contains("form", fake_asked(world.http, POST)->body,
                   "grant_type=password");
    answer(POST, 401, "{\"error\":\"invalid_grant\"}");
    assert_refused(&asking, ERROR_AUTH, "answers 401: invalid_grant");
    assert_int_equal(fake_waiting(world.http), 0);
}

static void who_knows_no_post_is_asked_by_get(void **state)
{
    struct asking asking;

    with_identity_token("r1");
    want_token(&asking);
    answer(POST, 404, "");
    assert_header(world.http, GET, "Authorization: Basic PHRva2VuPjpyMQ==");
    answer(GET, 200, TOKEN("t1"));
    assert_shows(&asking, "Bearer t1");
}

static void a_404_of_the_moment_is_not_for_ever(void **state)
{
    struct asking asking;

    with_identity_token("r1");
    want_token(&asking);
    answer(POST, 404, "");
    answer(GET, 401, "");
    assert_refused(&asking, ERROR_AUTH, "answers 401");
    wait_ms(&world, LIMIT_REFUSAL_MS);
    want_token(&asking);
    answer(POST, 200, "{\"access_token\":\"t1\"}");
    assert_shows(&asking, "Bearer t1");
}

static void want_token_by_form(struct asking *asking)
{
    with_password();
    pusher.target.exchange = OCI_EXCHANGE_OAUTH2;
    want_token(asking);
}

static void whoever_wants_oauth2_gets_no_get(void **state)
{
    struct asking asking;

    want_token_by_form(&asking);
    answer(POST, 404, "");
    assert_refused(&asking, ERROR_INTERMEDIARY,
                   "set token_exchange_method to auto");
    assert_int_equal(fetches(), 1);
}

static void a_message_names_the_server_and_the_credentials(void **state)
{
    struct asking asking;

    with_password();
    want_token(&asking);
    answer(GET, 403, "{\"details\":\"no\"}");
    assert_int_equal(asking.calls, 1);
    assert_string_equal(asking.err.message,
                        "token: token server 'auth.reg.example' answers 403: "
                        "no (credentials from the registration's password)");
}

/* There is no alternative to GET. */
static void a_404_to_get_suggests_no_other_method(void **state)
{
    struct asking asking;

    with_password();
    want_token(&asking);
    answer(GET, 404, "");
    assert_int_equal(asking.calls, 1);
    assert_message_contains(&asking.err, "answers 404");
    assert_null(strstr(asking.err.message, "token_exchange_method"));
}

static void no_secret_comes_back_in_a_message(void **state)
{
    struct asking asking;

    with_password();
    pusher.target.exchange = OCI_EXCHANGE_OAUTH2;
    want_token(&asking);
    answer(POST, 200,
           "{\"access_token\":\"t1\",\"refresh_token\":\"refresh-1\","
           "\"expires_in\":1}");
    assert_shows(&asking, "Bearer t1");
    wait_ms(&world, 2000);
    want_token(&asking);
    answer(POST, 403, "{\"error\":\"no to refresh-1 of pa55word\"}");
    assert_refused(&asking, ERROR_AUTH, "no to *** of ***");
}

static void a_secret_that_comes_back_as_it_was_sent_is_found_too(void **state)
{
    struct asking asking;

    pusher_open(&world, &pusher, "reg.example", "p&ss/w0rd");
    pusher.target.exchange = OCI_EXCHANGE_OAUTH2;
    want_token(&asking);
    check_contains("form", fake_asked(world.http, POST)->body,
                   "password=p%26ss%2Fw0rd");
    answer(POST, 401, "cannot read password=p%26ss%2Fw0rd&access_type");
    assert_refused(&asking, ERROR_AUTH, "cannot read password=***&access_type");
}

/* base64 of <token>:refresh-1 */
static void a_refresh_token_that_went_as_a_password_is_found_too(void **state)
{
    struct asking asking;

    with_identity_token("refresh-1");
    want_token(&asking);
    answer(POST, 404, "");
    assert_header(world.http, GET,
                  "Authorization: Basic PHRva2VuPjpyZWZyZXNoLTE=");
    answer(GET, 401, "no to PHRva2VuPjpyZWZyZXNoLTE=, nor refresh-1");
    assert_refused(&asking, ERROR_AUTH, "no to ***, nor ***");
}

static void a_refresh_token_that_was_replaced_is_found_too(void **state)
{
    struct oci_target targets[3];
    struct asking askings[3];

    two_with_the_same("refresh-1", targets, askings);
    answer(POST, 200,
           "{\"access_token\":\"t2\",\"refresh_token\":\"refresh-2\"}");
    assert_shows(&askings[1], "Bearer t2");
    answer(POST, 400, "{\"error\":\"invalid_grant\"}");
    answer(POST, 400,
           "{\"error\":\"invalid_grant\",\"error_description\":"
           "\"neither refresh-1 nor refresh-2\"}");
    assert_refused(&askings[2], ERROR_AUTH, "neither *** nor ***");
}

/* --- responses ---------------------------------------------------------------
 */

static void a_token_lives_as_long_as_it_is_said_to_and_a_little_less(
    void **state)
{
    static const struct {
        const char *expires_in;
        uint64_t lifetime_ms;
    } rows[] = {
        {"300", 270000},  {"60", 48000},       {"5", 4000},
        {"1", 800},       {"2.5", 2000},       {"0.0001", 0},
        {"0", 48000},     {"-1", 48000},       {"\"300\"", 48000},
        {"null", 48000},  {"1e300", 48000},    {"43200", 43170000},
        {"[300]", 48000}, {"\"soon\"", 48000},
    };

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct oci_target target;
        struct asking asking;
        char body[96];
        char path[16];

        snprintf(path, sizeof(path), "a%zu", i);
        snprintf(body, sizeof(body), "{\"token\":\"t\",\"expires_in\":%s}",
                 rows[i].expires_in);
        ask_path(path, &target, &asking);
        answer(GET, 200, body);
        assert_shows(&asking, "Bearer t");
        check_number(rows[i].expires_in, asking.lifetime_ms,
                     rows[i].lifetime_ms);
    }
}

static void a_token_is_used_until_shortly_before_its_end(void **state)
{
    struct asking asking;

    with_password();
    want_token(&asking);
    answer(GET, 200, TOKEN("t1"));
    assert_shows(&asking, "Bearer t1");
    wait_ms(&world, 269999);
    want_token(&asking);
    assert_shows(&asking, "Bearer t1");
    wait_ms(&world, 1);
    want_token(&asking);
    answer(GET, 200, TOKEN("t2"));
    assert_shows(&asking, "Bearer t2");
}

/* One fetch for each request, and no more */
static void a_token_that_ends_at_once_serves_those_who_wait(void **state)
{
    struct asking askings[2];

    with_password();
    want_token(&askings[0]);
    want_token(&askings[1]);
    answer(GET, 200, "{\"token\":\"t1\",\"expires_in\":0.0001}");
    assert_shows(&askings[0], "Bearer t1");
    assert_shows(&askings[1], "Bearer t1");
    assert_int_equal(fetches(), 1);
    want_token(&askings[0]);
    answer(GET, 200, TOKEN("t2"));
    assert_shows(&askings[0], "Bearer t2");
}

static void an_answer_without_a_token_says_why(void **state)
{
    static const struct {
        const char *body;
        enum error_kind kind;
        const char *words;
    } rows[] = {
        {"{}", ERROR_UNAVAILABLE, "no usable token"},
        {"[]", ERROR_UNAVAILABLE, "no usable token"},
        {"{\"token\":7}", ERROR_UNAVAILABLE, "no usable token"},
        {"{\"token\":\"\",\"access_token\":\"\"}", ERROR_UNAVAILABLE,
         "no usable token"},
        {"{\"token\":\"a b\"}", ERROR_UNAVAILABLE, "no usable token"},
        {"{\"token\":\"a\\r\\nX: y\"}", ERROR_UNAVAILABLE, "no usable token"},
        {"not json", ERROR_INTERMEDIARY, "not JSON"},
        {"<html>", ERROR_INTERMEDIARY, "not JSON"},
        {"", ERROR_INTERMEDIARY, "not JSON"},
        {"{\"error\":\"invalid_client\"}", ERROR_AUTH, "invalid_client"},
        {"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no pa55word\"}]}",
         ERROR_AUTH, "no ***"},
    };

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct asking asking;
        unsigned sent = fetches();

        want_token(&asking);
        answer(GET, 200, rows[i].body);
        check_number(rows[i].body, asking.calls, 1);
        check_kind(rows[i].body, &asking.err, rows[i].kind);
        check_contains(rows[i].body, asking.err.message, rows[i].words);
        check_number(rows[i].body, fetches(), sent + 1);
    }
}

/* An ingress without a backend, a proxy or a login page is the state of the
 * endpoint. What a token server itself says concerns the credential. */
static void whoever_is_in_front_of_it_says_nothing_of_the_credential(
    void **state)
{
    static const struct {
        int status;
        const char *body;
        enum error_kind kind;
    } rows[] = {
        {404, "", ERROR_INTERMEDIARY},
        {404, "default backend - 404", ERROR_INTERMEDIARY},
        {404, "{\"message\":\"no Route matched\"}", ERROR_INTERMEDIARY},
        {404, "{\"status\":404,\"error\":\"Not Found\"}", ERROR_INTERMEDIARY},
        {400, "<html>400 Bad Request</html>", ERROR_INTERMEDIARY},
        {405, "Method Not Allowed", ERROR_INTERMEDIARY},
        {409, "", ERROR_INTERMEDIARY},
        {200, "<!DOCTYPE html><form action='/login'>", ERROR_INTERMEDIARY},
        {400, "{\"error\":\"invalid_scope\"}", ERROR_AUTH},
        {400, "{\"errors\":[{\"code\":\"NAME_INVALID\"}]}", ERROR_AUTH},
        {404, "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}", ERROR_AUTH},
        {403, "<html>no</html>", ERROR_AUTH},
        {401, "", ERROR_AUTH},
    };

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct asking asking;
        unsigned sent = fetches();

        want_token(&asking);
        answer(GET, rows[i].status, rows[i].body);
        check_number(rows[i].body, asking.calls, 1);
        check_kind(rows[i].body, &asking.err, rows[i].kind);
        check_number(rows[i].body, fetches(), sent + 1);
    }
}

/* Otherwise the token server would lock it for a while. */
static void a_400_of_a_proxy_does_not_refuse_the_password(void **state)
{
    struct asking asking;

    want_token_by_form(&asking);
    answer(POST, 400, "Bad Request");
    assert_refused(&asking, ERROR_INTERMEDIARY,
                   "not an answer of a token server");
    want_token(&asking);
    answer(POST, 200, "{\"access_token\":\"t1\"}");
    assert_shows(&asking, "Bearer t1");
}

/* The claims explain a refusal; only the registry refuses. */
static void a_token_for_less_than_was_asked_is_used_all_the_same(void **state)
{
    struct asking asking;

    with_password();
    want_token(&asking);
    answer(GET, 200,
           "{\"access_token\":\"t\",\"scope\":\"repository:acme/app:pull\"}");
    assert_shows(&asking, "Bearer t");
}

static void want_another_token(size_t number, struct oci_target *target,
                               struct asking *asking)
{
    char path[16];

    snprintf(path, sizeof(path), "a%zu", number);
    ask_path(path, target, asking);
}

static void any_2xx_with_a_token_will_do_and_a_byte_order_mark(void **state)
{
    static const int statuses[] = {200, 201, 202, 203};

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        struct oci_target target;
        struct asking asking;

        want_another_token(i, &target, &asking);
        answer(GET, statuses[i], "\xEF\xBB\xBF" TOKEN("t1"));
        assert_shows(&asking, "Bearer t1");
    }
}

/* --- redirects -------------------------------------------------------------
 */

#define MOVED "https://auth.reg.example/v2/token?x=%2f"
#define LOCATION(url) "Location: " url

static void a_redirect_is_followed_with_the_credentials(void **state)
{
    static const int statuses[] = {301, 302, 303, 307, 308};

    with_password();
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        struct oci_target target;
        struct asking asking;

        want_another_token(i, &target, &asking);
        fake_answer(world.http, GET, statuses[i], LOCATION(MOVED), "");
        assert_header(world.http, "GET " MOVED,
                      "Authorization: Basic Ym90OnBhNTV3b3Jk");
        answer("GET " MOVED, 200, TOKEN("t1"));
        assert_shows(&asking, "Bearer t1");
    }
}

static void a_redirected_form_is_sent_again_whole(void **state)
{
    struct asking asking;
    CLEANUP(str_release) struct str form = STR_INIT(STR_UNLIMITED);

    with_identity_token("r1");
    want_token(&asking);
    str_append_text(&form, fake_asked(world.http, POST)->body);
    fake_answer(world.http, POST, 308, LOCATION("/other"), "");
    assert_string_equal(
        fake_asked(world.http, "POST https://auth.reg.example/other")->body,
        form.data);
    answer("POST https://auth.reg.example/other", 200,
           "{\"access_token\":\"t1\",\"refresh_token\":\"r2\"}");
    assert_shows(&asking, "Bearer t1");
    wait_ms(&world, 60000);
    want_token(&asking);
    check_contains("form", fake_asked(world.http, POST)->body,
                   "refresh_token=r2");
    answer(POST, 200, "{\"access_token\":\"t2\"}");
    assert_shows(&asking, "Bearer t2");
}

/* The password would be sent to a host that nobody has named. */
static void a_redirect_to_somebody_else_is_refused(void **state)
{
    static const char *const locations[] = {
        LOCATION("https://elsewhere.test/token"),
        LOCATION("http://elsewhere.test/token"),
        LOCATION("https://169.254.169.254/token"),
        LOCATION("https://127.0.0.1/token"),
        LOCATION("http://reg.example.elsewhere.test/token"),
        LOCATION("https://user:pass@auth.reg.example/token"),
        LOCATION("ftp://auth.reg.example/token"),
        LOCATION(""),
        "X-Location: /token",
    };

    for (size_t i = 0; i < ARRAY_SIZE(locations); i++) {
        struct asking asking;

        with_password();
        want_token(&asking);
        fake_answer(world.http, GET, 302, locations[i], "");
        check_number(locations[i], fake_waiting(world.http), 0);
        check("the credential is not to blame", asking.err.kind != ERROR_AUTH);
        check_contains(locations[i], asking.err.message, "redirects to");
        end_world(NULL);
        begin(NULL);
    }
    with_password();
}

/* A proxy that terminates TLS does not know that https was used. */
static void a_redirect_to_http_at_home_goes_by_https(void **state)
{
    struct asking asking;

    with_password();
    want_token(&asking);
    fake_answer(world.http, GET, 301,
                LOCATION("http://auth.reg.example/v2/token"), "");
    answer("GET https://auth.reg.example/v2/token", 200, TOKEN("t1"));
    assert_shows(&asking, "Bearer t1");
}

/* The registry's own plain http does not permit this. */
static void https_is_not_left_for_http(void **state)
{
    struct asking asking;

    pusher_open(&world, &pusher, "localhost:5000", PASSWORD);
    pusher.target.https = false;
    pusher.target.plain_http_allowed = true;
    ask(&world, &pusher, &asking);
    fake_answer(world.http, "GET http://localhost:5000/v2/", 401,
                "WWW-Authenticate: Bearer realm=\"https://localhost:5001/t\"",
                "");
    fake_answer(world.http, "GET https://localhost:5001/t?*", 307,
                LOCATION("http://127.0.0.1:5000/t"), "");
    assert_refused(&asking, ERROR_BLOCKED, "redirects to 'http://127.0.0.1'");
    assert_int_equal(fake_waiting(world.http), 0);
}

static void redirects_come_to_an_end(void **state)
{
    struct asking asking;

    with_password();
    want_token(&asking);
    for (int i = 0; i < LIMIT_REDIRECTS; i++) {
        fake_answer(world.http, "GET https://auth.reg.example/*", 302,
                    LOCATION("/again"), "");
    }
    fake_answer(world.http, "GET https://auth.reg.example/again", 302,
                LOCATION("/again"), "");
    assert_refused(&asking, ERROR_INTERMEDIARY, "redirects more than 5 times");
}

static void a_form_is_not_turned_into_a_get(void **state)
{
    struct asking asking;

    with_identity_token("r1");
    want_token(&asking);
    fake_answer(world.http, POST, 303, LOCATION("/other"), "");
    assert_refused(&asking, ERROR_INTERMEDIARY, "redirects a POST with 303");
}

/* Requests that wait for the same server are not sent after the first has
 * failed. */
static void a_refused_redirect_ends_all_who_wait(void **state)
{
    struct oci_target targets[2];
    struct asking askings[2];

    with_password();
    ask_path("a", &targets[0], &askings[0]);
    ask_path("b", &targets[1], &askings[1]);
    fake_answer(world.http, GET, 302, LOCATION("https://elsewhere.test/"), "");
    assert_refused(&askings[0], ERROR_BLOCKED, "elsewhere.test");
    assert_refused(&askings[1], ERROR_BLOCKED, "elsewhere.test");
    assert_int_equal(fetches(), 1);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, end_world)
    static const struct CMUnitTest tests[] = {
        ROW(a_password_goes_by_get_and_basic),
        ROW(one_fetch_serves_all_who_wait),
        ROW(who_goes_away_leaves_the_token_to_the_others),
        ROW(a_client_may_go_with_fetches_under_way),
        ROW(a_wrong_password_is_shown_once),
        ROW(a_refusal_is_taken_as_read_for_ten_seconds),
        ROW(the_refusal_of_one_credential_is_none_of_another),
        ROW(one_repository_that_is_denied_is_no_refusal_of_the_others),
        ROW(once_it_is_known_to_be_good_they_go_side_by_side),
        ROW(a_server_in_trouble_is_so_for_all_who_wait),
        ROW(an_identity_token_goes_by_post),
        ROW(a_refresh_token_for_one_use_is_used_once),
        ROW(one_that_was_replaced_on_the_way_is_not_given_up),
        ROW(a_refresh_token_that_has_ended_gives_way_to_the_password),
        ROW(who_knows_no_post_is_asked_by_get),
        ROW(a_404_of_the_moment_is_not_for_ever),
        ROW(whoever_wants_oauth2_gets_no_get),
        ROW(a_message_names_the_server_and_the_credentials),
        ROW(a_404_to_get_suggests_no_other_method),
        ROW(no_secret_comes_back_in_a_message),
        ROW(a_secret_that_comes_back_as_it_was_sent_is_found_too),
        ROW(a_refresh_token_that_went_as_a_password_is_found_too),
        ROW(a_refresh_token_that_was_replaced_is_found_too),
        ROW(a_token_lives_as_long_as_it_is_said_to_and_a_little_less),
        ROW(a_token_is_used_until_shortly_before_its_end),
        ROW(a_token_that_ends_at_once_serves_those_who_wait),
        ROW(an_answer_without_a_token_says_why),
        ROW(whoever_is_in_front_of_it_says_nothing_of_the_credential),
        ROW(a_400_of_a_proxy_does_not_refuse_the_password),
        ROW(a_token_for_less_than_was_asked_is_used_all_the_same),
        ROW(any_2xx_with_a_token_will_do_and_a_byte_order_mark),
        ROW(a_redirect_is_followed_with_the_credentials),
        ROW(a_redirected_form_is_sent_again_whole),
        ROW(a_redirect_to_somebody_else_is_refused),
        ROW(a_redirect_to_http_at_home_goes_by_https),
        ROW(https_is_not_left_for_http),
        ROW(redirects_come_to_an_end),
        ROW(a_form_is_not_turned_into_a_get),
        ROW(a_refused_redirect_ends_all_who_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
