#include <string.h>

#include "exchange.h"
#include "trust.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * Where a token is requested: the realm of the challenge, and where the token
 * server redirects to. Both are named by somebody else, so trust.c decides
 * whether credentials may be sent there. A redirect that cannot be followed
 * says nothing about the credential: something in front of the token server may
 * have sent it, such as a login page.
 */

/* The client certificate is for the registry, and for a token server on the
 * same host. */
static void set_address(struct exchange *exchange, struct url *to)
{
    url_release(&exchange->at);
    exchange->at = *to;
    exchange->transport = exchange->origin->transport;
    if (strcmp(exchange->origin->url.host, to->host) != 0) {
        exchange->transport.certificate = NULL;
        exchange->transport.key = NULL;
    }
}

static bool may_send_credentials(const struct exchange *exchange,
                                 struct url *to)
{
    const struct oci_target target = {
        .allowed = exchange->allowed,
        .plain_http_allowed = exchange->plain_http_allowed,
    };

    return trust_of(&exchange->origin->url, &target, to, REDIRECT_REALM) ==
           TRUST_CREDENTIALS;
}

int exchange_set_realm(struct exchange *exchange, const char *realm,
                       struct error *err)
{
    const struct url *registry = &exchange->origin->url;
    struct url to;

    if (url_parse(realm, registry, &to, err) < 0) {
        return error_prefix(err, "realm of registry '%s'", registry->host);
    }
    if (!may_send_credentials(exchange, &to)) {
        error_set(err, ERROR_AUTH,
                  "registry '%s' names the token server '%s://%s', to which "
                  "credentials may not be sent (if you trust it, add '%s' to "
                  "registries.allowed)",
                  registry->host, to.https ? "https" : "http", to.host,
                  to.host);
        url_release(&to);
        return -1;
    }
    set_address(exchange, &to);
    return 0;
}

static int check_redirect(struct exchange *exchange, int status, bool is_post,
                          struct error *err)
{
    if (status == 303 && is_post) {
        return error_set(err, ERROR_INTERMEDIARY,
                         "token server '%s' redirects a POST with 303",
                         exchange->at.host);
    }
    if (++exchange->redirects > LIMIT_REDIRECTS) {
        return error_set(err, ERROR_INTERMEDIARY,
                         "token server '%s' redirects more than %d times",
                         exchange->at.host, LIMIT_REDIRECTS);
    }
    return 0;
}

/* A token server that was reached by https is not left for plain http, although
 * the registry itself may use it. */
static bool may_follow(const struct exchange *exchange, struct url *to)
{
    trust_restore_https(&exchange->at, to);
    return (to->https || !exchange->at.https) &&
           may_send_credentials(exchange, to);
}

int exchange_follow(struct exchange *exchange,
                    const struct http_response *response, bool is_post,
                    struct error *err)
{
    CLEANUP(str_release) struct str location = STR_INIT(LIMIT_LOCATION);
    struct url to;

    if (check_redirect(exchange, response->status, is_post, err) < 0) {
        return -1;
    }
    if (!http_header(response, "Location", 0, &location) || location.len == 0 ||
        url_parse(location.data, &exchange->at, &to, err) < 0) {
        return error_set(err, ERROR_INTERMEDIARY,
                         "token server '%s' redirects to a location that "
                         "cannot be used",
                         exchange->at.host);
    }
    if (!may_follow(exchange, &to)) {
        error_set(
            err, ERROR_BLOCKED,
            "token server '%s' redirects to '%s://%s', to which credentials "
            "may not be sent (if you trust it, add '%s' to registries.allowed)",
            exchange->at.host, to.https ? "https" : "http", to.host, to.host);
        url_release(&to);
        return -1;
    }
    set_address(exchange, &to);
    exchange->has_query = !is_post;
    return 0;
}
