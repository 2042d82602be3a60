#include <string.h>

#include "oci_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

static void put_base_url(struct str *out, const struct oci_target *target)
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

    put_base_url(&text, target);
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
    TAILQ_INIT(&origin->waiters);
    TAILQ_INIT(&origin->lessons);
    TAILQ_INIT(&origin->trials);
    TAILQ_INSERT_TAIL(&client->origins, origin, link);
    return origin;
}

static void lesson_free(struct origin *origin, struct lesson *lesson)
{
    TAILQ_REMOVE(&origin->lessons, lesson, link);
    challenge_release(&lesson->challenge);
    mem_free(lesson);
}

void origin_free(struct origin *origin)
{
    struct lesson *lesson;

    struct trial *trial;

    while ((lesson = TAILQ_FIRST(&origin->lessons)) != NULL) {
        lesson_free(origin, lesson);
    }
    while ((trial = TAILQ_FIRST(&origin->trials)) != NULL) {
        trial_free(origin, trial);
    }
    if (origin->probe != NULL) {
        http_cancel(origin->probe);
    }
    challenge_release(&origin->challenge);
    url_release(&origin->url);
    http_transport_release(&origin->transport);
    mem_free(origin);
}

/* Those of this probe; one that is woken may begin to wait for the next. */
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

static struct lesson *lesson_of(const struct origin *origin,
                                const struct keychain *keychain)
{
    struct lesson *lesson;

    TAILQ_FOREACH(lesson, &origin->lessons, link)
    {
        if (lesson->keychain == keychain) {
            break;
        }
    }
    return lesson;
}

const struct challenge *origin_challenge(const struct origin *origin,
                                         const struct keychain *keychain)
{
    const struct lesson *lesson = lesson_of(origin, keychain);

    return lesson != NULL ? &lesson->challenge : &origin->challenge;
}

void origin_learn(struct origin *origin, const struct keychain *keychain,
                  const struct challenge *challenge)
{
    struct lesson *lesson = lesson_of(origin, keychain);

    if (lesson == NULL) {
        lesson = mem_zalloc(sizeof(*lesson));
        lesson->keychain = keychain;
        TAILQ_INSERT_TAIL(&origin->lessons, lesson, link);
    }
    challenge_release(&lesson->challenge);
    challenge_copy(&lesson->challenge, challenge);
}

void origin_forget(struct origin *origin, const struct keychain *keychain)
{
    static const struct challenge unknown;

    origin_learn(origin, keychain, &unknown);
}

/* Who knew nothing any more now knows what the probe does. */
static void end_forgetting(struct origin *origin)
{
    struct lesson *next;

    for (struct lesson *lesson = TAILQ_FIRST(&origin->lessons); lesson != NULL;
         lesson = next) {
        next = TAILQ_NEXT(lesson, link);
        if (lesson->challenge.scheme == AUTH_UNKNOWN) {
            lesson_free(origin, lesson);
        }
    }
}

/* Any answer but 401 and 200 says nothing about authentication: the request
 * itself will show. */
static int read_probe(struct origin *origin,
                      const struct http_response *response, struct error *err)
{
    if (response->status == 401 || response->status == 200) {
        challenge_release(&origin->challenge);
    }
    if (response->status == 401) {
        challenge_read(response, &origin->challenge);
        if (origin->challenge.scheme == AUTH_UNKNOWN) {
            return error_set(err, ERROR_AUTH,
                             "registry '%s' answers 401 without a challenge "
                             "that we know (Bearer with a realm, or Basic)",
                             origin->url.host);
        }
    }
    if (origin->challenge.scheme == AUTH_UNKNOWN) {
        origin->challenge.scheme = AUTH_NONE;
    }
    return 0;
}

static void on_probed(void *payload, const struct http_response *response,
                      const struct error *err)
{
    struct origin *origin = payload;
    struct error failure;

    origin->probe = NULL;
    origin->ping_status = response != NULL ? response->status : 0;
    if (response == NULL) {
        failure = *err;
        error_prefix(&failure, "registry '%s'", origin->url.host);
        wake(origin, &failure);
    } else if (read_probe(origin, response, &failure) < 0) {
        wake(origin, &failure);
    } else {
        end_forgetting(origin);
        wake(origin, NULL);
    }
}

struct http_request origin_ping(const struct origin *origin)
{
    return (struct http_request){
        .method = "GET",
        .url = origin->url.text,
        .transport = &origin->transport,
        .most_body = LIMIT_HTTP_BODY,
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
