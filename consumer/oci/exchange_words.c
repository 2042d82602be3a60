#include <string.h>

#include "errors.h"
#include "exchange.h"
#include "waybill/limits.h"

/* What a token server is told: a GET's URL, a POST's form, Basic; and what it
 * says when it refuses. */

/* "a b" as scope=a&scope=b: some token servers read the first one only. */
static void put_scopes(struct str *url, const char *scope)
{
    while (*scope != '\0') {
        CLEANUP(str_release) struct str one = STR_INIT(LIMIT_SCOPE);
        size_t len = strcspn(scope, " ");

        str_put(&one, scope, len);
        str_puts(url, "&scope=");
        url_put_escaped(url, one.data);
        scope += len + (scope[len] == ' ');
    }
}

void exchange_put_url(struct str *url, const struct exchange *exchange)
{
    str_printf(url, "%s%sclient_id=waybill", exchange->realm,
               strchr(exchange->realm, '?') != NULL ? "&" : "?");
    if (exchange->service != NULL) {
        str_puts(url, "&service=");
        url_put_escaped(url, exchange->service);
    }
    put_scopes(url, exchange->scope);
    if (exchange->grant == GRANT_BASIC && exchange->credential.username) {
        str_puts(url, "&account=");
        url_put_escaped(url, exchange->credential.username);
    }
}

static void put_member(struct str *form, const char *name, const char *value)
{
    str_printf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    url_put_escaped(form, value);
}

static void put_secret(struct str *form, struct exchange *exchange,
                       const char *name, const struct secret *value)
{
    secret_set_add(&exchange->revealed, secret_text(value));
    put_member(form, name, secret_text(value));
}

void exchange_put_form(struct str *form, struct exchange *exchange)
{
    if (exchange->grant == GRANT_REFRESH) {
        put_member(form, "grant_type", "refresh_token");
        put_secret(form, exchange, "refresh_token", &exchange->used);
    } else {
        put_member(form, "grant_type", "password");
        put_member(form, "username", exchange->credential.username);
        put_secret(form, exchange, "password", &exchange->credential.password);
        put_member(form, "access_type", "offline");
    }
    put_member(form, "service", exchange->service ? exchange->service : "");
    put_member(form, "client_id", "waybill");
    put_member(form, "scope", exchange->scope);
}

/* A refresh token whose server knows no POST is a password there. */
void exchange_put_basic(struct str *header, struct exchange *exchange)
{
    const char *username = exchange->credential.username;
    const char *password = secret_text(&exchange->credential.password);

    if (password == NULL) {
        username = username != NULL ? username : "<token>";
        password = secret_text(&exchange->session->refresh_token);
    }
    secret_set_add_basic(&exchange->revealed, username, password);
    oci_put_basic(header, username, password);
}

/* Its own words, and what to look at for who can mend it */
void exchange_put_refusal(struct str *text, const struct exchange *exchange,
                          const struct http_response *response)
{
    CLEANUP(str_release) struct str words = STR_INIT(LIMIT_MESSAGE);
    bool post =
        exchange->grant == GRANT_PASSWORD || exchange->grant == GRANT_REFRESH;

    oci_put_words(response, &exchange->revealed, &words);
    str_printf(text, "%s%s", words.len > 0 ? ": " : "", words.data);
    if (post && response->status == 404) {
        str_puts(text, " (it does not know OAuth2: set token_exchange_method "
                       "to auto)");
    } else if (response->status / 100 == 4 &&
               !http_status_is_temporary(response->status) &&
               exchange->credential.origin != NULL) {
        str_printf(text, " (credentials from %s)", exchange->credential.origin);
    }
}
