#ifndef WAYBILL_PLAN_H
#define WAYBILL_PLAN_H

#include <stddef.h>

/*
 * What has been configured to happen: registrations (an instance of an
 * integration, with its credentials) and attachments (of a workflow to a
 * registration). Filled by config/, where `options` are the integration's own
 * struct; they live as long as the settings.
 */
struct registration {
    const char *name;
    const char *integration; /* its kind: "oci-registry" */
    void *options;           /* by the integration's registration fields */
};

struct workflow_selector {
    const char *id;      /* alone, or ... */
    const char *project; /* ... these two, in which `*` is any run */
    const char *name;
};

struct attachment {
    /* What outcomes, dead letters and replays call it: stable from start to
     * start, because ids are made of it. */
    const char *name;
    const char *registration_name;
    const struct registration *registration;
    struct workflow_selector workflow;
    void *options; /* by the integration's attachment fields */
};

/* What one event leads to: a delivery for each attachment that it matches */
struct plan {
    const struct attachment **attachments;
    size_t count;
};

#endif
