#include "oci/origin.h"
#include "oci_world.h"

/* upload.c, and what it learns of a registry */

#define UPLOADS REG "/v2/" PATH "/blobs/uploads/"
#define POST "POST " UPLOADS
#define SESSION "Location: /up/1?s=a%3Db"
#define NO_SINGLE_POST SINGLE_POST_REFUSED

static struct world world;
static struct pusher pusher;

struct upload_result {
    int calls;
    struct error err;
};

static void on_finished(void *payload, const struct error *err)
{
    struct upload_result *result = payload;

    result->calls++;
    result->err = err != NULL ? *err : (struct error){0};
}

static int begin(void **state)
{
    world_open(&world);
    pusher_open(&world, &pusher, "reg.example", NULL);
    return 0;
}

static int end(void **state)
{
    world_close(&world);
    pusher_close(&pusher);
    return 0;
}

static void fill(struct oci_blob *blob, size_t len)
{
    unsigned char *data = mem_zalloc(len);

    for (size_t i = 0; i < len; i++) {
        data[i] = (unsigned char)('a' + i % 26);
    }
    blob->data = (struct bytes){data, len};
    digest_of(data, len, &blob->digest);
}

static void start(struct upload *upload, const struct oci_blob *blob,
                  struct upload_result *result)
{
    *result = (struct upload_result){0};
    *upload = (struct upload){
        .client = world.client,
        .target = &pusher.target,
        .blob = blob,
        .what = "layer",
        .finished = on_finished,
        .payload = result,
    };
    upload_start(upload);
    assert_int_equal(result->calls, 0);
}

static struct origin *origin(void)
{
    struct error err;

    return origin_of(world.client, &pusher.target, &err);
}

/* A registry without authentication, of which something is known */
static void know(enum single_post single_post)
{
    origin()->capabilities.challenge.scheme = AUTH_NONE;
    origin()->capabilities.single_post = single_post;
}

static void assert_there(const struct upload_result *result)
{
    assert_int_equal(result->calls, 1);
    assert_string_equal(result->err.message, "");
}

static void assert_failed(const struct upload_result *result,
                          enum error_kind kind)
{
    assert_int_equal(result->calls, 1);
    assert_int_equal(result->err.kind, kind);
}

static void answer(const char *name, int status, const char *headers)
{
    fake_answer(world.http, name, status, headers, "");
}

/* --- one request or two -------------------------------------------------- */

static void a_small_blob_goes_with_the_post_to_learn_whether_it_may(
    void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 100);
    know(SINGLE_POST_UNKNOWN);
    start(&upload, &blob, &result);
    assert_int_equal(strlen(fake_asked(world.http, POST "?digest=*")->body),
                     100);
    answer(POST "?digest=*", 201, "");
    assert_there(&result);
    assert_int_equal(origin()->capabilities.single_post, SINGLE_POST_ACCEPTED);
    assert_int_equal(fake_sent(world.http), 1);
    mem_free((void *)blob.data.data);
}

static void who_takes_no_single_post_has_opened_the_session_by_it(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 100);
    know(SINGLE_POST_UNKNOWN);
    start(&upload, &blob, &result);
    answer(POST "?digest=*", 202, SESSION);
    answer("PUT " REG "/up/1?s=a%3Db&digest=*", 201, "");
    assert_there(&result);
    assert_int_equal(origin()->capabilities.single_post, SINGLE_POST_REFUSED);
    assert_int_equal(fake_sent(world.http), 2);
    mem_free((void *)blob.data.data);
}

static void a_large_blob_is_not_sent_to_learn(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 5000);
    know(SINGLE_POST_UNKNOWN);
    start(&upload, &blob, &result);
    answer(POST, 202, SESSION);
    answer("PUT *", 201, "");
    assert_there(&result);
    assert_int_equal(origin()->capabilities.single_post, SINGLE_POST_UNKNOWN);
    mem_free((void *)blob.data.data);
}

static void a_large_blob_goes_with_the_post_where_that_is_known(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 5000);
    know(SINGLE_POST_ACCEPTED);
    start(&upload, &blob, &result);
    answer(POST "?digest=*", 201, "");
    assert_there(&result);
    assert_int_equal(fake_sent(world.http), 1);
    mem_free((void *)blob.data.data);
}

