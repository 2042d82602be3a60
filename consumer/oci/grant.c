#include <string.h>

#include "token.h"
#include "waybill/alloc.h"
#include "waybill/json.h"
#include "waybill/sign.h"

/*
 * A token server that will not give what was asked for says 200, and gives a
 * token that is good for less (distribution, "Token Authentication
 * Specification"). Two places may tell: the `scope` of an OAuth2 answer, and
 * the `access` claim where the token is a JSON Web Token. Its signature is the
 * registry's business; a token that lies here only harms itself. What cannot be
 * read says nothing: the registry will.
 */

static bool has_word(const char *list, const char *word, size_t len)
{
    while (*list != '\0') {
        size_t end = strcspn(list, ",");

        if ((end == len && memcmp(list, word, len) == 0) ||
            (end == 1 && *list == '*')) {
            return true;
        }
        list += end + (list[end] == ',');
    }
    return false;
}

/* granted: "pull,push" */
static void append_missing(const char *granted, const char *actions,
                           struct str *missing)
{
    while (*actions != '\0') {
        size_t len = strcspn(actions, ",");

        if (!has_word(granted, actions, len)) {
            str_append_text(missing, missing->len > 0 ? "," : "");
            str_append(missing, actions, len);
        }
        actions += len + (actions[len] == ',');
    }
}

/* "repository:NAME:ACTIONS", several with blanks between; NAME may hold colons
 * and ACTIONS none. Appends the actions of ours; false: it is not there. */
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

/* False: it is not of the form that we know, and may mean anything. */
static bool entry_actions(const struct json *entry, const char *path,
                          struct str *granted)
{
    const char *type = json_text(json_member(entry, "type"));
    const char *name = json_text(json_member(entry, "name"));
    const struct json *actions = json_member(entry, "actions");

    if (type == NULL || name == NULL || !json_is_array(actions)) {
        return false;
    }
    if (strcmp(type, "repository") == 0 && strcmp(name, path) == 0) {
        append_actions(actions, granted);
    }
    return true;
}

/* False: the claims do not say. */
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
