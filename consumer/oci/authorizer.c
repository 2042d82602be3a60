#include <string.h>

#include "authorizer.h"
#include "oci_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/* Determines the authorization of one request, and the alternative after the
 * registry has rejected it. */

void authorizer_init(struct authorizer *authorizer, struct oci_client *client,
                     struct origin *origin, const struct oci_target *target,
                     const char *actions)
{
    authorizer->client = client;
    authorizer->origin = origin;
    authorizer->target = target;
    authorizer->actions = actions;
}

void authorizer_release(struct authorizer *authorizer)
{
    if (authorizer->origin != NULL) {
        origin_forget_waiter(authorizer->origin, &authorizer->probe_waiter);
    }
    keychain_cancel_wait(&authorizer->keychain_waiter);
    token_forget_waiter(&authorizer->token_waiter);
    credential_check_forget_waiter(&authorizer->credential_check_waiter);
    authorizer_handle_result(authorizer, false, false);
    challenge_release(&authorizer->challenge);
    challenge_release(&authorizer->used);
    authorizer->sent_token = NULL;
    authorizer->shown_token = NULL;
    secret_set_release(&authorizer->revealed);
    mem_free(authorizer->extra_scopes);
    authorizer->extra_scopes = NULL;
    mem_free(authorizer->token_scope);
    authorizer->token_scope = NULL;
}

static const struct challenge *challenge_of(const struct authorizer *authorizer)
{
    return authorizer->challenge.scheme != AUTH_UNKNOWN
               ? &authorizer->challenge
               : capabilities_challenge(&authorizer->origin->capabilities,
                                        authorizer->target->keychain);
}

static void fail(struct authorizer *authorizer, const struct error *err)
{
    authorizer->ready(authorizer->payload, NULL, 0, err);
}

/* The challenge is forgotten, because the registry may require something else
 * by now (another token server, another scheme), and a request that fails
 * before it reaches the registry would never find out. */
static void fail_to_authorize(struct authorizer *authorizer,
                              const struct error *err)
{
    if (err->kind != ERROR_UNAVAILABLE && err->kind != ERROR_RATE_LIMITED) {
        capabilities_forget_challenge(&authorizer->origin->capabilities,
                                      authorizer->target->keychain);
    }
    fail(authorizer, err);
}

static void use_no_credential(struct authorizer *authorizer)
{
    authorizer->ready(authorizer->payload, NULL, 0, NULL);
}

static void use_bearer(struct authorizer *authorizer, const char *token,
                       uint64_t lifetime_ms)
{
    CLEANUP(secret_release) struct secret header = SECRET_INIT(STR_UNLIMITED);

    authorizer->sent_token = secret_set_add(&authorizer->revealed, token);
    authorizer->shown_token = authorizer->sent_token;
    mem_free(authorizer->token_scope);
    authorizer->token_scope =
        mem_strdup(token_scope(authorizer->client, token));
    str_printf(&header.text, "Authorization: Bearer %s", token);
    authorizer->ready(authorizer->payload, header.text.data, lifetime_ms, NULL);
}

static void report_no_credential(struct authorizer *authorizer)
{
    const struct keychain *keychain = authorizer->target->keychain;
    const char *report = keychain != NULL ? keychain_report(keychain) : "";
    struct error err;

    error_set(&err, ERROR_AUTH,
              "registry '%s' requires a username and a password, and the "
              "registration has none%s%s%s",
              authorizer->target->registry, *report ? " (tried: " : "", report,
              *report ? ")" : "");
    err.http_status = 401;
    fail_to_authorize(authorizer, &err);
}

static void report_refused(struct authorizer *authorizer,
                           const struct credential *credential)
{
    const char *advice = authorizer->origin->provider->auth_advice;
    struct error err;

    error_set(&err, ERROR_AUTH,
              "registry '%s' refuses the username and password (from %s)%s%s%s",
              authorizer->target->registry,
              credential->origin ? credential->origin : "nowhere",
              advice ? " (" : "", advice ? advice : "", advice ? ")" : "");
    err.http_status = 401;
    fail(authorizer, &err);
}

static void on_credential_checked(void *payload)
{
    authorizer_start(payload);
}

static void use_basic(struct authorizer *authorizer,
                      const struct credential *credential)
{
    CLEANUP(secret_release) struct secret header = SECRET_INIT(STR_UNLIMITED);
    const char *password = secret_text(&credential->password);

    if (credential->username == NULL || password == NULL) {
        report_no_credential(authorizer);
        return;
    }
    authorizer->credential_check_waiter.ready = on_credential_checked;
    authorizer->credential_check_waiter.payload = authorizer;
    switch (credential_check_begin(authorizer->origin,
                                   authorizer->target->keychain, credential->id,
                                   &authorizer->credential_check_waiter)) {
    case CREDENTIAL_RUNNING:
        return;
    case CREDENTIAL_REFUSED:
        report_refused(authorizer, credential);
        return;
    case CREDENTIAL_UNKNOWN:
        authorizer->was_first = true;
        break;
    case CREDENTIAL_GOOD:
        break;
    }
    authorizer->sent_password = true;
    secret_set_add_basic(&authorizer->revealed, credential->username, password);
    oci_append_basic(&header.text, credential->username, password);
    authorizer->ready(authorizer->payload, header.text.data,
                      credential->lifetime_ms, NULL);
}

