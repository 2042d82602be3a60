#include "oci/upload.h"

#include <stdlib.h>

#include "oci_world.h"

/* upload.c, and what it learns about a registry, as the next uploads show */

#define UPLOADS REG "/v2/" PATH "/blobs/uploads/"
#define POST "POST " UPLOADS
#define WITH_BLOB POST "?digest=*"
#define SESSION "Location: /up/1?s=a%3Db"

/* A blob in transit */
struct sending {
    struct upload upload;
    struct oci_blob blob;
    int calls;
    struct error err;
};

static struct sending sending;
static struct sending other;

static void on_finished(void *payload, const struct error *err)
{
    struct sending *one = payload;

    one->calls++;
    one->err = err != NULL ? *err : (struct error){0};
}

static void empty(struct oci_blob *blob)
{
    mem_free((void *)blob->data.data);
    *blob = (struct oci_blob){0};
}

static void fill(struct oci_blob *blob, size_t len)
{
    unsigned char *data = mem_alloc(len);

    for (size_t i = 0; i < len; i++) {
        data[i] = (unsigned char)('a' + i % 26);
    }
    empty(blob);
    blob->data = (struct bytes){data, len};
    digest_of(data, len, &blob->digest);
}

static int begin(void **state)
{
    (void)state;
    world_open(&world);
    pusher_open(&world, &pusher, "reg.example", NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    empty(&sending.blob);
    empty(&other.blob);
    world_close(&world);
    pusher_close(&pusher);
    return 0;
}

/* With a registry about which nothing is known */
static void start_anew(void **state)
{
    end(state);
    begin(state);
}

static void answer(const char *name, int status, const char *headers)
{
    fake_answer(world.http, name, status, headers, "");
}

/* The first request of all is preceded by GET /v2/, which this registry answers
 * for anybody. */
static void let_in(void)
{
    if (fake_sent(world.http) == 1) {
        answer("GET " REG "/v2/", 200, "");
    }
}

/* Its first request has no response yet. */
static void begin_one(struct sending *one, size_t len)
{
    fill(&one->blob, len);
    one->calls = 0;
    one->upload = (struct upload){
        .client = world.client,
        .target = &pusher.target,
        .blob = &one->blob,
        .what = "layer",
        .finished = on_finished,
        .payload = one,
    };
    upload_start(&one->upload);
    assert_int_equal(one->calls, 0);
    fake_settle(world.http);
}

static void start_one(struct sending *one, size_t len)
{
    begin_one(one, len);
    let_in();
}

static void start(size_t len)
{
    start_one(&sending, len);
}

static void assert_one_is_there(const struct sending *one)
{
    assert_int_equal(one->calls, 1);
    assert_string_equal(one->err.message, "");
}

static void assert_there(void)
{
    assert_one_is_there(&sending);
}

static void assert_failed(enum error_kind kind)
{
    assert_int_equal(sending.calls, 1);
    assert_int_equal(sending.err.kind, kind);
}

/* The usual way: a session, and the blob by a PUT */
static void finish_by_put(void)
{
    answer(POST, 202, SESSION);
    answer("PUT *", 201, "");
    assert_there();
}

/* --- what was learned before ------------------------------------------------
 */

static void show_that_it_takes_single_posts(void)
{
    start(100);
    answer(WITH_BLOB, 201, "");
    assert_there();
}

static void show_that_it_takes_none(void)
{
    start(100);
    answer(WITH_BLOB, 202, SESSION);
    answer("PUT *", 201, "");
    assert_there();
}

/* --- one request or two -------------------------------------------------- */

static void a_small_blob_goes_with_the_post_to_learn_whether_it_may(
    void **state)
{
    start(100);
    assert_int_equal(strlen(fake_asked(world.http, WITH_BLOB)->body), 100);
    answer(WITH_BLOB, 201, "");
    assert_there();
    assert_int_equal(fake_sent(world.http), 1 + 1);
    /* The registry accepts it, so large blobs are sent in the same way from now
     * on. */
    start(5000);
    answer(WITH_BLOB, 201, "");
    assert_there();
    assert_int_equal(fake_sent(world.http), 1 + 2);
}

static void who_takes_no_single_post_has_opened_the_session_by_it(void **state)
{
    start(100);
    answer(WITH_BLOB, 202, SESSION);
    answer("PUT " REG "/up/1?s=a%3Db&digest=*", 201, "");
    assert_there();
    assert_int_equal(fake_sent(world.http), 1 + 2);
    start(100);
    finish_by_put();
}

static void a_large_blob_is_not_sent_to_learn(void **state)
{
    start(5000);
    finish_by_put();
    /* Nothing was learned from that. */
    start(100);
    answer(WITH_BLOB, 201, "");
    assert_there();
}

static void a_registry_that_does_so_no_longer_is_believed(void **state)
{
    show_that_it_takes_single_posts();
    start(5000);
    answer(WITH_BLOB, 202, SESSION);
    answer("PUT *", 201, "");
    assert_there();
    start(100);
    finish_by_put();
}

/* Layer and config are sent at the same time, so both may try it. */
static void ask_with_two(void **state, int status)
{
    start_anew(state);
    start(100);
    start_one(&other, 200);
    answer(WITH_BLOB, status, "");
    answer(WITH_BLOB, status, "");
    answer(POST, 202, SESSION);
    answer(POST, 202, SESSION);
    answer("PUT *", 201, "");
    answer("PUT *", 201, "");
    assert_there();
    assert_one_is_there(&other);
}

static void two_that_ask_at_once_are_both_told(void **state)
{
    static const int statuses[] = {400, 405, 411, 415, 422, 501};

    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        ask_with_two(state, statuses[i]);
    }
}

