#include "asserts.h"
#include "oci/capabilities.h"

/* --- blobs that are sent with their POST ---------------------------------- */

enum { WITH = 1000 }; /* added to the status of a POST that contained a blob */

/* Responses to POSTs, and whether the next small and large blobs are sent along
 */
struct history {
    const char *name;
    int statuses[4]; /* ends with -1; 0 is a POST without a response */
    bool small;
    bool large;
};

static const struct history histories[] = {
    {"nothing yet", {-1}, true, false},
    {"accepted", {WITH + 201, -1}, true, true},
    {"session opened instead", {WITH + 202, -1}, false, false},
    {"not understood", {WITH + 405, -1}, false, false},
    {"not understood once more", {WITH + 400, WITH + 400, -1}, false, false},
    {"accepted, and another blob refused",
     {WITH + 201, WITH + 400, -1},
     true,
     true},
    {"no answer", {WITH + 0, -1}, false, false},
    {"server error", {WITH + 500, -1}, false, false},
    {"no answer, and the next is accepted", {WITH + 0, 202, -1}, false, false},
    {"no answer, nor does the next have one", {WITH + 0, 0, -1}, true, false},
    {"trouble, and the next fails too", {WITH + 502, 502, -1}, true, false},
    {"an outage says nothing", {WITH + 503, -1}, true, false},
    {"a rate limit says nothing", {WITH + 429, -1}, true, false},
    {"... nor decides a suspicion", {WITH + 0, 429, -1}, false, false},
    {"a POST without a blob teaches nothing", {202, -1}, true, false},
    {"accepted, and then an outage", {WITH + 201, WITH + 500, -1}, true, true},
};

static void single_post__is_learned_from_the_answers_to_posts(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(histories); i++) {
        const struct history *row = &histories[i];
        struct capabilities capabilities;

        capabilities_init(&capabilities, false);
        for (const int *status = row->statuses; *status >= 0; status++) {
            (void)capabilities_learn_post(&capabilities, *status >= WITH,
                                          *status % WITH);
        }
        check(row->name,
              capabilities_use_single_post(&capabilities, 4096) == row->small);
        check(row->name,
              capabilities_use_single_post(&capabilities, 4097) == row->large);
        capabilities_release(&capabilities);
    }
}

static void single_post__is_not_tried_where_the_provider_has_none(void **state)
{
    struct capabilities capabilities;

    capabilities_init(&capabilities, true);
    assert_false(capabilities_use_single_post(&capabilities, 1));
    capabilities_release(&capabilities);
}

static void a_blob_is_sent_again_where_its_post_was_not_understood(void **state)
{
    static const struct {
        int status;
        bool again;
    } rows[] = {{400, true},  {405, true}, {411, true},  {415, true},
                {422, true},  {501, true}, {201, false}, {202, false},
                {401, false}, {404, true}, {413, false}, {500, false},
                {503, false}, {0, false}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct capabilities capabilities;
        char name[16];

        snprintf(name, sizeof(name), "%d", rows[i].status);
        capabilities_init(&capabilities, false);
        check(name, capabilities_learn_post(&capabilities, true,
                                            rows[i].status) == rows[i].again);
        check(name,
              !capabilities_learn_post(&capabilities, false, rows[i].status));
        capabilities_release(&capabilities);
    }
}

static void single_post__is_given_up_when_a_blob_was_lost(void **state)
{
    struct capabilities capabilities;

    capabilities_init(&capabilities, false);
    assert_false(capabilities_learn_post(&capabilities, true, 201));
    capabilities_learn_lost_blob(&capabilities);
    assert_false(capabilities_use_single_post(&capabilities, 1));
    capabilities_release(&capabilities);
}

static void the_smallest_of_the_chunks_that_helped_is_kept(void **state)
{
    struct capabilities capabilities;

    capabilities_init(&capabilities, false);
    capabilities_learn_max_chunk(&capabilities, 1000);
    capabilities_learn_max_chunk(&capabilities, 10);
    capabilities_learn_max_chunk(&capabilities, 100);
    assert_int_equal(capabilities.max_chunk, 10);
    capabilities_release(&capabilities);
}

