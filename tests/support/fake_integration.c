#include "fake_integration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"

/* The first member is the operation's base. */
struct fake_delivery {
    struct integration_operation base;
    struct fake_attempt attempt;
};

struct fake_probing {
    struct integration_operation base;
    struct fake_probe probe;
};

static const struct loop *its_loop;
static struct fake_delivery **attempts;
static size_t attempt_count;
static size_t attempt_capacity;
static struct fake_probing **probes;
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

static void cancel(struct integration_operation *operation)
{
    struct fake_delivery *delivery = (struct fake_delivery *)operation;

    if (delivery->attempt.over) {
        abort(); /* it has been answered */
    }
    delivery->attempt.over = true;
    delivery->attempt.cancelled = true;
}

static struct integration_operation *deliver(
    struct integration *integration, const struct delivery_request *request,
    delivery_done_fn *done, void *payload)
{
    struct fake_delivery *delivery = mem_zalloc(sizeof(*delivery));
    struct fake_attempt *attempt = &delivery->attempt;

    delivery->base.cancel = cancel;
    *attempt = (struct fake_attempt){
        .attachment = request->attachment,
        .number = request->attempt,
        .deadline_ms = request->deadline_ms,
        .may_have_arrived = request->may_have_arrived,
        .began_ms = loop_now(its_loop),
        .arena = request->arena,
        .progress = request->progress,
        .done = done,
        .payload = payload,
    };
    snprintf(attempt->event_id, sizeof(attempt->event_id), "%s",
             request->event->id);
    snprintf(attempt->traceparent, sizeof(attempt->traceparent), "%s",
             request->traceparent != NULL ? request->traceparent : "");
    attempts = mem_grow(attempts, &attempt_capacity, attempt_count + 1,
                        sizeof(attempts[0]));
    attempts[attempt_count++] = delivery;
    return &delivery->base;
}

static const char *endpoint_of(const struct registration *registration,
                               struct arena *arena)
{
    return registration->options;
}

static void cancel_probe(struct integration_operation *operation)
{
    struct fake_probing *probe = (struct fake_probing *)operation;

    if (probe->probe.over) {
        abort();
    }
    probe->probe.over = true;
    probe->probe.cancelled = true;
}

static struct integration_operation *start_probe(
    struct integration *integration, const struct registration *registration,
    integration_probed_fn *done, void *payload)
{
    struct fake_probing *probe = mem_zalloc(sizeof(*probe));

    probe->base.cancel = cancel_probe;
    probe->probe = (struct fake_probe){
        .host = registration->options,
        .began_ms = loop_now(its_loop),
        .done = done,
        .payload = payload,
    };
    probes =
        mem_grow(probes, &probe_capacity, probe_count + 1, sizeof(probes[0]));
    probes[probe_count++] = probe;
    return &probe->base;
}

/* There are several places, whose names do not matter. */
static const char *destination(const struct attachment *attachment,
                               struct arena *arena)
{
    return NULL;
}

static const struct integration_class fake_class = {
    .fields = {.kind = FAKE_KIND, .endpoint = "registry"},
    .deliver = deliver,
    .endpoint = endpoint_of,
    .destination = destination,
    .probe = start_probe,
};

/* Without a probe, for integrations whose duplicates are visible */
static const struct integration_class mute_class = {
    .fields = {.kind = FAKE_MUTE_KIND,
               .endpoint = "webhook",
               .repetition = REPETITION_VISIBLE},
    .deliver = deliver,
    .endpoint = endpoint_of,
};

static const struct integration_class chat_class = {
    .fields = {.kind = FAKE_CHAT_KIND, .endpoint = "webhook"},
    .deliver = deliver,
    .endpoint = endpoint_of,
    .max_concurrency = 1,
};

const struct integration_class *const integration_classes[] = {
    &fake_class, &mute_class, &chat_class, NULL};
const struct integration_fields *const integration_table[] = {
    &fake_class.fields, &mute_class.fields, &chat_class.fields, NULL};

/* --- functions for tests -----------------------------------------------------
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
        .already_present = attempt->may_have_arrived,
    };
    attempt->over = true;
    attempt->done(attempt->payload,
                  &(struct delivery_report){
                      .status = DELIVERY_SUCCEEDED,
                      .result = {.reference = artifact->reference,
                                 .already_present = artifact->already_present,
                                 .artifact = artifact},
                      .pause_ms = attempt->pause_ms,
                  });
}

void fake_skip(struct fake_attempt *attempt, const char *reason)
{
    attempt->over = true;
    attempt->done(attempt->payload,
                  &(struct delivery_report){.status = DELIVERY_SKIPPED,
                                            .skip_reason = reason});
}

static void fail_with(struct fake_attempt *attempt, const struct error *err,
                      bool did_not_arrive)
{
    attempt->over = true;
    attempt->done(attempt->payload,
                  &(struct delivery_report){.status = DELIVERY_FAILED,
                                            .err = err,
                                            .did_not_arrive = did_not_arrive});
}

void fake_fail(struct fake_attempt *attempt, enum error_kind kind, int status,
               uint32_t retry_after_ms)
{
    struct error err;

    error_set(&err, kind, "as the test said");
    err.http_status = status;
    err.retry_after_ms = retry_after_ms;
    fail_with(attempt, &err, false);
}

void fake_refuse(struct fake_attempt *attempt, enum error_kind kind, int status)
{
    struct error err;

    error_set(&err, kind, "as the test said");
    err.http_status = status;
    fail_with(attempt, &err, true);
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
