#include "oci_world.h"
#include "waybill/arena.h"
#include "waybill/base64.h"

/* A registry and a token server that repeat what requests have revealed, to
 * these requests and to later ones: none of it may be in an error message. */

/* --- the servers ---------------------------------------------------------- */

static struct {
    unsigned tokens;     /* issued so far */
    int token_status;    /* of the token server */
    const char *body;    /* of its response; NULL: a new token */
    int status;          /* of the registry */
    const char *headers; /* of its response */
    const char *message; /* quoted by the registry */
    char text[64 * 1024];
} servers;

/* As long as a real one, and different from its predecessors in every part */
static const char *token_of(unsigned number)
{
    static char text[256];
    uint64_t bits = (number + 1) * 0x9E3779B97F4A7C15ULL;
    size_t len = 0;

    for (; len < 200; len++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        text[len] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                    "0123456789-_"[bits % 64];
    }
    text[len] = '\0';
    return text;
}

static struct fake_reply answer_token(void)
{
    if (servers.body != NULL) {
        return (struct fake_reply){servers.token_status, NULL, servers.body};
    }
    snprintf(servers.text, sizeof(servers.text),
             "{\"token\":\"%s\",\"expires_in\":300}",
             token_of(servers.tokens++));
    return (struct fake_reply){200, NULL, servers.text};
}

static struct fake_reply reply(const struct http_transfer *asked)
{
    if (strcmp(asked->name, "GET " REG "/v2/") == 0) {
        return (struct fake_reply){401, BEARER "\n", NULL};
    }
    if (strstr(asked->name, AUTH) != NULL) {
        return answer_token();
    }
    snprintf(
        servers.text, sizeof(servers.text),
        "{\"errors\":[{\"code\":\"MANIFEST_INVALID\",\"message\":\"%s\"}]}",
        servers.message);
    return (struct fake_reply){servers.status, servers.headers, servers.text};
}

/* --- a push --------------------------------------------------------------- */

struct pushed {
    int calls;
    struct error err;
};

static void on_pushed(void *payload, bool already, const struct error *err)
{
    struct pushed *pushed = payload;

    pushed->calls++;
    if (err != NULL) {
        pushed->err = *err;
    }
}

static struct error push_to(const char *path)
{
    struct arena *arena = arena_new();
    struct pushed pushed = {0};
    struct oci_image image;
    struct digest digest;

    digest_of("{}", 2, &digest);
    oci_chainloop_image(bytes_of("{}"), &digest, arena, &image);
    pusher.target.path = path;
    oci_push_start(world.client, &pusher.target, &image, false, on_pushed,
                   &pushed);
    for (unsigned i = 0; i < 100 && pushed.calls == 0; i++) {
        fake_settle(world.http);
    }
    assert_int_equal(pushed.calls, 1);
    arena_free(arena);
    return pushed.err;
}

static void begin(const char *message)
{
    memset(&servers, 0, sizeof(servers));
    servers.status = 400;
    servers.message = message;
    fake_reply_by(reply);
    pusher_open(&world, &pusher, "reg.example", PASSWORD);
}

static int end(void **state)
{
    fake_reply_by(NULL);
    return end_world(state);
}

static void check_message(const char *label, const struct error *err,
                          const char *expected)
{
    check_contains(label, err->message, expected);
}

/* --- tests ---------------------------------------------------------------- */

static void a_token_that_was_replaced_is_not_repeated(void **state)
{
    char message[512];
    struct error err;

    begin("first");
    push_to("acme/app");
    wait_ms(&world, 400000); /* the token has expired */
    snprintf(message, sizeof(message), "the old %s is void", token_of(0));
    servers.message = message;
    err = push_to("acme/app");
    assert_int_equal(servers.tokens, 2);
    check_message("replaced", &err, "MANIFEST_INVALID: the old *** is void");
}

static void a_token_that_was_forgotten_is_not_repeated(void **state)
{
    char message[512];
    struct error err;

    begin("first");
    for (unsigned i = 0; i < 300; i++) {
        char path[32];

        snprintf(path, sizeof(path), "acme/app-%u", i);
        push_to(path);
    }
    assert_int_equal(servers.tokens, 300);
    snprintf(message, sizeof(message), "void: %s", token_of(0));
    servers.message = message;
    err = push_to("acme/app-299");
    check_message("forgotten", &err, "MANIFEST_INVALID: void: ***");
}

