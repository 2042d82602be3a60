#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"
#include "waybill/json.h"

/* The push of the distribution specification: POST uploads, PUT blob, PUT
 * manifest. Content that was answered with 201 is stored. */

void reply_set(struct reply *reply, int status, const char *code)
{
    reply->response.status = status;
    if (code != NULL) {
        str_printf(&reply->response.body,
                   "{\"errors\":[{\"code\":\"%s\",\"message\":\"so it is\"}]}",
                   code);
    }
}

static struct arena *arena_of(const struct registry *registry)
{
    return registry->registries->sim->arena;
}

bool registry_has_blob(const struct registry *registry, const char *path,
                       const char *digest)
{
    uint64_t now = registry->registries->sim->now_ms;

    for (size_t i = 0; i < registry->blob_count; i++) {
        const struct stored_blob *blob = &registry->blobs[i];

        if (blob->from_ms <= now && strcmp(blob->path, path) == 0 &&
            strcmp(blob->digest.text, digest) == 0) {
            return true;
        }
    }
    return false;
}

const struct stored_manifest *registry_manifest(const struct registry *registry,
                                                const char *path,
                                                const char *reference)
{
    uint64_t now = registry->registries->sim->now_ms;
    const struct stored_manifest *found = NULL;

    for (size_t i = 0; i < registry->manifest_count; i++) {
        const struct stored_manifest *manifest = &registry->manifests[i];

        if (manifest->from_ms <= now && strcmp(manifest->path, path) == 0 &&
            (strcmp(manifest->tag, reference) == 0 ||
             strcmp(manifest->digest.text, reference) == 0)) {
            found = manifest; /* the last one has the tag */
        }
    }
    return found;
}

bool registry_has_lied(const struct registry *registry, const char *path)
{
    for (size_t i = 0; i < registry->lie_count; i++) {
        if (strcmp(registry->lies[i], path) == 0) {
            return true;
        }
    }
    return false;
}

bool registry_refuses(const char *path)
{
    return strstr(path, "/refused-") != NULL;
}

bool registry_denies(const struct registry *registry)
{
    return registry->denies_until_ms > 0;
}

static bool denies_now(const struct registry *registry, const char *path)
{
    return registry_refuses(path) &&
           registry->registries->sim->now_ms < registry->denies_until_ms;
}

/* --- uploads ----------------------------------------------------------------
 */

static void append_location(const struct registry *registry,
                            struct str *headers)
{
    static const char *const schemes[] = {
        [LOCATION_RELATIVE] = "",
        [LOCATION_ABSOLUTE] = "https://",
        [LOCATION_DOWNGRADED] = "http://", /* by a proxy that terminates TLS */
    };

    str_printf(headers, "Location: %s%s", schemes[registry->location],
               registry->location != LOCATION_RELATIVE ? registry->host : "");
}

static void begin_upload(struct registry *registry, const char *path,
                         struct reply *reply)
{
    unsigned number = ++registry->numbers;

    registry->uploads =
        mem_grow(registry->uploads, &registry->upload_capacity,
                 registry->upload_count + 1, sizeof(registry->uploads[0]));
    registry->uploads[registry->upload_count++] = (struct upload_session){
        .path = arena_strdup(arena_of(registry), path),
        .number = number,
    };
    reply_set(reply, 202, NULL);
    append_location(registry, &reply->response.headers);
    str_printf(&reply->response.headers,
               "/v2/%s/blobs/uploads/%u?_state=a%%3Db\n", path, number);
}

static struct upload_session *find_upload(struct registry *registry,
                                          const char *path, const char *rest)
{
    unsigned long number = strtoul(rest, NULL, 10);

    for (size_t i = 0; i < registry->upload_count; i++) {
        struct upload_session *upload = &registry->uploads[i];

        if (upload->number == number && strcmp(upload->path, path) == 0) {
            return upload;
        }
    }
    return NULL;
}

/* The time at which the content becomes visible; the response is not earlier.
 */
static uint64_t commit(const struct ask *ask, struct reply *reply)
{
    if (ask->fault == FAULT_COMMITS) {
        reply->delay_ms += sim_pick(ask->sim, 1000, 40000);
    }
    return ask->sim->now_ms +
           (ask->fault == FAULT_COMMITS ? reply->delay_ms : 0);
}

