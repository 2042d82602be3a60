#include "asserts.h"
#include "fake_clock.h"
#include "oci/errors.h"
#include "waybill/utf8.h"

static struct fake_time now = {0, 1767323045000};
static const struct clock fake = FAKE_CLOCK(&now);
static struct network network;
static struct oci_client *client;
/* Nothing, unless a test sets it: then the credentials of the target's keychain
 * apply. */
static struct secret_set revealed;
static struct oci_target target = {.registry = "reg.example", .path = "a"};

static void on_ready(void *payload, const struct credential *credential,
                     const struct error *err)
{
    *(bool *)payload = true;
}

/* With a credential that has been found: only that can be removed. */
static struct keychain *keychain_with(const struct keychain_options *options)
{
    struct keychain *keychain = keychain_new(&network, options);
    bool done = false;
    struct keychain_waiter waiter = {.ready = on_ready, .payload = &done};

    keychain_wait(keychain, &waiter);
    while (!done) {
        loop_turn(network.loop, false);
    }
    return keychain;
}

static int begin(void **state)
{
    static const struct keychain_options options = {
        .registry = "reg.example",
        .path = "a",
        .username = "bot",
        .password = "hunter2",
    };

    network.loop = loop_new(&fake);
    client = oci_client_new(&network);
    target.keychain = keychain_with(&options);
    return 0;
}

static int finish(void **state)
{
    keychain_free(target.keychain);
    oci_client_free(client);
    loop_free(network.loop);
    return 0;
}

static void answer(int status, const char *headers, const char *body,
                   struct error *err)
{
    struct http_response response = {.status = status};

    str_init(&response.headers, STR_UNLIMITED);
    str_init(&response.body, STR_UNLIMITED);
    str_append_text(&response.headers, headers);
    str_append_text(&response.body, body);
    *err = (struct error)ERROR_UNTOUCHED;
    assert_int_equal(
        oci_error_of(&response, "upload", &target, client, &revealed, err), -1);
    str_release(&response.headers);
    str_release(&response.body);
}

#define SAYS(code) "{\"errors\":[{\"code\":\"" code "\",\"message\":\"m\"}]}"
#define ERRORS(code, message)                                                  \
    "{\"errors\":[{\"code\":\"" code "\",\"message\":\"" message "\"}]}"

struct meaning {
    int status;
    const char *body;
    enum error_kind kind;
    const char *code;
    const char *message;
};