static void a_refusal_of_the_second_way_too_is_the_end(void **state)
{
    start(100);
    answer(WITH_BLOB, 405, "");
    answer(POST, 405, "");
    assert_failed(ERROR_INTERMEDIARY);
    assert_int_equal(fake_waiting(world.http), 0);
}

/* An intermediary may have rejected the body. The request without it shows
 * which of the two it was. */
static void check_suspicion(int status)
{
    /* The registry has a problem: the next request contains the blob again. */
    for (int round = 0; round < 2; round++) {
        start(100);
        if (status == 0) {
            fake_break(world.http, WITH_BLOB, ERROR_UNREACHABLE);
        } else {
            answer(WITH_BLOB, status, "");
        }
        assert_int_equal(sending.calls, 1);
        start(100);
        if (round == 0) {
            answer(POST, 500, "");
            assert_int_equal(sending.calls, 1);
        }
    }
    /* The body was the reason. */
    finish_by_put();
    start(100);
    finish_by_put();
}

static void a_post_that_comes_to_nothing_is_followed_by_one_without(
    void **state)
{
    static const int statuses[] = {500, 403, 0};

    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        start_anew(state);
        check_suspicion(statuses[i]);
    }
}

/* Routers that do not support ?digest= */
static void a_404_may_be_about_the_way(void **state)
{
    ask_with_two(state, 404);
    start(100);
    finish_by_put();
}

/* Then nothing was learned about the method. */
static void a_404_may_be_about_the_repository(void **state)
{
    start(100);
    answer(WITH_BLOB, 404, "");
    answer(POST, 404, "");
    assert_failed(ERROR_INTERMEDIARY);
    start(100);
    fake_answer(world.http, WITH_BLOB, 404, "",
                "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}");
    assert_failed(ERROR_NOT_FOUND);
    start(100);
    answer(WITH_BLOB, 201, "");
    assert_there();
}

static void a_registry_in_trouble_is_asked_again_later(void **state)
{
    for (int i = 0; i < 9; i++) {
        start(100);
        answer(WITH_BLOB, i % 2 == 0 ? 503 : 429, "");
        assert_int_equal(sending.calls, 1);
    }
    start(100);
    answer(WITH_BLOB, 201, "");
    assert_there();
}

/* --- a whole push, by its requests --------------------------------------- */

static struct oci_image image;

static bool was_there;

static void on_pushed(void *payload, bool already, const struct error *err)
{
    was_there = already;
    on_finished(payload, err);
}

static void push(void)
{
    fill(&image.layer, 100);
    fill(&image.config, 50);
    fill(&image.manifest, 70);
    image.manifest.media_type = "application/x";
    sending.calls = 0;
    oci_push_start(world.client, &pusher.target, &image, false, on_pushed,
                   &sending);
    fake_settle(world.http);
    let_in();
}

static int end_push(void **state)
{
    empty(&image.layer);
    empty(&image.config);
    empty(&image.manifest);
    return end(state);
}

#define MANIFEST "PUT " REG "/v2/" PATH "/manifests/latest"

