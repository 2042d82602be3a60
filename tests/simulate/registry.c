#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"
#include "waybill/json.h"

/* The distribution specification's push: POST uploads, PUT blob, PUT manifest.
 * What has been answered with 201 is there. */

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
    for (size_t i = 0; i < registry->blob_count; i++) {
        const struct stored_blob *blob = &registry->blobs[i];

        if (strcmp(blob->path, path) == 0 &&
            strcmp(blob->digest.text, digest) == 0) {
            return true;
        }
    }
    return false;
}

const struct stored_manifest *registry_manifest(const struct registry *registry,
                                                const char *path,
                                                const char *tag)
{
    const struct stored_manifest *found = NULL;

    for (size_t i = 0; i < registry->manifest_count; i++) {
        const struct stored_manifest *manifest = &registry->manifests[i];

        if (strcmp(manifest->path, path) == 0 &&
            strcmp(manifest->tag, tag) == 0) {
            found = manifest; /* the last one has the tag */
        }
    }
    return found;
}

bool registry_refuses(const char *path)
{
    return strstr(path, "/refused-") != NULL;
}

/* --- uploads ----------------------------------------------------------------
 */

static void begin_upload(struct registry *registry, const char *path,
                         struct reply *reply)
{
    unsigned number = ++registry->numbers;

    registry->uploads =
        mem_grow(registry->uploads, &registry->upload_capacity,
                 registry->upload_count + 1, sizeof(registry->uploads[0]));
    registry->uploads[registry->upload_count++] =
        (struct upload_session){arena_strdup(arena_of(registry), path), number};
    reply_set(reply, 202, NULL);
    str_puts(&reply->response.headers, "Location: ");
    if (registry->absolute_location) {
        str_printf(&reply->response.headers, "https://%s", registry->host);
    }
    str_printf(&reply->response.headers,
               "/v2/%s/blobs/uploads/%u?_state=a%%3Db\n", path, number);
}

static bool end_upload(struct registry *registry, const char *path,
                       unsigned long number)
{
    for (size_t i = 0; i < registry->upload_count; i++) {
        struct upload_session *upload = &registry->uploads[i];

        if (upload->number == number && strcmp(upload->path, path) == 0) {
            *upload = registry->uploads[--registry->upload_count];
            return true;
        }
    }
    return false;
}

static void store_blob(struct registry *registry, const char *path,
                       const struct digest *digest)
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
        (struct stored_blob){arena_strdup(sim->arena, path), *digest};
}

/* `rest` is the upload's number and the query behind it. */
static void put_blob(struct registry *registry, const char *path,
                     const char *rest, const struct ask *ask,
                     struct reply *reply)
{
    const char *given = strstr(rest, "digest=");
    struct digest digest;

    digest_of(ask->body.data, ask->body.len, &digest);
    if (strstr(rest, "?_state=a%3Db&") == NULL || given == NULL) {
        reply_set(reply, 400, "UNSUPPORTED");
    } else if (!end_upload(registry, path, strtoul(rest, NULL, 10))) {
        reply_set(reply, 404, "BLOB_UPLOAD_UNKNOWN");
    } else if (strcmp(given + strlen("digest="), digest.text) != 0) {
        reply_set(reply, 400, "DIGEST_INVALID");
    } else {
        store_blob(registry, path, &digest);
        reply_set(reply, 201, NULL);
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
    digest_of(ask->body.data, ask->body.len, &manifest->digest);
    reply_set(reply, 201, NULL);
    str_printf(&reply->response.headers, "Docker-Content-Digest: %s\n",
               manifest->digest.text);
}

static void put_manifest(struct registry *registry, const char *path,
                         const char *tag, const struct ask *ask,
                         struct reply *reply)
{
    bool lax = sim_is_broken(registry->registries->sim, BREAK_FORGET_BLOB);
    struct json *json;
    struct error err;

    if (registry_refuses(path)) {
        reply_set(reply, 400, "MANIFEST_INVALID");
        return;
    }
    if (json_parse((const char *)ask->body.data, ask->body.len, &json, &err) <
        0) {
        reply_set(reply, 400, "MANIFEST_INVALID");
        return;
    }
    if (lax || has_blobs(registry, path, json)) {
        store_manifest(registry, path, tag, ask, reply);
    } else {
        reply_set(reply, 404, "MANIFEST_BLOB_UNKNOWN");
    }
    json_free(json);
}

/* --- routes -----------------------------------------------------------------
 */

#define UPLOADS "/blobs/uploads/"
#define MANIFESTS "/manifests/"

void registry_answer(struct registry *registry, const struct ask *ask,
                     struct reply *reply)
{
    char path[512];
    const char *uploads = strstr(ask->path, UPLOADS);
    const char *manifests = strstr(ask->path, MANIFESTS);
    const char *end = uploads != NULL ? uploads : manifests;

    if (strcmp(ask->path, "/v2/") == 0) {
        reply_set(reply, 200, NULL);
        return;
    }
    if (strncmp(ask->path, "/v2/", 4) != 0 || end == NULL) {
        reply_set(reply, 404, "NAME_UNKNOWN");
        return;
    }
    snprintf(path, sizeof(path), "%.*s", (int)(end - ask->path - 4),
             ask->path + 4);
    if (manifests != NULL && strcmp(ask->method, "PUT") == 0) {
        put_manifest(registry, path, manifests + strlen(MANIFESTS), ask, reply);
    } else if (uploads != NULL && strcmp(ask->method, "POST") == 0) {
        begin_upload(registry, path, reply);
    } else if (uploads != NULL && strcmp(ask->method, "PUT") == 0) {
        put_blob(registry, path, uploads + strlen(UPLOADS), ask, reply);
    } else {
        reply_set(reply, 405, "UNSUPPORTED");
    }
}
