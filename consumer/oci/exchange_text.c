#include <string.h>

#include "errors.h"
#include "exchange.h"
#include "waybill/limits.h"

/* The texts of an exchange: the URL of a GET, the form of a POST, the Basic
 * header, and the message for a refusal. */

/* Sends "a b" as scope=a&scope=b, because some token servers read only the
 * first scope of a list. */
static void append_scopes(struct str *url, const char *scope)
{
    while (*scope != '\0') {
        CLEANUP(str_release) struct str one = STR_INIT(LIMIT_SCOPE);
        size_t len = strcspn(scope, " ");

        str_append(&one, scope, len);
        str_append_text(url, "&scope=");
        url_append_escaped(url, one.data);
        scope += len + (scope[len] == ' ');
    }
}

void exchange_append_url(struct str *url, const struct exchange *exchange)
{
    str_append_text(url, exchange->at.text);
    if (exchange->has_query) {
        return;
    }
    str_printf(url, "%sclient_id=waybill",
               strchr(exchange->at.text, '?') != NULL ? "&" : "?");
    if (exchange->service != NULL) {
        str_append_text(url, "&service=");
        url_append_escaped(url, exchange->service);
    }
    append_scopes(url, exchange->scope);
    if (exchange->grant == GRANT_BASIC && exchange->credential.username) {
        str_append_text(url, "&account=");
        url_append_escaped(url, exchange->credential.username);
    }
}

static void append_member(struct str *form, const char *name, const char *value)
{
    str_printf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    url_append_escaped(form, value);
}

static void append_secret(struct str *form, struct exchange *exchange,
                          const char *name, const struct secret *value)
{
    secret_set_add(&exchange->revealed, secret_text(value));
    append_member(form, name, secret_text(value));
}

void exchange_append_form(struct str *form, struct exchange *exchange)
{
    if (exchange->grant == GRANT_REFRESH) {
        append_member(form, "grant_type", "refresh_token");
        append_secret(form, exchange, "refresh_token",
                      &exchange->sent_refresh_token);
    } else {
        append_member(form, "grant_type", "password");
        append_member(form, "username", exchange->credential.username);
        append_secret(form, exchange, "password",
                      &exchange->credential.password);
        append_member(form, "access_type", "offline");
    }
    append_member(form, "service", exchange->service ? exchange->service : "");
    append_member(form, "client_id", "waybill");
    append_member(form, "scope", exchange->scope);
}

/* A token server without POST accepts a refresh token as a password. */
void exchange_append_basic(struct str *header, struct exchange *exchange)
{
    const char *username = exchange->credential.username;
    const char *password = secret_text(&exchange->credential.password);

    if (password == NULL) {
        username = username != NULL ? username : "<token>";
        password = secret_text(&exchange->session->refresh_token);
    }
    secret_set_add_basic(&exchange->revealed, username, password);
    oci_append_basic(header, username, password);
}

/* Appends the server's own explanation and what the operator should check. */
void exchange_append_refusal(struct str *text, const struct exchange *exchange,
                             const struct http_response *response)
{
    CLEANUP(str_release) struct str message = STR_INIT(LIMIT_MESSAGE);
    bool post =
        exchange->grant == GRANT_PASSWORD || exchange->grant == GRANT_REFRESH;

    oci_append_message(response, &exchange->revealed, &message);
    str_printf(text, "%s%s", message.len > 0 ? ": " : "", message.data);
    if (post && (response->status == 404 || response->status == 405)) {
        str_append_text(
            text,
            " (it does not support OAuth2: set token_exchange_method to auto)");
    } else if (oci_token_error_kind(response) == ERROR_INTERMEDIARY) {
        str_append_text(text, " (not an answer of a token server)");
    } else if (oci_token_error_kind(response) == ERROR_AUTH &&
               exchange->credential.origin != NULL) {
        str_printf(text, " (credentials from %s)", exchange->credential.origin);
    }
}