static void a_token_is_found_however_it_is_cut_and_wrapped(void **state)
{
    /* the number of characters of its beginning and of its end, and the text
     * between them */
    static const struct {
        int start;
        const char *between;
        size_t end;
    } shapes[] = {
        {60, "...", 0},         {0, "...", 60},    {30, "\\n", 170},
        {30, "\\r\\n\\t", 170}, {30, "=\\n", 170}, {30, "\\\\n", 170},
        {60, " ... ", 60},
    };

    for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
        char token[256];
        char message[1024];
        struct error err;

        begin("first");
        push_to("acme/app");
        snprintf(token, sizeof(token), "%s", token_of(0));
        snprintf(message, sizeof(message), "bad %.*s%s%s", shapes[i].start,
                 token, shapes[i].between,
                 token + strlen(token) - shapes[i].end);
        servers.message = message;
        err = push_to("acme/app");
        check_message(shapes[i].between, &err, "MANIFEST_INVALID: bad ");
        check_contains(shapes[i].between, err.message, "***");
        for (size_t at = 0; at + 10 < strlen(token); at++) {
            char piece[11];

            snprintf(piece, sizeof(piece), "%s", token + at);
            assert_null(strstr(err.message, piece));
        }
        if (i + 1 < ARRAY_SIZE(shapes)) {
            pusher_close(&pusher);
            world_close(&world);
            world_open(&world);
        }
    }
}

static void an_identity_token_is_found_in_base64(void **state)
{
    static const char identity[] = "1dent1ty-t0ken-0f-s0mebody";
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    struct error err;

    begin("");
    pusher_close(&pusher);
    pusher_bind(&world, &pusher, BINDING_IDENTITY_TOKEN, identity);
    str_append_text(&body, "{\"error\":\"invalid_grant\","
                           "\"error_description\":\"no good: ");
    base64_encode(&body, identity, strlen(identity));
    str_append_text(&body, ", ");
    base64_encode(&body, "<token>:1dent1ty-t0ken-0f-s0mebody", 34);
    str_append_text(&body, "\"}");
    servers.body = body.data;
    servers.token_status = 401;
    err = push_to("acme/app");
    check_message("base64", &err, "no good: ***");
    assert_null(strstr(err.message, "MWRlbnQx"));
    assert_null(strstr(err.message, "dG9rZW4"));
    assert_null(strstr(err.message, "ZW50MXR5"));
}

/* A host name is in lower case, and that of a token server or a redirect is
 * quoted. */
static void a_host_that_is_a_secret_is_not_named(void **state)
{
    struct error err;

    begin("");
    servers.status = 307;
    servers.headers = "Location: http://" PASSWORD "long.example/x\n";
    pusher_close(&pusher);
    pusher_open(&world, &pusher, "reg.example", PASSWORD "long");
    err = push_to("acme/app");
    check_message("host", &err, "redirects to 'http://***");
    assert_null(strstr(err.message, PASSWORD));
}

static void a_code_that_is_a_secret_is_not_kept(void **state)
{
    struct error err;

    begin("x\"},{\"message\":\"y");
    pusher_close(&pusher);
    pusher_open(&world, &pusher, "reg.example", "MANIFEST_INVALID_1");
    err = push_to("acme/app");
    assert_null(strstr(err.code, "MANIFEST"));
    assert_null(strstr(err.message, "MANIFEST"));
}

#define ECHO_TEST(test) cmocka_unit_test_setup_teardown(test, begin_world, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ECHO_TEST(a_token_that_was_replaced_is_not_repeated),
        ECHO_TEST(a_token_that_was_forgotten_is_not_repeated),
        ECHO_TEST(a_token_is_found_however_it_is_cut_and_wrapped),
        ECHO_TEST(an_identity_token_is_found_in_base64),
        ECHO_TEST(a_host_that_is_a_secret_is_not_named),
        ECHO_TEST(a_code_that_is_a_secret_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