static void a_push_with_single_posts_is_three_requests(void **state)
{
    unsigned before;

    show_that_it_takes_single_posts();
    before = fake_sent(world.http);
    push();
    answer(WITH_BLOB, 201, "");
    answer(WITH_BLOB, 201, "");
    answer(MANIFEST, 201, "");
    assert_there();
    assert_int_equal(fake_sent(world.http), before + 3);
}

static void a_registry_that_says_201_and_keeps_nothing_is_found_out(
    void **state)
{
    push();
    answer(WITH_BLOB, 201, "");
    answer(WITH_BLOB, 201, "");
    fake_answer(world.http, MANIFEST, 404, "",
                "{\"errors\":[{\"code\":\"MANIFEST_BLOB_UNKNOWN\"}]}");
    assert_failed(ERROR_INTERRUPTED);
    push();
    answer(POST, 202, SESSION);
    answer(POST, 202, SESSION);
    answer("PUT *", 201, "");
    answer("PUT *", 201, "");
    answer(MANIFEST, 201, "");
    assert_there();
}

static void the_blob_that_fails_takes_the_other_one_with_it(void **state)
{
    show_that_it_takes_none();
    push();
    answer(POST, 500, "");
    assert_failed(ERROR_UNAVAILABLE);
    assert_int_equal(fake_waiting(world.http), 0);
}

/* --- too large, and chunks ----------------------------------------------- */

#define MIB ((size_t)1024 * 1024)

static void what_is_too_large_goes_in_chunks(void **state)
{
    show_that_it_takes_none();
    start(2 * MIB + 1);
    answer(POST, 202, SESSION);
    answer("PUT *", 413, "");
    answer(POST, 202, "Location: /up/2");
    assert_header(world.http, "PATCH " REG "/up/2", "Content-Range: 0-1048575");
    answer("PATCH " REG "/up/2", 202, "Location: /up/3\nRange: 0-1048575");
    assert_header(world.http, "PATCH *", "Content-Range: 1048576-2097151");
    answer("PATCH " REG "/up/3", 201, "Location: /up/4?x"); /* as ECR */
    assert_header(world.http, "PATCH *", "Content-Range: 2097152-2097152");
    answer("PATCH " REG "/up/4?x", 202,
           "Location: /up/5?x\nRange: bytes=0-2097152");
    assert_string_equal(
        fake_asked(world.http, "PUT " REG "/up/5?x&digest=*")->body, "");
    answer("PUT *", 201, "");
    assert_there();
}

static void the_next_large_blob_goes_in_chunks_at_once(void **state)
{
    show_that_it_takes_none();
    for (int i = 0; i < 2; i++) {
        start(2 * MIB);
        if (i == 0) {
            answer(POST, 202, SESSION);
            answer("PUT *", 413, "");
        }
        answer(POST, 202, SESSION);
        answer("PATCH *", 202, "Location: /up/3");
        answer("PATCH *", 202, "Location: /up/4");
        answer("PUT *", 201, "");
        assert_there();
    }
}

/* The intermediary accepts less than the registry requires. */
static void a_minimum_that_is_too_large_comes_to_an_end(void **state)
{
    int rounds = 0;

    show_that_it_takes_none();
    start(6 * MIB);
    answer(POST, 202, SESSION);
    answer("PUT *", 413, "");
    while (sending.calls == 0) {
        assert_in_range(++rounds, 1, 3);
        answer(POST, 202, SESSION "\nOCI-Chunk-Min-Length: 5242880");
        answer("PATCH *", 413, "");
    }
    assert_failed(ERROR_TOO_LARGE);
}

static void a_body_that_is_always_too_large_comes_to_an_end(void **state)
{
    show_that_it_takes_single_posts();
    start(2 * MIB);
    answer(WITH_BLOB, 413, "");
    answer(POST, 202, SESSION);
    answer("PATCH *", 413, "");
    answer(POST, 202, SESSION);
    assert_header(world.http, "PATCH *", "Content-Range: 0-65535");
    answer("PATCH *", 413, "");
    assert_failed(ERROR_TOO_LARGE);
    assert_int_equal(fake_waiting(world.http), 0);
}

static void a_chunk_size_that_is_configured_is_not_made_smaller(void **state)
{
    show_that_it_takes_none();
    pusher.target.chunk_size = MIB;
    start(2 * MIB);
    answer(POST, 202, SESSION);
    answer("PATCH *", 413, "");
    assert_failed(ERROR_TOO_LARGE);
}

