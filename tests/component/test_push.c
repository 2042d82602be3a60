/* oci_push with every fault of the scripted registry */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peer.h"
#include "shard.h"
#include "waybill/alloc.h"
#include "waybill/oci.h"

#define SOON_MS 30000
#define PASSWORD "secret" /* the default user of the registry */

enum who { ANONYMOUS, KNOWN, WRONG };

/* A row is a test; its name states what the registry does. */
struct row {
    const char *name;
    const char *scenarios[4];
    enum who who;
    bool tls;
    enum error_kind kind; /* ERROR_NONE: the image is stored in the end */
    enum error_kind or
        ; /* also accepted, because it depends on timing; NONE: success */
    bool either; /* `or` counts */
    int exact;   /* the exact number of requests; 0: at most `most` */
    int max;
    int status;             /* of the error, unless 0 */
    const char *code;       /* of the registry, unless NULL */
    uint32_t wait_least_ms; /* Retry-After of the error */
    uint32_t wait_max_ms;
    bool looks_up; /* whether its tag refers to the manifest already */
    bool recovers; /* the image is stored after a few more pushes */
};

/* The probe, two sessions, two blobs and the manifest; and the token */
#define COLD 6
#define WITH_TOKEN 7

static const struct row rows[] = {
    /* authentication */
    {"anonymous and cold: six requests", .exact = COLD},
    {"Basic and cold: six requests", {"auth-basic"}, KNOWN, .exact = COLD},
    {"Bearer and cold: seven requests, one of them for the token",
     {"auth-bearer"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"credentials that are not required", .who = KNOWN, .exact = COLD},
    {"Basic without credentials ends with the probe",
     {"auth-basic"},
     .kind = ERROR_AUTH,
     .status = 401,
     .exact = 1},
    {"Bearer without credentials ends at the token server",
     {"auth-bearer"},
     .kind = ERROR_AUTH,
     .status = 401,
     .exact = 2},
    {"an anonymous token is used without credentials",
     {"token-anonymous"},
     .exact = WITH_TOKEN},
    {"a wrong password at a Basic registry",
     {"auth-basic"},
     WRONG,
     .kind = ERROR_AUTH,
     .status = 401,
     .max = 5},
    {"a wrong password at a token server is shown once",
     {"auth-bearer"},
     WRONG,
     .kind = ERROR_AUTH,
     .status = 401,
     .exact = 2},
    {"a token named access_token",
     {"token-access-token"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"a token without expires_in",
     {"token-no-expiry"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"a token server without POST",
     {"token-no-post"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"a token that may only pull",
     {"token-reduced"},
     KNOWN,
     .kind = ERROR_AUTH,
     .status = 401,
     .max = 9},
    {"a token server on another host",
     {"token-other-host"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"three challenges in three lines",
     {"two-challenges"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"two challenges in one line",
     {"basic-then-bearer"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"a challenge in odd spelling",
     {"challenge-odd"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"a realm that is a path", {"relative-realm"}, KNOWN, .exact = WITH_TOKEN},
    {"a realm with a query of its own",
     {"realm-query"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"a plain realm elsewhere, from a TLS registry",
     {"realm-http-foreign"},
     KNOWN,
     .tls = true,
     .kind = ERROR_AUTH,
     .exact = 1},
    {"a realm at the metadata service",
     {"realm-metadata-ip"},
     KNOWN,
     .kind = ERROR_AUTH,
     .exact = 1},
    {"an empty token",
     {"token-empty"},
     KNOWN,
     .kind = ERROR_UNAVAILABLE,
     .exact = 2},
    {"no token in the answer",
     {"token-missing"},
     KNOWN,
     .kind = ERROR_UNAVAILABLE,
     .exact = 2},
    {"a token that contains a line break",
     {"token-crlf"},
     KNOWN,
     .kind = ERROR_UNAVAILABLE,
     .exact = 2},
    {"a token of a megabyte",
     {"token-huge"},
     KNOWN,
     .kind = ERROR_UNAVAILABLE,
     .exact = 2},
    {"HTML where a token should be",
     {"token-html"},
     KNOWN,
     .kind = ERROR_INTERMEDIARY,
     .exact = 2},
    {"a token server that hangs",
     {"auth-bearer", "hang@token"},
     KNOWN,
     .kind = ERROR_UNREACHABLE,
     .exact = 2},
    {"a token server that is not available for now",
     {"auth-bearer", "503@token"},
     KNOWN,
     .kind = ERROR_UNAVAILABLE,
     .status = 503,
     .exact = 2,
     .recovers = true},
    {"a token server that answers too early",
     {"auth-bearer", "425@token"},
     KNOWN,
     .kind = ERROR_UNAVAILABLE,
     .status = 425,
     .exact = 2,
     .recovers = true},
    {"a token server with Retry-After",
     {"auth-bearer", "429-seconds=7@token"},
     KNOWN,
     .kind = ERROR_RATE_LIMITED,
     .status = 429,
     .exact = 2,
     .wait_least_ms = 7000,
     .wait_max_ms = 7000,
     .recovers = true},
    {"a token that ends while a blob goes up",
     {"auth-bearer", "401-on-put"},
     KNOWN,
     .max = 12},
    {"a Basic 401 in the middle",
     {"auth-basic", "401-on-put"},
     KNOWN,
     .exact = COLD + 1},
    /* The second refusal affects either another request or the same one again.
     */
    {"two requests that are refused once each, or one twice",
     {"auth-bearer", "401-twice@post"},
     KNOWN,
     .kind = ERROR_NONE,
     .or = ERROR_AUTH,
     .either = true,
     .max = 12,
     .recovers = true},
    {"one request that is refused twice",
     {"auth-bearer", "401-twice@manifest"},
     KNOWN,
     .kind = ERROR_AUTH,
     .status = 401,
     .max = 9},
    {"requests that are refused for ever",
     {"auth-bearer", "401-twice*0"},
     KNOWN,
     .kind = ERROR_AUTH,
     .status = 401,
     .max = 9},
    /* ECR Public answers an expired token like this, so it is no verdict on the
     * event. */
    {"an expired token that is called DENIED, with 400",
     {"auth-bearer", "400-expired"},
     KNOWN,
     .kind = ERROR_AUTH,
     .or = ERROR_NONE,
     .either = true,
     .max = 12,
     .recovers = true},

    /* statuses */
    {"429 without a word",
     {"429"},
     .kind = ERROR_RATE_LIMITED,
     .status = 429,
     .code = "TOOMANYREQUESTS",
     .max = COLD,
     .recovers = true},
    {"429 with seconds",
     {"429-seconds=3"},
     .kind = ERROR_RATE_LIMITED,
     .status = 429,
     .max = COLD,
     .wait_least_ms = 3000,
     .wait_max_ms = 3000,
     .recovers = true},
    {"429 with a date",
     {"429-date=20"},
     .kind = ERROR_RATE_LIMITED,
     .status = 429,
     .max = COLD,
     .wait_least_ms = 10000,
     .wait_max_ms = 21000,
     .recovers = true},
    {"429 with an absurd time is five minutes",
     {"429-absurd"},
     .kind = ERROR_RATE_LIMITED,
     .status = 429,
     .max = COLD,
     .wait_least_ms = 300000,
     .wait_max_ms = 300000,
     .recovers = true},
    {"429 that says when in its body only",
     {"429-body"},
     .kind = ERROR_RATE_LIMITED,
     .status = 429,
     .max = COLD,
     .recovers = true},
    {"403 that means 429",
     {"403-rate-limit"},
     .kind = ERROR_RATE_LIMITED,
     .status = 403,
     .max = COLD,
     .recovers = true},
    {"425",
     {"425"},
     .kind = ERROR_UNAVAILABLE,
     .status = 425,
     .max = COLD,
     .recovers = true},
    {"503 now and then",
     {"503=2"},
     .kind = ERROR_UNAVAILABLE,
     .status = 503,
     .code = "UNAVAILABLE",
     .max = COLD,
     .recovers = true},
    {"503 to the probe", {"503@ping"}, .exact = COLD},
    {"503 to the probe of a registry that requires credentials",
     {"auth-basic", "503@ping"},
     KNOWN,
     .max = COLD + 2},
    {"500 for ever",
     {"500-always"},
     .kind = ERROR_UNAVAILABLE,
     .status = 500,
     .max = 3},
    {"no right to push",
     {"403-denied"},
     .kind = ERROR_AUTH,
     .status = 403,
     .code = "DENIED",
     .max = 3},
    {"a repository that must be created first",
     {"404-name-unknown"},
     .kind = ERROR_NOT_FOUND,
     .status = 404,
     .code = "NAME_UNKNOWN",
     .max = 3},
    {"an upload session that is lost",
     {"404-upload-unknown"},
     .kind = ERROR_INTERRUPTED,
     .status = 404,
     .code = "BLOB_UPLOAD_UNKNOWN",
     .max = COLD,
     .recovers = true},
    {"a blob that is not there yet",
     {"404-blob-unknown"},
     .kind = ERROR_INTERRUPTED,
     .status = 404,
     .code = "MANIFEST_BLOB_UNKNOWN",
     .exact = COLD,
     .recovers = true},
    {"a manifest that is rejected",
     {"400-manifest-invalid"},
     .kind = ERROR_REJECTED,
     .status = 400,
     .code = "MANIFEST_INVALID",
     .looks_up = true,
     .exact = COLD + 1},
    {"a blob that was damaged in transit",
     {"400-digest-invalid"},
     .kind = ERROR_INTERRUPTED,
     .status = 400,
     .code = "DIGEST_INVALID",
     .max = COLD,
     .recovers = true},
    {"a blob that is too large",
     {"413"},
     .kind = ERROR_TOO_LARGE,
     .status = 413,
     .max = COLD},
    {"a blob that is too large, said before it is read",
     {"413-early"},
     .kind = ERROR_TOO_LARGE,
     .status = 413,
     .max = COLD},
    {"a manifest that is too large",
     {"413@manifest"},
     .kind = ERROR_TOO_LARGE,
     .status = 413,
     .looks_up = true,
     .exact = COLD + 1},
    {"no support for manifests",
     {"405-unsupported"},
     .kind = ERROR_BLOCKED,
     .status = 405,
     .code = "UNSUPPORTED",
     .looks_up = true,
     .exact = COLD + 1},
    {"an HTML page",
     {"html-error"},
     .kind = ERROR_UNAVAILABLE,
     .status = 502,
     .max = COLD,
     .recovers = true},
    {"an error of five megabytes",
     {"huge-error-body"},
     .kind = ERROR_UNAVAILABLE,
     .max = COLD,
     .recovers = true},
    {"headers of 400 kilobytes",
     {"huge-headers"},
     .kind = ERROR_UNAVAILABLE,
     .max = 3},
    {"cookies", {"set-cookie"}, .exact = COLD},
    {"a Warning", {"warning"}, .exact = COLD},

    /* connections */
    {"a registry that hangs", {"hang"}, .kind = ERROR_UNREACHABLE, .max = 3},
    {"a registry that hangs at the probe",
     {"hang@ping"},
     .kind = ERROR_UNREACHABLE,
     .exact = 1},
    {"a registry that hangs at the manifest",
     {"hang@manifest"},
     .kind = ERROR_UNREACHABLE,
     .exact = COLD},
    {"a slow registry is waited for", {"slow=0.5"}, .exact = COLD},
    {"a connection that is closed once",
     {"close"},
     .kind = ERROR_UNREACHABLE,
     .either = true,
     .max = COLD + 1,
     .recovers = true},
    {"connections that are always closed",
     {"close*0"},
     .kind = ERROR_UNREACHABLE,
     .max = 9},
    {"a connection that is reset",
     {"reset"},
     .kind = ERROR_UNREACHABLE,
     .either = true,
     .max = COLD + 1,
     .recovers = true},
    {"connections that are always reset",
     {"reset*0"},
     .kind = ERROR_UNREACHABLE,
     .max = 9},
    {"a connection that is closed in the middle of a blob",
     {"close-mid-upload"},
     .kind = ERROR_UNREACHABLE,
     .either = true,
     .max = COLD + 1,
     .recovers = true},
    {"a connection that is closed after the headers",
     {"close-after-headers"},
     .kind = ERROR_UNREACHABLE,
     .max = COLD,
     .recovers = true},
    {"a connection that is closed in the middle of an answer",
     {"close-mid-body"},
     .kind = ERROR_UNREACHABLE,
     .max = COLD,
     .recovers = true},
    /* curl repeats the request on a new connection, and the session no longer
     * exists there: the same as no response. */
    {"a blob that is stored without a response",
     {"drop-201"},
     .kind = ERROR_INTERRUPTED,
     .or = ERROR_UNREACHABLE,
     .either = true,
     .max = COLD + 1,
     .recovers = true},
    {"a response with invalid chunks",
     {"chunked-garbage"},
     .kind = ERROR_UNREACHABLE,
     .max = COLD,
     .recovers = true},

    /* --- wrong responses */
    {"another digest than was sent",
     {"wrong-digest"},
     .kind = ERROR_DIGEST_MISMATCH,
     .status = 201,
     .exact = COLD},
    {"no digest", {"no-digest"}, .exact = COLD},
    {"a registry without single POST", {"202-on-single-post"}, .exact = COLD},
    {"a registry that answers PATCH with 201", {"201-on-patch"}, .exact = COLD},
    {"media types that GitLab takes", {"gitlab-media-types"}, .exact = COLD},
    {"a registry without referrers", {"no-referrers"}, .exact = COLD},

    /* --- redirects and Locations */
    {"a Location that is a path",
     {"location-relative", "auth-bearer"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"a Location relative to the request",
     {"location-relative-path", "auth-bearer"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"a Location that is a URL",
     {"location-absolute", "auth-bearer"},
     KNOWN,
     .exact = WITH_TOKEN},
    {"a Location that has lost its https",
     {"location-http", "auth-bearer"},
     KNOWN,
     .tls = true,
     .exact = WITH_TOKEN},
    {"a Location on another port gets no credentials",
     {"location-other-port", "auth-bearer"},
     KNOWN,
     .tls = true,
     .exact = WITH_TOKEN},
    {"a Location on another host gets no credentials",
     {"location-cross-host", "auth-basic"},
     KNOWN,
     .exact = COLD},
    {"a Location with a password in it",
     {"location-userinfo"},
     .kind = ERROR_INTERMEDIARY,
     .max = 3},
    {"a Location at the metadata service",
     {"location-metadata-ip"},
     .kind = ERROR_BLOCKED,
     .max = 3},
    {"a Location that is a file",
     {"location-file"},
     .kind = ERROR_INTERMEDIARY,
     .max = 3},
    {"no Location", {"location-missing"}, .kind = ERROR_INTERMEDIARY, .max = 3},
    {"a redirect to another path keeps the credentials",
     {"redirect-307", "auth-bearer"},
     KNOWN,
     .exact = WITH_TOKEN + 5},
    {"a redirect to another host drops the credentials",
     {"redirect-cross-host", "auth-basic"},
     KNOWN,
     .exact = COLD + 3},
    {"a redirect from https to http is not followed in clear",
     {"redirect-http", "auth-bearer"},
     KNOWN,
     .tls = true,
     .kind = ERROR_INTERMEDIARY,
     .max = 14},
    {"a redirect to itself comes to an end",
     {"redirect-loop"},
     .kind = ERROR_INTERMEDIARY,
     .max = 13},
};

/* --- the environment of a test -----------------------------------------------
 */

/* Real time plus an offset, so that a token can expire at once. */
static uint64_t ahead_ms;

static uint64_t monotonic_ahead(void *state)
{
    return clock_monotonic_ms(clock_system()) + ahead_ms;
}

static int64_t wall(void *state)
{
    return clock_wall_ms(clock_system());
}

static const struct clock ahead_clock = {monotonic_ahead, wall, NULL};

struct world {
    struct loop *loop;
    struct http *http;
    struct network network;
    struct oci_client *client;
    struct peer *peer;
    char *folder; /* NULL: no TLS */
    struct arena *arena;
    struct oci_image image;
    struct oci_target target;
    struct keychain_options credentials;
    struct keychain *keychain;
    bool asks_first;
};

static void set_credentials(struct world *world, enum who who)
{

    world->credentials = (struct keychain_options){
        .registry = world->target.registry,
        .path = world->target.path,
    };
    if (who != ANONYMOUS) {
        world->credentials.username = "waybill";
        world->credentials.password = who == KNOWN ? PASSWORD : "open sesame";
    }
    world->keychain = keychain_new(&world->network, &world->credentials);
    world->target.keychain = world->keychain;
}

/* Most registries accept no blob with a POST, and neither do those of these
 * tests unless a test enables it. */
#define SINGLE_POST "single-post"
#define MAX_SCENARIOS 8

static struct peer *start_registry(const char *const *scenarios,
                                   const char *folder)
{
    const char *all[MAX_SCENARIOS] = {0};
    bool takes = false;
    size_t count = 0;

    for (; *scenarios != NULL && count < MAX_SCENARIOS - 2; scenarios++) {
        if (strcmp(*scenarios, SINGLE_POST) == 0) {
            takes = true;
        } else {
            all[count++] = *scenarios;
        }
    }
    if (!takes) {
        all[count] = "202-on-single-post";
    }
    return peer_start(all, folder);
}

static void world_open(struct world *world, const char *const *scenarios,
                       enum who who, bool tls)
{
    static const char envelope[] =
        "{\"payloadType\":\"application/vnd.in-toto+json\","
        "\"payload\":\"e30=\","
        "\"signatures\":[{\"keyid\":\"\",\"sig\":\"eA==\"}]}";
    struct digest digest;

    *world = (struct world){.arena = arena_new()};
    ahead_ms = 0;
    world->folder = tls ? folder_new() : NULL;
    world->peer = start_registry(scenarios, world->folder);
    world->loop = loop_new(&ahead_clock);
    world->http = http_new(world->loop);
    world->network = (struct network){
        .loop = world->loop,
        .http = world->http,
        .timeouts = {5000, 3000},
    };
    world->client = oci_client_new(&world->network);
    digest_of(envelope, sizeof(envelope) - 1, &digest);
    oci_chainloop_image(bytes_of(envelope), &digest, world->arena,
                        &world->image);
    world->target = (struct oci_target){
        .registry = peer_address(world->peer),
        .path = arena_printf(world->arena, "acme/chainloop-%s",
                             digest_hex(&digest)),
        .tag = "latest",
        .https = tls,
        .transport.ca_file =
            tls ? arena_printf(world->arena, "%s/ca.crt", world->folder) : NULL,
    };
    set_credentials(world, who);
}

static void world_close(struct world *world)
{
    oci_client_free(world->client);
    keychain_free(world->keychain);
    http_free(world->http);
    loop_free(world->loop);
    peer_stop(world->peer);
    arena_free(world->arena);
    if (world->folder != NULL) {
        folder_remove(world->folder);
    }
}

struct result {
    bool done;
    bool starting; /* inside oci_push_start() */
    int calls;
    bool already;
    struct error err; /* kind is ERROR_NONE if the image is stored */
};

static void on_pushed(void *payload, bool already, const struct error *err)
{
    struct result *result = payload;

    assert_false(result->starting);
    result->calls++;
    result->done = true;
    result->already = already;
    result->err = err != NULL ? *err : (struct error){0};
}

static struct oci_push *start(struct world *world,
                              const struct oci_target *target,
                              struct result *result)
{
    struct oci_push *push;

    *result = (struct result){.starting = true};
    push = oci_push_start(world->client, target, &world->image,
                          world->asks_first, on_pushed, result);
    result->starting = false;
    return push;
}

static void push(struct world *world, struct result *result)
{
    start(world, &world->target, result);
    await_flag(world->loop, &result->done, SOON_MS);
    assert_int_equal(result->calls, 1);
}

static void assert_pushed(const struct result *result)
{
    assert_string_equal(result->err.message, "");
    assert_int_equal(result->err.kind, ERROR_NONE);
}

/* --- the table -------------------------------------------------------------
 */

static void check_error(const struct row *row, const struct error *err)
{
    if (err->kind != row->kind && !(row->either && err->kind == row->or)) {
        fail_msg("it ends with '%s': %s",
                 err->kind == ERROR_NONE ? "success" : error_class(err->kind),
                 err->message);
    }
    if (err->kind == ERROR_NONE) {
        return;
    }
    assert_true(err->message[0] != '\0');
    assert_null(strstr(err->message, PASSWORD));
    if (row->status != 0) {
        assert_int_equal(err->http_status, row->status);
    }
    if (row->code != NULL) {
        assert_string_equal(err->code, row->code);
    }
    if (row->wait_max_ms != 0) {
        assert_in_range(err->retry_after_ms, row->wait_least_ms,
                        row->wait_max_ms);
    }
}

static void check_peer(const struct row *row, const struct peer *peer)
{
    int requests = peer_count(peer, "requests", NULL);

    if (row->exact != 0) {
        assert_int_equal(requests, row->exact);
    } else {
        assert_in_range(requests, 1, row->max);
    }
    assert_int_equal(peer_count(peer, "stages", "patch"), 0);
    if (strcmp(row->scenarios[0] ? row->scenarios[0] : "",
               "token-other-host") == 0) {
        /* The scope of the credentials, wherever the request is sent */
        assert_int_equal(peer_count(peer, "authorization_at_other", NULL), 1);
    } else if (row->looks_up) {
        peer_assert_manners(peer);
        assert_int_equal(peer_count(peer, "stages", "head"), 1);
    } else {
        peer_assert_content(peer);
    }
}

static void it_ends_as_the_table_says(void **state)
{
    const struct row *row = *state;
    struct world world;
    struct result result;

    world_open(&world, row->scenarios, row->who, row->tls);
    push(&world, &result);
    check_error(row, &result.err);
    check_peer(row, world.peer);
    if (row->recovers) {
        for (int i = 0; i < 4 && result.err.kind != ERROR_NONE; i++) {
            push(&world, &result);
        }
        assert_pushed(&result);
        peer_assert_content(world.peer);
    }
    world_close(&world);
}

/* --- more than one push ------------------------------------------------------
 */

#define SCENARIOS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING ((const char *const[]){NULL})

/* Each push has a repository of its own, as in the chainloop layout. */
static void assert_warm(const char *const *scenarios, enum who who, int each)
{
    struct world world;
    struct result result;
    char path[32];

    world_open(&world, scenarios, who, false);
    for (int i = 1; i <= 3; i++) {
        snprintf(path, sizeof(path), "acme/number-%d", i);
        world.target.path = path;
        push(&world, &result);
        assert_pushed(&result);
        assert_int_equal(peer_count(world.peer, "requests", NULL),
                         1 + i * each);
    }
    assert_int_equal(peer_count(world.peer, "stages", "ping"), 1);
    peer_assert_content(world.peer);
    world_close(&world);
}

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"

static void push_traced(struct world *world, const char *const *scenarios)
{
    struct result result;

    world_open(world, scenarios, KNOWN, false);
    world->target.traceparent = TRACEPARENT;
    push(world, &result);
    assert_pushed(&result);
    assert_int_equal(peer_count(world->peer, "traceparent_at_other", NULL), 0);
}

static void the_registry_is_shown_the_trace_and_its_token_server_is_not(
    void **state)
{
    static const struct {
        const char *stage;
        const char *text;
    } shown[] = {
        {"ping", ""}, /* the first push requests it for all */
        {"token", ""},        {"post", TRACEPARENT},
        {"put", TRACEPARENT}, {"manifest", TRACEPARENT},
    };
    struct world world;
    char text[128];

    push_traced(&world, SCENARIOS("auth-bearer"));
    for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
        assert_true(
            peer_logged(world.peer, shown[i].stage, 0, "traceparent", text));
        assert_string_equal(text, shown[i].text);
    }
    world_close(&world);
}

static void another_host_is_not_shown_the_trace(void **state)
{
    struct world world;

    push_traced(&world, SCENARIOS("location-cross-host", "auth-basic"));
    world_close(&world);
    push_traced(&world, SCENARIOS("redirect-cross-host", "auth-basic"));
    world_close(&world);
}

static void a_warm_push_is_five_requests(void **state)
{
    assert_warm(NOTHING, ANONYMOUS, 5);
}

static void a_warm_push_with_basic_is_five_requests(void **state)
{
    assert_warm(SCENARIOS("auth-basic"), KNOWN, 5);
}

static void a_warm_push_to_a_new_repository_is_a_token_and_five(void **state)
{
    assert_warm(SCENARIOS("auth-bearer"), KNOWN, 6);
}

static void a_warm_push_with_single_posts_is_three_requests(void **state)
{
    assert_warm(SCENARIOS(SINGLE_POST), ANONYMOUS, 3);
}

static void a_warm_push_with_single_posts_and_tokens_is_four(void **state)
{
    assert_warm(SCENARIOS(SINGLE_POST, "auth-bearer"), KNOWN, 4);
}

static void a_refresh_token_serves_the_second_push(void **state)
{
    struct world world;
    struct result result;

    world_open(&world, SCENARIOS("auth-bearer"), KNOWN, false);
    world.target.exchange = OCI_EXCHANGE_OAUTH2;
    push(&world, &result);
    assert_pushed(&result);
    assert_int_equal(peer_count(world.peer, "requests", NULL), WITH_TOKEN);
    world.target.path = "acme/another";
    push(&world, &result);
    assert_pushed(&result);
    assert_int_equal(peer_count(world.peer, "requests", NULL),
                     WITH_TOKEN + WITH_TOKEN - 1);
    peer_assert_content(world.peer);
    world_close(&world);
}

#define CHUNK 80

static int pieces_of(const struct oci_blob *blob)
{
    return (int)((blob->data.len + CHUNK - 1) / CHUNK);
}

/* `exact` with chunked uploads */
static void assert_chunks(const char *const *scenarios, enum who who, int exact)
{
    struct world world;
    struct result result;
    int pieces;

    world_open(&world, scenarios, who, false);
    world.target.chunk_size = CHUNK;
    pieces = pieces_of(&world.image.layer) + pieces_of(&world.image.config);
    push(&world, &result);
    assert_pushed(&result);
    assert_int_equal(peer_count(world.peer, "stages", "patch"), pieces);
    assert_int_equal(peer_count(world.peer, "requests", NULL), exact + pieces);
    peer_assert_content(world.peer);
    world_close(&world);
}

static void chunks_arrive_as_the_whole(void **state)
{
    assert_chunks(NOTHING, ANONYMOUS, COLD);
    assert_chunks(SCENARIOS("201-on-patch"), ANONYMOUS, COLD);
    assert_chunks(SCENARIOS("location-relative", "auth-bearer"), KNOWN,
                  WITH_TOKEN);
}

static void warm_pushes_share_two_connections(void **state)
{
    struct world world;
    struct result result;
    char text[128];

    world_open(&world, NOTHING, ANONYMOUS, false);
    for (int i = 0; i < 4; i++) {
        push(&world, &result);
        assert_pushed(&result);
    }
    /* Scenarios that count get a number, too. */
    for (int n = 0; n < 8; n++) {
        assert_true(peer_logged(world.peer, "put", n, "connection", text));
        assert_in_range(strtoul(text, NULL, 10), 1, 2);
    }
    world_close(&world);
}

static void what_was_pushed_can_be_read_under_its_tag(void **state)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    struct world world;
    struct result result;
    struct json *manifest;
    const struct json *layer;

    world_open(&world, NOTHING, ANONYMOUS, false);
    push(&world, &result);
    assert_pushed(&result);
    str_printf(&path, "/v2/%s/manifests/latest", world.target.path);
    manifest = peer_get(world.peer, path.data);
    layer = json_first(json_member(manifest, "layers"));
    assert_string_equal(json_text(json_member(layer, "digest")),
                        world.image.layer.digest.text);
    assert_string_equal(
        json_text(json_member(json_member(manifest, "config"), "digest")),
        world.image.config.digest.text);
    json_free(manifest);
    world_close(&world);
}

#define MANY 16

static void push_many(struct world *world, bool same_repository)
{
    struct result results[MANY];
    struct oci_target targets[MANY];

    for (size_t i = 0; i < MANY; i++) {
        targets[i] = world->target;
        if (!same_repository) {
            targets[i].path = arena_printf(world->arena, "acme/number-%zu", i);
        }
        start(world, &targets[i], &results[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        await_flag(world->loop, &results[i].done, SOON_MS);
        assert_int_equal(results[i].calls, 1);
        assert_pushed(&results[i]);
    }
}

static void many_pushes_at_once_to_one_repository_fetch_one_token(void **state)
{
    struct world world;

    world_open(&world, SCENARIOS("auth-bearer"), KNOWN, false);
    push_many(&world, true);
    assert_int_equal(peer_count(world.peer, "stages", "ping"), 1);
    assert_int_equal(peer_count(world.peer, "stages", "token"), 1);
    assert_int_equal(peer_count(world.peer, "requests", NULL), 2 + 5 * MANY);
    peer_assert_content(world.peer);
    world_close(&world);
}

static void each_repository_has_a_token_of_its_own(void **state)
{
    struct world world;

    world_open(&world, SCENARIOS("auth-bearer"), KNOWN, false);
    push_many(&world, false);
    assert_int_equal(peer_count(world.peer, "stages", "ping"), 1);
    assert_int_equal(peer_count(world.peer, "stages", "token"), MANY);
    peer_assert_content(world.peer);
    world_close(&world);
}

static void all_who_wait_for_a_token_hear_that_there_is_none(void **state)
{
    struct world world;
    struct result results[MANY];

    world_open(&world, SCENARIOS("auth-bearer"), WRONG, false);
    for (size_t i = 0; i < MANY; i++) {
        start(&world, &world.target, &results[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        await_flag(world.loop, &results[i].done, SOON_MS);
        assert_int_equal(results[i].calls, 1);
        assert_int_equal(results[i].err.kind, ERROR_AUTH);
    }
    assert_int_equal(peer_count(world.peer, "stages", "token"), 1);
    world_close(&world);
}

static void assert_tokens_after(const char *scenario, uint64_t pause_ms,
                                int tokens)
{
    struct world world;
    struct result result;

    world_open(&world, SCENARIOS(scenario), KNOWN, false);
    push(&world, &result);
    assert_pushed(&result);
    ahead_ms += pause_ms;
    push(&world, &result);
    assert_pushed(&result);
    assert_int_equal(peer_count(world.peer, "stages", "token"), tokens);
    /* The lifetime is that of the probe: a token is renewed before it is
     * refused. */
    assert_int_equal(peer_count(world.peer, "statuses", "401"), 1);
    peer_assert_content(world.peer);
    world_close(&world);
}

static void a_token_of_two_seconds_is_not_used_behind_its_end(void **state)
{
    assert_tokens_after("token-lifetime=2", 2000, 2);
}

static void a_token_of_five_minutes_is_used_for_more_than_four(void **state)
{
    assert_tokens_after("token-lifetime=300", 265000, 1);
}

static void a_token_of_five_minutes_is_not_used_in_its_last_moments(
    void **state)
{
    assert_tokens_after("token-lifetime=300", 299000, 2);
}

static void a_token_without_a_lifetime_lives_a_minute(void **state)
{
    assert_tokens_after("token-no-expiry", 60000, 2);
}

/* The manifest is sent when the token of the blobs has expired. */
static void a_token_that_ends_during_a_push_is_fetched_anew(void **state)
{
    struct world world;
    struct result result;

    world_open(&world, SCENARIOS("token-lifetime=2", "slow=0.9"), KNOWN, false);
    push(&world, &result);
    assert_pushed(&result);
    assert_int_equal(peer_count(world.peer, "stages", "token"), 2);
    assert_int_equal(peer_count(world.peer, "statuses", "401"), 1);
    peer_assert_content(world.peer);
    world_close(&world);
}

/* Two registrations may share a user name; they have two passwords. */
static void a_token_is_for_the_password_that_it_was_fetched_with(void **state)
{
    struct world world;
    struct keychain *known;
    struct result result;

    world_open(&world, SCENARIOS("auth-bearer"), KNOWN, false);
    push(&world, &result);
    assert_pushed(&result);
    known = world.keychain;
    set_credentials(&world, WRONG);
    push(&world, &result);
    assert_int_equal(result.err.kind, ERROR_AUTH);
    keychain_free(known);
    world_close(&world);
}

/* --- looking for the image first ---------------------------------------------
 */

/* The image may have been pushed before, or not. */
struct question {
    const char *name;
    const char *scenarios[4];
    enum who who;
    bool tls;
    bool there;
    enum error_kind kind; /* ERROR_NONE: the image is stored in the end */
    int status;
    int requests; /* after the earlier push, or after a cold start; 0: any */
    int heads;
    bool already;
    uint32_t wait_ms;
};

/* The challenge, the lookup, and then the push: COLD includes the challenge. */
#define IN_VAIN (COLD + 1)

static const struct question questions[] = {
    {"it is there: one request", .there = true, .requests = 1, .heads = 1,
     .already = true},
    {"it is stored; Basic is required",
     {"auth-basic"},
     KNOWN,
     .there = true,
     .requests = 1,
     .heads = 1,
     .already = true},
    {"it is stored; a token is required",
     {"auth-bearer"},
     KNOWN,
     .there = true,
     .requests = 1,
     .heads = 1,
     .already = true},
    {"it is there, over TLS",
     {"auth-bearer"},
     KNOWN,
     .tls = true,
     .there = true,
     .requests = 1,
     .heads = 1,
     .already = true},
    {"it is not there", .requests = IN_VAIN, .heads = 1},
    {"it is not stored; a token is required",
     {"auth-bearer"},
     KNOWN,
     .requests = WITH_TOKEN + 1,
     .heads = 1},
    {"another one is there",
     {"wrong-digest@head"},
     .there = true,
     .requests = 6,
     .heads = 1},
    {"a manifest without a digest is stored",
     {"no-digest@head"},
     .there = true,
     .requests = 6,
     .heads = 1},
    {"nothing is there, under the same name",
     {"404-with-digest"},
     .there = true,
     .requests = 6,
     .heads = 1},
    /* A client that may not read may still write. */
    {"the lookup is refused with 401",
     {"auth-basic", "401-twice@head"},
     KNOWN,
     .requests = IN_VAIN + 1,
     .heads = 2},
    {"the lookup is refused with 403",
     {"403-denied@head"},
     .requests = IN_VAIN,
     .heads = 1},
    {"nobody may ask",
     {"405-unsupported@head"},
     .requests = IN_VAIN,
     .heads = 1},
    {"the lookup is not supported",
     {"400-manifest-invalid@head"},
     .requests = IN_VAIN,
     .heads = 1},
    {"the repository is not known",
     {"404-name-unknown@head"},
     .there = true,
     .requests = 6,
     .heads = 1},
    /* A response to HEAD has no body that explains the error; the push has one.
     */
    {"a rate limit with status 403",
     {"403-rate-limit*0@head", "403-rate-limit*0@post"},
     .kind = ERROR_RATE_LIMITED,
     .status = 403,
     .heads = 1},
    /* An outage affects both the lookup and the push. */
    {"500",
     {"500-always@head"},
     .kind = ERROR_UNAVAILABLE,
     .status = 500,
     .requests = 2,
     .heads = 1},
    {"502 with a page",
     {"html-error@head"},
     .kind = ERROR_UNAVAILABLE,
     .status = 502,
     .requests = 2,
     .heads = 1},
    {"503",
     {"503@head"},
     .there = true,
     .kind = ERROR_UNAVAILABLE,
     .status = 503,
     .requests = 1,
     .heads = 1},
    {"429 without a word",
     {"429@head"},
     .kind = ERROR_RATE_LIMITED,
     .status = 429,
     .requests = 2,
     .heads = 1},
    {"429 with seconds",
     {"429-seconds=3@head"},
     .there = true,
     .kind = ERROR_RATE_LIMITED,
     .status = 429,
     .requests = 1,
     .heads = 1,
     .wait_ms = 3000},
    {"no answer",
     {"hang@head"},
     .kind = ERROR_UNREACHABLE,
     .requests = 2,
     .heads = 1},
    {"connections that are always closed",
     {"close*0@head"},
     .kind = ERROR_UNREACHABLE},
    {"more headers than we take",
     {"huge-headers@head"},
     .there = true,
     .kind = ERROR_UNAVAILABLE,
     .requests = 1,
     .heads = 1},
    /* elsewhere */
    {"a redirect is followed",
     {"redirect-307@head", "auth-bearer"},
     KNOWN,
     .there = true,
     .requests = 2,
     .heads = 2,
     .already = true},
    {"a redirect to another host gets no credentials",
     {"redirect-cross-host@head", "auth-basic"},
     KNOWN,
     .there = true,
     .requests = 2,
     .heads = 2,
     .already = true},
    {"a redirect to another host, where it is not",
     {"redirect-cross-host@head", "auth-basic"},
     KNOWN,
     .requests = IN_VAIN + 1,
     .heads = 2},
    {"a token that may only pull is enough to ask",
     {"token-reduced"},
     KNOWN,
     .kind = ERROR_AUTH,
     .status = 401,
     .heads = 1},
};

static void check_answer(const struct question *row,
                         const struct result *result)
{
    if (result->err.kind != row->kind) {
        fail_msg("it ends with '%s': %s",
                 result->err.kind == ERROR_NONE ? "success"
                                                : error_class(result->err.kind),
                 result->err.message);
    }
    assert_int_equal(result->already, row->already);
    if (row->kind != ERROR_NONE) {
        assert_int_equal(result->err.http_status, row->status);
        assert_int_equal(result->err.retry_after_ms, row->wait_ms);
    }
}

static void it_is_asked_for_first(void **state)
{
    const struct question *row = *state;
    struct world world;
    struct result result;
    int before = 0;
    int requests;

    world_open(&world, row->scenarios, row->who, row->tls);
    if (row->there) {
        push(&world, &result);
        assert_pushed(&result);
        assert_false(result.already);
        before = peer_count(world.peer, "requests", NULL);
    }
    world.asks_first = true;
    push(&world, &result);
    check_answer(row, &result);
    requests = peer_count(world.peer, "requests", NULL) - before;
    if (row->requests != 0) {
        assert_int_equal(requests, row->requests);
    }
    if (row->heads != 0) {
        assert_int_equal(peer_count(world.peer, "stages", "head"), row->heads);
    }
    peer_assert_manners(world.peer);
    world_close(&world);
}

static void a_question_says_which_manifests_it_takes(void **state)
{
    struct world world;
    struct result result;
    char text[128];

    world_open(&world, NOTHING, ANONYMOUS, false);
    world.asks_first = true;
    push(&world, &result);
    assert_pushed(&result);
    assert_true(peer_logged(world.peer, "head", 0, "accept", text));
    assert_string_equal(text, world.image.manifest.media_type);
    assert_true(peer_logged(world.peer, "head", 0, "path", text));
    assert_non_null(strstr(text, "/manifests/latest"));
    world_close(&world);
}

/* --- the probe -------------------------------------------------------------
 */

struct probing {
    const char *name;
    const char *scenarios[4];
    bool tls;
    enum error_kind kind; /* ERROR_NONE: the registry is alive */
    int status;
};

static const struct probing probings[] = {
    {"200", .kind = ERROR_NONE},
    {"200, over TLS", .tls = true},
    {"401 Basic", {"auth-basic"}, .kind = ERROR_NONE},
    {"401 Bearer", {"auth-bearer"}, .kind = ERROR_NONE},
    {"403", {"403-denied@ping"}, .kind = ERROR_NONE},
    {"404", {"404-name-unknown@ping"}, .kind = ERROR_NONE},
    {"405", {"405-unsupported@ping"}, .kind = ERROR_NONE},
    {"307", {"redirect-307@ping"}, .kind = ERROR_NONE},
    {"a slow answer", {"slow=0.5@ping"}, .kind = ERROR_NONE},
    {"500", {"500-always@ping"}, .kind = ERROR_UNAVAILABLE, .status = 500},
    {"502 with a page",
     {"html-error@ping"},
     .kind = ERROR_UNAVAILABLE,
     .status = 502},
    {"503", {"503@ping"}, .kind = ERROR_UNAVAILABLE, .status = 503},
    {"503 where credentials are required",
     {"auth-basic", "503@ping"},
     .kind = ERROR_UNAVAILABLE,
     .status = 503},
    {"429", {"429@ping"}, .kind = ERROR_RATE_LIMITED, .status = 429},
    {"425", {"425@ping"}, .kind = ERROR_UNAVAILABLE, .status = 425},
    {"no answer", {"hang@ping"}, .kind = ERROR_UNREACHABLE},
    {"connections that are closed",
     {"close*0@ping"},
     .kind = ERROR_UNREACHABLE},
    {"connections that are reset", {"reset*0@ping"}, .kind = ERROR_UNREACHABLE},
    {"half an answer", {"close-mid-body@ping"}, .kind = ERROR_UNREACHABLE},
    {"invalid chunks", {"chunked-garbage@ping"}, .kind = ERROR_UNREACHABLE},
    {"more body than we take",
     {"huge-error-body@ping"},
     .kind = ERROR_UNAVAILABLE},
    {"more headers than we take",
     {"huge-headers@ping"},
     .kind = ERROR_UNAVAILABLE},
};

static void on_probed(void *payload, const struct error *err)
{
    on_pushed(payload, false, err);
}

static struct oci_probe *start_probe(struct world *world, struct result *result)
{
    struct oci_probe *probe;

    *result = (struct result){.starting = true};
    probe = oci_probe_start(world->client, &world->target, on_probed, result);
    result->starting = false;
    return probe;
}

static void probe(struct world *world, struct result *result)
{
    start_probe(world, result);
    await_flag(world->loop, &result->done, SOON_MS);
    assert_int_equal(result->calls, 1);
}

static void check_probed(const struct world *world, const struct result *result,
                         enum error_kind kind, int status)
{
    if (result->err.kind != kind) {
        fail_msg("it ends with '%s': %s",
                 result->err.kind == ERROR_NONE ? "success"
                                                : error_class(result->err.kind),
                 result->err.message);
    }
    if (kind != ERROR_NONE) {
        assert_int_equal(result->err.http_status, status);
        assert_non_null(strstr(result->err.message, world->target.registry));
    }
}

static void a_registry_is_alive_or_not(void **state)
{
    const struct probing *row = *state;
    struct world world;
    struct result result;
    char text[128];

    world_open(&world, row->scenarios, KNOWN, row->tls);
    probe(&world, &result);
    check_probed(&world, &result, row->kind, row->status);
    /* Without credentials, and without a second attempt */
    assert_int_equal(peer_count(world.peer, "requests", NULL),
                     peer_count(world.peer, "stages", "ping"));
    assert_true(peer_logged(world.peer, "ping", 0, "authorization", text));
    assert_string_equal(text, "");
    peer_assert_content(world.peer);
    world_close(&world);
}

static void nobody_at_that_port_is_not_alive(void **state)
{
    struct world world;
    struct result result;

    world_open(&world, NOTHING, KNOWN, false);
    world.target.registry =
        arena_printf(world.arena, "%s", world.target.registry);
    peer_stop(world.peer);
    world.peer = NULL;
    probe(&world, &result);
    check_probed(&world, &result, ERROR_UNREACHABLE, 0);
    world_close(&world);
}

static void a_registry_that_we_do_not_trust_is_not_alive(void **state)
{
    struct world world;
    struct result result;

    world_open(&world, NOTHING, KNOWN, true);
    world.target.transport.ca_file = NULL;
    probe(&world, &result);
    assert_true(result.err.kind != ERROR_NONE);
    world_close(&world);
}

static void a_probe_of_no_registry_fails_later(void **state)
{
    struct world world;
    struct result result;

    world_open(&world, NOTHING, KNOWN, false);
    world.target.registry = "not a registry";
    oci_probe_cancel(start_probe(&world, &result));
    turn_idle(world.loop);
    assert_int_equal(result.calls, 0);
    probe(&world, &result);
    assert_true(result.err.kind != ERROR_NONE);
    world_close(&world);
}

static void a_probe_can_be_cancelled(void **state)
{
    struct world world;
    struct result result;
    struct oci_probe *running;

    world_open(&world, SCENARIOS("hang@ping"), KNOWN, false);
    oci_probe_cancel(start_probe(&world, &result));
    running = start_probe(&world, &result);
    await_stage(world.loop, world.peer, "ping", 1);
    oci_probe_cancel(running);
    turn_idle(world.loop);
    assert_int_equal(result.calls, 0);
    world_close(&world);
}

/* The target is no longer needed once the push has begun. */
static void a_probe_keeps_what_it_needs(void **state)
{
    struct world world;
    struct result result;
    char *registry;

    world_open(&world, SCENARIOS("503@ping"), KNOWN, false);
    registry = mem_strdup(world.target.registry);
    world.target.registry = registry;
    start_probe(&world, &result);
    memset(registry, 'x', strlen(registry));
    mem_free(registry);
    await_flag(world.loop, &result.done, SOON_MS);
    assert_int_equal(result.err.http_status, 503);
    world.target.registry = NULL;
    world_close(&world);
}

/* --- cancelling ------------------------------------------------------------
 */

static void cancel_at(const char *stage, const char *scenario)
{
    struct world world;
    struct result result;
    struct oci_push *running;

    world_open(&world, SCENARIOS("auth-bearer", scenario), KNOWN, false);
    running = start(&world, &world.target, &result);
    if (stage != NULL) {
        await_stage(world.loop, world.peer, stage, 1);
    }
    oci_push_cancel(running);
    turn_idle(world.loop);
    assert_int_equal(result.calls, 0);
    world_close(&world);
}

static void a_push_can_be_cancelled_before_it_begins(void **state)
{
    cancel_at(NULL, "hang");
}

static void a_push_can_be_cancelled_at_the_probe(void **state)
{
    cancel_at("ping", "hang@ping");
}

static void a_push_can_be_cancelled_at_the_token(void **state)
{
    cancel_at("token", "hang@token");
}

static void a_push_can_be_cancelled_at_the_question(void **state)
{
    struct world world;
    struct result result;
    struct oci_push *running;

    world_open(&world, SCENARIOS("hang@head"), KNOWN, false);
    world.asks_first = true;
    running = start(&world, &world.target, &result);
    await_stage(world.loop, world.peer, "head", 1);
    oci_push_cancel(running);
    turn_idle(world.loop);
    assert_int_equal(result.calls, 0);
    world_close(&world);
}

static void a_push_can_be_cancelled_at_the_sessions(void **state)
{
    cancel_at("post", "hang@post");
}

static void a_push_can_be_cancelled_at_the_blobs(void **state)
{
    cancel_at("put", "hang@put");
}

static void a_push_can_be_cancelled_at_the_manifest(void **state)
{
    cancel_at("manifest", "hang@manifest");
}

/* Before any turn of the loop: the failure is already deferred. */
static void a_push_that_fails_at_once_can_be_cancelled(void **state)
{
    struct world world;
    struct result result;

    world_open(&world, NOTHING, ANONYMOUS, false);
    world.target.registry = "not a registry";
    oci_push_cancel(start(&world, &world.target, &result));
    turn_idle(world.loop);
    assert_int_equal(result.calls, 0);
    push(&world, &result);
    assert_true(result.err.kind != ERROR_NONE);
    world_close(&world);
}

static void leave_the_others(const char *const *scenarios, const char *stage)
{
    struct world world;
    struct result results[3];
    struct oci_push *pushes[3];

    world_open(&world, scenarios, KNOWN, false);
    for (size_t i = 0; i < 3; i++) {
        pushes[i] = start(&world, &world.target, &results[i]);
    }
    await_stage(world.loop, world.peer, stage, 1);
    oci_push_cancel(pushes[0]);
    await_flag(world.loop, &results[1].done, SOON_MS);
    await_flag(world.loop, &results[2].done, SOON_MS);
    assert_pushed(&results[1]);
    assert_pushed(&results[2]);
    assert_int_equal(results[0].calls, 0);
    assert_int_equal(peer_count(world.peer, "stages", stage), 1);
    world_close(&world);
}

static void one_who_waits_for_a_token_may_leave_the_others(void **state)
{
    leave_the_others(SCENARIOS("auth-bearer", "slow=0.3@token"), "token");
}

static void one_who_waits_for_the_probe_may_leave_the_others(void **state)
{
    leave_the_others(SCENARIOS("slow=0.3@ping"), "ping");
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test(a_warm_push_is_five_requests),
    cmocka_unit_test(a_warm_push_with_basic_is_five_requests),
    cmocka_unit_test(a_warm_push_to_a_new_repository_is_a_token_and_five),
    cmocka_unit_test(a_warm_push_with_single_posts_is_three_requests),
    cmocka_unit_test(a_warm_push_with_single_posts_and_tokens_is_four),
    cmocka_unit_test(
        the_registry_is_shown_the_trace_and_its_token_server_is_not),
    cmocka_unit_test(another_host_is_not_shown_the_trace),
    cmocka_unit_test(a_refresh_token_serves_the_second_push),
    cmocka_unit_test(chunks_arrive_as_the_whole),
    cmocka_unit_test(warm_pushes_share_two_connections),
    cmocka_unit_test(what_was_pushed_can_be_read_under_its_tag),
    cmocka_unit_test(many_pushes_at_once_to_one_repository_fetch_one_token),
    cmocka_unit_test(each_repository_has_a_token_of_its_own),
    cmocka_unit_test(all_who_wait_for_a_token_hear_that_there_is_none),
    cmocka_unit_test(a_token_of_two_seconds_is_not_used_behind_its_end),
    cmocka_unit_test(a_token_of_five_minutes_is_used_for_more_than_four),
    cmocka_unit_test(a_token_of_five_minutes_is_not_used_in_its_last_moments),
    cmocka_unit_test(a_token_without_a_lifetime_lives_a_minute),
    cmocka_unit_test(a_token_that_ends_during_a_push_is_fetched_anew),
    cmocka_unit_test(a_token_is_for_the_password_that_it_was_fetched_with),
    cmocka_unit_test(a_question_says_which_manifests_it_takes),
    cmocka_unit_test(nobody_at_that_port_is_not_alive),
    cmocka_unit_test(a_registry_that_we_do_not_trust_is_not_alive),
    cmocka_unit_test(a_probe_of_no_registry_fails_later),
    cmocka_unit_test(a_probe_can_be_cancelled),
    cmocka_unit_test(a_probe_keeps_what_it_needs),
    cmocka_unit_test(a_push_can_be_cancelled_before_it_begins),
    cmocka_unit_test(a_push_can_be_cancelled_at_the_probe),
    cmocka_unit_test(a_push_can_be_cancelled_at_the_token),
    cmocka_unit_test(a_push_can_be_cancelled_at_the_question),
    cmocka_unit_test(a_push_can_be_cancelled_at_the_sessions),
    cmocka_unit_test(a_push_can_be_cancelled_at_the_blobs),
    cmocka_unit_test(a_push_can_be_cancelled_at_the_manifest),
    cmocka_unit_test(a_push_that_fails_at_once_can_be_cancelled),
    cmocka_unit_test(one_who_waits_for_a_token_may_leave_the_others),
    cmocka_unit_test(one_who_waits_for_the_probe_may_leave_the_others),
};

static struct CMUnitTest test_of(const char *name, CMUnitTestFunction test,
                                 const void *row)
{
    return (struct CMUnitTest){
        .name = name, .test_func = test, .initial_state = (void *)row};
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_SIZE(rows) + ARRAY_SIZE(questions) +
                            ARRAY_SIZE(probings) + ARRAY_SIZE(others)];
    struct CMUnitTest *next = tests;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        *next++ = test_of(rows[i].name, it_ends_as_the_table_says, &rows[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
        *next++ =
            test_of(questions[i].name, it_is_asked_for_first, &questions[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(probings); i++) {
        *next++ =
            test_of(probings[i].name, a_registry_is_alive_or_not, &probings[i]);
    }
    memcpy(next, others, sizeof(others));
    return run_shard("push", tests, ARRAY_SIZE(tests), NULL, NULL);
}
