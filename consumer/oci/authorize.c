#include "authorizer.h"
#include "oci_internal.h"
#include "waybill/alloc.h"

/* Obtains an authorization without a request, for a program that sends the
 * request itself. */

struct oci_authorizing {
    struct oci_client *client;
    struct authorizer authorizer;
    struct task ending; /* so that done() is never called from start() */
    struct secret header;
    uint64_t lifetime_ms;
    bool failed;
    struct error failure;
    oci_authorized_fn *done;
    void *payload;
};

static void authorizing_free(struct oci_authorizing *authorizing)
{
    authorizer_release(&authorizing->authorizer);
    secret_release(&authorizing->header);
    mem_free(authorizing);
}

static void run_ending(void *payload)
{
    struct oci_authorizing *authorizing = payload;
    struct oci_authorization authorization = {
        .header = secret_text(&authorizing->header),
        .lifetime_ms = authorizing->lifetime_ms,
    };

    if (authorizing->failed) {
        authorizing->done(authorizing->payload, NULL, &authorizing->failure);
    } else {
        authorizing->done(authorizing->payload, &authorization, NULL);
    }
    authorizing_free(authorizing);
}

/* A request that used the authorization would show that the registry is down.
 * No request follows here, so that the caller would take a failed probe for a
 * registry that requires no authentication. */
static bool is_out_of_order(const struct origin *origin, struct error *err)
{
    int status = origin->capabilities.ping_status;

    if (!http_status_is_temporary(status)) {
        return false;
    }
    error_fill(err, http_error_kind(status), "registry '%s' answers %d",
               origin->url.host, status);
    err->http_status = status;
    return true;
}

static void on_ready(void *payload, const char *header, uint64_t lifetime_ms,
                     const struct error *err)
{
    static const char name[] = "Authorization: ";
    struct oci_authorizing *authorizing = payload;

    if (err != NULL) {
        authorizing->failed = true;
        authorizing->failure = *err;
    } else if (header != NULL) {
        secret_assign(&authorizing->header, header + sizeof(name) - 1);
    } else {
        authorizing->failed = is_out_of_order(authorizing->authorizer.origin,
                                              &authorizing->failure);
    }
    authorizing->lifetime_ms = lifetime_ms;
    loop_defer(authorizing->client->network->loop, &authorizing->ending);
}

struct oci_authorizing *oci_authorize_start(struct oci_client *client,
                                            const struct oci_target *target,
                                            const char *actions,
                                            oci_authorized_fn *done,
                                            void *payload)
{
    struct oci_authorizing *authorizing = mem_zalloc(sizeof(*authorizing));
    struct error err;
    struct origin *origin = origin_of(client, target, &err);

    authorizing->client = client;
    authorizing->done = done;
    authorizing->payload = payload;
    task_init(&authorizing->ending, run_ending, authorizing);
    if (origin == NULL) {
        on_ready(authorizing, NULL, 0, &err);
        return authorizing;
    }
    authorizer_init(&authorizing->authorizer, client, origin, target, actions);
    authorizing->authorizer.ready = on_ready;
    authorizing->authorizer.payload = authorizing;
    authorizer_start(&authorizing->authorizer);
    return authorizing;
}

void oci_authorize_cancel(struct oci_authorizing *authorizing)
{
    loop_cancel(authorizing->client->network->loop, &authorizing->ending);
    authorizing_free(authorizing);
}
