#ifndef WAYBILL_INTEGRATION_H
#define WAYBILL_INTEGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/field.h"
#include "waybill/http.h"
#include "waybill/loop.h"
#include "waybill/needs.h"
#include "waybill/outcome.h"
#include "waybill/plan.h"

/*
 * An integration: a place of a kind that attestations can be delivered to. One
 * const descriptor each, in the table of integration/table.c. It gets its
 * options as filled structs, delivers when told to, and says how that went; it
 * does not retry, does not log, and does not decide what an error means.
 */
struct integration;
struct integration_delivery;
struct integration_probe;
struct integration_inspection;

/* What an integration may use. All of it outlives it. */
struct integration_env {
    struct network network;
    /* Where a place may send us: patterns of hosts, and those of all
     * registrations */
    struct field_strings allowed;
    bool allow_any;
    const struct registration *registrations;
    size_t registration_count;
};

/* What is to be delivered. Event and attachment stay until done. */
struct integration_order {
    const struct event *event;
    const struct attachment *attachment;
    bool doubtful;           /* it may be there already: ask first */
    const char *traceparent; /* for its requests to the place; NULL: none */
};

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

typedef void integration_probed_fn(void *payload, const struct error *err);

/* Exactly one of artifact (and what it points to, in the arena that deliver()
 * was given) and err is set. */
typedef void integration_done_fn(void *payload, const struct artifact *artifact,
                                 const struct error *err);

struct integration_class {
    struct integration_fields fields;

    /* MUST NOT fail: options were checked by fields.check(). One for each
     * integration in use, for all registrations of it. */
    struct integration *(*open)(const struct integration_env *env);
    /* MUST call done() exactly once, later, from the loop, unless cancelled.
     * What the order points to and the arena stay until then. MUST be harmless
     * when done twice for the same event. */
    struct integration_delivery *(*deliver)(
        struct integration *integration, const struct integration_order *order,
        struct arena *arena, integration_done_fn *done, void *payload);
    /* MUST NOT call done() any more. */
    void (*cancel)(struct integration_delivery *delivery);
    /* What registrations share that fail together, by a name: the registry's
     * host. */
    const char *(*host)(const struct registration *registration,
                        struct arena *arena);
    /* Whether that host is alive: err is NULL. As deliver(): once, later, from
     * the loop, unless cancelled. */
    struct integration_probe *(*probe)(struct integration *integration,
                                       const struct registration *registration,
                                       integration_probed_fn *done,
                                       void *payload);
    void (*cancel_probe)(struct integration_probe *probe);
    /* Whether a delivery would succeed, and if not, why: without leaving
     * anything there. As deliver(): once, later, from the loop. */
    struct integration_inspection *(*inspect)(
        struct integration *integration,
        const struct registration *registration, integration_inspected_fn *done,
        void *payload);
    void (*cancel_inspection)(struct integration_inspection *inspection);
    /* The files and programs that deliveries to it want, beside what its rows
     * say. */
    void (*needs)(const struct registration *registration, struct needs *needs);
    /* No delivery is in flight. MUST take NULL. */
    void (*close)(struct integration *integration);
};

/* All of them; both end with NULL and are in the same order. */
extern const struct integration_class *const integration_classes[];
extern const struct integration_fields *const integration_table[];

/* NULL: there is none of that kind. */
const struct integration_class *integration_class_of(const char *kind);

#endif
