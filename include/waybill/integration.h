#ifndef WAYBILL_INTEGRATION_H
#define WAYBILL_INTEGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/access.h"
#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/field.h"
#include "waybill/http.h"
#include "waybill/loop.h"
#include "waybill/outcome.h"
#include "waybill/plan.h"

/*
 * An integration: a kind of destination that attestations can be delivered to.
 * It is one file in integration/ with one const descriptor, and one row in
 * integration/integrations.def. The configuration, its reference and schema,
 * the environment overrides, the chart's list of secrets, the scheduler, the
 * log, the metrics and the status page all follow from that descriptor.
 *
 * An integration receives its options as filled structs, delivers when it is
 * told to, and reports how that went. It does not retry, does not log, and does
 * not decide what an error means for the record: disposition_of() does.
 *
 * Everything here runs on the loop's thread. Every callback that a function
 * below takes is called exactly once, later, from the loop, and never from
 * inside that function; after a cancel it is not called any more.
 */
struct integration_class;

/* What integrations may use. All of it outlives them. */
struct integration_context {
    struct network network;
    /* Which hosts a destination may refer us to: patterns of the configuration
     * and the hosts of all registrations */
    struct field_strings allowed;
    bool allow_any;
    const struct registration *registrations;
    size_t registration_count;
};

/* The base of an integration in use, which serves all registrations of its
 * kind. An integration with state of its own embeds it as the first member;
 * integration_open() fills it. */
struct integration {
    const struct integration_class *class;
    const struct integration_context *context;
};

/* The base of work under way: a delivery, a probe or an inspection. The
 * integration embeds it as the first member and frees the whole itself, before
 * the callback or in cancel(). */
struct integration_operation {
    void (*cancel)(struct integration_operation *operation);
};

/* --- deliver -----------------------------------------------------------------
 */

/* One attempt to deliver an event by an attachment. The event, the attachment,
 * and both arenas stay until the callback has been called or the attempt is
 * cancelled; the request itself only until deliver() returns. */
struct delivery_request {
    const struct event *event;
    const struct attachment *attachment;
    unsigned attempt;     /* 1 is the first */
    uint64_t deadline_ms; /* monotonic, of the loop's clock: after it no other
                             attempt follows; 0: none */
    /* An earlier attempt, perhaps of another instance, may have arrived without
     * an answer. An integration that can ask its destination asks first. False:
     * there was none, or each reported that it did not arrive. */
    bool may_have_arrived;
    const char *traceparent; /* for its requests; NULL: none */
    /* For bodies and everything else that this attempt needs, and for the
     * result. It counts against delivery.max_bytes. */
    struct arena *arena;
    /* A delivery may consist of several requests. What was achieved can be kept
     * here, in memory of `kept_arena`, until the record ends: NULL at first,
     * and after a restart. */
    void **progress;
    struct arena *kept_arena;
};

enum delivery_status {
    DELIVERY_SUCCEEDED,
    DELIVERY_SKIPPED, /* on purpose: a filter does not match, no material of an
                         accepted type */
    DELIVERY_FAILED,
};

/* How an attempt ended. It is gone when the callback returns; what the result
 * points to is in the attempt's arena. */
struct delivery_report {
    enum delivery_status status;
    struct delivery_result result; /* when succeeded */
    const char *skip_reason;       /* when skipped: a sentence without a stop */
    const struct error *err;       /* when failed */
    /* When failed: it is certain that nothing of what this attempt still had to
     * do has arrived, so that another attempt repeats nothing. What is not said
     * may have arrived. */
    bool did_not_arrive;
};

typedef void delivery_done_fn(void *payload,
                              const struct delivery_report *report);

/* --- probe and inspect -------------------------------------------------------
 */

/* err is NULL: the endpoint answers. */
typedef void integration_probed_fn(void *payload, const struct error *err);

/* What was found out about a registration, one line each */
enum integration_verdict {
    FINDING_SKIPPED,
    FINDING_GOOD,
    FINDING_DOUBTFUL,
    FINDING_BAD
};
struct integration_finding {
    const char *step;
    const char *text;
    enum integration_verdict verdict;
    enum error_kind kind; /* of a bad one */
};
typedef void integration_inspected_fn(
    void *payload, const struct integration_finding *findings, size_t count);

/* --- the descriptor ----------------------------------------------------------
 */

struct integration_class {
    /* Its kind, version, description, keys, and what config/ checks */
    struct integration_fields fields;

    /* Allocates the integration and returns its base, zeroed. It cannot fail:
     * options were checked by fields.check(). NULL: the base is all there is.
     */
    struct integration *(*open)(const struct integration_context *context);
    /* Frees it; no operation is under way. NULL: only the base is freed. */
    void (*close)(struct integration *integration);

    /* Required. A class whose `repetition` is REPETITION_HARMLESS must leave
     * its destination as it was when the same event is delivered twice. */
    struct integration_operation *(*deliver)(
        struct integration *integration, const struct delivery_request *request,
        delivery_done_fn *done, void *payload);

    /* Required. The endpoint that deliveries of a registration go to, without
     * secrets, for example "ghcr.io" or "hooks.example.com:8443". Registrations
     * of the same kind and endpoint share a circuit breaker, a concurrency
     * limit and a rate limit. */
    const char *(*endpoint)(const struct registration *registration,
                            struct arena *arena);

    /* Optional. Whether the endpoint answers, without delivering anything.
     * NULL: while the circuit breaker is open, single deliveries are tried. */
    struct integration_operation *(*probe)(
        struct integration *integration,
        const struct registration *registration, integration_probed_fn *done,
        void *payload);

    /* Optional. Whether a delivery would succeed, and if not, why, leaving
     * nothing behind (`waybill check --online`). NULL: the probe stands in for
     * it, and without one the registration is reported as not tried. */
    struct integration_operation *(*inspect)(
        struct integration *integration,
        const struct registration *registration, integration_inspected_fn *done,
        void *payload);

    /* Optional. The files that deliveries of a registration read and write and
     * the programs that they run, beside what the options with FIELD_PATH name:
     * the sandbox allows nothing else. NULL: none. */
    void (*access)(const struct registration *registration,
                   struct access *access);
};

/* Every integration, in the order of integrations.def; both end with NULL and
 * are in the same order. */
extern const struct integration_class *const integration_classes[];
extern const struct integration_fields *const integration_table[];

/* That of a registration that config/ has accepted: never NULL */
const struct integration_class *integration_class_for(
    const struct registration *registration);

/* --- use ---------------------------------------------------------------------
 */

/* The integrations of one configuration, each opened when it is first asked
 * for. The context outlives the set. */
struct integration_set;

struct integration_set *integration_set_new(
    const struct integration_context *context);
/* No operation is under way. NULL is fine. */
void integration_set_free(struct integration_set *set);
struct integration *integration_of(struct integration_set *set,
                                   const struct registration *registration);

/* Both NULL when the class has no probe: nothing was started. */
struct integration_operation *integration_probe(
    struct integration *integration, const struct registration *registration,
    integration_probed_fn *done, void *payload);
/* Falls back as the class's inspect says. */
void integration_inspect(struct integration *integration,
                         const struct registration *registration,
                         integration_inspected_fn *done, void *payload);
void integration_access(const struct registration *registration,
                        struct access *access);
void integration_cancel(struct integration_operation *operation);

#endif
