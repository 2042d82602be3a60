#include "fake_integration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"

/* The first member is the class's own handle. */
struct integration_delivery {
    struct fake_attempt attempt;
};

struct integration_probe {
    struct fake_probe probe;
};

struct integration {
    const struct integration_env *env;
};

static const struct loop *its_loop;
static struct integration_delivery **attempts;
static size_t attempt_count;
static size_t attempt_capacity;
static struct integration_probe **probes;
static size_t probe_count;
static size_t probe_capacity;

void fake_reset(const struct loop *loop)
{
    for (size_t i = 0; i < attempt_count; i++) {
        mem_free(attempts[i]);
    }
    for (size_t i = 0; i < probe_count; i++) {
        mem_free(probes[i]);
    }
    mem_free(attempts);
    mem_free(probes);
    attempts = NULL;
    probes = NULL;
    attempt_count = attempt_capacity = 0;
    probe_count = probe_capacity = 0;
    its_loop = loop;
}

/* --- what the pipeline calls ------------------------------------------------
 */

static struct integration *open_fake(const struct integration_env *env)
{
    struct integration *integration = mem_zalloc(sizeof(*integration));

    integration->env = env;
    return integration;
}

static void close_fake(struct integration *integration)
{
    mem_free(integration);
}

static struct integration_delivery *deliver(
    struct integration *integration, const struct integration_order *order,
    struct arena *arena, integration_done_fn *done, void *payload)
{
    struct integration_delivery *delivery = mem_zalloc(sizeof(*delivery));

    delivery->attempt = (struct fake_attempt){
        .attachment = order->attachment,
        .doubtful = order->doubtful,
        .began_ms = loop_now(its_loop),
        .arena = arena,
        .done = done,
        .payload = payload,
    };
    snprintf(delivery->attempt.event_id, sizeof(delivery->attempt.event_id),
             "%s", order->event->id);
    snprintf(delivery->attempt.traceparent,
             sizeof(delivery->attempt.traceparent), "%s",
             order->traceparent != NULL ? order->traceparent : "");
    attempts = mem_grow(attempts, &attempt_capacity, attempt_count + 1,
                        sizeof(attempts[0]));
    attempts[attempt_count++] = delivery;
    return delivery;
}

static void cancel(struct integration_delivery *delivery)
{
    if (delivery->attempt.over) {
        abort(); /* it has been answered */
    }
    delivery->attempt.over = true;
    delivery->attempt.cancelled = true;
}

static const char *host_of(const struct registration *registration,
                           struct arena *arena)
{
    return registration->options;
}

static struct integration_probe *start_probe(
    struct integration *integration, const struct registration *registration,
    integration_probed_fn *done, void *payload)
{
    struct integration_probe *probe = mem_zalloc(sizeof(*probe));

    probe->probe = (struct fake_probe){
        .host = registration->options,
        .began_ms = loop_now(its_loop),
        .done = done,
        .payload = payload,
    };
    probes =
        mem_grow(probes, &probe_capacity, probe_count + 1, sizeof(probes[0]));
    probes[probe_count++] = probe;
    return probe;
}

static void cancel_probe(struct integration_probe *probe)
{
    if (probe->probe.over) {
        abort();
    }
    probe->probe.over = true;
    probe->probe.cancelled = true;
}

static const struct integration_class fake_class = {
    .fields = {.kind = FAKE_KIND},
    .open = open_fake,
    .deliver = deliver,
    .cancel = cancel,
    .host = host_of,
    .probe = start_probe,
    .cancel_probe = cancel_probe,
    .close = close_fake,
};

const struct integration_class *const integration_classes[] = {&fake_class,
                                                               NULL};
const struct integration_fields *const integration_table[] = {
    &fake_class.fields, NULL};

const struct integration_class *integration_class_of(const char *kind)
{
    return strcmp(kind, FAKE_KIND) == 0 ? &fake_class : NULL;
}

/* --- what the test calls ----------------------------------------------------
 */

size_t fake_attempts(void)
{
    return attempt_count;
}

struct fake_attempt *fake_attempt(size_t number)
{
    return number < attempt_count ? &attempts[number]->attempt : NULL;
}

static bool is_of(const struct fake_attempt *attempt, const char *attachment)
{
    return attachment == NULL ||
           strcmp(attempt->attachment->name, attachment) == 0;
}

size_t fake_running(const char *attachment)
{
    size_t count = 0;

    for (size_t i = 0; i < attempt_count; i++) {
        const struct fake_attempt *attempt = &attempts[i]->attempt;

        count += !attempt->over && is_of(attempt, attachment);
    }
    return count;
}

struct fake_attempt *fake_running_one(const char *attachment)
{
    for (size_t i = 0; i < attempt_count; i++) {
        struct fake_attempt *attempt = &attempts[i]->attempt;

        if (!attempt->over && is_of(attempt, attachment)) {
            return attempt;
        }
    }
    return NULL;
}

void fake_succeed(struct fake_attempt *attempt)
{
    struct artifact *artifact = arena_alloc(attempt->arena, sizeof(*artifact));

    *artifact = (struct artifact){
        .registry = attempt->attachment->registration->options,
        .repository = "fake",
        .reference =
            arena_printf(attempt->arena, "fake/%s", attempt->attachment->name),
        .tag = "latest",
        .digest = "sha256:0",
        .media_type = "application/fake",
        .layer_digest = "sha256:1",
        .layout = "fake",
        .already_present = attempt->doubtful,
    };
    attempt->over = true;
    attempt->done(attempt->payload, artifact, NULL);
}

void fake_fail(struct fake_attempt *attempt, enum error_kind kind, int status,
               uint32_t retry_after_ms)
{
    struct error err;

    error_set(&err, kind, "as the test said");
    err.http_status = status;
    err.retry_after_ms = retry_after_ms;
    attempt->over = true;
    attempt->done(attempt->payload, NULL, &err);
}

size_t fake_probes(void)
{
    return probe_count;
}

struct fake_probe *fake_probe(size_t number)
{
    return number < probe_count ? &probes[number]->probe : NULL;
}

struct fake_probe *fake_running_probe(const char *host)
{
    for (size_t i = 0; i < probe_count; i++) {
        struct fake_probe *probe = &probes[i]->probe;

        if (!probe->over && strcmp(probe->host, host) == 0) {
            return probe;
        }
    }
    return NULL;
}

void fake_answer_probe(struct fake_probe *probe, bool alive)
{
    struct error err;

    probe->over = true;
    if (alive) {
        probe->done(probe->payload, NULL);
    } else {
        error_set(&err, ERROR_UNREACHABLE, "as the test said");
        probe->done(probe->payload, &err);
    }
}
