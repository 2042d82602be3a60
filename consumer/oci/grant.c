#include <string.h>

#include "token.h"
#include "waybill/alloc.h"
#include "waybill/glob.h"
#include "waybill/json.h"
#include "waybill/sign.h"

/*
 * A token server that does not grant the requested actions responds with 200
 * and a token for fewer actions (distribution, "Token Authentication
 * Specification"). The granted actions may be in the `scope` of an OAuth2
 * response, and in the `access` claim of a JSON Web Token. The signature is not
 * verified: that is up to the registry, and a forged token harms only itself.
 *
 * What is read here explains a refusal and never causes one. Only the registry
 * knows what its tokens mean: they name wildcards, repositories by other names,
 * or nothing at all.
 */

static bool has_action(const char *list, const char *action, size_t len)
{
    while (*list != '\0') {
        size_t end = strcspn(list, ",");

        if ((end == len && memcmp(list, action, len) == 0) ||
            (end == 1 && *list == '*')) {
            return true;
        }
        list += end + (list[end] == ',');
    }
    return false;
}

/* granted: as in "pull,push" */
static void append_missing(const char *granted, const char *actions,
                           struct str *missing)
{
    while (*actions != '\0') {
        size_t len = strcspn(actions, ",");

        if (!has_action(granted, actions, len)) {
            str_append_text(missing, missing->len > 0 ? "," : "");
            str_append(missing, actions, len);
        }
        actions += len + (actions[len] == ',');
    }
}

/* Parses scopes of the form "repository:NAME:ACTIONS", separated by spaces,
 * where NAME may contain colons and ACTIONS may not. Appends the actions on
 * `path`; returns false if there is no scope for it. */
static bool scope_actions(const char *scope, const char *path,
                          struct str *granted)
{
    static const char type[] = "repository:";
    size_t path_len = strlen(path);
    bool found = false;

    while (*scope != '\0') {
        size_t len = strcspn(scope, " ");
        const char *name = scope + sizeof(type) - 1;

        if (len >= sizeof(type) + path_len &&
            memcmp(scope, type, sizeof(type) - 1) == 0 &&
            memcmp(name, path, path_len) == 0 && name[path_len] == ':') {
            str_append_text(granted, granted->len > 0 ? "," : "");
            str_append(granted, name + path_len + 1,
                       len - (sizeof(type) - 1) - path_len - 1);
            found = true;
        }
        scope += len + (scope[len] == ' ');
    }
    return found;
}

static void append_actions(const struct json *actions, struct str *granted)
{
    for (const struct json *action = json_first(actions); action;
         action = json_next(action)) {
        const char *text = json_text(action);

        str_append_text(granted, granted->len > 0 ? "," : "");
        str_append_text(granted, text != NULL ? text : "");
    }
}

/* Returns false if the entry does not have the known form, and so may mean
 * anything. */
static bool entry_actions(const struct json *entry, const char *path,
                          struct str *granted)
{
    const char *type = json_text(json_member(entry, "type"));
    const char *name = json_text(json_member(entry, "name"));
    const struct json *actions = json_member(entry, "actions");

    if (type == NULL || name == NULL || !json_is_array(actions)) {
        return false;
    }
    /* "repository(plugin)" is a class of repositories. */
    if ((strcmp(type, "repository") == 0 ||
         strncmp(type, "repository(", strlen("repository(")) == 0) &&
        glob_matches(name, path)) {
        append_actions(actions, granted);
    }
    return true;
}

/* Returns false if the claims do not contain the granted actions. */
static bool access_actions(const struct json *claims, const char *path,
                           struct str *granted)
{
    const struct json *access = json_member(claims, "access");

    if (!json_is_array(access)) {
        return false;
    }
    for (const struct json *entry = json_first(access); entry;
         entry = json_next(entry)) {
        if (!entry_actions(entry, path, granted)) {
            return false;
        }
    }
    return true;
}

bool grant_missing(const char *token, const char *scope, const char *path,
                   const char *actions, struct str *missing)
{
    CLEANUP(str_release) struct str granted = STR_INIT(STR_UNLIMITED);
    struct json *claims = jwt_claims(token);
    bool known = claims != NULL && access_actions(claims, path, &granted);

    if (!known && scope != NULL) {
        str_clear(&granted);
        known = scope_actions(scope, path, &granted);
    }
    if (known) {
        append_missing(granted.data, actions, missing);
    }
    json_free(claims);
    return known;
}
