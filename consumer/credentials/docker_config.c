#include "docker_config.h"

#include <string.h>
#include <strings.h>

#include "credentials_internal.h"
#include "waybill/alloc.h"
#include "waybill/json.h"
#include "waybill/limits.h"

/*
 * A docker config: config.json, podman's auth.json (containers-auth.json(5)),
 * and .dockerconfigjson of a Kubernetes secret are all of this shape:
 *
 *     { "auths": { KEY: { "auth": base64 of user:password,
 *                         "username", "password",
 *                         "identitytoken", "registrytoken" } },
 *       "credHelpers": { KEY: NAME }, "credsStore": NAME }
 *
 * credHelpers go before credsStore, and both before auths; an empty name in
 * credHelpers means that there is no helper for that registry. Docker itself
 * does not look into auths when there is a helper; we do when the helper has
 * nothing, because podman writes files of both kinds.
 *
 * KEY is a registry's host[:port], in many spellings: see rank_of(). The best
 * one counts; of equal ones the last.
 */

const char *const docker_hub_names[] = {DOCKER_HUB, "docker.io",
                                        "registry-1.docker.io", NULL};

bool is_docker_hub(const char *host, size_t len)
{
    for (const char *const *name = docker_hub_names; *name != NULL; name++) {
        if (strlen(*name) == len && strncasecmp(*name, host, len) == 0) {
            return true;
        }
    }
    return false;
}

const char *docker_server(const char *registry)
{
    return is_docker_hub(registry, strlen(registry)) ? "https://" DOCKER_HUB
                                                       "/v1/"
                                                     : registry;
}

/* --- keys -------------------------------------------------------------------
 */

struct target {
    const char *registry;
    const char *path; /* of the repository, never NULL */
};

struct key {
    const char *host;
    size_t host_len;
    const char *path; /* without slashes at either end */
    size_t path_len;
    bool has_scheme;
};

/* As docker takes one apart: a key is no URL, and may be any text. */
static struct key read_key(const char *text)
{
    struct key key = {.host = text};

    if (strncasecmp(text, "https://", 8) == 0) {
        key.host += 8;
    } else if (strncasecmp(text, "http://", 7) == 0) {
        key.host += 7;
    }
    key.has_scheme = key.host != text;
    key.host_len = strcspn(key.host, "/");
    key.path = key.host + key.host_len;
    key.path += strspn(key.path, "/");
    key.path_len = strlen(key.path);
    while (key.path_len > 0 && key.path[key.path_len - 1] == '/') {
        key.path_len--;
    }
    return key;
}

static bool key_path_is(const struct key *key, const char *path)
{
    return strlen(path) == key->path_len &&
           strncmp(key->path, path, key->path_len) == 0;
}

static bool same_host(const struct key *key, const char *registry)
{
    size_t len = strlen(registry);

    return (key->host_len == len &&
            strncasecmp(key->host, registry, len) == 0) ||
           (is_docker_hub(key->host, key->host_len) &&
            is_docker_hub(registry, len));
}

/* The repository, or a folder that it is in */
static bool is_prefix(const struct key *key, const char *path)
{
    return strncmp(key->path, path, key->path_len) == 0 &&
           (path[key->path_len] == '\0' || path[key->path_len] == '/');
}

/*
 * 0: another registry. Else the more, the closer: a path is more specific than
 * none, and the longer one is; then the key that docker itself writes, the host
 * as it is, the host with the path of an API, and any other path behind a
 * scheme, which docker cuts off. (Docker cuts it without a scheme too; podman
 * then means a namespace.) Hub's access-token and refresh-token are what the
 * command line logged in with, and no password.
 */
static size_t rank_of(const char *text, const struct target *target)
{
    struct key key = read_key(text);

    if (key.host_len == 0 || !same_host(&key, target->registry) ||
        key_path_is(&key, "v1/access-token") ||
        key_path_is(&key, "v1/refresh-token")) {
        return 0;
    }
    if (strcmp(text, docker_server(target->registry)) == 0) {
        return 4;
    }
    if (key.path_len == 0) {
        return key.has_scheme ? 2 : 3;
    }
    if (key_path_is(&key, "v1") || key_path_is(&key, "v2")) {
        return 2;
    }
    if (key.has_scheme) {
        return 1;
    }
    return is_prefix(&key, target->path) ? 4 + key.path_len : 0;
}

/* --- entries ----------------------------------------------------------------
 */

static bool is_blank(const struct json *entry, const char *name)
{
    const struct json *value = json_member(entry, name);

    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_text(value)[0] == '\0');
}

/* Docker leaves `{}` behind where a helper has the credentials. */
static bool is_marker(const struct json *entry)
{
    return json_is_null(entry) ||
           (json_is_object(entry) && is_blank(entry, "auth") &&
            is_blank(entry, "password") && is_blank(entry, "identitytoken") &&
            is_blank(entry, "registrytoken"));
}

/* The best of the keys of `at`; *ret_index is its place. */
static const struct json *find(const struct json_at *at,
                               const struct target *target, bool skip_markers,
                               size_t *ret_index)
{
    const struct json *best = NULL;
    size_t best_rank = 1;
    size_t index = 0;

    if (at->value == NULL) {
        return NULL;
    }
    for (const struct json *item = json_first(at->value); item != NULL;
         item = json_next(item), index++) {
        size_t rank = rank_of(json_name(item), target);

        /* Of a key given twice the last value counts, whatever it is. */
        if (rank >= best_rank && !(skip_markers && is_marker(item)) &&
            json_member(at->value, json_name(item)) == item) {
            best = item;
            best_rank = rank;
            *ret_index = index;
        }
    }
    return best;
}

