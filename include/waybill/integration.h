#ifndef WAYBILL_INTEGRATION_H
#define WAYBILL_INTEGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/access.h"
#include "waybill/delivery.h"
#include "waybill/error.h"
#include "waybill/field.h"
#include "waybill/http.h"
#include "waybill/loop.h"
#include "waybill/plan.h"

/*
 * An integration is a kind of destination for attestations. It consists of one
 * file in integration/ with a constant descriptor, and of one row in
 * integration/integrations.def. The configuration, its reference and schema,
 * the environment overrides, the chart's list of secrets, the scheduler, the
 * log, the metrics and the status page all follow from the descriptor.
 *
 * An integration receives its options as filled structs, delivers when it is
 * called, and reports the result. It does not retry, does not log, and does not
 * decide what an error means for the record: disposition_of() does.
 *
 * Everything here runs on the thread of the loop. Every callback passed to a
 * function below is called exactly once, later, from the loop, and never from
 * inside that function. It is not called after a cancel.
 */
struct integration_class;

/* What integrations may use. All of it must outlive them. */
struct integration_context {
    struct network network;
    /* The hosts that a destination may refer to (redirects, token servers):
     * patterns of the configuration, and the hosts of all registrations */
    struct field_strings allowed;
    bool allow_any;
    const struct registration *registrations;
    size_t registration_count;
};

/* The base of an opened integration, which serves all registrations of its
 * kind. An integration with its own state embeds it as the first member;
 * integration_of() fills it. */
struct integration {
    const struct integration_class *class;
    const struct integration_context *context;
};

/* The base of an operation in progress: a delivery, a probe or an inspection.
 * The integration embeds it as the first member and frees the whole itself,
 * before the callback or in cancel(). */
struct integration_operation {
    void (*cancel)(struct integration_operation *operation);
};

/* --- probe and inspect -------------------------------------------------------
 */

/* `err` is NULL if the endpoint answered. */
typedef void integration_probed_fn(void *payload, const struct error *err);

/* The findings of an inspection of a registration, one line each */
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
    enum error_kind kind; /* if the verdict is FINDING_BAD */
    bool is_local; /* the same: other destinations of the registration may be
                      accepted, and trying them does no harm */
};
typedef void integration_inspected_fn(
    void *payload, const struct integration_finding *findings, size_t count);

/* --- the descriptor ----------------------------------------------------------
 */

struct integration_class {
    /* Kind, version, description, keys, and the check of config/ */
    struct integration_fields fields;

    /* Allocates the integration and returns its base, zeroed. It cannot fail,
     * because fields.check() has checked the options. NULL if the base is all
     * there is. */
    struct integration *(*open)(const struct integration_context *context);
    /* Frees the integration, which has no operation in progress. NULL if only
     * the base must be freed. */
    void (*close)(struct integration *integration);

    /* Required. A class whose `repetition` is REPETITION_HARMLESS must leave
     * its destination unchanged when the same event is delivered twice. */
    struct integration_operation *(*deliver)(
        struct integration *integration, const struct delivery_request *request,
        delivery_done_fn *done, void *payload);

    /* Required. The endpoint that deliveries of a registration go to, without
     * secrets, for example "ghcr.io" or "hooks.example.com:8443". Registrations
     * of the same kind and endpoint share a circuit breaker, a concurrency
     * limit and a rate limit. */
    const char *(*endpoint)(const struct registration *registration,
                            struct arena *arena);

    /* The most deliveries of a registration at a time, if that is less than
     * delivery.concurrency; 0: no such limit. */
    size_t max_concurrency;

    /* Optional. Finds out whether the endpoint answers, without delivering
     * anything. NULL if it cannot: while the circuit breaker is open, single
     * deliveries are attempted instead. */
    struct integration_operation *(*probe)(
        struct integration *integration,
        const struct registration *registration, integration_probed_fn *done,
        void *payload);

    /* Optional. Finds out whether a delivery would succeed, and if not, why,
     * leaving nothing behind (`waybill check --online`). If NULL, the probe is
     * used, and without one the registration is reported as not tried. The
     * attachment is one of the registration, or NULL if it has none. */
    struct integration_operation *(*inspect)(
        struct integration *integration,
        const struct registration *registration,
        const struct attachment *attachment, integration_inspected_fn *done,
        void *payload);

    /* Optional, with inspect(). The part of the endpoint that deliveries of an
     * attachment go to, such as "acme/att-*", because permissions may differ
     * between such parts. NULL if all deliveries of a registration go to the
     * same place. */
    const char *(*destination)(const struct attachment *attachment,
                               struct arena *arena);

    /* Optional. Adds the files that deliveries of a registration read and
     * write, and the programs that they run, in addition to the options with
     * FIELD_PATH. The sandbox allows nothing else. NULL if there are none. */
    void (*access)(const struct registration *registration,
                   struct access *access);
};

/* Every integration, in the order of integrations.def; both arrays have the
 * same order and are terminated by NULL. */
extern const struct integration_class *const integration_classes[];
extern const struct integration_fields *const integration_table[];

/* Returns the class of a registration. Never NULL, because config/ accepts only
 * known kinds. */
const struct integration_class *integration_class_for(
    const struct registration *registration);

/* --- use ---------------------------------------------------------------------
 */

/* The integrations of one configuration, each opened when it is first used. The
 * context must outlive the set. */
struct integration_set;

struct integration_set *integration_set_new(
    const struct integration_context *context);
/* No operation may be in progress. NULL is allowed. */
void integration_set_free(struct integration_set *set);
struct integration *integration_of(struct integration_set *set,
                                   const struct registration *registration);

/* Returns how many deliveries of a registration there may be at a time. */
size_t integration_concurrency(const struct integration_class *class,
                               size_t configured);
/* Starts a probe. Returns NULL, and starts nothing, if the class has none. */
struct integration_operation *integration_probe(
    struct integration *integration, const struct registration *registration,
    integration_probed_fn *done, void *payload);
/* Starts an inspection, or the substitute described at `inspect`. */
void integration_inspect(struct integration *integration,
                         const struct registration *registration,
                         const struct attachment *attachment,
                         integration_inspected_fn *done, void *payload);
/* Returns `destination`, or NULL if the class has none. */
const char *integration_destination(const struct attachment *attachment,
                                    struct arena *arena);
/* Adds what deliveries of a registration may access, see `access`. */
void integration_access(const struct registration *registration,
                        struct access *access);
/* Cancels and frees an operation; its callback is not called. */
void integration_cancel(struct integration_operation *operation);

#endif