static void store_blob(struct registry *registry, const char *path,
                       const struct digest *digest, uint64_t from_ms)
{
    struct sim *sim = registry->registries->sim;

    if (sim_is_broken(sim, BREAK_FORGET_BLOB) && sim_chance(sim, 20)) {
        return;
    }
    if (registry_has_blob(registry, path, digest->text)) {
        return;
    }
    registry->blobs =
        mem_grow(registry->blobs, &registry->blob_capacity,
                 registry->blob_count + 1, sizeof(registry->blobs[0]));
    registry->blobs[registry->blob_count++] =
        (struct stored_blob){arena_strdup(sim->arena, path), *digest, from_ms};
}

/* `rest` is the number of the upload and the query. A session that contains
 * half of a body can only be abandoned. */
static void append_blob(struct registry *registry, const char *path,
                        const char *rest, const struct ask *ask,
                        struct reply *reply)
{
    const char *given = strstr(rest, "digest=");
    struct upload_session *upload = find_upload(registry, path, rest);
    struct digest digest;

    digest_of(ask->body.data, ask->body.len, &digest);
    if (strstr(rest, "?_state=a%3Db&") == NULL || given == NULL) {
        reply_set(reply, 400, "UNSUPPORTED");
        return;
    }
    if (upload == NULL) {
        reply_set(reply, 404, "BLOB_UPLOAD_UNKNOWN");
        return;
    }
    if (upload->got > 0) {
        reply_set(reply, upload->number % 2 == 0 ? 416 : 400,
                  "BLOB_UPLOAD_INVALID");
        return;
    }
    *upload = registry->uploads[--registry->upload_count];
    if (ask->fault == FAULT_SESSIONS) {
        reply_set(reply, 404, "BLOB_UPLOAD_UNKNOWN");
    } else if (strncmp(given + strlen("digest="), digest.text, DIGEST_TEXT) !=
               0) {
        reply_set(reply, 400, "DIGEST_INVALID");
    } else {
        store_blob(registry, path, &digest, commit(ask, reply));
        reply_set(reply, 201, NULL);
    }
}

/* With the digest in the query, "?digest=..." */
static void post_blob(struct registry *registry, const char *path,
                      const char *given, const struct ask *ask,
                      struct reply *reply)
{
    struct digest digest;

    digest_of(ask->body.data, ask->body.len, &digest);
    if (strncmp(given + strlen("?digest="), digest.text, DIGEST_TEXT) != 0) {
        reply_set(reply, 400, "DIGEST_INVALID");
        return;
    }
    store_blob(registry, path, &digest, commit(ask, reply));
    reply_set(reply, 201, NULL);
}

static void post_upload(struct registry *registry, const char *path,
                        const char *query, const struct ask *ask,
                        struct reply *reply)
{
    if (*query == '\0' || registry->single_post == SINGLE_POST_IGNORED) {
        begin_upload(registry, path, reply);
    } else if (registry->single_post == SINGLE_POST_TAKEN) {
        post_blob(registry, path, query, ask, reply);
    } else {
        reply_set(reply, 405, "UNSUPPORTED");
    }
}

/* --- manifests --------------------------------------------------------------
 */

static bool has_blobs(const struct registry *registry, const char *path,
                      const struct json *manifest)
{
    const struct json *layers = json_member(manifest, "layers");
    const char *config =
        json_text(json_member(json_member(manifest, "config"), "digest"));

    if (config == NULL || !registry_has_blob(registry, path, config)) {
        return false;
    }
    for (const struct json *layer = json_first(layers); layer != NULL;
         layer = json_next(layer)) {
        const char *digest = json_text(json_member(layer, "digest"));

        if (digest == NULL || !registry_has_blob(registry, path, digest)) {
            return false;
        }
    }
    return true;
}

static void store_manifest(struct registry *registry, const char *path,
                           const char *tag, const struct ask *ask,
                           struct reply *reply)
{
    struct arena *arena = arena_of(registry);
    struct stored_manifest *manifest;

    registry->manifests =
        mem_grow(registry->manifests, &registry->manifest_capacity,
                 registry->manifest_count + 1, sizeof(registry->manifests[0]));
    manifest = &registry->manifests[registry->manifest_count++];
    manifest->path = arena_strdup(arena, path);
    manifest->tag = arena_strdup(arena, tag);
    manifest->bytes = arena_bytes(arena, ask->body);
    manifest->from_ms = commit(ask, reply);
    digest_of(ask->body.data, ask->body.len, &manifest->digest);
    reply_set(reply, 201, NULL);
    str_printf(&reply->response.headers, "Docker-Content-Digest: %s\n",
               manifest->digest.text);
}

/* Another content was stored, or none. */
static void lie(struct registry *registry, const char *path,
                struct reply *reply)
{
    struct digest digest;