/* --- how to authenticate -------------------------------------------------- */

static bool ping(struct capabilities *capabilities, int status,
                 const char *headers)
{
    struct http_response response = {.status = status};
    bool known;

    str_init(&response.headers, STR_UNLIMITED);
    str_append_text(&response.headers, headers);
    known = capabilities_learn_ping(capabilities, &response);
    str_release(&response.headers);
    return known;
}

#define BEARER "WWW-Authenticate: Bearer realm=\"r\"\n"

/* Keychains are only compared. */
static const struct keychain *const one = (const struct keychain *)"1";
static const struct keychain *const other = (const struct keychain *)"2";

static enum auth_scheme scheme(const struct capabilities *capabilities,
                               const struct keychain *keychain)
{
    return capabilities_challenge(capabilities, keychain)->scheme;
}

static void a_ping_says_how_all_registrations_authenticate(void **state)
{
    struct capabilities capabilities;

    capabilities_init(&capabilities, false);
    assert_int_equal(scheme(&capabilities, one), AUTH_UNKNOWN);
    assert_true(ping(&capabilities, 401, BEARER));
    assert_int_equal(capabilities.ping_status, 401);
    assert_int_equal(scheme(&capabilities, one), AUTH_BEARER);
    assert_int_equal(scheme(&capabilities, other), AUTH_BEARER);
    /* A response that is unrelated changes nothing. */
    assert_true(ping(&capabilities, 503, ""));
    assert_int_equal(scheme(&capabilities, one), AUTH_BEARER);
    assert_true(capabilities_learn_ping(&capabilities, NULL));
    assert_int_equal(capabilities.ping_status, 0);
    assert_int_equal(scheme(&capabilities, one), AUTH_BEARER);
    assert_true(ping(&capabilities, 200, ""));
    assert_int_equal(scheme(&capabilities, one), AUTH_NONE);
    capabilities_release(&capabilities);
}

static void a_ping_with_an_unknown_challenge_is_none(void **state)
{
    struct capabilities capabilities;

    capabilities_init(&capabilities, false);
    assert_false(ping(&capabilities, 401, "WWW-Authenticate: Digest a=b\n"));
    assert_int_equal(scheme(&capabilities, one), AUTH_UNKNOWN);
    capabilities_release(&capabilities);
}

static void a_challenge_is_that_of_the_registration_that_got_it(void **state)
{
    const struct challenge basic = {.scheme = AUTH_BASIC};
    struct capabilities capabilities;

    capabilities_init(&capabilities, false);
    assert_true(ping(&capabilities, 401, BEARER));
    capabilities_learn_challenge(&capabilities, one, &basic);
    assert_int_equal(scheme(&capabilities, one), AUTH_BASIC);
    assert_int_equal(scheme(&capabilities, other), AUTH_BEARER);
    /* A ping resets it for nobody ... */
    assert_true(ping(&capabilities, 401, BEARER));
    assert_int_equal(scheme(&capabilities, one), AUTH_BASIC);
    /* ... except for those that were reset. */
    capabilities_forget_challenge(&capabilities, one);
    assert_int_equal(scheme(&capabilities, one), AUTH_UNKNOWN);
    assert_int_equal(scheme(&capabilities, other), AUTH_BEARER);
    assert_true(ping(&capabilities, 401, BEARER));
    assert_int_equal(scheme(&capabilities, one), AUTH_BEARER);
    capabilities_release(&capabilities);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_post__is_learned_from_the_answers_to_posts),
        cmocka_unit_test(single_post__is_not_tried_where_the_provider_has_none),
        cmocka_unit_test(
            a_blob_is_sent_again_where_its_post_was_not_understood),
        cmocka_unit_test(single_post__is_given_up_when_a_blob_was_lost),
        cmocka_unit_test(the_smallest_of_the_chunks_that_helped_is_kept),
        cmocka_unit_test(a_ping_says_how_all_registrations_authenticate),
        cmocka_unit_test(a_ping_with_an_unknown_challenge_is_none),
        cmocka_unit_test(a_challenge_is_that_of_the_registration_that_got_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
