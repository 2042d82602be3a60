#include "http_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "waybill/alloc.h"
#include "waybill/limits.h"

void world_open(struct world *world, const char *const *scenarios,
                const char *tls_dir)
{
    world_open_at(world, peer_start(scenarios, tls_dir));
}

void world_open_at(struct world *world, struct peer *peer)
{
    world->peer = peer;
    world->url = NULL;
    world->loop = loop_new(clock_system());
    world->http = http_new(world->loop);
}

void world_close(struct world *world)
{
    http_free(world->http);
    loop_free(world->loop);
    peer_stop(world->peer);
    mem_free(world->url);
}

struct world wire;

int wire_begin(void **state)
{
    world_open(&wire, *state, NULL);
    return 0;
}

int wire_finish(void **state)
{
    world_close(&wire);
    return 0;
}

void answer_init(struct answer *answer)
{
    *answer = (struct answer){0};
    str_init(&answer->body, STR_UNLIMITED);
    str_init(&answer->location, STR_UNLIMITED);
}

void answer_release(struct answer *answer)
{
    str_release(&answer->body);
    str_release(&answer->location);
}

void answer_done(void *payload, const struct http_response *response,
                 const struct error *err)
{
    struct answer *answer = payload;

    assert_false(answer->starting);
    assert_true((response == NULL) != (err == NULL));
    answer->calls++;
    answer->done = true;
    if (err != NULL) {
        answer->err = *err;
        return;
    }
    answer->status = response->status;
    str_append(&answer->body, response->body.data, response->body.len);
    http_header(response, "lOCATION", 0, &answer->location);
}

struct http_request request_of(const char *method, const char *url)
{
    return (struct http_request){.method = method,
                                 .url = url,
                                 .max_body = LIMIT_HTTP_BODY,
                                 .timeouts = {5000, 10000}};
}

struct http_transfer *start(struct world *world,
                            const struct http_request *request,
                            struct answer *answer)
{
    struct http_transfer *transfer;

    answer_init(answer);
    answer->starting = true;
    transfer = http_start(world->http, request, answer_done, answer);
    answer->starting = false;
    return transfer;
}

void run(struct world *world, const struct http_request *request,
         struct answer *answer)
{
    start(world, request, answer);
    await_flag(world->loop, &answer->done, SOON_MS);
    assert_int_equal(answer->calls, 1);
}

char *url_of(const struct world *world, const char *host, const char *path,
             bool tls)
{
    CLEANUP(str_release) struct str url = STR_INIT(STR_UNLIMITED);

    str_printf(&url, "%s://%s:%u%s", tls ? "https" : "http", host,
               peer_port(world->peer), path);
    return str_take(&url);
}

struct http_request get_of(struct world *world, const char *path)
{
    mem_free(world->url);
    world->url = url_of(world, "127.0.0.1", path, false);
    return request_of("GET", world->url);
}

void get_path(struct world *world, const char *path, struct answer *answer)
{
    struct http_request request = get_of(world, path);

    run(world, &request, answer);
}

void assert_plain_length(struct world *world, const char *stage, size_t len)
{
    char text[128];

    assert_true(peer_logged(world->peer, stage, 0, "content-length", text));
    assert_int_equal(strtoul(text, NULL, 10), len);
    assert_true(peer_logged(world->peer, stage, 0, "expect", text));
    assert_string_equal(text, "");
    assert_true(peer_logged(world->peer, stage, 0, "transfer-encoding", text));
    assert_string_equal(text, "");
}

void assert_status(struct answer *answer, int status)
{
    assert_string_equal(answer->err.message, "");
    assert_int_equal(answer->status, status);
    answer_release(answer);
}

void assert_kind(struct answer *answer, enum error_kind kind)
{
    assert_true(answer->done);
    assert_int_equal(answer->err.kind, kind);
    assert_true(answer->err.message[0] != '\0');
    answer_release(answer);
}

void assert_says(struct answer *answer, const char *text)
{
    if (strstr(answer->err.message, text) == NULL) {
        fail_msg("'%s' does not say '%s'", answer->err.message, text);
    }
    assert_kind(answer, ERROR_UNREACHABLE);
}

char *path_in(const char *folder, const char *name)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);

    str_printf(&path, "%s/%s", folder, name);
    return str_take(&path);
}

void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

unsigned char *pattern(size_t len)
{
    unsigned char *data = mem_alloc(len);

    for (size_t i = 0; i < len; i++) {
        data[i] = (unsigned char)(i * 31 + i / 251);
    }
    return data;
}

/* A POST for a session, and the URL for the blob */
char *open_session(struct world *world, const struct digest *digest)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    char *url = url_of(world, "127.0.0.1", "/v2/a/blobs/uploads/", false);
    struct http_request request = request_of("POST", url);
    struct answer answer;

    run(world, &request, &answer);
    mem_free(url);
    str_printf(&text, "%s&digest=%s", answer.location.data, digest->text);
    assert_status(&answer, 202);
    return str_take(&text);
}

struct http_request blob_of(struct bytes body)
{
    static const char *const headers[] = {
        "Content-Type: application/octet-stream", NULL};
    struct http_request request = request_of("PUT", NULL);

    request.headers = headers;
    request.body = body;
    return request;
}

void put(struct world *world, struct http_request request,
         struct answer *answer)
{
    struct digest digest;
    char *url;

    digest_of(request.body.data, request.body.len, &digest);
    url = open_session(world, &digest);
    request.url = url;
    run(world, &request, answer);
    mem_free(url);
}

void append_blob(struct world *world, struct bytes body, struct answer *answer)
{
    put(world, blob_of(body), answer);
}