static void a_registry_that_lost_a_chunk_is_left(void **state)
{
    show_that_it_takes_none();
    pusher.target.chunk_size = MIB;
    start(2 * MIB);
    answer(POST, 202, SESSION);
    answer("PATCH *", 202, "Location: /up/2\nRange: 0-100");
    assert_failed(ERROR_INTERRUPTED);
}

/* --- lost sessions ---------------------------------------------------------
 */

/* ACR, and registries with several replicas: 404 with no code that says so */
static void a_session_that_is_not_found_is_begun_again(void **state)
{
    show_that_it_takes_none();
    start(100);
    answer(POST, 202, SESSION);
    answer("PUT *", 404, "");
    assert_failed(ERROR_INTERRUPTED);
}

static void a_repository_that_is_not_found_is_no_lost_session(void **state)
{
    show_that_it_takes_none();
    start(100);
    fake_answer(world.http, POST, 404, "",
                "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}");
    assert_failed(ERROR_NOT_FOUND);
    start(100);
    answer(POST, 202, SESSION);
    fake_answer(world.http, "PUT *", 404, "",
                "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}");
    assert_failed(ERROR_NOT_FOUND);
}

/* --- intermediaries ---------------------------------------------------------
 */

#define PAGE "Content-Type: text/html; charset=utf-8\nLocation: /login"

/* Nothing is learned about the registry, and nothing is assumed to be stored.
 */
static void a_web_page_is_no_answer(void **state)
{
    for (int round = 0; round < 2; round++) {
        start(100);
        answer(WITH_BLOB, 200, PAGE);
        assert_failed(ERROR_INTERMEDIARY);
        start(100);
        answer(POST, 404, "");
        assert_failed(ERROR_INTERMEDIARY);
    }
    show_that_it_takes_none();
    start(100);
    answer(POST, 202, SESSION);
    answer("PUT *", 200, PAGE);
    assert_failed(ERROR_INTERMEDIARY);
    start(100);
    answer(POST, 200, PAGE);
    assert_failed(ERROR_INTERMEDIARY);
    start(100);
    answer(POST, 202, "");
    assert_failed(ERROR_INTERMEDIARY);
}

/* As of an ingress without a backend, for a while */
static void a_proxy_teaches_nothing_about_single_posts(void **state)
{
    start(100);
    answer(WITH_BLOB, 405, "");
    answer(POST, 405, "");
    assert_failed(ERROR_INTERMEDIARY);
    start(100);
    answer(WITH_BLOB, 201, "");
    assert_there();
}

static void a_host_that_is_not_allowed_holds_the_registration(void **state)
{
    show_that_it_takes_none();
    start(100);
    answer(POST, 202, "Location: https://elsewhere.test/up/1");
    fake_settle(world.http);
    assert_failed(ERROR_BLOCKED);
    start(100);
    answer(POST, 307, "Location: https://login.test/");
    fake_settle(world.http);
    assert_failed(ERROR_BLOCKED);
}

/* A smaller chunk would not help. */
static void a_quota_is_not_about_the_size(void **state)
{
    show_that_it_takes_none();
    start(2 * MIB);
    answer(POST, 202, SESSION);
    fake_answer(world.http, "PUT *", 413, "",
                "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"quota "
                "exceeded\"}]}");
    assert_failed(ERROR_BLOCKED);
}

/* --- tags that cannot be replaced ------------------------------------------
 */

#define TAG "/v2/" PATH "/manifests/latest"

struct taken {
    const char *label;
    int status;
    const char *body;
    const char *head; /* the response to HEAD: status and headers */
    const char *get;  /* that to GET: a body; NULL: there is none */
    bool is_stored;   /* else: */
    enum error_kind kind;
};

#define TAKEN(code) "{\"errors\":[{\"code\":\"" code "\"}]}"
#define OTHER                                                                  \
    "Docker-Content-Digest: "                                                  \
    "sha256:"                                                                  \
    "0000000000000000000000000000000000000000000000000000000000000000"

