#include <string.h>

#include "oci_internal.h"
#include "origin.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

static void append_base_url(struct str *out, const struct oci_target *target)
{
    const char *wire_host = provider_of(target->registry)->wire_host;

    str_printf(out, "%s://%s/v2/", target->https ? "https" : "http",
               wire_host != NULL ? wire_host : target->registry);
}

static struct origin *find(struct oci_client *client, const struct url *url,
                           const struct http_transport *transport)
{
    struct origin *origin;

    TAILQ_FOREACH(origin, &client->origins, link)
    {
        if (strcmp(origin->url.text, url->text) == 0 &&
            http_transport_equal(&origin->transport, transport)) {
            return origin;
        }
    }
    return NULL;
}

struct origin *origin_of(struct oci_client *client,
                         const struct oci_target *target, struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(LIMIT_URL);
    struct origin *origin;
    struct url url;

    append_base_url(&text, target);
    if (url_parse(text.data, NULL, &url, err) < 0) {
        error_prefix(err, "registry '%s'", target->registry);
        return NULL;
    }
    origin = find(client, &url, &target->transport);
    if (origin != NULL) {
        url_release(&url);
        return origin;
    }
    origin = mem_zalloc(sizeof(*origin));
    origin->client = client;
    origin->url = url;
    http_transport_copy(&origin->transport, &target->transport);
    origin->provider = provider_of(target->registry);
    capabilities_init(&origin->capabilities, (origin->provider->quirks &
                                              PROVIDER_NO_SINGLE_POST) != 0);
    TAILQ_INIT(&origin->waiters);
    TAILQ_INIT(&origin->credential_checks);
    TAILQ_INSERT_TAIL(&client->origins, origin, link);
    return origin;
}

void origin_free(struct origin *origin)
{
    struct credential_check *credential_check;

    while ((credential_check = TAILQ_FIRST(&origin->credential_checks)) !=
           NULL) {
        credential_check_free(origin, credential_check);
    }
    if (origin->probe != NULL) {
        http_cancel(origin->probe);
    }
    capabilities_release(&origin->capabilities);
    url_release(&origin->url);
    http_transport_release(&origin->transport);
    mem_free(origin);
}

/* Wakes only the waiters of this probe; one of them may start to wait for the
 * next. */
static void wake(struct origin *origin, const struct error *err)
{
    unsigned round = origin->round++;
    struct origin_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&origin->waiters)) != NULL &&
           waiter->round == round) {
        origin_forget_waiter(origin, waiter);
        waiter->ready(waiter->payload, err);
    }
}

static void on_probed(void *payload, const struct http_response *response,
                      const struct error *err)
{
    struct origin *origin = payload;
    struct error failure;

    origin->probe = NULL;
    if (!capabilities_learn_ping(&origin->capabilities, response)) {
        error_set(&failure, ERROR_AUTH,
                  "registry '%s' answers 401 without a challenge that Waybill "
                  "supports "
                  "(Bearer with a realm, or Basic)",
                  origin->url.host);
        wake(origin, &failure);
    } else if (response == NULL) {
        failure = *err;
        error_prefix(&failure, "registry '%s'", origin->url.host);
        wake(origin, &failure);
    } else {
        wake(origin, NULL);
    }
}

struct http_request origin_ping(const struct origin *origin)
{
    return (struct http_request){
        .method = "GET",
        .url = origin->url.text,
        .transport = &origin->transport,
        .max_body = LIMIT_HTTP_BODY,
        .timeouts = origin->client->network->timeouts,
    };
}

void origin_probe(struct origin *origin, struct origin_waiter *waiter)
{
    struct oci_client *client = origin->client;
    struct http_request request = origin_ping(origin);

    waiter->waiting = true;
    waiter->round = origin->round;
    TAILQ_INSERT_TAIL(&origin->waiters, waiter, link);
    if (origin->probe == NULL) {
        origin->probe =
            http_start(client->network->http, &request, on_probed, origin);
    }
}

void origin_forget_waiter(struct origin *origin, struct origin_waiter *waiter)
{
    if (waiter->waiting) {
        TAILQ_REMOVE(&origin->waiters, waiter, link);
        waiter->waiting = false;
    }
}