static void a_registry_that_does_so_no_longer_is_believed(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 5000);
    know(SINGLE_POST_ACCEPTED);
    start(&upload, &blob, &result);
    answer(POST "?digest=*", 202, SESSION);
    answer("PUT *", 201, "");
    assert_there(&result);
    assert_int_equal(origin()->capabilities.single_post, SINGLE_POST_REFUSED);
    mem_free((void *)blob.data.data);
}

/* Layer and config are sent side by side, and so both may ask. */
static void two_that_ask_at_once_are_both_told(void **state)
{
    static const int statuses[] = {400, 405, 411, 415, 422, 501};

    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        struct upload_result results[2];
        struct upload uploads[2];
        struct oci_blob blobs[2];

        fill(&blobs[0], 100);
        fill(&blobs[1], 200);
        know(SINGLE_POST_UNKNOWN);
        start(&uploads[0], &blobs[0], &results[0]);
        start(&uploads[1], &blobs[1], &results[1]);
        answer(POST "?digest=*", statuses[i], "");
        answer(POST "?digest=*", statuses[i], "");
        answer(POST, 202, SESSION);
        answer(POST, 202, SESSION);
        answer("PUT *", 201, "");
        answer("PUT *", 201, "");
        assert_there(&results[0]);
        assert_there(&results[1]);
        mem_free((void *)blobs[0].data.data);
        mem_free((void *)blobs[1].data.data);
    }
}

static void a_refusal_of_the_second_way_too_is_the_end(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 100);
    know(SINGLE_POST_UNKNOWN);
    start(&upload, &blob, &result);
    answer(POST "?digest=*", 405, "");
    answer(POST, 405, "");
    assert_failed(&result, ERROR_REJECTED);
    assert_int_equal(fake_waiting(world.http), 0);
    mem_free((void *)blob.data.data);
}

/* What stands in front of a registry may be the one who minds. */
/* What becomes of the one that goes without tells which of the two it was. */
static void a_post_that_comes_to_nothing_is_followed_by_one_without(
    void **state)
{
    static const int statuses[] = {500, 403, 0, 404};

    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        struct upload_result result;
        struct upload upload;
        struct oci_blob blob;

        fill(&blob, 100);
        know(SINGLE_POST_UNKNOWN);
        /* Trouble of the registry's: the next one carries its body again. */
        for (int round = 0; round < 2; round++) {
            start(&upload, &blob, &result);
            if (statuses[i] == 0) {
                fake_break(world.http, POST "?digest=*", ERROR_UNREACHABLE);
            } else {
                answer(POST "?digest=*", statuses[i], "");
            }
            assert_int_equal(result.calls, 1);
            start(&upload, &blob, &result);
            if (round == 0) {
                answer(POST, 500, "");
                assert_int_equal(result.calls, 1);
            }
        }
        /* The body was to blame. */
        answer(POST, 202, SESSION);
        answer("PUT *", 201, "");
        assert_there(&result);
        start(&upload, &blob, &result);
        answer(POST, 202, SESSION);
        answer("PUT *", 201, "");
        assert_there(&result);
        mem_free((void *)blob.data.data);
    }
}

static void a_registry_in_trouble_is_asked_again_later(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 100);
    know(SINGLE_POST_UNKNOWN);
    for (int i = 0; i < 9; i++) {
        start(&upload, &blob, &result);
        answer(POST "?digest=*", i % 2 == 0 ? 503 : 429, "");
        assert_int_equal(result.calls, 1);
    }
    start(&upload, &blob, &result);
    answer(POST "?digest=*", 201, "");
    assert_there(&result);
    mem_free((void *)blob.data.data);
}

/* --- a whole push, by its requests --------------------------------------- */

static void on_pushed(void *payload, bool already, const struct error *err)
{
    on_finished(payload, err);
}

static void push(struct oci_image *image, struct upload_result *result)
{
    *result = (struct upload_result){0};
    fill(&image->layer, 100);
    fill(&image->config, 50);
    fill(&image->manifest, 70);
    image->manifest.media_type = "application/x";
    oci_push_start(world.client, &pusher.target, image, false, on_pushed,
                   result);
}