static const struct taken takens[] = {
    {"ECR", 400, TAKEN("TAG_INVALID"), "same", NULL, true, ERROR_NONE},
    {"409", 409, TAKEN("CONFLICT"), "same", NULL, true, ERROR_NONE},
    {"Harbor", 412, TAKEN("PRECONDITION"), "same", NULL, true, ERROR_NONE},
    {"403", 403, TAKEN("DENIED"), "same", NULL, true, ERROR_NONE},
    {"405", 405, TAKEN("UNSUPPORTED"), "same", NULL, true, ERROR_NONE},
    {"a proxy's", 409, "", "same", NULL, true, ERROR_NONE},
    {"the bytes tell", 400, TAKEN("TAG_INVALID"), "", "same", true, ERROR_NONE},
    {"no digest at all", 400, TAKEN("TAG_INVALID"), "", "", false,
     ERROR_REJECTED},
    {"another one", 400, TAKEN("TAG_INVALID"), OTHER, NULL, false,
     ERROR_REJECTED},
    {"another one, 405", 405, TAKEN("UNSUPPORTED"), OTHER, NULL, false,
     ERROR_REJECTED},
    {"another one, 403", 403, TAKEN("DENIED"), OTHER, NULL, false, ERROR_AUTH},
    {"other bytes", 412, TAKEN("PRECONDITION"), "", "else", false,
     ERROR_REJECTED},
    {"none", 400, TAKEN("MANIFEST_INVALID"), "404", NULL, false,
     ERROR_REJECTED},
    {"none, 403", 403, TAKEN("DENIED"), "404", NULL, false, ERROR_AUTH},
    {"none, 405", 405, TAKEN("UNSUPPORTED"), "404", NULL, false, ERROR_BLOCKED},
    {"none, a proxy's", 404, "", "404", NULL, false, ERROR_INTERMEDIARY},
    {"not now", 400, TAKEN("TAG_INVALID"), "503", NULL, false,
     ERROR_UNAVAILABLE},
    {"200, and there", 200, "", "same", NULL, true, ERROR_NONE},
    {"200, and not there", 200, "", "404", NULL, false, ERROR_INTERMEDIARY},
    {"200, and another one", 200, "", OTHER, NULL, false, ERROR_INTERMEDIARY},
};

static void answer_head(const struct taken *row)
{
    CLEANUP(str_release) struct str header = STR_INIT(256);
    int status = atoi(row->head);

    str_printf(&header, "Docker-Content-Digest: %s",
               image.manifest.digest.text);
    answer("HEAD " REG TAG, status > 0 ? status : 200,
           strcmp(row->head, "same") == 0 ? header.data
           : status > 0                   ? ""
                                          : row->head);
}

static void answer_get(const struct taken *row)
{
    CLEANUP(str_release) struct str body = STR_INIT(256);

    if (row->get == NULL) {
        return;
    }
    str_append(&body, (const char *)image.manifest.data.data,
               image.manifest.data.len);
    fake_answer(world.http, "GET " REG TAG, 200, "",
                strcmp(row->get, "same") == 0 ? body.data : row->get);
}

static void a_tag_that_holds_the_manifest_is_a_success(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(takens); i++) {
        const struct taken *row = &takens[i];

        push();
        for (int blob = 0; blob < 2; blob++) {
            answer(i == 0 ? WITH_BLOB : POST, 202, SESSION);
        }
        answer("PUT *", 201, "");
        answer("PUT *", 201, "");
        fake_answer(world.http, MANIFEST, row->status, "", row->body);
        answer_head(row);
        answer_get(row);
        check_number(row->label, sending.calls, 1);
        check_kind(row->label, &sending.err, row->kind);
        check(row->label, !row->is_stored || sending.err.message[0] == '\0');
        check(row->label,
              was_there == (row->is_stored && row->status / 100 == 4));
        end_push(state);
        begin(state);
        show_that_it_takes_none();
    }
}

/* --- explanations of a refusal ----------------------------------------------
 */

/* Both secrets that this request has revealed, although the first is forgotten
 * by now */
static void no_token_comes_back_in_a_message(void **state)
{
    begin_one(&sending, 10);
    fake_answer(world.http, "GET " REG "/v2/", 401, BEARER, "");
    fake_answer(world.http, "GET " AUTH "?*", 200, "", TOKEN("token-1"));
    fake_answer(world.http, POST "*", 401, BEARER, "");
    fake_answer(world.http, "GET " AUTH "?*", 200, "", TOKEN("token-2"));
    fake_answer(world.http, POST "*", 403, "", "neither token-1 nor token-2");
    assert_failed(ERROR_AUTH);
    assert_non_null(strstr(sending.err.message, "403: neither *** nor ***"));
}

