#include "oci_internal.h"
#include "origin.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * Checks whether a registry answers, with GET /v2/ without credentials: a 401
 * is as good as a 200. If the registry has answered so before, anything else is
 * the response of something in front of it, such as an ingress without a
 * backend. Some registries have never answered so; for them, any response will
 * do that is not a temporary failure.
 */

struct oci_probe {
    const struct oci_client *client;
    char *registry;
    struct capabilities *capabilities; /* of its origin */
    struct http_transfer *transfer;
    struct task failing;
    struct error failure;
    oci_probe_done_fn *done;
    void *payload;
};

static void probe_free(struct oci_probe *probe)
{
    mem_free(probe->registry);
    mem_free(probe);
}

static void finish(struct oci_probe *probe, const struct error *err)
{
    probe->done(probe->payload, err);
    probe_free(probe);
}

static bool is_alive(const struct oci_probe *probe,
                     const struct http_response *response)
{
    return capabilities_is_ping(response) ||
           !capabilities_has_answered_ping(probe->capabilities);
}

static void on_response(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct oci_probe *probe = payload;
    struct error failure;

    if (response == NULL) {
        failure = *err;
        error_prefix(&failure, "registry '%s'", probe->registry);
        finish(probe, &failure);
    } else if (http_status_is_temporary(response->status)) {
        http_error_fill(&failure, response,
                        clock_wall_ms(loop_clock(probe->client->network->loop)),
                        "registry '%s' answers %d", probe->registry,
                        response->status);
        finish(probe, &failure);
    } else if (!is_alive(probe, response)) {
        error_set(&failure, ERROR_INTERMEDIARY,
                  "registry '%s': an intermediary answers %d", probe->registry,
                  response->status);
        finish(probe, &failure);
    } else {
        finish(probe, NULL);
    }
}

static void run_failing(void *payload)
{
    struct oci_probe *probe = payload;

    finish(probe, &probe->failure);
}

struct oci_probe *oci_probe_start(struct oci_client *client,
                                  const struct oci_target *target,
                                  oci_probe_done_fn *done, void *payload)
{
    struct oci_probe *probe = mem_zalloc(sizeof(*probe));
    struct origin *origin = origin_of(client, target, &probe->failure);
    struct http_request ping;

    probe->client = client;
    probe->registry = mem_strdup(target->registry);
    probe->done = done;
    probe->payload = payload;
    task_init(&probe->failing, run_failing, probe);
    if (origin == NULL) {
        loop_defer(client->network->loop, &probe->failing);
        return probe;
    }
    probe->capabilities = &origin->capabilities;
    ping = origin_ping(origin);
    probe->transfer =
        http_start(client->network->http, &ping, on_response, probe);
    return probe;
}

void oci_probe_cancel(struct oci_probe *probe)
{
    loop_cancel(probe->client->network->loop, &probe->failing);
    if (probe->transfer != NULL) {
        http_cancel(probe->transfer);
    }
    probe_free(probe);
}
