#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../support/fake_clock.h"
#include "../support/fake_http.h"
#include "fuzz.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/oci.h"
#include "waybill/utf8.h"

/*
 * A letter that selects the credential, and the responses to one push of a
 * registry, its token server and other services, in this order:
 *
 *     p
 *     401
 *     WWW-Authenticate: Bearer realm="https://auth.reg.acme.net/token"
 *
 *     a body
 *     ---
 *     200
 *     ...
 *
 * They may echo what they received. For all of them:
 * - A secret is sent only where it belongs: a password and a refresh token to
 *   the registry, its token server and well-known services, a token to the
 *   registry's own origin; none of them by plain http, and none in a URL unless
 *   a response has put it there.
 * - The error of the push contains no secret that was sent.
 * - The push ends after a bounded number of requests.
 */

#define REGISTRY "reg.acme.net"
#define SITE "acme.net" /* the registrable domain */
#define MAX_REQUESTS 200

/* Long and rare enough not to occur by chance */
#define PASSWORD "pl4nted/pass+word"
#define IDENTITY "pl4nted-identity.t0ken"
#define REGISTRY_TOKEN "pl4nted-registry.t0ken"
/* A token that a token server of the corpus issues */
#define ISSUED "issued-access.t0ken"
#define REFRESH "issued-refresh.t0ken"

struct planted {
    const char *text;
    bool of_origin; /* otherwise that of the account */
    bool was_sent;  /* in this push */
    bool is_given;  /* a response contains it */
};

static struct planted secrets[] = {
    {.text = PASSWORD},
    {.text = IDENTITY},
    {.text = REFRESH},
    {.text = REGISTRY_TOKEN, .of_origin = true},
    {.text = ISSUED, .of_origin = true},
};

/* --- the responses -------------------------------------------------------- */

static char *rest; /* of the input */
static unsigned requests;

/* Cuts off what is before `mark`, and returns it. */
static char *cut(char **text, const char *mark)
{
    char *start = *text;
    char *end = strstr(start, mark);

    if (end == NULL) {
        *text = start + strlen(start);
    } else {
        *end = '\0';
        *text = end + strlen(mark);
    }
    return start;
}

static struct fake_reply next_reply(void)
{
    static char headers[8192];
    char *response = cut(&rest, "\n---\n");
    char *status = cut(&response, "\n");
    char *lines = response;

    headers[0] = '\0';
    if (*response == '\n') {
        response++;
    } else {
        lines = cut(&response, "\n\n");
        snprintf(headers, sizeof(headers) - 1, "%s", lines);
        strcat(headers, "\n");
    }
    return (struct fake_reply){
        .status =
            atoi(status) >= 100 && atoi(status) <= 999 ? atoi(status) : 200,
        .headers = headers,
        .body = response,
    };
}

/* --- who receives what
 * -------------------------------------------------------- */

static bool is_encoded_at(const char *at, const char *secret)
{
    for (; *secret != '\0'; secret++) {
        char code[4];

        snprintf(code, sizeof(code), "%%%02X",
                 (unsigned)(unsigned char)*secret);
        if (strncasecmp(at, code, 3) == 0) {
            at += 3;
        } else if (*at == *secret) {
            at++;
        } else {
            return false;
        }
    }
    return true;
}

static bool contains(const char *text, const char *secret)
{
    for (; *text != '\0'; text++) {
        if (is_encoded_at(text, secret)) {
            return true;
        }
    }
    return false;
}

static bool contains_basic(const char *text, const char *username,
                           const char *secret)
{
    CLEANUP(str_release) struct str pair = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str basic = STR_INIT(STR_UNLIMITED);

    str_printf(&pair, "%s:%s", username, secret);
    base64_encode(&basic, pair.data, pair.len);
    return strstr(text, basic.data) != NULL;
}

/* Verbatim, in a form or a URL, or in a Basic header with its user name */
static bool shows(const char *text, const char *secret)
{
    const char *username = strcmp(secret, PASSWORD) == 0 ? "bot" : "<token>";

    return contains(text, secret) || contains_basic(text, username, secret);
}

static bool is_of_the_site(const char *host)
{
    size_t len = strlen(host);
    size_t own = strlen(SITE);

    return strcmp(host, SITE) == 0 ||
           (len > own && strcmp(host + len - own, SITE) == 0 &&
            host[len - own - 1] == '.');
}

static void check_receiver(const struct planted *secret, const struct url *url)
{
    CHECK(url->https);
    if (secret->of_origin) {
        CHECK(strcmp(url->host, REGISTRY) == 0 && url->port == 443);
    } else {
        CHECK(is_of_the_site(url->host) || allow_list_has(NULL, url->host));
    }
}

/* Appends the values that authorize a request. What a challenge contains is
 * repeated elsewhere, and is no secret for the server that sent it. */
static void append_credentials(struct str *out,
                               const struct http_transfer *asked)
{
    static const char *const starts[] = {
        "Authorization: ", "password=", "refresh_token="};
    const char *const texts[] = {asked->headers, asked->body, asked->body};
    const char *const ends[] = {"\n", "&", "&"};

    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        const char *at = strstr(texts[i], starts[i]);

        if (at != NULL && (at == texts[i] || at[-1] == '\n' || at[-1] == '&')) {
            str_append(out, at, strcspn(at, ends[i]));
            str_append_char(out, '\n');
        }
    }
}

