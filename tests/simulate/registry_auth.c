#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"

/* Basic, and the distribution project's token protocol. A token is good for one
 * repository and for a while. */

void registry_challenge(const struct registry *registry, struct reply *reply)
{
    reply_set(reply, 401, "UNAUTHORIZED");
    if (registry->auth == REGISTRY_BASIC) {
        str_puts(&reply->response.headers,
                 "WWW-Authenticate: Basic realm=\"registry\"\n");
    } else {
        str_printf(&reply->response.headers,
                   "WWW-Authenticate: Bearer realm=\"https://auth.example/"
                   "token\",service=\"%s\"\n",
                   registry->host);
    }
}

static bool knows_password(const struct registry *registry,
                           const struct ask *ask)
{
    CLEANUP(str_release) struct str right = STR_INIT(STR_UNLIMITED);
    char both[128];
    int len = snprintf(both, sizeof(both), "%s:%s", registry->username,
                       registry->password);

    str_puts(&right, "Authorization: Basic ");
    base64_encode(&right, both, (size_t)len);
    return ask->authorization != NULL &&
           strcmp(ask->authorization, right.data) == 0 &&
           !registry_is(registry, FAULT_DENIED);
}

static bool is_in(const char *path, const char *repository)
{
    size_t len = strlen(repository);

    return strncmp(path, "/v2/", 4) == 0 &&
           strncmp(path + 4, repository, len) == 0 && path[4 + len] == '/';
}

static bool has_token(const struct registry *registry, const struct ask *ask)
{
    static const char prefix[] = "Authorization: Bearer token-";
    uint64_t now = registry->registries->sim->now_ms;
    unsigned long number;

    if (ask->authorization == NULL ||
        strncmp(ask->authorization, prefix, sizeof(prefix) - 1) != 0) {
        return false;
    }
    number = strtoul(ask->authorization + sizeof(prefix) - 1, NULL, 10);
    for (size_t i = registry->token_count; i > 0; i--) {
        const struct issued_token *token = &registry->tokens[i - 1];

        if (token->number == number) {
            return now < token->expires_ms && is_in(ask->path, token->path);
        }
    }
    return false;
}

/* False: the reply says why. */
bool registry_authorize(struct registry *registry, const struct ask *ask,
                        struct reply *reply)
{
    bool allowed = true;

    switch (registry->auth) {
    case REGISTRY_OPEN:
        if (registry_is(registry, FAULT_DENIED)) {
            reply_set(reply, 403, "DENIED");
            return false;
        }
        break;
    case REGISTRY_BASIC:
        allowed = knows_password(registry, ask);
        break;
    case REGISTRY_BEARER:
        allowed = has_token(registry, ask);
        break;
    }
    if (!allowed) {
        registry_challenge(registry, reply);
    }
    return allowed;
}

/* --- the token server -------------------------------------------------------
 */

/* The value of a query's parameter, up to `end` */
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
        str_putc(&value, (char)byte);
    }
    return arena_strdup(arena, value.data);
}

struct registry *registry_of_token(struct registries *registries,
                                   const struct ask *ask)
{
    const char *service =
        parameter(registries->sim->arena, ask->path, "service=", "&");

    for (size_t i = 0; i < registries->count; i++) {
        if (strcmp(registries->all[i].host, service) == 0) {
            return &registries->all[i];
        }
    }
    return NULL;
}

static void issue(struct registry *registry, const char *path,
                  struct reply *reply)
{
    unsigned number = ++registry->numbers;

    registry->tokens =
        mem_grow(registry->tokens, &registry->token_capacity,
                 registry->token_count + 1, sizeof(registry->tokens[0]));
    registry->tokens[registry->token_count++] = (struct issued_token){
        number, path, registry->registries->sim->now_ms + registry->token_ms};
    reply_set(reply, 200, NULL);
    str_printf(&reply->response.body,
               "{\"token\":\"token-%u\",\"expires_in\":%llu}", number,
               (unsigned long long)registry->token_ms / 1000);
}

void token_server_answer(struct registries *registries, const struct ask *ask,
                         struct reply *reply)
{
    struct registry *registry = registry_of_token(registries, ask);

    if (registry == NULL) {
        reply_set(reply, 400, NULL);
    } else if (!knows_password(registry, ask)) {
        reply_set(reply, 401, "UNAUTHORIZED");
    } else {
        issue(registry,
              parameter(registries->sim->arena, ask->path,
                        "scope=repository%3A", "%3A"),
              reply);
    }
}
