#ifndef WAYBILL_ADMIN_H
#define WAYBILL_ADMIN_H

#include "waybill/config.h"
#include "waybill/error.h"
#include "waybill/loop.h"
#include "waybill/sandbox.h"
#include "waybill/status.h"
#include "waybill/str.h"

/*
 * The port to watch a service by:
 *
 *     /livez    the loop turns: an answer is the proof
 *     /readyz   200, or 503 and why not
 *     /metrics  for Prometheus
 *     /status   all there is to know, as JSON
 *     /         the same, live, for a person
 *
 * It runs on the loop's thread, between all else, and only looks: nothing that
 * is asked here changes what the service does. So what it does for one request
 * is bounded, and a client that is slow, or many, or hostile, costs a place
 * among a few connections for a few seconds.
 */
struct admin;

struct admin_version {
    const char *name;
    const char *version;
};

struct admin_options {
    struct loop *loop;
    const struct settings *settings;      /* what it needs is copied */
    const struct admin_version *versions; /* the program's own first */
    size_t version_count;
    const struct sandbox *sandbox; /* what is closed; NULL: nothing */
    /* The service, just now; called from the loop. */
    void (*look)(void *payload, struct arena *arena, struct status *ret_status);
    void *payload;
};

/* All else of the options outlives it. *ret_admin is NULL where the settings
 * want none. */
int admin_open(const struct admin_options *options, struct admin **ret_admin,
               struct error *err) NODISCARD;
const char *admin_address(const struct admin *admin); /* as it came to be */
/* Others than this machine reach it, and nothing is asked of them. */
bool admin_is_exposed(const struct admin *admin);
/* Reads the files of its certificate and key again, and shows what is in them
 * from then on. On failure it goes on with the ones before. */
int admin_renew(struct admin *admin, bool *ret_renewed,
                struct error *err) NODISCARD;
void admin_free(struct admin *admin); /* NULL is fine */

/* Generated from the table of families: Markdown */
void admin_append_metrics_reference(struct str *out);

const char *admin_library_version(void);

#endif