void authorizer_handle_result(struct authorizer *authorizer, bool answered,
                              bool refused)
{
    bool was_first = authorizer->was_first;

    if (!authorizer->sent_password) {
        return;
    }
    authorizer->sent_password = false;
    authorizer->was_first = false;
    if (answered || was_first) {
        credential_check_end(authorizer->origin, authorizer->target->keychain,
                             authorizer->credential_id, was_first,
                             !answered ? CREDENTIAL_UNKNOWN
                             : refused ? CREDENTIAL_REFUSED
                                       : CREDENTIAL_GOOD);
    }
}

/* The token server has refused the credentials; the keychain may provide new
 * ones. */
static bool refresh_credential(struct authorizer *authorizer)
{
    struct keychain *keychain = authorizer->target->keychain;

    if (authorizer->refreshed || keychain == NULL ||
        !keychain_reject(keychain, authorizer->credential_id)) {
        return false;
    }
    authorizer->refreshed = true;
    return true;
}

static void on_token(void *payload, const char *token, uint64_t lifetime_ms,
                     const struct error *err)
{
    struct authorizer *authorizer = payload;

    if (token != NULL) {
        use_bearer(authorizer, token, lifetime_ms);
    } else if (err->kind == ERROR_AUTH && refresh_credential(authorizer)) {
        authorizer_start(authorizer);
    } else {
        fail_to_authorize(authorizer, err);
    }
}

static void get_token(struct authorizer *authorizer,
                      const struct credential *credential)
{
    struct token_query query = {
        .origin = authorizer->origin,
        .target = authorizer->target,
        .challenge = &authorizer->used,
        .credential = credential,
        .actions = authorizer->actions,
        .extra_scopes = authorizer->extra_scopes,
    };
    uint64_t lifetime_ms;
    const char *token = token_cached(authorizer->client, &query, &lifetime_ms);
    struct error err;

    if (token != NULL) {
        use_bearer(authorizer, token, lifetime_ms);
        return;
    }
    authorizer->token_waiter.ready = on_token;
    authorizer->token_waiter.payload = authorizer;
    if (token_wait(authorizer->client, &query, &authorizer->token_waiter,
                   &err) < 0) {
        fail_to_authorize(authorizer, &err);
    }
}

static void use_credential(struct authorizer *authorizer,
                           const struct credential *credential)
{
    const char *registry_token = secret_text(&credential->registry_token);

    authorizer->credential_id = credential->id;
    if (authorizer->used.scheme == AUTH_BASIC) {
        use_basic(authorizer, credential);
    } else if (registry_token != NULL) {
        use_bearer(authorizer, registry_token, credential->lifetime_ms);
    } else {
        get_token(authorizer, credential);
    }
}

static void on_credential(void *payload, const struct credential *credential,
                          const struct error *err)
{
    struct authorizer *authorizer = payload;

    if (credential == NULL) {
        fail(authorizer, err);
    } else {
        use_credential(authorizer, credential);
    }
}

static void get_credential(struct authorizer *authorizer)
{
    static const struct credential anonymous;
    struct keychain *keychain = authorizer->target->keychain;
    const struct credential *credential =
        keychain != NULL ? keychain_cached(keychain) : &anonymous;

    if (credential != NULL) {
        use_credential(authorizer, credential);
        return;
    }
    authorizer->keychain_waiter.ready = on_credential;
    authorizer->keychain_waiter.payload = authorizer;
    keychain_wait(keychain, &authorizer->keychain_waiter);
}

static void on_probed(void *payload, const struct error *err);

static void authenticate(struct authorizer *authorizer,
                         const struct challenge *challenge)
{
    /* A copy, because the failure of another request may reset the original. */
    challenge_release(&authorizer->used);
    challenge_copy(&authorizer->used, challenge);
    switch (authorizer->used.scheme) {
    case AUTH_UNKNOWN:
        authorizer->probe_waiter.ready = on_probed;
        authorizer->probe_waiter.payload = authorizer;
        origin_probe(authorizer->origin, &authorizer->probe_waiter);
        break;
    case AUTH_NONE:
        use_no_credential(authorizer);
        break;
    case AUTH_BASIC:
    case AUTH_BEARER:
        get_credential(authorizer);
        break;
    }
}