static void release(struct oci_image *image)
{
    mem_free((void *)image->layer.data.data);
    mem_free((void *)image->config.data.data);
    mem_free((void *)image->manifest.data.data);
}

#define MANIFEST "PUT " REG "/v2/" PATH "/manifests/latest"

static void a_push_with_single_posts_is_three_requests(void **state)
{
    struct upload_result result;
    struct oci_image image;

    know(SINGLE_POST_ACCEPTED);
    push(&image, &result);
    answer(POST "?digest=*", 201, "");
    answer(POST "?digest=*", 201, "");
    answer(MANIFEST, 201, "");
    assert_there(&result);
    assert_int_equal(fake_sent(world.http), 3);
    release(&image);
}

static void a_registry_that_says_201_and_keeps_nothing_is_found_out(
    void **state)
{
    struct upload_result result;
    struct oci_image image;

    know(SINGLE_POST_UNKNOWN);
    push(&image, &result);
    answer(POST "?digest=*", 201, "");
    answer(POST "?digest=*", 201, "");
    fake_answer(world.http, MANIFEST, 404, "",
                "{\"errors\":[{\"code\":\"MANIFEST_BLOB_UNKNOWN\"}]}");
    assert_failed(&result, ERROR_INTERRUPTED);
    release(&image);
    push(&image, &result);
    answer(POST, 202, SESSION);
    answer(POST, 202, SESSION);
    answer("PUT *", 201, "");
    answer("PUT *", 201, "");
    answer(MANIFEST, 201, "");
    assert_there(&result);
    release(&image);
}

static void the_blob_that_fails_takes_the_other_one_with_it(void **state)
{
    struct upload_result result;
    struct oci_image image;

    know(SINGLE_POST_REFUSED);
    push(&image, &result);
    answer(POST, 500, "");
    assert_failed(&result, ERROR_UNAVAILABLE);
    assert_int_equal(fake_waiting(world.http), 0);
    release(&image);
}

/* --- too large, and chunks ----------------------------------------------- */

#define MIB ((size_t)1024 * 1024)

static void what_is_too_large_goes_in_chunks(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 2 * MIB + 1);
    know(NO_SINGLE_POST);
    start(&upload, &blob, &result);
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
    assert_there(&result);
    mem_free((void *)blob.data.data);
}

static void the_next_large_blob_goes_in_chunks_at_once(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 2 * MIB);
    know(NO_SINGLE_POST);
    origin()->capabilities.max_chunk = MIB;
    start(&upload, &blob, &result);
    answer(POST, 202, SESSION);
    answer("PATCH *", 202, "Location: /up/3");
    answer("PATCH *", 202, "Location: /up/4");
    answer("PUT *", 201, "");
    assert_there(&result);
    mem_free((void *)blob.data.data);
}

/* What stands in front takes less than what stands behind wants. */
static void a_minimum_that_is_too_large_comes_to_an_end(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;
    int rounds = 0;

    fill(&blob, 6 * MIB);
    know(NO_SINGLE_POST);
    start(&upload, &blob, &result);
    answer(POST, 202, SESSION);
    answer("PUT *", 413, "");
    while (result.calls == 0) {
        assert_in_range(++rounds, 1, 3);
        answer(POST, 202, SESSION "\nOCI-Chunk-Min-Length: 5242880");
        answer("PATCH *", 413, "");
    }
    assert_failed(&result, ERROR_TOO_LARGE);
    mem_free((void *)blob.data.data);
}

static void a_body_that_is_always_too_large_comes_to_an_end(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 2 * MIB);
    know(SINGLE_POST_ACCEPTED);
    start(&upload, &blob, &result);
    answer(POST "?digest=*", 413, "");
    answer(POST, 202, SESSION);
    answer("PATCH *", 413, "");
    answer(POST, 202, SESSION);
    assert_header(world.http, "PATCH *", "Content-Range: 0-65535");
    answer("PATCH *", 413, "");
    assert_failed(&result, ERROR_TOO_LARGE);
    assert_int_equal(fake_waiting(world.http), 0);
    mem_free((void *)blob.data.data);
}