/* The registry has decided; the claims of the token give the reason. */
static void a_refusal_is_explained_by_the_token(void **state)
{
    /* {"access":[{"type":"repository","name":"acme/app","actions":["pull"]}]}
     */
    static const char token[] =
        "{\"token\":\"e30.eyJhY2Nlc3MiOlt7InR5cGUiOiJyZXBvc2l0b3J5IiwibmFtZSI6"
        "ImFjbWUvYXBwIiwiYWN0aW9ucyI6WyJwdWxsIl19XX0.c\"}";

    begin_one(&sending, 10);
    fake_answer(world.http, "GET " REG "/v2/", 401, BEARER, "");
    fake_answer(world.http, "GET " AUTH "?*", 200, "", token);
    fake_answer(world.http, POST "*", 403, "", "no");
    assert_failed(ERROR_AUTH);
    assert_non_null(strstr(sending.err.message,
                           "403: no (the token does not grant push on "
                           "'acme/app' to a client without credentials)"));
}

static void a_scope_for_less_explains_a_refusal_too(void **state)
{
    begin_one(&sending, 10);
    fake_answer(world.http, "GET " REG "/v2/", 401, BEARER, "");
    for (int i = 0; i < 2; i++) {
        fake_answer(world.http, "GET " AUTH "?*", 200, "",
                    "{\"access_token\":\"token-1\","
                    "\"scope\":\"repository:acme/app:pull\"}");
        fake_answer(world.http, POST "*", 401, BEARER, "");
    }
    assert_failed(ERROR_AUTH);
    assert_non_null(strstr(sending.err.message, "does not grant push on"));
}

/* A pattern, a push without a pull: the registry knows what it means. */
static void a_token_that_seems_to_grant_less_is_used(void **state)
{
    static const char *const scopes[] = {"repository:acme/app:push",
                                         "repository:acme/*:pull", "all"};

    for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
        char body[128];

        start_anew(state);
        snprintf(body, sizeof(body), "{\"token\":\"t\",\"scope\":\"%s\"}",
                 scopes[i]);
        begin_one(&sending, 10);
        fake_answer(world.http, "GET " REG "/v2/", 401, BEARER, "");
        fake_answer(world.http, "GET " AUTH "?*", 200, "", body);
        answer(POST "*", 201, "");
        assert_there();
    }
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, end)
    static const struct CMUnitTest tests[] = {
        ROW(a_small_blob_goes_with_the_post_to_learn_whether_it_may),
        ROW(who_takes_no_single_post_has_opened_the_session_by_it),
        ROW(a_large_blob_is_not_sent_to_learn),
        ROW(a_registry_that_does_so_no_longer_is_believed),
        ROW(two_that_ask_at_once_are_both_told),
        ROW(a_refusal_of_the_second_way_too_is_the_end),
        ROW(a_post_that_comes_to_nothing_is_followed_by_one_without),
        ROW(a_404_may_be_about_the_way),
        ROW(a_404_may_be_about_the_repository),
        ROW(a_registry_in_trouble_is_asked_again_later),
        cmocka_unit_test_setup_teardown(
            a_push_with_single_posts_is_three_requests, begin, end_push),
        cmocka_unit_test_setup_teardown(
            a_registry_that_says_201_and_keeps_nothing_is_found_out, begin,
            end_push),
        cmocka_unit_test_setup_teardown(
            the_blob_that_fails_takes_the_other_one_with_it, begin, end_push),
        ROW(what_is_too_large_goes_in_chunks),
        ROW(the_next_large_blob_goes_in_chunks_at_once),
        ROW(a_minimum_that_is_too_large_comes_to_an_end),
        ROW(a_body_that_is_always_too_large_comes_to_an_end),
        ROW(a_chunk_size_that_is_configured_is_not_made_smaller),
        ROW(a_registry_that_lost_a_chunk_is_left),
        ROW(a_session_that_is_not_found_is_begun_again),
        ROW(a_repository_that_is_not_found_is_no_lost_session),
        ROW(a_web_page_is_no_answer),
        ROW(a_proxy_teaches_nothing_about_single_posts),
        ROW(a_host_that_is_not_allowed_holds_the_registration),
        ROW(a_quota_is_not_about_the_size),
        cmocka_unit_test_setup_teardown(
            a_tag_that_holds_the_manifest_is_a_success, begin, end_push),
        ROW(no_token_comes_back_in_a_message),
        ROW(a_refusal_is_explained_by_the_token),
        ROW(a_scope_for_less_explains_a_refusal_too),
        ROW(a_token_that_seems_to_grant_less_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