void authorizer_start(struct authorizer *authorizer)
{
    authenticate(authorizer, challenge_of(authorizer));
}

/* The result of a probe applies to all requests that waited for it, even if the
 * first of them has failed meanwhile and reset the challenge. */
static void on_probed(void *payload, const struct error *err)
{
    struct authorizer *authorizer = payload;
    const struct challenge *challenge = challenge_of(authorizer);

    if (err != NULL) {
        fail(authorizer, err);
    } else if (challenge->scheme == AUTH_UNKNOWN) {
        authenticate(authorizer, &authorizer->origin->capabilities.challenge);
    } else {
        authenticate(authorizer, challenge);
    }
}

/* --- after a refusal ------------------------------------------------------ */

static bool is_scope(const char *scope)
{
    for (; *scope != '\0'; scope++) {
        if (*scope < ' ' || *scope >= 0x7F) {
            return false;
        }
    }
    return true;
}

/* Whether a scope of `len` bytes is one that is requested in any case. */
static bool is_requested_scope(const struct authorizer *authorizer,
                               const char *scope, size_t len)
{
    static const char *const actions[] = {"pull", "push", "pull,push",
                                          "push,pull"};

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        CLEANUP(str_release) struct str ours = STR_INIT(STR_UNLIMITED);

        str_printf(&ours, "repository:%s:%s", authorizer->target->path,
                   actions[i]);
        if (ours.len == len && memcmp(ours.data, scope, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Keeps the scopes of a challenge that go beyond the push, separated by spaces:
 * some registries use other repository names in their tokens. */
static void keep_extra_scopes(struct authorizer *authorizer)
{
    static const char type[] = "repository:";
    const char *scope = authorizer->challenge.scope;
    CLEANUP(str_release) struct str more = STR_INIT(LIMIT_SCOPE);

    if (scope == NULL || strlen(scope) > LIMIT_SCOPE || !is_scope(scope)) {
        return;
    }
    while (*scope != '\0') {
        size_t len = strcspn(scope, " ");

        if (strncmp(scope, type, sizeof(type) - 1) == 0 &&
            !is_requested_scope(authorizer, scope, len)) {
            str_append_text(&more, more.len > 0 ? " " : "");
            str_append(&more, scope, len);
        }
        scope += len + (scope[len] == ' ');
    }
    if (more.len > 0) {
        mem_free(authorizer->extra_scopes);
        authorizer->extra_scopes = str_take(&more);
    }
}

static bool learn_challenge(struct authorizer *authorizer,
                            const struct http_response *response)
{
    struct challenge challenge;

    challenge_read(response, &challenge);
    if (challenge.scheme == AUTH_UNKNOWN) {
        challenge_release(&challenge);
        return authorizer->used.scheme != AUTH_NONE;
    }
    challenge_release(&authorizer->challenge);
    authorizer->challenge = challenge;
    capabilities_learn_challenge(&authorizer->origin->capabilities,
                                 authorizer->target->keychain, &challenge);
    keep_extra_scopes(authorizer);
    return true;
}

/* The same password may be accepted the second time: registries have been
 * seen to answer a single request in the middle of a push with 401. A 403 is
 * retried only if it means that a token has expired, and only with another
 * credential. */
bool authorizer_handle_refusal(struct authorizer *authorizer,
                               const struct http_response *response)
{
    struct keychain *keychain = authorizer->target->keychain;
    bool was_bearer = authorizer->sent_token != NULL;
    bool has_another = true;

    if (was_bearer) {
        token_drop(authorizer->client, authorizer->sent_token);
        authorizer->sent_token = NULL;
    }
    if (!learn_challenge(authorizer, response)) {
        return false;
    }
    if (keychain != NULL && authorizer->credential_id != 0 &&
        (!was_bearer ||
         secret_text(&keychain_last(keychain)->registry_token) != NULL)) {
        has_another = keychain_reject(keychain, authorizer->credential_id);
    }
    return response->status != 403 || has_another;
}

void authorizer_explain(const struct authorizer *authorizer, struct error *err)
{
    CLEANUP(str_release) struct str missing = STR_INIT(LIMIT_SCOPE);
    const struct keychain *keychain = authorizer->target->keychain;

    if (err->kind != ERROR_AUTH || authorizer->shown_token == NULL) {
        return;
    }
    grant_missing(authorizer->shown_token, authorizer->token_scope,
                  authorizer->target->path, authorizer->actions, &missing);
    if (missing.len > 0) {
        error_append(err, " (the token does not grant %s on '%s'%s)",
                     missing.data, authorizer->target->path,
                     keychain == NULL ||
                             credential_is_empty(keychain_last(keychain))
                         ? " to a client without credentials"
                         : "");
    }
}