static void a_chunk_size_that_is_configured_is_not_made_smaller(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 2 * MIB);
    know(NO_SINGLE_POST);
    pusher.target.chunk_size = MIB;
    start(&upload, &blob, &result);
    answer(POST, 202, SESSION);
    answer("PATCH *", 413, "");
    assert_failed(&result, ERROR_TOO_LARGE);
    mem_free((void *)blob.data.data);
}

static void a_registry_that_lost_a_chunk_is_left(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 2 * MIB);
    know(NO_SINGLE_POST);
    pusher.target.chunk_size = MIB;
    start(&upload, &blob, &result);
    answer(POST, 202, SESSION);
    answer("PATCH *", 202, "Location: /up/2\nRange: 0-100");
    assert_failed(&result, ERROR_INTERRUPTED);
    mem_free((void *)blob.data.data);
}

/* --- sessions that are gone ---------------------------------------------- */

/* ACR, and registries with several replicas: 404 with no code that says so */
static void a_session_that_is_not_found_is_begun_again(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 100);
    know(NO_SINGLE_POST);
    start(&upload, &blob, &result);
    answer(POST, 202, SESSION);
    answer("PUT *", 404, "");
    assert_failed(&result, ERROR_INTERRUPTED);
    mem_free((void *)blob.data.data);
}

static void a_repository_that_is_not_found_is_no_lost_session(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 100);
    know(NO_SINGLE_POST);
    start(&upload, &blob, &result);
    answer(POST, 404, "");
    assert_failed(&result, ERROR_NOT_FOUND);
    start(&upload, &blob, &result);
    answer(POST, 202, SESSION);
    fake_answer(world.http, "PUT *", 404, "",
                "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}");
    assert_failed(&result, ERROR_NOT_FOUND);
    mem_free((void *)blob.data.data);
}

/* --- what is said of a refusal ----------------------------------------------
 */

/* Both that this request has shown, though the first is forgotten by now */
static void no_token_comes_back_in_a_message(void **state)
{
    struct upload_result result;
    struct upload upload;
    struct oci_blob blob;

    fill(&blob, 10);
    start(&upload, &blob, &result);
    fake_answer(world.http, "GET " REG "/v2/", 401, BEARER, "");
    fake_answer(world.http, "GET " AUTH "?*", 200, "", TOKEN("token-1"));
    fake_answer(world.http, POST "*", 401, BEARER, "");
    fake_answer(world.http, "GET " AUTH "?*", 200, "", TOKEN("token-2"));
    fake_answer(world.http, POST "*", 403, "", "neither token-1 nor token-2");
    assert_int_equal(result.calls, 1);
    assert_error_kind(&result.err, ERROR_AUTH);
    assert_message_contains(&result.err, "403: neither *** nor ***");
    mem_free((void *)blob.data.data);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, end)
    static const struct CMUnitTest tests[] = {
        ROW(a_small_blob_goes_with_the_post_to_learn_whether_it_may),
        ROW(who_takes_no_single_post_has_opened_the_session_by_it),
        ROW(a_large_blob_is_not_sent_to_learn),
        ROW(a_large_blob_goes_with_the_post_where_that_is_known),
        ROW(a_registry_that_does_so_no_longer_is_believed),
        ROW(two_that_ask_at_once_are_both_told),
        ROW(a_refusal_of_the_second_way_too_is_the_end),
        ROW(a_post_that_comes_to_nothing_is_followed_by_one_without),
        ROW(a_registry_in_trouble_is_asked_again_later),
        ROW(a_push_with_single_posts_is_three_requests),
        ROW(a_registry_that_says_201_and_keeps_nothing_is_found_out),
        ROW(the_blob_that_fails_takes_the_other_one_with_it),
        ROW(what_is_too_large_goes_in_chunks),
        ROW(the_next_large_blob_goes_in_chunks_at_once),
        ROW(a_minimum_that_is_too_large_comes_to_an_end),
        ROW(a_body_that_is_always_too_large_comes_to_an_end),
        ROW(a_chunk_size_that_is_configured_is_not_made_smaller),
        ROW(a_registry_that_lost_a_chunk_is_left),
        ROW(a_session_that_is_not_found_is_begun_again),
        ROW(a_repository_that_is_not_found_is_no_lost_session),
        ROW(no_token_comes_back_in_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