static void check_request(const struct http_transfer *asked)
{
    CLEANUP(str_release) struct str credentials = STR_INIT(STR_UNLIMITED);
    const char *text = strchr(asked->name, ' ') + 1;
    struct error err;
    struct url url;

    append_credentials(&credentials, asked);
    CHECK(url_parse(text, NULL, &url, &err) == 0);
    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
        CHECK(secrets[i].is_given || !shows(text, secrets[i].text));
        CHECK(secrets[i].is_given || !shows(asked->body, secrets[i].text) ||
              shows(credentials.data, secrets[i].text));
        if (shows(credentials.data, secrets[i].text)) {
            check_receiver(&secrets[i], &url);
            secrets[i].was_sent = true;
        }
    }
    for (const char *at = asked->headers; *at != '\0'; at++) {
        CHECK(*at == '\n' || (unsigned char)*at >= ' ');
    }
    url_release(&url);
}

static struct fake_reply answer(const struct http_transfer *asked)
{
    requests++;
    CHECK(requests <= MAX_REQUESTS);
    check_request(asked);
    if (*rest == '\0') {
        return (struct fake_reply){.status = 500};
    }
    return next_reply();
}

/* --- one push ------------------------------------------------------------- */

struct ended {
    bool done;
    bool failed;
    struct error err;
};

static void on_done(void *payload, bool already, const struct error *err)
{
    struct ended *ended = payload;

    (void)already;
    ended->done = true;
    ended->failed = err != NULL;
    if (err != NULL) {
        ended->err = *err;
    }
}

static void check_text(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
        if (secrets[i].was_sent && shows(text, secrets[i].text)) {
            fprintf(stderr, "it comes out: %s\n", text);
            abort();
        }
    }
    CHECK(utf8_valid(text, strlen(text)));
    for (; *text != '\0'; text++) {
        CHECK((unsigned char)*text >= ' ');
    }
}

static void push(const struct network *network, struct oci_target *target,
                 bool check_first)
{
    static const char envelope[] = "{}";
    struct oci_client *client = oci_client_new(network);
    struct arena *arena = arena_new();
    struct oci_image image;
    struct digest digest;
    struct ended ended = {0};

    digest_of(envelope, strlen(envelope), &digest);
    oci_chainloop_image(bytes_of(envelope), &digest, arena, &image);
    oci_push_start(client, target, &image, check_first, on_done, &ended);
    while (!ended.done) {
        CHECK(loop_turn(network->loop, false) || ended.done);
    }
    if (ended.failed) {
        CHECK(ended.err.kind != ERROR_NONE && ended.err.message[0] != '\0');
        check_text(ended.err.message);
        check_text(ended.err.code);
    }
    oci_client_free(client);
    arena_free(arena);
}

static struct keychain *keychain_for(const struct network *network, int letter,
                                     struct credential_source *source)
{
    static struct keychain_options options; /* the keychain borrows it */

    options = (struct keychain_options){.registry = REGISTRY, .path = "acme"};
    if (letter == 'p' || letter == 'o') {
        options.username = "bot";
        options.password = PASSWORD;
    } else if (letter == 'i' || letter == 'r') {
        *source = (struct credential_source){
            .source = "static",
            .binding =
                letter == 'i' ? BINDING_IDENTITY_TOKEN : BINDING_REGISTRY_TOKEN,
            .value = letter == 'i' ? IDENTITY : REGISTRY_TOKEN,
        };
        options.sources = source;
        options.source_count = 1;
    }
    return keychain_new(network, &options);
}

/* Credentials come from the options alone, and `answer` serves every request.
 */
static bool prepare(void)
{
    fake_reply_by(answer);
    return clearenv() == 0 && setenv("HOME", "/nonexistent", 1) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_prepared;
    struct fake_time now = {1000, 1767323045000};
    const struct clock clock = FAKE_CLOCK(&now);
    struct credential_source source;
    struct network network = {.timeouts = {1000, 1000}};
    struct str text;
    struct oci_target target = {
        .registry = REGISTRY,
        .path = "acme/app",
        .tag = "latest",
        .https = true,
    };
    int letter = size > 0 ? tolower(data[0]) : 'p';

    str_init(&text, STR_UNLIMITED);
    str_append(&text, data + (size > 0), size - (size > 0));
    rest = text.data + (text.data[0] == '\n');
    requests = 0;
    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
        secrets[i].was_sent = false;
        secrets[i].is_given = shows(text.data, secrets[i].text);
    }
    is_prepared = is_prepared || prepare();
    CHECK(is_prepared);
    network.loop = loop_new(&clock);
    network.http = http_new(network.loop);
    target.keychain = keychain_for(&network, letter, &source);
    target.exchange = letter == 'o' ? OCI_EXCHANGE_OAUTH2 : OCI_EXCHANGE_AUTO;
    push(&network, &target, size > 0 && isupper(data[0]));
    keychain_free(target.keychain);
    http_free(network.http);
    loop_free(network.loop);
    str_release(&text);
    return 0;
}
