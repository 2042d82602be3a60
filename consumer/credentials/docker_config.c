#include "docker_config.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "credentials_internal.h"
#include "waybill/alloc.h"
#include "waybill/json.h"
#include "waybill/limits.h"

/*
 * The format of a Docker config. config.json, podman's auth.json
 * (containers-auth.json(5)) and .dockerconfigjson of a Kubernetes secret share
 * it:
 *
 *     { "auths": { KEY: { "auth": base64 of user:password,
 *                         "username", "password",
 *                         "identitytoken", "registrytoken" } },
 *       "credHelpers": { KEY: NAME }, "credsStore": NAME }
 *
 * credHelpers takes precedence over credsStore, and both over auths; an empty
 * name in credHelpers disables helpers for that registry. Docker ignores auths
 * if there is a helper. Waybill falls back to auths if the helper has no entry,
 * because podman writes files that contain both.
 *
 * KEY is a registry's host[:port], in various spellings; see rank_of(). The
 * highest rank wins, and among equal ones the last. In auths it may be a
 * pattern, as in the image pull secrets of Kubernetes
 * ("*.dkr.ecr.*.amazonaws.com"); a key that names the host outranks any.
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
    const char *path; /* the repository; never NULL */
};

struct key {
    const char *host;
    size_t host_len;
    const char *path; /* without slashes at either end */
    size_t path_len;
    bool has_scheme;
};

/* Splits a key as Docker does. A key is not a valid URL in general. */
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

static bool is_same_host(const struct key *key, const char *registry)
{
    size_t len = strlen(registry);

    return (key->host_len == len &&
            strncasecmp(key->host, registry, len) == 0) ||
           (is_docker_hub(key->host, key->host_len) &&
            is_docker_hub(registry, len));
}

/* Longest host of a pattern; a name has at most 253 characters. */
#define MAX_PATTERN ((size_t)300)

/* Lower-cases the host and cuts the port off; returns the port. */
static const char *split_host(const char *text, size_t len, char host[])
{
    char *colon;

    for (size_t i = 0; i < len; i++) {
        host[i] = (char)tolower((unsigned char)text[i]);
    }
    host[len] = '\0';
    colon = strrchr(host, ':');
    if (colon == NULL) {
        return "";
    }
    *colon = '\0';
    return colon + 1;
}

static size_t label_count(const char *host)
{
    size_t count = 1;

    for (; *host != '\0'; host++) {
        count += *host == '.';
    }
    return count;
}

/* The time that fnmatch() takes grows with the power of the stars. */
#define MAX_STARS 4

static size_t star_count(const char *label)
{
    size_t count = 0;

    for (; *label != '\0'; label++) {
        count += *label == '*';
    }
    return count;
}

/* Compares label by label, as the kubelet does: both have as many labels, and
 * the pattern of a label is that of a file name in a shell. The port must be
 * the same (Kubernetes, "Images", imagePullSecrets). */
static bool labels_match(char *pattern, char *host)
{
    if (label_count(pattern) != label_count(host)) {
        return false;
    }
    while (pattern != NULL && host != NULL) {
        const char *pattern_label = strsep(&pattern, ".");
        const char *label = strsep(&host, ".");

        if (star_count(pattern_label) > MAX_STARS ||
            fnmatch(pattern_label, label, 0) != 0) {
            return false;
        }
    }
    return true;
}

static bool pattern_has(const struct key *key, const char *registry)
{
    char pattern[MAX_PATTERN];
    char host[MAX_PATTERN];
    size_t len = strlen(registry);
    const char *pattern_port;

    /* What begins with a bracket is an IPv6 address. */
    if (key->host_len >= MAX_PATTERN || len >= MAX_PATTERN ||
        key->host[0] == '[' || registry[0] == '[') {
        return false;
    }
    pattern_port = split_host(key->host, key->host_len, pattern);
    return strpbrk(pattern, "*?[") != NULL &&
           strcmp(pattern_port, split_host(registry, len, host)) == 0 &&
           labels_match(pattern, host);
}

/* True for the repository itself and for a namespace that contains it */
static bool is_prefix(const struct key *key, const char *path)
{
    return strncmp(key->path, path, key->path_len) == 0 &&
           (path[key->path_len] == '\0' || path[key->path_len] == '/');
}

/*
 * Ranks how specifically a key for this host matches; 0: it is for something
 * else. A key with a path prefix of the repository ranks highest, by the length
 * of the path. Below that rank the key that Docker itself writes, the bare
 * host, the host with the path of an API version, and a URL with any other
 * path, which Docker strips. (Docker strips the path without a scheme, too;
 * podman interprets it as a namespace.) Docker Hub's access-token and
 * refresh-token entries belong to the login of the command line and are not
 * passwords.
 */
static size_t rank_of_host(const char *text, const struct key *key,
                           const struct target *target)
{
    if (key_path_is(key, "v1/access-token") ||
        key_path_is(key, "v1/refresh-token")) {
        return 0;
    }
    if (strcmp(text, docker_server(target->registry)) == 0) {
        return 4;
    }
    if (key->path_len == 0) {
        return key->has_scheme ? 2 : 3;
    }
    if (key_path_is(key, "v1") || key_path_is(key, "v2")) {
        return 2;
    }
    if (key->has_scheme) {
        return 1;
    }
    return is_prefix(key, target->path) ? 4 + key->path_len : 0;
}

/* Above every rank of a pattern: its host and its path are shorter. */
#define RANK_EXACT ((size_t)1 << 32)

/* Ranks a pattern by its path and then by the length of its host, which is that
 * of a more specific pattern in practice. */
