#ifndef WAYBILL_INTEGRATION_PREDICATE_H
#define WAYBILL_INTEGRATION_PREDICATE_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/arena.h"
#include "waybill/event.h"

/*
 * What Chainloop's predicates (chainloop.dev/attestation/v0.2) say, as
 * Chainloop itself reads them: pkg/attestation/renderer/chainloop/v02.go. Of
 * any other predicate everything is empty. All strings live as long as the
 * event or the arena.
 */

/* Sorted by name, in the order of the bytes */
struct pairs {
    const struct annotation *items;
    size_t count;
};

struct predicate_material {
    const char *name;
    const char *type;
    const char *value;  /* of the name of a file or an image, or a text */
    const char *digest; /* "sha256:..."; NULL if there is none */
    struct pairs annotations;
};

struct predicate_violation {
    const char *policy;
    const char *message;
};

struct predicate {
    struct pairs annotations;
    struct pairs environment;
    /* Without those in which something is missing */
    const struct predicate_material *materials;
    size_t material_count;
    /* False if nothing is said about policies. Violations that are not in the
     * statement itself are counted only. */
    bool has_policies;
    bool is_blocked;
    size_t evaluation_count;
    size_t violation_count;
    const struct predicate_violation *violations;
    size_t violations_listed;
};

void predicate_read(const struct event *event, struct arena *arena,
                    struct predicate *ret_predicate);

#endif
