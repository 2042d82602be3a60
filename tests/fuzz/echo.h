#ifndef WAYBILL_FUZZ_ECHO_H
#define WAYBILL_FUZZ_ECHO_H

#include <ctype.h>
#include <string.h>

#include "fake_clock.h"
#include "fake_http.h"
#include "fuzz.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/oci.h"
#include "waybill/secret.h"

/*
 * Scripted servers that repeat secrets in every way. An input is a list of
 * responses, one for each request:
 *
 *     STATUS byte, then text up to a zero byte: headers, an empty line, a body
 *
 * In a text, '@' and two letters insert a secret. The first letter selects the
 * secret (s: the configured one, n: a new token, l: the last token, f: the
 * first one), and the second one its form (p: plain; b, u: base64; h: hex; c:
 * percent; j: as JSON escapes; w: wrapped; t: truncated; e: its end; U: in
 * upper case).
 *
 * The property: no message contains 16 consecutive letters and digits of a
 * secret, in any of these forms.
 */
#define ECHO_SECRETS 64U

static struct {
    const uint8_t *data;
    size_t size;
    char *secrets[ECHO_SECRETS]; /* the first is the configured one */
    bool revealed[ECHO_SECRETS]; /* of the current request */
    size_t count;
    unsigned minted; /* in all runs, so that no token occurs twice */
    struct str headers;
    struct str body;
    const char *message; /* the text that is checked */
} echo;

static inline char *echo_mint(void)
{
    struct str text;
    uint64_t bits = 0x9E3779B97F4A7C15U * ++echo.minted;

    str_init(&text, STR_UNLIMITED);
    for (unsigned i = 0; i < 24; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        str_append_char(&text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                               "tuvwxyz0123456789-_"[bits % 64]);
    }
    return str_take(&text);
}

static inline void echo_add(char *secret)
{
    if (echo.count < ECHO_SECRETS) {
        echo.revealed[echo.count] = false;
        echo.secrets[echo.count++] = secret;
    } else {
        mem_free(secret);
    }
}

static inline const char *echo_secret(uint8_t which)
{
    if (which == 'n') {
        echo_add(echo_mint());
    }
    return which == 'n' || which == 'l'     ? echo.secrets[echo.count - 1]
           : which == 'f' && echo.count > 1 ? echo.secrets[1]
                                            : echo.secrets[0];
}

static inline void echo_write(struct str *out, const char *secret, uint8_t how)
{
    size_t len = strlen(secret);

    switch (how) {
    case 'b':
        base64_encode(out, secret, len);
        return;
    case 'u':
        base64url_encode(out, secret, len);
        return;
    case 't':
        str_append(out, secret, len - len / 4);
        return;
    case 'e':
        str_append_text(out, secret + len / 4);
        return;
    default:
        break;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)secret[i];

        if (how == 'h' || how == 'c' || how == 'j') {
            str_printf(out,
                       how == 'h'   ? "%02x"
                       : how == 'c' ? "%%%02X"
                                    : "\\u%04x",
                       c);
        } else {
            str_append_text(out, how == 'w' && i % 7 == 6 ? "\\n " : "");
            str_append_char(out, how == 'U' ? (char)toupper(c) : (char)c);
        }
    }
}

/* Reads up to the zero byte, or to an empty line. */
static inline void echo_read(struct str *out, bool is_body)
{
    str_clear(out);
    while (echo.size > 0 && *echo.data != 0) {
        if (!is_body && echo.size >= 2 && memcmp(echo.data, "\n\n", 2) == 0) {
            echo.data += 2;
            echo.size -= 2;
            str_append_char(out, '\n');
            return;
        }
        if (*echo.data == '@' && echo.size >= 3 && echo.data[2] != 0) {
            echo_write(out, echo_secret(echo.data[1]), echo.data[2]);
            echo.data += 3;
            echo.size -= 3;
            continue;
        }
        str_append_char(out, (char)*echo.data);
        echo.data++;
        echo.size--;
    }
}

/* A token in a response that nobody reads is no secret. The fake wire does not
 * show Basic credentials and the signatures of AWS as they are. */
static inline void echo_note_revealed(const struct http_transfer *asked)
{
    echo.revealed[0] = echo.revealed[0] || asked->region[0] != '\0' ||
                       strstr(asked->headers, ": Basic ") != NULL;
    for (size_t i = 0; i < echo.count; i++) {
        echo.revealed[i] = echo.revealed[i] ||
                           strstr(asked->headers, echo.secrets[i]) != NULL ||
                           strstr(asked->body, echo.secrets[i]) != NULL;
    }
}

static inline struct fake_reply echo_reply(const struct http_transfer *asked)
{
    static const int statuses[] = {200, 201, 202, 301, 307, 400, 401, 403,
                                   404, 405, 409, 413, 429, 500, 503, 418};
    struct fake_reply reply = {503, NULL, NULL};

    echo_note_revealed(asked);
    if (echo.size == 0) {
        return reply;
    }
    reply.status = statuses[*echo.data % ARRAY_SIZE(statuses)];
    echo.data++;
    echo.size--;
    echo_read(&echo.headers, false);
    echo_read(&echo.body, true);
    if (echo.size > 0) { /* the zero byte */
        echo.data++;
        echo.size--;
    }
    reply.headers = echo.headers.data;
    reply.body = echo.body.data;
    return reply;
}

