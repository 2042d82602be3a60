#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "challenge.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/limits.h"
#include "waybill/secret.h"

/*
 * A header may hold several challenges, and a challenge several parameters,
 * both divided by commas; a word followed by another word or by the end begins
 * a challenge, a word followed by '=' is a parameter of the last one.
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

static const char *read_word(const char *at, struct str *word)
{
    const char *start = at;

    while (is_token_char(*at)) {
        at++;
    }
    str_clear(word);
    str_append(word, start, (size_t)(at - start));
    return at;
}

/* A token, or a quoted string with backslash escapes. Not quoted, real servers
 * also write what no token may hold (a URL); up to the next comma or blank. */
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

/* A Bearer challenge is of use only with a realm to ask. */
static enum auth_scheme worth(const struct challenge *challenge)
{
    if (challenge->scheme == AUTH_BEARER &&
        (challenge->realm == NULL || challenge->realm[0] == '\0')) {
        return AUTH_UNKNOWN;
    }
    return challenge->scheme;
}

static void keep_better(struct challenge *best, struct challenge *other)
{
    if (worth(other) > best->scheme) {
        challenge_release(best);
        *best = *other;
        *other = (struct challenge){0};
    }
    challenge_release(other);
}

/* One header's value; keeps what is better than what is there already */
static void parse(const char *value, struct challenge *challenge)
{
    CLEANUP(str_release) struct str word = STR_INIT(LIMIT_CHALLENGE);
    CLEANUP(str_release) struct str text = STR_INIT(LIMIT_CHALLENGE);
    struct challenge current = {0};

    for (const char *at = value; *at != '\0';) {
        const char *end = read_word(at = skip_space(at), &word);

        if (end == at) {
            at += *at != '\0'; /* a comma, or a character of no meaning here */
            continue;
        }
        at = skip_space(end);
        if (*at == '=') {
            at = read_value(skip_space(at + 1), &text);
            keep_parameter(&current, word.data, &text);
        } else {
            keep_better(challenge, &current);
            current.scheme = scheme_named(word.data);
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
