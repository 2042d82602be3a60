#ifndef WAYBILL_PLAN_H
#define WAYBILL_PLAN_H

#include <stddef.h>

/*
 * The configured registrations (an integration with its credentials) and
 * attachments (of a workflow to a registration). config/ fills them; `options`
 * point to the integration's own structs. All of it lives as long as the
 * settings.
 */
struct registration {
    const char *name;
    const char *integration; /* the kind of integration: "oci-registry" */
    void *options; /* described by the integration's registration fields */
    const char *description; /* for people; NULL: none */
};

struct workflow_selector {
    const char *id;      /* used alone, or ... */
    const char *project; /* ... these two, in which `*` matches any text */
    const char *name;
};

struct attachment {
    /* Identifies the attachment in outcomes, dead letters and replays. Ids are
     * derived from it, so it must be stable across restarts. */
    const char *name;
    const char *registration_name;
    const struct registration *registration;
    struct workflow_selector workflow;
    void *options; /* described by the integration's attachment fields */
};

/* The deliveries of one event: one for each attachment that matches it */
struct plan {
    const struct attachment **attachments;
    size_t count;
};

#endif
