#include "google_key.h"

#include <string.h>

#include "waybill/alloc.h"
#include "waybill/sign.h"

#define TOKEN_URI "https://oauth2.googleapis.com/token"
#define CLOUD_PLATFORM "https://www.googleapis.com/auth/cloud-platform"

void google_key_release(struct google_key *key)
{
    mem_free(key->email);
    secret_release(&key->private_key);
    mem_free(key->key_id);
    mem_free(key->token_uri);
    mem_free(key->client_id);
    secret_release(&key->client_secret);
    secret_release(&key->refresh_token);
    *key = (struct google_key){0};
}

/* *ret_text is NULL if the member is absent. */
static int read_member(const struct json_at *root, const char *name,
                       bool required, const char **ret_text, struct error *err)
{
    struct json_at at = json_at_member(root, name);

    *ret_text = NULL;
    if (required && json_at_require(&at, err) < 0) {
        return -1;
    }
    return json_at_string(&at, LIMIT_SECRET_FILE, ret_text, err);
}

static int copy_member(const struct json_at *root, const char *name,
                       bool required, char **to, struct error *err)
{
    const char *text;
    int result = read_member(root, name, required, &text, err);

    *to = result == 0 ? mem_strdup(text) : NULL;
    return result;
}

static int copy_secret(const struct json_at *root, const char *name,
                       bool required, struct secret *to, struct error *err)
{
    const char *text;
    int result = read_member(root, name, required, &text, err);

    secret_assign(to, text);
    return result;
}

static int read_members(const struct json_at *root, struct google_key *key,
                        struct error *err)
{
    bool is_user = key->is_user;

    if (copy_member(root, "client_email", !is_user, &key->email, err) < 0 ||
        copy_secret(root, "private_key", !is_user, &key->private_key, err) <
            0 ||
        copy_member(root, "private_key_id", false, &key->key_id, err) < 0 ||
        copy_member(root, "token_uri", false, &key->token_uri, err) < 0 ||
        copy_member(root, "client_id", is_user, &key->client_id, err) < 0 ||
        copy_secret(root, "client_secret", is_user, &key->client_secret, err) <
            0 ||
        copy_secret(root, "refresh_token", is_user, &key->refresh_token, err) <
            0) {
        return -1;
    }
    if (key->token_uri == NULL) {
        key->token_uri = mem_strdup(TOKEN_URI);
    }
    return cloud_check_url("its 'token_uri'", key->token_uri, err);
}

static int read_type(const struct json_at *root, struct google_key *key,
                     struct error *err)
{
    struct json_at at = json_at_member(root, "type");
    const char *type = "";

    if (json_at_require(&at, err) < 0 ||
        json_at_string(&at, 64, &type, err) < 0) {
        return -1;
    }
    key->is_user = strcmp(type, "authorized_user") == 0;
    if (key->is_user || strcmp(type, "service_account") == 0) {
        return 0;
    }
    if (strncmp(type, "external_account", 16) == 0) {
        return error_set(err, ERROR_CONFIG,
                         "workload identity federation ('external_account') is "
                         "not supported: use the metadata server (on GKE, "
                         "workload identity), or a service account's key");
    }
    return error_set(err, ERROR_CONFIG,
                     "its type is neither service_account nor "
                     "authorized_user: use a service account's key");
}

int google_key_parse(const char *text, size_t len, struct google_key *ret_key,
                     struct error *err)
{
    struct google_key key = {0};
    struct json *json = NULL;
    struct json_at root;
    int result;

    if (json_parse_secret(text, len, &json, err) < 0) {
        return -1;
    }
    root = json_at_root(json);
    result = json_at_object(&root, err) < 0 || read_type(&root, &key, err) < 0
                 ? -1
                 : read_members(&root, &key, err);
    json_free(json);
    if (result < 0) {
        google_key_release(&key);
        return -1;
    }
    *ret_key = key;
    return 0;
}

void google_append_scopes(struct str *out, const struct credential_source *spec,
                          const char *separator)
{
    for (size_t i = 0; i < spec->scopes.count; i++) {
        str_printf(out, "%s%s", i > 0 ? separator : "", spec->scopes.items[i]);
    }
    if (spec->scopes.count == 0) {
        str_append_text(out, CLOUD_PLATFORM);
    }
}

static void begin_claims(struct json_writer *writer,
                         const struct google_key *key, int64_t now_s)
{
    json_open(writer, NULL, '{');
    json_append_string(writer, "iss", key->email);
    json_append_integer(writer, "iat", now_s);
    json_append_integer(writer, "exp", now_s + GOOGLE_JWT_SECONDS);
}

int google_key_jwt(const struct google_key *key,
                   const struct credential_source *spec, int64_t now_s,
                   struct str *out, struct error *err)
{
    CLEANUP(str_release) struct str claims = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str scopes = STR_INIT(STR_UNLIMITED);
    struct json_writer writer = {.out = &claims};

    begin_claims(&writer, key, now_s);
    json_append_string(&writer, "sub", key->email);
    if (spec->audience != NULL) {
        json_append_string(&writer, "aud", spec->audience);
    } else {
        google_append_scopes(&scopes, spec, " ");
        json_append_string(&writer, "scope", scopes.data);
    }
    json_close(&writer, '}');
    return sign_jwt(secret_text(&key->private_key), key->key_id, claims.data,
                    out, err);
}

/* RFC 7523, with Google's own claims: `scope` for an access token,
 * `target_audience` for an id token */
static int append_assertion(const struct google_key *key,
                            const struct credential_source *spec, int64_t now_s,
                            struct str *out, struct secret_set *sent,
                            struct error *err)
{
    CLEANUP(str_release) struct str claims = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str scopes = STR_INIT(STR_UNLIMITED);
    CLEANUP(secret_release) struct secret token = SECRET_INIT(STR_UNLIMITED);
    struct json_writer writer = {.out = &claims};

    begin_claims(&writer, key, now_s);
    json_append_string(&writer, "aud", key->token_uri);
    if (spec->token_type == GOOGLE_ID) {
        json_append_string(&writer, "target_audience", spec->audience);
    } else {
        google_append_scopes(&scopes, spec, " ");
        json_append_string(&writer, "scope", scopes.data);
    }
    json_close(&writer, '}');
    if (sign_jwt(secret_text(&key->private_key), key->key_id, claims.data,
                 &token.text, err) < 0) {
        return -1;
    }
    cloud_append_form(out, "grant_type",
                      "urn:ietf:params:oauth:grant-type:jwt-bearer");
    cloud_append_secret(out, sent, "assertion", token.text.data);
    return 0;
}

int google_key_form(const struct google_key *key,
                    const struct credential_source *spec, int64_t now_s,
                    struct str *out, struct secret_set *sent, struct error *err)
{
    if (!key->is_user) {
        return append_assertion(key, spec, now_s, out, sent, err);
    }
    cloud_append_form(out, "grant_type", "refresh_token");
    cloud_append_form(out, "client_id", key->client_id);
    cloud_append_secret(out, sent, "client_secret",
                        secret_text(&key->client_secret));
    cloud_append_secret(out, sent, "refresh_token",
                        secret_text(&key->refresh_token));
    return 0;
}
