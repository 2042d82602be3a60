#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"

/* Basic, and the token protocol of the distribution project. A token is valid
 * for one repository and for a limited time. */

static void challenge(const struct registry *registry, struct reply *reply)
{
    reply_set(reply, 401, "UNAUTHORIZED");
    if (registry->auth == REGISTRY_BASIC) {
        str_append_text(&reply->response.headers,
                        "WWW-Authenticate: Basic realm=\"registry\"\n");
    } else {
        str_printf(
            &reply->response.headers,
            "WWW-Authenticate: Bearer realm=\"https://auth.model.example/"
            "token\",service=\"%s\"\n",
            registry->host);
    }
}

static bool is_basic(const struct account *account, const char *password,
                     const char *given)
{
    CLEANUP(str_release) struct str right = STR_INIT(STR_UNLIMITED);
    char both[128];
    int len =
        snprintf(both, sizeof(both), "%s:%s", account->username, password);

    str_append_text(&right, "Authorization: Basic ");
    base64_encode(&right, both, (size_t)len);
    return given != NULL && strcmp(given, right.data) == 0;
}

static bool is_basic_of(const struct account *account, const char *given)
{
    return is_basic(account, account->password, given);
}

/* -1: an unknown account */
static int account_by_password(const struct registry *registry,
                               const struct ask *ask)
{
    for (int i = 0; i < MAX_ACCOUNTS; i++) {
        if (registry->accounts[i].username != NULL &&
            is_basic_of(&registry->accounts[i], ask->authorization)) {
            return i;
        }
    }
    return -1;
}

/* Returns the status of the refusal; 0: the request is permitted. */
static int denial(const struct registry *registry, int account)
{
    const struct window *window = registry_window(registry);

    if (window == NULL || window->fault != FAULT_DENIED ||
        (window->accounts >> account & 1U) == 0) {
        return 0;
    }
    return window->forbids ? 403 : 401;
}

static bool is_in(const char *path, const char *repository)
{
    size_t len = strlen(repository);

    return strncmp(path, "/v2/", 4) == 0 &&
           strncmp(path + 4, repository, len) == 0 && path[4 + len] == '/';
}

static struct issued_token *find_token(const struct registry *registry,
                                       const struct ask *ask)
{
    CLEANUP(str_release) struct str prefix = STR_INIT(STR_UNLIMITED);
    unsigned long number;

    str_printf(&prefix, "Authorization: Bearer token-%s-", registry->host);
    if (ask->authorization == NULL ||
        strncmp(ask->authorization, prefix.data, prefix.len) != 0) {
        return NULL;
    }
    number = strtoul(ask->authorization + prefix.len, NULL, 10);
    for (size_t i = registry->token_count; i > 0; i--) {
        if (registry->tokens[i - 1].number == number) {
            return &registry->tokens[i - 1];
        }
    }
    return NULL;
}

static int account_by_token(const struct registry *registry,
                            const struct ask *ask)
{
    struct issued_token *token = find_token(registry, ask);
    unsigned max = ask->fault == FAULT_TOKENS ? 1 : UINT32_MAX;

    if (token == NULL || ask->sim->now_ms >= token->expires_ms ||
        !is_in(ask->path, token->path) || token->uses >= max) {
        return -1;
    }
    token->uses++;
    return (int)token->account;
}

bool registry_authorize(struct registry *registry, const struct ask *ask,
                        struct reply *reply)
{
    int account = 0;
    int status;

    if (ask->is_signed) {
        return true;
    }
    if (registry->auth == REGISTRY_BASIC) {
        account = account_by_password(registry, ask);
    } else if (registry->auth == REGISTRY_BEARER) {
        account = account_by_token(registry, ask);
    }
    status = account < 0 ? 401 : denial(registry, account);
    if (status == 401 && registry->auth != REGISTRY_OPEN) {
        challenge(registry, reply);
    } else if (status != 0) {
        reply_set(reply, 403, "DENIED");
    }
    return status == 0;
}

/* A token of the model names its registry. */
static bool is_of(const struct registry *registry, const char *authorization)
{
    static const char bearer[] = "Authorization: Bearer token-";
    size_t len = strlen(registry->host);

    if (strncmp(authorization, bearer, sizeof(bearer) - 1) == 0) {
        return strncmp(authorization + sizeof(bearer) - 1, registry->host,
                       len) == 0;
    }
    for (int i = 0; i < MAX_ACCOUNTS; i++) {
        if (registry->accounts[i].username != NULL &&
            (is_basic_of(&registry->accounts[i], authorization) ||
             is_basic(&registry->accounts[i], FORMER_PASSWORD,
                      authorization))) {
            return true;
        }
    }
    return false;
}