static const struct meaning meanings[] = {
    {400, SAYS("NAME_INVALID"), ERROR_REJECTED, "NAME_INVALID",
     "upload: registry 'reg.example' answers 400 NAME_INVALID: m"},
    {400, SAYS("MANIFEST_INVALID"), ERROR_REJECTED, "MANIFEST_INVALID", NULL},
    {401, SAYS("UNAUTHORIZED"), ERROR_AUTH, "UNAUTHORIZED", NULL},
    {403, SAYS("DENIED"), ERROR_AUTH, "DENIED",
     "upload: registry 'reg.example' answers 403 DENIED: m"},
    {404, SAYS("NAME_UNKNOWN"), ERROR_NOT_FOUND, "NAME_UNKNOWN", NULL},
    {405, SAYS("UNSUPPORTED"), ERROR_BLOCKED, "UNSUPPORTED", NULL},
    {413, "", ERROR_TOO_LARGE, "", NULL},
    {413, SAYS("SIZE_INVALID"), ERROR_TOO_LARGE, "SIZE_INVALID", NULL},
    /* from an intermediary */
    {404, "", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 404 (not an answer of a "
     "registry)"},
    {404, "default backend - 404", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 404: default backend - 404 (not "
     "an answer of a registry)"},
    {404, "<html><h1>404 Not Found</h1></html>", ERROR_INTERMEDIARY, "", NULL},
    {404, "{\"message\":\"no Route matched with those values\"}",
     ERROR_INTERMEDIARY, "", NULL},
    {400, "Bad Request", ERROR_INTERMEDIARY, "", NULL},
    {405, "Method Not Allowed", ERROR_INTERMEDIARY, "", NULL},
    {409, "", ERROR_INTERMEDIARY, "", NULL},
    {422, "no", ERROR_INTERMEDIARY, "", NULL},
    {200, "<html>", ERROR_INTERMEDIARY, "", NULL},
    {303, "", ERROR_INTERMEDIARY, "", NULL},
    /* accepts nothing at present */
    {405,
     ERRORS("DENIED", "System is currently read-only. Pulls will succeed "
                      "but all write operations are currently suspended."),
     ERROR_BLOCKED, "DENIED", NULL},
    {403,
     ERRORS("DENIED", "The system is in read only mode. Any modification "
                      "is prohibited."),
     ERROR_BLOCKED, "DENIED", NULL},
    {403,
     ERRORS("DENIED", "Quota exceeded when processing the request of "
                      "adding 1.1 KiB of storage resource"),
     ERROR_BLOCKED, "DENIED", NULL},
    {412,
     ERRORS("PRECONDITION", "adding 1 KiB, which when updated to current "
                            "usage of 10 MiB will exceed the configured "
                            "upper limit of 10 MiB"),
     ERROR_BLOCKED, "PRECONDITION", NULL},
    {413, ERRORS("DENIED", "the storage quota of the project is exceeded"),
     ERROR_BLOCKED, "DENIED", NULL},
    {403, SAYS("QUOTA_EXCEEDED"), ERROR_BLOCKED, "QUOTA_EXCEEDED", NULL},
    {402, "", ERROR_BLOCKED, "", NULL},
    {429, ERRORS("TOOMANYREQUESTS", "Quota exceeded for quota metric"),
     ERROR_RATE_LIMITED, "TOOMANYREQUESTS", NULL},
    {400, ERRORS("NAME_INVALID", "acme/quota-limit is no name"), ERROR_REJECTED,
     "NAME_INVALID", NULL},
    {403, ERRORS("DENIED", "no access to acme/quota"), ERROR_AUTH, "DENIED",
     NULL},
    {401, ERRORS("UNAUTHORIZED", "quota exceeded"), ERROR_AUTH, "UNAUTHORIZED",
     NULL},
    /* not now */
    {408, "", ERROR_UNAVAILABLE, "", NULL},
    {425, "", ERROR_UNAVAILABLE, "", NULL},
    {429, SAYS("TOOMANYREQUESTS"), ERROR_RATE_LIMITED, "TOOMANYREQUESTS", NULL},
    {500, "", ERROR_UNAVAILABLE, "", NULL},
    {502, "", ERROR_UNAVAILABLE, "", NULL},
    {503, SAYS("UNKNOWN"), ERROR_UNAVAILABLE, "UNKNOWN", NULL},
    {504, "", ERROR_UNAVAILABLE, "", NULL},
    /* rate limits */
    {429, "", ERROR_RATE_LIMITED, "", NULL},
    {429, SAYS("DENIED"), ERROR_RATE_LIMITED, "DENIED", NULL},
    {429, "<html>", ERROR_RATE_LIMITED, "", NULL},
    {400, SAYS("TOOMANYREQUESTS"), ERROR_RATE_LIMITED, "TOOMANYREQUESTS", NULL},
    {401, SAYS("TOOMANYREQUESTS"), ERROR_RATE_LIMITED, "TOOMANYREQUESTS", NULL},
    {403, SAYS("TOOMANYREQUESTS"), ERROR_RATE_LIMITED, "TOOMANYREQUESTS", NULL},
    {403, "secondary Rate Limit exceeded", ERROR_RATE_LIMITED, "", NULL},
    {403, "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"RATE LIMIT\"}]}",
     ERROR_RATE_LIMITED, "DENIED", NULL},
    {400, "rate limit", ERROR_INTERMEDIARY, "", NULL},
    {404, "rate limit", ERROR_INTERMEDIARY, "", NULL},
    {503, "rate limit", ERROR_UNAVAILABLE, "", NULL},
    /* restart of the upload */
    {416, "", ERROR_INTERRUPTED, "", NULL},
    {404, SAYS("BLOB_UPLOAD_UNKNOWN"), ERROR_INTERRUPTED, "BLOB_UPLOAD_UNKNOWN",
     NULL},
    {400, SAYS("BLOB_UPLOAD_INVALID"), ERROR_INTERRUPTED, "BLOB_UPLOAD_INVALID",
     NULL},
    {400, SAYS("DIGEST_INVALID"), ERROR_INTERRUPTED, "DIGEST_INVALID", NULL},
    {404, SAYS("MANIFEST_BLOB_UNKNOWN"), ERROR_INTERRUPTED,
     "MANIFEST_BLOB_UNKNOWN", NULL},
    {404, SAYS("BLOB_UNKNOWN"), ERROR_INTERRUPTED, "BLOB_UNKNOWN", NULL},
    {400, SAYS("MANIFEST_BLOB_UNKNOWN"), ERROR_INTERRUPTED,
     "MANIFEST_BLOB_UNKNOWN", NULL},
    {416, SAYS("BLOB_UPLOAD_INVALID"), ERROR_INTERRUPTED, "BLOB_UPLOAD_INVALID",
     NULL},
    {500, SAYS("BLOB_UPLOAD_UNKNOWN"), ERROR_UNAVAILABLE, "BLOB_UPLOAD_UNKNOWN",
     NULL},
    {429, SAYS("BLOB_UPLOAD_UNKNOWN"), ERROR_RATE_LIMITED,
     "BLOB_UPLOAD_UNKNOWN", NULL},
    {404, SAYS("blob_unknown"), ERROR_NOT_FOUND, "", NULL},
    {404, SAYS("MANIFEST_UNKNOWN"), ERROR_NOT_FOUND, "MANIFEST_UNKNOWN", NULL},
    /* a refusal with status 400 (ECR Public), and others */
    {400, SAYS("DENIED"), ERROR_AUTH, "DENIED", NULL},
    {400, SAYS("UNAUTHORIZED"), ERROR_AUTH, "UNAUTHORIZED", NULL},
    {404, SAYS("DENIED"), ERROR_NOT_FOUND, "DENIED", NULL},
    /* bodies of every form */
    {400, "{\"errors\":[]}", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400 (not an answer of a "
     "registry)"},
    {400, "{\"errors\":{}}", ERROR_INTERMEDIARY, "", NULL},
    {400, "{\"errors\":[7]}", ERROR_INTERMEDIARY, "", NULL},
    {400, "{\"errors\":[{\"code\":7,\"message\":[]}]}", ERROR_INTERMEDIARY, "",
     NULL},
    {400, "{\"errors\":[{\"message\":\"m\"}]}", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: m (not an answer of a "
     "registry)"},
    {400, "{\"errors\":[{\"code\":\"A\"},{\"code\":\"B\"}]}", ERROR_REJECTED,
     "A", "upload: registry 'reg.example' answers 400 A"},
    {400, "{\"errors\":[{\"code\":\"bad code\"}]}", ERROR_REJECTED, "", NULL},
    {400, "{\"errors\":[{\"code\":\"A\\nB\"}]}", ERROR_REJECTED, "A", NULL},
    {400, "{\"errors\":[{\"code\":\"A\"", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400 (not an answer of a "
     "registry)"},
    {400, "[]", ERROR_INTERMEDIARY, "", NULL},
    /* ... and of every intermediary */
    {400, "{\"message\":\"no\"}", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: no (not an answer of a "
     "registry)"},
    {400, "{\"Message\":\"no\"}", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: no (not an answer of a "
     "registry)"},
    {400, "{\"errors\":[\"no\",\"never\"]}", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: no (not an answer of a "
     "registry)"},
    {400, "{\"errors\":\"no\"}", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: no (not an answer of a "
     "registry)"},
    {400, "{\"errors\":{\"tag\":[\"no\"]}}", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: tag: no (not an answer of a "
     "registry)"},
    {400, "{\"errors\":{\"code\":\"A\",\"message\":\"no\"}}",
     ERROR_INTERMEDIARY, "A",
     "upload: registry 'reg.example' answers 400 A: no (not an answer of a "
     "registry)"},
    {400, "{\"error\":\"no\"}", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: no (not an answer of a "
     "registry)"},
    {400, "{\"error\":{\"code\":400,\"message\":\"no\"}}", ERROR_INTERMEDIARY,
     "",
     "upload: registry 'reg.example' answers 400: no (not an answer of a "
     "registry)"},
    {400, "{\"status\":400,\"error\":\"Bad Request\",\"message\":\"no\"}",
     ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: no (not an answer of a "
     "registry)"},
    {400,
     "{\"type\":\"https://x/p\",\"title\":\"Wrong\",\"status\":400,"
     "\"detail\":\"no\"}",
     ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: Wrong: no (not an answer of "
     "a registry)"},
    {400, "{\"errors\":[{\"code\":\"A\",\"detail\":\"no\"}]}", ERROR_REJECTED,
     "A", "upload: registry 'reg.example' answers 400 A: no"},
    {403, "{\"errors\":[{\"status\":403,\"message\":\"no\"}]}", ERROR_AUTH, "",
     "upload: registry 'reg.example' answers 403: no"},
    {400, "\xEF\xBB\xBF" SAYS("A"), ERROR_REJECTED, "A",
     "upload: registry 'reg.example' answers 400 A: m"},
    {400, "{\"code\":\"A\",\"message\":\"no\"}", ERROR_INTERMEDIARY, "A",
     "upload: registry 'reg.example' answers 400 A: no (not an answer of a "
     "registry)"},
    {400, " \n too bad\x1B[31m\n", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400: too bad [31m  (not an answer "
     "of a registry)"},
    {400, "<!DOCTYPE html><html>secret</html>", ERROR_INTERMEDIARY, "",
     "upload: registry 'reg.example' answers 400 (not an answer of a "
     "registry)"},
    {502, "\n\t<html>", ERROR_UNAVAILABLE, "",
     "upload: registry 'reg.example' answers 502"},
};

static void errors__mean_something_by_status_and_code(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        const struct meaning *row = &meanings[i];
        struct error err;
        char label[64];

        snprintf(label, sizeof(label), "%d %.50s", row->status, row->body);
        answer(row->status, "", row->body, &err);
        check_kind(label, &err, row->kind);
        check_text(label, err.code, row->code);
        check_number(label, err.http_status, row->status);
        check_number(label, err.retry_after_ms, 0);
        if (row->message != NULL) {
            check_text(label, err.message, row->message);
        }
    }
}

static void errors__carry_what_the_registry_asks_us_to_wait(void **state)
{
    struct error err;

    answer(429, "retry-after: 7\n", "", &err);
    assert_int_equal(err.retry_after_ms, 7000);
    answer(503, "Retry-After: Fri, 02 Jan 2026 03:04:15 GMT\n", "", &err);
    assert_int_equal(err.retry_after_ms, 10000);
}

#define GHCR(when)                                                             \
    "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"retry-after:"    \
    " " when ", allowed: 44000/minute\"}]}"

struct wait {
    const char *label;
    int status;
    const char *headers;
    const char *body;
    uint32_t ms;
};

/* The delay is in the body of GHCR's response, as a Go duration. */
static const struct wait waits[] = {
    {"milliseconds are a second", 429, "", GHCR("10.3ms"), 1000},
    {"minutes", 429, "", GHCR("1m30.5s"), 90500},
    {"hours", 429, "", GHCR("1h0m1s"), 300000},
    {"many milliseconds", 429, "", GHCR("2500ms"), 2500},
    {"seconds", 429, "", GHCR("7s"), 7000},
    {"a fraction", 429, "", GHCR("1.3s"), 1300},
    {"less than a second", 429, "", GHCR("0.2s"), 1000},
    {"nothing", 429, "", GHCR("0s"), 1000},
    {"microseconds", 429, "", GHCR("907.204\xC2\xB5s"), 1000},
    {"microseconds with the other letter", 429, "", GHCR("907.204\xCE\xBCs"),
     1000},
    {"microseconds in ASCII", 429, "", GHCR("250000us"), 1000},
    {"nanoseconds", 429, "", GHCR("999999ns"), 1000},
    {"the longest that counts", 429, "", GHCR("300s"), 300000},
    {"longer", 429, "", GHCR("301s"), 300000},
    {"absurdly long", 429, "", GHCR("99999999999999999999s"), 300000},
    {"too long for a number", 429, "", GHCR("1e999s"), 300000},
    {"in the past", 429, "", GHCR("-5s"), 1000},
    {"no number", 429, "", GHCR("soon"), 1000},
    {"no number at all", 429, "", GHCR("NaNs"), 1000},
    {"no unit", 429, "", GHCR("12"), 1000},
    {"upper case", 429, "", "Retry-After: 4s", 4000},
    {"without a blank", 429, "", "slow down, retry-after:4s", 4000},
    {"without a word", 429, "", "", 0},
    {"another word", 429, "", "try again in 4s", 0},
    {"cut behind the label", 429, "", "retry-after:", 1000},
    {"the header counts more", 429, "Retry-After: 9\n", GHCR("4s"), 9000},
    {"a header that says nothing", 429, "Retry-After: never\n", GHCR("4s"),
     4000},
    {"a limit that is called 403", 403, "",
     "secondary rate limit, retry-after: 4s", 4000},
    {"not of any other error", 400, "", "retry-after: 4s", 0},
    {"not of an outage", 503, "", "retry-after: 4s", 0},
};

static void errors__read_what_ghcr_asks_us_to_wait(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        struct error err;

        answer(waits[i].status, waits[i].headers, waits[i].body, &err);
        check_number(waits[i].label, err.retry_after_ms, waits[i].ms);
    }
}

static void errors__show_only_so_much_of_a_registrys_words(void **state)
{
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    struct error err;

    for (int i = 0; i < 1000; i++) {
        str_append_text(&body, "\xE2\x82\xAC");
    }
    answer(400, "", body.data, &err);
    assert_true(strlen(err.message) < 400);
    assert_true(utf8_valid(err.message, strlen(err.message)));
}

static void errors__hold_a_code_that_fits(void **state)
{
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    struct error err;

    str_append_text(&body, "{\"errors\":[{\"code\":\"");
    for (int i = 0; i < 200; i++) {
        str_append_char(&body, 'A');
    }
    str_append_text(&body, "\"}]}");
    answer(400, "", body.data, &err);
    assert_int_equal(strlen(err.code), ERROR_CODE_SIZE - 1);
}

/* --- secrets -------------------------------------------------------------- */

static void errors__never_show_a_secret(void **state)
{
    static const char *const bodies[] = {
        "no hunter2 here, hunter2",
        "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"bad hunter2\"}]}",
        "Authorization: Basic Ym90Omh1bnRlcjI=",
        "{\"errors\":[{\"code\":\"X\",\"message\":\"Ym90Omh1bnRlcjI=\"}]}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        struct error err;

        answer(403, "", bodies[i], &err);
        check(bodies[i], strstr(err.message, "hunter2") == NULL);
        check(bodies[i], strstr(err.message, "Ym90Omh1bnRlcjI=") == NULL);
        check_contains(bodies[i], err.message, "***");
    }
}

/* Nor one that the request has revealed, and that no keychain has */
static void errors__never_show_what_was_revealed(void **state)
{
    struct error err;

    secret_set_add(&revealed, "token-1");
    answer(403, "", "token-1, %74oken-1 and hunter2", &err);
    assert_message_contains(&err, ": ***, *** and ***");
    answer(403, "", SAYS("TOKEN"), &err);
    assert_string_equal(err.code, "TOKEN");
    secret_set_release(&revealed);
}

/* It becomes a part of outcomes and headers. */
static void errors__never_show_a_secret_as_a_code(void **state)
{
    struct keychain_options options = {
        .registry = "r",
        .path = "a",
        .username = "u",
        .password = "HUNTER2_HUNTER2",
    };
    struct oci_target shouting = target;
    struct http_response response = {.status = 403};
    struct error err;

    shouting.keychain = keychain_with(&options);
    str_init(&response.headers, STR_UNLIMITED);
    str_init(&response.body, STR_UNLIMITED);
    str_append_text(&response.body, SAYS("HUNTER2_HUNTER2"));
    oci_error_of(&response, "upload", &shouting, client, &revealed, &err);
    keychain_free(shouting.keychain);
    str_release(&response.headers);
    str_release(&response.body);
    assert_null(strstr(err.message, "HUNTER2_HUNTER2"));
    assert_null(strstr(err.code, "HUNTER2_HUNTER2"));
}

/* The beginning of a secret in hex, up to its first letter, is not an error
 * code. */
static void errors__take_no_part_of_a_word_as_a_code(void **state)
{
    struct error err;

    answer(403, "", SAYS("53757033722bdeadbeef"), &err);
    assert_string_equal(err.code, "");
    assert_null(strstr(err.message, "5375"));
    answer(403, "", SAYS("DENIED: no"), &err);
    assert_string_equal(err.code, "DENIED");
}

/* The message is truncated at 300 bytes, perhaps in the middle of it. */
static void errors__never_show_the_beginning_of_a_secret(void **state)
{
    for (size_t before = 290; before < 300; before++) {
        char body[400];
        struct error err;

        memset(body, ' ', before);
        body[0] = '-';
        strcpy(body + before, "hunter2");
        answer(403, "", body, &err);
        check(err.message, strstr(err.message, "hunter") == NULL);
        check(err.message, strstr(err.message, "hunt") == NULL);
    }
}

static void errors__scrub_whatever_text_they_are_given(void **state)
{
    struct oci_target anonymous = {.registry = "r"};
    struct keychain_options stars = {
        .registry = "r", .path = "a", .username = "u", .password = "****"};
    struct keychain_options few = {
        .registry = "r", .path = "a", .username = "u", .password = "abc"};
    struct oci_target starred = {.keychain = keychain_with(&stars)};
    struct oci_target brief = {.keychain = keychain_with(&few)};
    struct error err;

    error_set(&err, ERROR_AUTH, "hunter2hunter2");
    oci_scrub(&target, &revealed, &err);
    assert_string_equal(err.message, "***");
    oci_scrub(&anonymous, &revealed, &err);
    assert_string_equal(err.message, "***");
    error_set(&err, ERROR_AUTH, "nothing to see");
    oci_scrub(&target, &revealed, &err);
    assert_string_equal(err.message, "nothing to see");
    error_set(&err, ERROR_AUTH, "a **** b");
    oci_scrub(&starred, &revealed, &err);
    assert_string_equal(err.message, "a *** b");
    error_set(&err, ERROR_AUTH, "abcabc");
    oci_scrub(&brief, &revealed, &err);
    assert_string_equal(err.message, "abcabc");
    keychain_free(starred.keychain);
    keychain_free(brief.keychain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors__mean_something_by_status_and_code),
        cmocka_unit_test(errors__carry_what_the_registry_asks_us_to_wait),
        cmocka_unit_test(errors__read_what_ghcr_asks_us_to_wait),
        cmocka_unit_test(errors__show_only_so_much_of_a_registrys_words),
        cmocka_unit_test(errors__hold_a_code_that_fits),
        cmocka_unit_test(errors__never_show_a_secret),
        cmocka_unit_test(errors__never_show_what_was_revealed),
        cmocka_unit_test(errors__never_show_a_secret_as_a_code),
        cmocka_unit_test(errors__take_no_part_of_a_word_as_a_code),
        cmocka_unit_test(errors__never_show_the_beginning_of_a_secret),
        cmocka_unit_test(errors__scrub_whatever_text_they_are_given),
    };

    return cmocka_run_group_tests(tests, begin, finish);
}