/* The member is an object of keys, not too many. */
static int open_keys(const struct json_at *root, const char *name,
                     struct json_at *ret_at, struct error *err)
{
    *ret_at = json_at_member(root, name);
    if (json_at_object(ret_at, err) < 0) {
        return -1;
    }
    if (ret_at->value != NULL &&
        json_count(ret_at->value) > LIMIT_DOCKER_ENTRIES) {
        return json_at_fault(ret_at, err, ERROR_TOO_LARGE,
                             "more than %d entries", LIMIT_DOCKER_ENTRIES);
    }
    return 0;
}

struct texts {
    const char *auth;
    const char *username;
    const char *password;
    const char *identity_token;
    const char *registry_token;
};

static int read_texts(const struct json_at *at, struct texts *ret_texts,
                      struct error *err)
{
    const struct {
        const char *name;
        const char **slot;
    } rows[] = {
        {"auth", &ret_texts->auth},
        {"username", &ret_texts->username},
        {"password", &ret_texts->password},
        {"identitytoken", &ret_texts->identity_token},
        {"registrytoken", &ret_texts->registry_token},
    };

    if (json_at_object(at, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct json_at member = json_at_member(at, rows[i].name);

        *rows[i].slot = "";
        if (json_at_string(&member, LIMIT_TOKEN, rows[i].slot, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A colon and nothing else is nobody. */
static void drop_if_hollow(struct credential *credential)
{
    if (credential->username != NULL && credential->username[0] == '\0' &&
        *secret_text(&credential->password) == '\0') {
        credential_release(credential);
    }
}

/* A token wins over a password: Azure's login writes both, with a user that is
 * all zeros and has none. `auth` wins over the two that it stands for, as in
 * docker. */
static int read_entry(const struct json_at *at, struct credential *credential,
                      struct error *err)
{
    struct texts texts;

    if (read_texts(at, &texts, err) < 0) {
        return -1;
    }
    if (texts.registry_token[0] != '\0') {
        return credential_bind(credential, BINDING_REGISTRY_TOKEN,
                               texts.registry_token, err);
    }
    if (texts.identity_token[0] != '\0') {
        return credential_bind(credential, BINDING_IDENTITY_TOKEN,
                               texts.identity_token, err);
    }
    if (texts.auth[0] != '\0') {
        struct json_at member = json_at_member(at, "auth");

        if (credential_bind(credential, BINDING_AUTH, texts.auth, err) < 0) {
            return json_at_fault(&member, err, ERROR_AUTH,
                                 "is not base64 of username:password");
        }
        drop_if_hollow(credential);
        return 0;
    }
    if (texts.username[0] != '\0' &&
        credential_bind(credential, BINDING_USERNAME, texts.username, err) <
            0) {
        return -1;
    }
    return credential_bind(credential, BINDING_PASSWORD, texts.password, err);
}

static int look_into_auths(const struct json_at *root,
                           const struct target *target,
                           struct docker_entry *entry, struct error *err)
{
    struct json_at auths;
    struct json_at at;
    const struct json *found;
    size_t index = 0;

    if (open_keys(root, "auths", &auths, err) < 0) {
        return -1;
    }
    found = find(&auths, target, true, &index);
    if (found == NULL) {
        return 0;
    }
    at = json_at_element(&auths, found, index);
    return read_entry(&at, &entry->credential, err);
}

static int set_helper(const struct json_at *at, const char *via,
                      struct docker_entry *entry, struct error *err)
{
    const char *name = "";

    if (json_at_string(at, LIMIT_MESSAGE, &name, err) < 0) {
        return -1;
    }
    if (name[0] != '\0') {
        entry->helper = mem_strdup(name);
        entry->via = via;
    }
    return 0;
}

static int find_helper(const struct json_at *root, const struct target *target,
                       struct docker_entry *entry, struct error *err)
{
    struct json_at store = json_at_member(root, "credsStore");
    struct json_at helpers;
    const struct json *found;
    size_t index = 0;

    if (open_keys(root, "credHelpers", &helpers, err) < 0) {
        return -1;
    }
    found = find(&helpers, target, false, &index);
    if (found != NULL) {
        struct json_at at = json_at_element(&helpers, found, index);

        return set_helper(&at, "credHelpers", entry, err);
    }
    return set_helper(&store, "credsStore", entry, err);
}

static int look_up(const struct json *json, const struct target *target,
                   struct docker_entry *entry, struct error *err)
{
    struct json_at root = json_at_root(json);

    if (json_at_object(&root, err) < 0 ||
        find_helper(&root, target, entry, err) < 0) {
        return -1;
    }
    return look_into_auths(&root, target, entry, err);
}

void docker_entry_release(struct docker_entry *entry)
{
    mem_free(entry->helper);
    credential_release(&entry->credential);
    *entry = (struct docker_entry){0};
}

/* An empty file is what `touch` leaves, and no fault. */
static bool is_nothing(const char *text, size_t len)
{
    return strspn(text, " \t\r\n") == len;
}

int docker_config_lookup(const char *text, size_t len, const char *registry,
                         const char *path, struct docker_entry *ret_entry,
                         struct error *err)
{
    const struct target target = {registry, path != NULL ? path : ""};
    struct docker_entry entry = {0};
    struct json *json;
    int result;

    if (is_nothing(text, len)) {
        *ret_entry = entry;
        return 0;
    }
    if (json_parse_secret(text, len, &json, err) < 0) {
        return -1;
    }
    result = look_up(json, &target, &entry, err);
    json_free(json);
    if (result < 0) {
        docker_entry_release(&entry);
        return -1;
    }
    *ret_entry = entry;
    return 0;
}
