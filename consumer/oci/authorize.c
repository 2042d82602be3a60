#include "authorizer.h"
#include "oci_internal.h"
#include "waybill/alloc.h"

/* An authorization by itself, for a request that somebody else makes. */

struct oci_authorizing {
    struct oci_client *client;
    struct authorizer authorizer;
    struct task ending; /* so that done() is never called from start() */
    struct str header;
    uint64_t lifetime_ms;
    bool wanted;
    bool failed;
    struct error failure;
    oci_authorized_fn *done;
    void *payload;
};

static void authorizing_free(struct oci_authorizing *authorizing)
{
    authorizer_release(&authorizing->authorizer);
    str_wipe(&authorizing->header);
    mem_free(authorizing);
}

static void run_ending(void *payload)
{
    struct oci_authorizing *authorizing = payload;
    struct oci_authorization authorization = {
        .header = authorizing->wanted ? authorizing->header.data : NULL,
        .lifetime_ms = authorizing->lifetime_ms,
    };

    if (authorizing->failed) {
        authorizing->done(authorizing->payload, NULL, &authorizing->failure);
    } else {
        authorizing->done(authorizing->payload, &authorization, NULL);
    }
    authorizing_free(authorizing);
}

/* A request that follows would show it; here none does, and whoever asked would
 * take "nothing is wanted" for what it says. */
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
        authorizing->wanted = true;
        str_puts(&authorizing->header, header + sizeof(name) - 1);
    } else {
        authorizing->failed = is_out_of_order(authorizing->authorizer.origin,
                                              &authorizing->failure);
    }
    authorizing->lifetime_ms = lifetime_ms;
    loop_defer(authorizing->client->loop, &authorizing->ending);
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
    str_init(&authorizing->header, STR_UNLIMITED);
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
    loop_cancel(authorizing->client->loop, &authorizing->ending);
    authorizing_free(authorizing);
}