static size_t rank_of_pattern(const struct key *key,
                              const struct target *target)
{
    struct key path = *key;

    if (!pattern_has(key, target->registry)) {
        return 0;
    }
    if (strncmp(path.path, "v1/", 3) == 0 ||
        strncmp(path.path, "v2/", 3) == 0 || key_path_is(key, "v1") ||
        key_path_is(key, "v2")) {
        path.path += path.path_len > 2 ? 3 : 2;
        path.path_len -= path.path_len > 2 ? 3 : 2;
    }
    if (path.path_len > 0 && !is_prefix(&path, target->path)) {
        return 0;
    }
    return path.path_len * MAX_PATTERN + key->host_len;
}

static size_t rank_of(const char *text, const struct target *target,
                      bool may_be_pattern)
{
    struct key key = read_key(text);
    size_t rank;

    if (key.host_len == 0) {
        return 0;
    }
    if (is_same_host(&key, target->registry)) {
        rank = rank_of_host(text, &key, target);
        return rank > 0 ? RANK_EXACT + rank : 0;
    }
    return may_be_pattern ? rank_of_pattern(&key, target) : 0;
}

/* --- entries ----------------------------------------------------------------
 */

static bool is_blank(const struct json *entry, const char *name)
{
    const struct json *value = json_member(entry, name);

    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_text(value)[0] == '\0');
}

/* Docker leaves `{}` in auths when a helper stores the credentials. */
static bool is_marker(const struct json *entry)
{
    return json_is_null(entry) ||
           (json_is_object(entry) && is_blank(entry, "auth") &&
            is_blank(entry, "password") && is_blank(entry, "identitytoken") &&
            is_blank(entry, "registrytoken"));
}

/* Finds the best match among the keys of `at`; *ret_index is its index. In
 * auths keys may be patterns, and markers are skipped. */
static const struct json *find(const struct json_at *at,
                               const struct target *target, bool is_auths,
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
        size_t rank = rank_of(json_name(item), target, is_auths);

        /* If a key is repeated, the last value applies, whatever it is. */
        if (rank >= best_rank && !(is_auths && is_marker(item)) &&
            json_member(at->value, json_name(item)) == item) {
            best = item;
            best_rank = rank;
            *ret_index = index;
        }
    }
    return best;
}

/* Opens a member that must be an object with a bounded number of keys. */
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

struct auth_members {
    const char *auth;
    const char *username;
    const char *password;
    const char *identity_token;
    const char *registry_token;
};

static int read_auth_members(const struct json_at *at,
                             struct auth_members *ret_members,
                             struct error *err)
{
    const struct {
        const char *name;
        const char **slot;
    } rows[] = {
        {"auth", &ret_members->auth},
        {"username", &ret_members->username},
        {"password", &ret_members->password},
        {"identitytoken", &ret_members->identity_token},
        {"registrytoken", &ret_members->registry_token},
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

/* `auth` that encodes only ":" is not a credential. */
static void drop_if_empty(struct credential *credential)
{
    if (credential->username != NULL && credential->username[0] == '\0' &&
        *secret_text(&credential->password) == '\0') {
        credential_release(credential);
    }
}

/* A token takes precedence over a password: Azure's login writes both, with an
 * all-zero username that has no password. `auth` takes precedence over
 * `username` and `password`, as in Docker. */
static int read_entry(const struct json_at *at, struct credential *credential,
                      struct error *err)
{
    struct auth_members members;

    if (read_auth_members(at, &members, err) < 0) {
        return -1;
    }
    if (members.registry_token[0] != '\0') {
        return credential_bind(credential, BINDING_REGISTRY_TOKEN,
                               members.registry_token, err);
    }
    if (members.identity_token[0] != '\0') {
        return credential_bind(credential, BINDING_IDENTITY_TOKEN,
                               members.identity_token, err);
    }
    if (members.auth[0] != '\0') {
        struct json_at member = json_at_member(at, "auth");

        if (credential_bind(credential, BINDING_AUTH, members.auth, err) < 0) {
            return json_at_fault(&member, err, ERROR_AUTH,
                                 "is not base64 of username:password");
        }
        drop_if_empty(credential);
        return 0;
    }
    if (members.username[0] != '\0' &&
        credential_bind(credential, BINDING_USERNAME, members.username, err) <
            0) {
        return -1;
    }
    return credential_bind(credential, BINDING_PASSWORD, members.password, err);
}

static int read_auths(const struct json_at *root, const struct target *target,
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

static int find_entry(const struct json *json, const struct target *target,
                      struct docker_entry *entry, struct error *err)
{
    struct json_at root = json_at_root(json);

    if (json_at_object(&root, err) < 0 ||
        find_helper(&root, target, entry, err) < 0) {
        return -1;
    }
    return read_auths(&root, target, entry, err);
}

void docker_entry_release(struct docker_entry *entry)
{
    mem_free(entry->helper);
    credential_release(&entry->credential);
    *entry = (struct docker_entry){0};
}

/* An empty file, as `touch` creates it, is valid and has no entries. */
static bool is_empty_config(const char *text, size_t len)
{
    size_t mark = text_mark_length(text, len);

    return strspn(text + mark, " \t\r\n") == len - mark;
}

int docker_config_lookup(const char *text, size_t len, const char *registry,
                         const char *path, struct docker_entry *ret_entry,
                         struct error *err)
{
    const struct target target = {registry, path != NULL ? path : ""};
    struct docker_entry entry = {0};
    struct json *json;
    int result;

    if (is_empty_config(text, len)) {
        *ret_entry = entry;
        return 0;
    }
    if (json_parse_secret(text, len, &json, err) < 0) {
        return -1;
    }
    result = find_entry(json, &target, &entry, err);
    json_free(json);
    if (result < 0) {
        docker_entry_release(&entry);
        return -1;
    }
    *ret_entry = entry;
    return 0;
}
