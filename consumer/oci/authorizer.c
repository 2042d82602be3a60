#include <string.h>

#include "authorizer.h"
#include "oci_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/* What one request has to show its registry, and what it can show instead when
 * that did not count. */

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
    keychain_forget_waiter(&authorizer->keychain_waiter);
    token_forget_waiter(&authorizer->token_waiter);
    credential_check_forget_waiter(&authorizer->credential_check_waiter);
    authorizer_answered(authorizer, false, false);
    challenge_release(&authorizer->challenge);
    challenge_release(&authorizer->used);
    authorizer->shown = NULL;
    secret_set_release(&authorizer->revealed);
    mem_free(authorizer->more);
    authorizer->more = NULL;
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

/* With what the registry asks for there was nothing to get. It may ask for
 * something else by now (another token server, another scheme), which nobody
 * would find out who does not get as far as the registry. */
static void fail_to_authorize(struct authorizer *authorizer,
                              const struct error *err)
{
    if (err->kind != ERROR_UNAVAILABLE && err->kind != ERROR_RATE_LIMITED) {
        capabilities_forget_challenge(&authorizer->origin->capabilities,
                                      authorizer->target->keychain);
    }
    fail(authorizer, err);
}

static void show_nothing(struct authorizer *authorizer)
{
    authorizer->ready(authorizer->payload, NULL, 0, NULL);
}

static void show_bearer(struct authorizer *authorizer, const char *token,
                        uint64_t lifetime_ms)
{
    CLEANUP(secret_release) struct secret header = SECRET_INIT(STR_UNLIMITED);

    authorizer->shown = secret_set_add(&authorizer->revealed, token);
    str_printf(&header.text, "Authorization: Bearer %s", token);
    authorizer->ready(authorizer->payload, header.text.data, lifetime_ms, NULL);
}

