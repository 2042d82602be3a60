#ifndef WAYBILL_TESTS_OCI_WORLD_H
#define WAYBILL_TESTS_OCI_WORLD_H

#include "asserts.h"
#include "fake_clock.h"
#include "fake_http.h"
#include "oci/request.h"
#include "waybill/alloc.h"

/*
 * An OCI client whose registry is the test itself (fake_http.h). Each test
 * listed as WORLD_TEST() gets a client and a pusher.
 */

#define REG "https://reg.example"
#define PATH "acme/app"
#define AUTH "https://auth.reg.example/token"
#define BEARER                                                                 \
    "WWW-Authenticate: Bearer realm=\"" AUTH "\",service=\"reg.example\""
#define BASIC "WWW-Authenticate: Basic realm=\"reg\""
#define PASSWORD "pa55word"
#define TOKEN(name) "{\"token\":\"" name "\",\"expires_in\":300}"

struct world {
    struct fake_time now;
    struct clock clock;
    struct loop *loop;
    struct http *http;
    struct network network;
    struct oci_client *client;
};

/* Credentials, and the repository that they push to */
struct pusher {
    struct keychain_options options;
    struct credential_source source;
    struct keychain *keychain;
    struct oci_target target;
};

static inline void world_open(struct world *world)
{
    *world = (struct world){.now = {1000, 1767323045000}};
    world->clock = (struct clock)FAKE_CLOCK(&world->now);
    world->loop = loop_new(&world->clock);
    world->http = http_new(world->loop);
    world->network = (struct network){
        .loop = world->loop,
        .http = world->http,
        .timeouts = {1000, 1000},
    };
    world->client = oci_client_new(&world->network);
}

static inline void world_close(struct world *world)
{
    oci_client_free(world->client);
    http_free(world->http);
    loop_free(world->loop);
}

static inline void wait_ms(struct world *world, uint64_t ms)
{
    world->now.monotonic += ms;
    world->now.wall += (int64_t)ms;
    fake_settle(world->http);
}

static inline void open_pusher(struct world *world, struct pusher *pusher)
{
    pusher->keychain = keychain_new(&world->network, &pusher->options);
    pusher->target = (struct oci_target){
        .registry = pusher->options.registry,
        .path = PATH,
        .tag = "latest",
        .https = true,
        .keychain = pusher->keychain,
    };
}

/* With a user name and a password, or anonymous if `password` is NULL */
static inline void pusher_open(struct world *world, struct pusher *pusher,
                               const char *registry, const char *password)
{
    *pusher = (struct pusher){
        .options = {.registry = registry,
                    .path = "acme",
                    .username = password != NULL ? "bot" : NULL,
                    .password = password},
    };
    open_pusher(world, pusher);
}

/* With a single value from a chain: an identity token or a registry token */
static inline void pusher_bind(struct world *world, struct pusher *pusher,
                               int binding, const char *value)
{
    *pusher = (struct pusher){
        .options = {.registry = "reg.example",
                    .path = "acme",
                    .sources = &pusher->source,
                    .source_count = 1},
        .source = {.source = "static", .binding = binding, .value = value},
    };
    open_pusher(world, pusher);
}

static inline void pusher_close(struct pusher *pusher)
{
    keychain_free(pusher->keychain);
}

/* --- authorization without a push ----------------------------------------- */

struct asking {
    struct oci_authorizing *authorizing;
    int calls;
    char *header; /* NULL: none */
    uint64_t lifetime_ms;
    struct error err; /* kind ERROR_NONE: none */
};

static inline void on_authorized(void *payload,
                                 const struct oci_authorization *authorization,
                                 const struct error *err)
{
    struct asking *asking = payload;

    asking->calls++;
    if (err != NULL) {
        asking->err = *err;
        return;
    }
    asking->lifetime_ms = authorization->lifetime_ms;
    asking->header = authorization->header != NULL
                         ? mem_strdup(authorization->header)
                         : NULL;
}

static inline void ask_for(struct world *world, struct pusher *pusher,
                           const struct oci_target *target,
                           struct asking *asking)
{
    *asking = (struct asking){0};
    (void)pusher;
    asking->authorizing = oci_authorize_start(
        world->client, target, "pull,push", on_authorized, asking);
    assert_int_equal(asking->calls, 0);
    fake_settle(world->http);
}

static inline void ask(struct world *world, struct pusher *pusher,
                       struct asking *asking)
{
    ask_for(world, pusher, &pusher->target, asking);
}

static inline void assert_shows(struct asking *asking, const char *header)
{
    assert_int_equal(asking->calls, 1);
    assert_string_equal(asking->err.message, "");
    check_text("header", asking->header, header);
    mem_free(asking->header);
    asking->header = NULL;
}

static inline void assert_refused(const struct asking *asking,
                                  enum error_kind kind, const char *words)
{
    assert_int_equal(asking->calls, 1);
    assert_int_equal(asking->err.kind, kind);
    assert_message_contains(&asking->err, words);
}

/* --- one request ---------------------------------------------------------- */

struct sending_result {
    int calls;
    int status; /* 0: no response */
    struct error err;
};

static inline void on_sent(void *payload, const struct http_response *response,
                           const struct error *err)
{
    struct sending_result *result = payload;

    result->calls++;
    result->status = response != NULL ? response->status : 0;
    if (err != NULL) {
        result->err = *err;
    }
}

static inline struct oci_request *send_to(struct world *world,
                                          const struct pusher *pusher,
                                          const char *method, const char *url,
                                          struct sending_result *result)
{
    const struct oci_request_spec spec = {
        .what = "layer", .method = method, .url = url};
    struct oci_request *request;

    *result = (struct sending_result){0};
    request = oci_request_start(world->client, &pusher->target, &spec, on_sent,
                                result);
    assert_int_equal(result->calls, 0);
    fake_settle(world->http);
    return request;
}

static inline void assert_status(const struct sending_result *result,
                                 int status)
{
    assert_int_equal(result->calls, 1);
    assert_string_equal(result->err.message, "");
    assert_int_equal(result->status, status);
}

static inline void assert_header(struct http *http, const char *name,
                                 const char *header)
{
    const struct http_transfer *asked = fake_asked(http, name);

    check_contains(name, asked->headers, header);
}

static inline void assert_anonymous(struct http *http, const char *name)
{
    assert_null(strstr(fake_asked(http, name)->headers, "Authorization"));
}

/* --- tests ---------------------------------------------------------------- */

static struct world world;
static struct pusher pusher; /* opened by the test with its credentials */

static inline int begin_world(void **state)
{
    world_open(&world);
    pusher = (struct pusher){0};
    return 0;
}

static inline int end_world(void **state)
{
    world_close(&world);
    pusher_close(&pusher);
    return 0;
}

#define WORLD_TEST(test)                                                       \
    cmocka_unit_test_setup_teardown(test, begin_world, end_world)

#endif
