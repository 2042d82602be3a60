#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "challenge.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/limits.h"
#include "waybill/secret.h"

/*
 * A header may contain several challenges, and a challenge several parameters,
 * both separated by commas. A token that is followed by another token or by the
 * end starts a challenge; a token that is followed by '=' is a parameter of the
 * last challenge.
 */

static const char *skip_space(const char *at)
{
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    return at;
}

static bool is_token_char(char c)
{
    return isalnum((unsigned char)c) ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static const char *read_token(const char *at, struct str *token)
{
    const char *start = at;

    while (is_token_char(*at)) {
        at++;
    }
    str_clear(token);
    str_append(token, start, (size_t)(at - start));
    return at;
}

/* Reads a token, or a quoted string with backslash escapes. Servers also send
 * unquoted values that contain characters no token may have (such as a URL), so
 * an unquoted value extends to the next comma or space. */
static const char *read_value(const char *at, struct str *value)
{
    str_clear(value);
    if (*at != '"') {
        const char *start = at;

        while (*at != '\0' && *at != ',' && *at != ' ' && *at != '\t') {
            at++;
        }
        str_append(value, start, (size_t)(at - start));
        return at;
    }
    for (at++; *at != '\0' && *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        }
        str_append_char(value, *at);
    }
    return *at == '"' ? at + 1 : at;
}

static enum auth_scheme scheme_named(const char *name)
{
    if (strcasecmp(name, "Bearer") == 0) {
        return AUTH_BEARER;
    }
    return strcasecmp(name, "Basic") == 0 ? AUTH_BASIC : AUTH_UNKNOWN;
}

static void replace(char **slot, const struct str *value)
{
    mem_free(*slot);
    *slot = mem_strdup(value->data);
}

static void keep_parameter(struct challenge *challenge, const char *name,
                           const struct str *value)
{
    if (strcasecmp(name, "realm") == 0) {
        replace(&challenge->realm, value);
    } else if (strcasecmp(name, "service") == 0) {
        replace(&challenge->service, value);
    } else if (strcasecmp(name, "scope") == 0) {
        replace(&challenge->scope, value);
    }
}

void challenge_copy(struct challenge *to, const struct challenge *from)
{
    *to = (struct challenge){
        .scheme = from->scheme,
        .realm = mem_strdup(from->realm),
        .service = mem_strdup(from->service),
        .scope = mem_strdup(from->scope),
    };
}

void challenge_release(struct challenge *challenge)
{
    mem_free(challenge->realm);
    mem_free(challenge->service);
    mem_free(challenge->scope);
    *challenge = (struct challenge){0};
}

/* A Bearer challenge without a realm is useless. */
static enum auth_scheme usable_scheme(const struct challenge *challenge)
{
    if (challenge->scheme == AUTH_BEARER &&
        (challenge->realm == NULL || challenge->realm[0] == '\0')) {
        return AUTH_UNKNOWN;
    }
    return challenge->scheme;
}

static void keep_better(struct challenge *best, struct challenge *other)
{
    if (usable_scheme(other) > best->scheme) {
        challenge_release(best);
        *best = *other;
        *other = (struct challenge){0};
    }
    challenge_release(other);
}

/* Parses the value of one header; replaces *challenge if it finds a better
 * one. */
static void parse(const char *value, struct challenge *challenge)
{
    CLEANUP(str_release) struct str token = STR_INIT(LIMIT_CHALLENGE);
    CLEANUP(str_release) struct str text = STR_INIT(LIMIT_CHALLENGE);
    struct challenge current = {0};

    for (const char *at = value; *at != '\0';) {
        const char *end = read_token(at = skip_space(at), &token);

        if (end == at) {
            at += *at != '\0'; /* a comma, or a character without meaning */
            continue;
        }
        at = skip_space(end);
        if (*at == '=') {
            at = read_value(skip_space(at + 1), &text);
            keep_parameter(&current, token.data, &text);
        } else {
            keep_better(challenge, &current);
            current.scheme = scheme_named(token.data);
        }
    }
    keep_better(challenge, &current);
}

void challenge_read(const struct http_response *response,
                    struct challenge *ret_challenge)
{
    CLEANUP(str_release) struct str value = STR_INIT(LIMIT_CHALLENGE);

    *ret_challenge = (struct challenge){0};
    for (size_t n = 0; http_header(response, "WWW-Authenticate", n, &value);
         n++) {
        if (!value.overflow) {
            parse(value.data, ret_challenge);
        }
        str_clear(&value);
    }
}

void oci_append_basic(struct str *out, const char *username,
                      const char *password)
{
    CLEANUP(secret_release) struct secret both = SECRET_INIT(STR_UNLIMITED);

    str_printf(&both.text, "%s:%s", username, password);
    str_append_text(out, "Authorization: Basic ");
    base64_encode(out, both.text.data, both.text.len);
}