void registry_check_secret(struct registries *registries,
                           const struct registry *registry,
                           const struct ask *ask)
{
    if (ask->authorization == NULL) {
        return;
    }
    if (registry == NULL || ask->is_signed ||
        !is_of(registry, ask->authorization)) {
        sim_violate(registries->sim, INVARIANT_SECRETS,
                    "%s %s shows credentials that are not for it", ask->method,
                    ask->url.text);
    }
}

/* --- the token server -------------------------------------------------------
 */

/* Returns the value of a parameter of the query, up to `end`. */
static const char *parameter(struct arena *arena, const char *path,
                             const char *name, const char *end)
{
    CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);
    const char *at = strstr(path, name);

    if (at == NULL) {
        return "";
    }
    for (at += strlen(name);
         strncmp(at, end, strlen(end)) != 0 && *at != '&' && *at != '\0';
         at++) {
        unsigned byte = (unsigned char)*at;

        if (*at == '%' && at[1] != '\0' && at[2] != '\0') {
            char digits[3] = {at[1], at[2], '\0'};

            byte = (unsigned)strtoul(digits, NULL, 16);
            at += 2;
        }
        str_append_char(&value, (char)byte);
    }
    return arena_strdup(arena, value.data);
}

/* Reads the parameters, from the URL or from a form. */
static const char *reported(struct registries *registries,
                            const struct ask *ask)
{
    return strcmp(ask->method, "POST") == 0
               ? arena_printf(registries->sim->arena, "%.*s",
                              (int)ask->body.len, (const char *)ask->body.data)
               : ask->path;
}

struct registry *registry_of_token(struct registries *registries,
                                   const struct ask *ask)
{
    const char *service = parameter(registries->sim->arena,
                                    reported(registries, ask), "service=", "&");

    for (size_t i = 0; i < registries->count; i++) {
        if (strcmp(registries->all[i].host, service) == 0) {
            return &registries->all[i];
        }
    }
    return NULL;
}

static void issue(struct registry *registry, unsigned account, const char *path,
                  struct reply *reply)
{
    unsigned number = ++registry->numbers;

    registry->tokens =
        mem_grow(registry->tokens, &registry->token_capacity,
                 registry->token_count + 1, sizeof(registry->tokens[0]));
    registry->tokens[registry->token_count++] = (struct issued_token){
        .number = number,
        .account = account,
        .path = path,
        .expires_ms = registry->registries->sim->now_ms + registry->token_ms,
    };
    reply_set(reply, 200, NULL);
    str_printf(&reply->response.body,
               "{\"token\":\"token-%s-%u-" SECRET_MARK
               "%016llx\",\"expires_in\":%llu}",
               registry->host, number,
               (unsigned long long)number * 0x9E3779B97F4A7C15ULL,
               (unsigned long long)registry->said_token_ms / 1000);
}

/* Returns the account by the password, or by the one refresh token that is
 * valid now; -1: neither matches */
static int account_by_form(const struct registry *registry, const char *form)
{
    struct arena *arena = registry->registries->sim->arena;
    const char *username = parameter(arena, form, "username=", "&");
    const char *password = parameter(arena, form, "password=", "&");
    const char *refresh = parameter(arena, form, "refresh_token=", "&");

    for (int i = 0; i < MAX_ACCOUNTS; i++) {
        const struct account *account = &registry->accounts[i];

        if (account->username == NULL) {
            continue;
        }
        if ((strcmp(account->username, username) == 0 &&
             strcmp(account->password, password) == 0) ||
            (registry->refresh[i] != 0 &&
             strcmp(refresh, arena_printf(arena, "refresh-%d-%u", i,
                                          registry->refresh[i])) == 0)) {
            return i;
        }
    }
    return -1;
}

static void append_refresh_token(struct registry *registry, int account,
                                 struct reply *reply)
{
    struct str *body = &reply->response.body;

    registry->refresh[account] = ++registry->numbers;
    body->data[--body->len] = '\0'; /* the closing brace */
    str_printf(body, ",\"refresh_token\":\"refresh-%d-%u\"}", account,
               registry->refresh[account]);
}

void token_server_answer(struct registries *registries, const struct ask *ask,
                         struct reply *reply)
{
    struct registry *registry = registry_of_token(registries, ask);
    struct arena *arena = registries->sim->arena;
    const char *words = reported(registries, ask);
    bool post = words != ask->path;
    int account;

    if (registry == NULL || (post && !registry->speaks_oauth2)) {
        reply_set(reply, registry == NULL ? 400 : 404, NULL);
        return;
    }
    account = post ? account_by_form(registry, words)
                   : account_by_password(registry, ask);
    if (account < 0 || denial(registry, account) == 401) {
        reply_set(reply, 401, "UNAUTHORIZED");
        return;
    }
    issue(registry, (unsigned)account,
          parameter(arena, words, "scope=repository%3A", "%3A"), reply);
    if (post) {
        append_refresh_token(registry, account, reply);
    }
}