    registry->lies = mem_grow(registry->lies, &registry->lie_capacity,
                              registry->lie_count + 1, sizeof(char *));
    registry->lies[registry->lie_count++] =
        arena_strdup(arena_of(registry), path);
    digest_of(path, strlen(path), &digest);
    reply_set(reply, 201, NULL);
    str_printf(&reply->response.headers, "Docker-Content-Digest: %s\n",
               digest.text);
}

static void put_manifest(struct registry *registry, const char *path,
                         const char *tag, const struct ask *ask,
                         struct reply *reply)
{
    bool lax = sim_is_broken(registry->registries->sim, BREAK_FORGET_BLOB);
    struct json *json;
    struct error err;

    if (registry_refuses(path) && !registry_denies(registry)) {
        reply_set(reply, 400, "MANIFEST_INVALID");
        return;
    }
    if (json_parse((const char *)ask->body.data, ask->body.len, &json, &err) <
        0) {
        reply_set(reply, 400, "MANIFEST_INVALID");
        return;
    }
    if (ask->fault == FAULT_LIES) {
        lie(registry, path, reply);
    } else if (lax || has_blobs(registry, path, json)) {
        store_manifest(registry, path, tag, ask, reply);
    } else {
        reply_set(reply, 404, "MANIFEST_BLOB_UNKNOWN");
    }
    json_free(json);
}

static void head_manifest(struct registry *registry, const char *path,
                          const char *reference, const struct ask *ask,
                          struct reply *reply)
{
    const struct stored_manifest *manifest =
        registry_manifest(registry, path, reference);
    struct digest digest;

    if (manifest == NULL) {
        reply_set(reply, 404, NULL);
        return;
    }
    digest = manifest->digest;
    if (ask->fault == FAULT_LIES) {
        digest_of(path, strlen(path), &digest);
    }
    reply_set(reply, 200, NULL);
    str_printf(&reply->response.headers, "Docker-Content-Digest: %s\n",
               digest.text);
}

/* --- routes -----------------------------------------------------------------
 */

#define UPLOADS "/blobs/uploads/"
#define BLOBS "/blobs/"
#define MANIFESTS "/manifests/"

/* A path, split at the part that identifies its kind */
struct route_parts {
    char repository[512];
    char reference[256]; /* without a query */
    const char *rest;    /* with it */
};

static bool split(const char *path, const char *at,
                  struct route_parts *ret_parts)
{
    const char *found = strstr(path, at);

    if (strncmp(path, "/v2/", 4) != 0 || found == NULL) {
        return false;
    }
    ret_parts->rest = found + strlen(at);
    snprintf(ret_parts->repository, sizeof(ret_parts->repository), "%.*s",
             (int)(found - path - 4), path + 4);
    snprintf(ret_parts->reference, sizeof(ret_parts->reference), "%.*s",
             (int)strcspn(ret_parts->rest, "?"), ret_parts->rest);
    return true;
}

static bool is(const struct ask *ask, const char *method)
{
    return strcmp(ask->method, method) == 0;
}

void registry_answer(struct registry *registry, const struct ask *ask,
                     struct reply *reply)
{
    struct route_parts to;

    if (strcmp(ask->path, "/v2/") == 0) {
        reply_set(reply, 200, NULL);
    } else if (is(ask, "PUT") && split(ask->path, MANIFESTS, &to)) {
        put_manifest(registry, to.repository, to.reference, ask, reply);
    } else if (is(ask, "HEAD") && split(ask->path, MANIFESTS, &to)) {
        head_manifest(registry, to.repository, to.reference, ask, reply);
    } else if (is(ask, "POST") && split(ask->path, UPLOADS, &to) &&
               denies_now(registry, to.repository)) {
        reply_set(reply, 403, "DENIED");
    } else if (is(ask, "POST") && split(ask->path, UPLOADS, &to)) {
        post_upload(registry, to.repository, to.rest, ask, reply);
    } else if (is(ask, "PUT") && split(ask->path, UPLOADS, &to)) {
        append_blob(registry, to.repository, to.rest, ask, reply);
    } else if (is(ask, "HEAD") && split(ask->path, BLOBS, &to)) {
        reply_set(reply,
                  registry_has_blob(registry, to.repository, to.reference)
                      ? 200
                      : 404,
                  NULL);
    } else {
        reply_set(reply, 405, "UNSUPPORTED");
    }
}

void registry_take_half(struct registry *registry, const struct ask *ask)
{
    struct upload_session *upload;
    struct route_parts to;

    if (!is(ask, "PUT") || !split(ask->path, UPLOADS, &to)) {
        return;
    }
    upload = find_upload(registry, to.repository, to.rest);
    if (upload != NULL) {
        upload->got += ask->body.len / 2 + 1;
    }
}