/* --- the property --------------------------------------------------------- */

static inline void echo_fold(struct str *out, const char *text, size_t len)
{
    str_clear(out);
    for (size_t i = 0; i < len; i++) {
        if (isalnum((unsigned char)text[i])) {
            str_append_char(out, (char)tolower((unsigned char)text[i]));
        }
    }
}

static inline void echo_check_form(const struct str *message, const char *form,
                                   size_t len)
{
    CLEANUP(str_release) struct str folded = STR_INIT(STR_UNLIMITED);

    echo_fold(&folded, form, len);
    for (size_t i = 0; i + 16 <= folded.len; i++) {
        if (memmem(message->data, message->len, folded.data + i, 16) != NULL) {
            fprintf(stderr, "%.16s is in %s\n", folded.data + i, echo.message);
            CHECK(echo.message == NULL);
        }
    }
}

/* The part of the base64 that depends on the secret alone, whatever precedes it
 */
static inline void echo_check_base64(const struct str *message,
                                     const char *secret)
{
    for (unsigned skip = 0; skip < 3; skip++) {
        CLEANUP(str_release) struct str plain = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str form = STR_INIT(STR_UNLIMITED);

        str_printf(&plain, "%.*s%s", (int)skip, "xx", secret);
        base64_encode(&form, plain.data, plain.len / 3 * 3);
        if (form.len > 28) {
            echo_check_form(message, form.data + 4, form.len - 8);
        }
    }
}

static inline void echo_check(const char *text)
{
    CLEANUP(str_release) struct str message = STR_INIT(STR_UNLIMITED);

    echo.message = text;
    echo_fold(&message, text, strlen(text));
    for (size_t i = 0; i < echo.count; i++) {
        CLEANUP(str_release) struct str hex = STR_INIT(STR_UNLIMITED);

        if (!echo.revealed[i]) {
            continue;
        }
        echo_write(&hex, echo.secrets[i], 'h');
        echo_check_form(&message, echo.secrets[i], strlen(echo.secrets[i]));
        echo_check_form(&message, hex.data, hex.len);
        echo_check_base64(&message, echo.secrets[i]);
    }
}

/* --- a push --------------------------------------------------------------- */

static inline void echo_on_pushed(void *payload, bool already,
                                  const struct error *err)
{
    unsigned *calls = payload;

    (void)already;
    ++*calls;
    if (err != NULL) {
        echo_check(err->message);
        echo_check(err->code);
    }
}

struct echo_world {
    struct fake_time now;
    struct clock clock;
    struct loop *loop;
    struct network network;
    struct oci_client *client;
    struct oci_image image;
    struct oci_target target;
};

static inline void echo_push(struct echo_world *world)
{
    unsigned calls = 0;
    struct oci_push *push =
        oci_push_start(world->client, &world->target, &world->image, false,
                       echo_on_pushed, &calls);

    for (unsigned i = 0; i < 10000 && calls == 0; i++) {
        uint64_t due_ms;

        if (!loop_turn(world->loop, false)) {
            if (!loop_next_deadline(world->loop, &due_ms)) {
                break;
            }
            world->now.monotonic =
                due_ms > world->now.monotonic ? due_ms : world->now.monotonic;
        }
    }
    if (calls == 0) {
        oci_push_cancel(push);
    }
    CHECK(calls <= 1);
}

/* Several pushes with one client, so that one response may repeat what an
 * earlier request has revealed. */
static inline void echo_run(const struct keychain_options *options,
                            const uint8_t *data, size_t size)
{
    struct echo_world world = {.now = {1000, 1767323045000}};
    struct arena *arena = arena_new();
    struct digest digest;

    echo.data = data;
    echo.size = size;
    str_init(&echo.headers, STR_UNLIMITED);
    str_init(&echo.body, STR_UNLIMITED);
    fake_reply_by(echo_reply);
    world.clock = (struct clock)FAKE_CLOCK(&world.now);
    world.loop = loop_new(&world.clock);
    world.network = (struct network){.loop = world.loop,
                                     .http = http_new(world.loop),
                                     .timeouts = {1000, 1000}};
    world.client = oci_client_new(&world.network);
    digest_of("{}", 2, &digest);
    oci_chainloop_image(bytes_of("{}"), &digest, arena, &world.image);
    world.target = (struct oci_target){
        .registry = options->registry,
        .path = "acme/app",
        .tag = "latest",
        .https = true,
        .keychain = keychain_new(&world.network, options),
    };
    for (unsigned i = 0; i < 4 && echo.size > 0; i++) {
        echo_push(&world);
    }
    keychain_free(world.target.keychain);
    oci_client_free(world.client);
    http_free(world.network.http);
    loop_free(world.loop);
    arena_free(arena);
    str_release(&echo.headers);
    str_release(&echo.body);
    for (size_t i = 0; i < echo.count; i++) {
        mem_free(echo.secrets[i]);
    }
    echo.count = 0;
}

#endif