static void report_nothing_to_show(struct authorizer *authorizer)
{
    const struct keychain *keychain = authorizer->target->keychain;
    const char *report = keychain != NULL ? keychain_report(keychain) : "";
    struct error err;

    error_set(&err, ERROR_AUTH,
              "registry '%s' wants a username and a password, and the "
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

static void show_basic(struct authorizer *authorizer,
                       const struct credential *credential)
{
    CLEANUP(secret_release) struct secret header = SECRET_INIT(STR_UNLIMITED);
    const char *password = secret_text(&credential->password);

    if (credential->username == NULL || password == NULL) {
        report_nothing_to_show(authorizer);
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
    case CREDENTIAL_OPEN:
        authorizer->went_first = true;
        break;
    case CREDENTIAL_GOOD:
        break;
    }
    authorizer->showed_password = true;
    secret_set_add_basic(&authorizer->revealed, credential->username, password);
    oci_append_basic(&header.text, credential->username, password);
    authorizer->ready(authorizer->payload, header.text.data,
                      credential->lifetime_ms, NULL);
}

void authorizer_answered(struct authorizer *authorizer, bool answered,
                         bool refused)
{
    bool went_first = authorizer->went_first;

    if (!authorizer->showed_password) {
        return;
    }
    authorizer->showed_password = false;
    authorizer->went_first = false;
    if (answered || went_first) {
        credential_check_end(authorizer->origin, authorizer->target->keychain,
                             authorizer->credential_id, went_first,
                             !answered ? CREDENTIAL_OPEN
                             : refused ? CREDENTIAL_REFUSED
                                       : CREDENTIAL_GOOD);
    }
}

/* The token server would not have the credentials: there may be others by now.
 */
static bool renew(struct authorizer *authorizer)
{
    struct keychain *keychain = authorizer->target->keychain;

    if (authorizer->renewed || keychain == NULL ||
        !keychain_refuse(keychain, authorizer->credential_id)) {
        return false;
    }
    authorizer->renewed = true;
    return true;
}

static void on_token(void *payload, const char *token, uint64_t lifetime_ms,
                     const struct error *err)
{
    struct authorizer *authorizer = payload;

    if (token != NULL) {
        show_bearer(authorizer, token, lifetime_ms);
    } else if (err->kind == ERROR_AUTH && renew(authorizer)) {
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
        .more = authorizer->more,
    };
    uint64_t lifetime_ms;
    const char *token = token_cached(authorizer->client, &query, &lifetime_ms);
    struct error err;

    if (token != NULL) {
        show_bearer(authorizer, token, lifetime_ms);
        return;
    }
    authorizer->token_waiter.ready = on_token;
    authorizer->token_waiter.payload = authorizer;
    if (token_wait(authorizer->client, &query, &authorizer->token_waiter,
                   &err) < 0) {
        fail_to_authorize(authorizer, &err);
    }
}

static void with_credential(struct authorizer *authorizer,
                            const struct credential *credential)
{
    const char *registry_token = secret_text(&credential->registry_token);

    authorizer->credential_id = credential->id;
    if (authorizer->used.scheme == AUTH_BASIC) {
        show_basic(authorizer, credential);
    } else if (registry_token != NULL) {
        show_bearer(authorizer, registry_token, credential->lifetime_ms);
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
        with_credential(authorizer, credential);
    }
}

static void get_credential(struct authorizer *authorizer)
{
    static const struct credential nobody;
    struct keychain *keychain = authorizer->target->keychain;
    const struct credential *credential =
        keychain != NULL ? keychain_cached(keychain) : &nobody;

    if (credential != NULL) {
        with_credential(authorizer, credential);
        return;
    }
    authorizer->keychain_waiter.ready = on_credential;
    authorizer->keychain_waiter.payload = authorizer;
    keychain_wait(keychain, &authorizer->keychain_waiter);
}

static void on_probed(void *payload, const struct error *err);

static void answer(struct authorizer *authorizer,
                   const struct challenge *challenge)
{
    /* A copy: somebody else's failure may have it forgotten meanwhile. */
    challenge_release(&authorizer->used);
    challenge_copy(&authorizer->used, challenge);
    switch (authorizer->used.scheme) {
    case AUTH_UNKNOWN:
        authorizer->probe_waiter.ready = on_probed;
        authorizer->probe_waiter.payload = authorizer;
        origin_probe(authorizer->origin, &authorizer->probe_waiter);
        break;
    case AUTH_NONE:
        show_nothing(authorizer);
        break;
    case AUTH_BASIC:
    case AUTH_BEARER:
        get_credential(authorizer);
        break;
    }
}

void authorizer_start(struct authorizer *authorizer)
{
    answer(authorizer, challenge_of(authorizer));
}

/* What a probe has said counts for all who waited for it, though the first of
 * them may have it forgotten by now. */
static void on_probed(void *payload, const struct error *err)
{
    struct authorizer *authorizer = payload;
    const struct challenge *challenge = challenge_of(authorizer);

    if (err != NULL) {
        fail(authorizer, err);
    } else if (challenge->scheme == AUTH_UNKNOWN) {
        answer(authorizer, &authorizer->origin->capabilities.challenge);
    } else {
        answer(authorizer, challenge);
    }
}

/* --- after a refusal
 * ----------------------------------------------------------
 */

static bool is_scope(const char *scope)
{
    for (; *scope != '\0'; scope++) {
        if (*scope < ' ' || *scope >= 0x7F) {
            return false;
        }
    }
    return true;
}

/* One scope, of `len`: for what is asked for in any case */
static bool is_ours(const struct authorizer *authorizer, const char *scope,
                    size_t len)
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

/* What a challenge asks for beyond what a push is about, between blanks: some
 * registries name a repository otherwise in their tokens. */
static void keep_more(struct authorizer *authorizer)
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
            !is_ours(authorizer, scope, len)) {
            str_append_text(&more, more.len > 0 ? " " : "");
            str_append(&more, scope, len);
        }
        scope += len + (scope[len] == ' ');
    }
    if (more.len > 0) {
        mem_free(authorizer->more);
        authorizer->more = str_take(&more);
    }
}

static bool learn(struct authorizer *authorizer,
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
    keep_more(authorizer);
    return true;
}

/* The same password may count the second time: one 401 in the middle of a push
 * has been seen to mean nothing. A 403 is worth another try only where it says
 * that a token has ended, and there is another. */
bool authorizer_refused(struct authorizer *authorizer,
                        const struct http_response *response)
{
    struct keychain *keychain = authorizer->target->keychain;
    bool was_bearer = authorizer->shown != NULL;
    bool another = true;

    if (was_bearer) {
        token_drop(authorizer->client, authorizer->shown);
        authorizer->shown = NULL;
    }
    if (!learn(authorizer, response)) {
        return false;
    }
    if (keychain != NULL && authorizer->credential_id != 0 &&
        (!was_bearer ||
         secret_text(&keychain_last(keychain)->registry_token) != NULL)) {
        another = keychain_refuse(keychain, authorizer->credential_id);
    }
    return response->status != 403 || another;
}
