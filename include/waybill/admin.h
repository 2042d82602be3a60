#ifndef WAYBILL_ADMIN_H
#define WAYBILL_ADMIN_H

#include "waybill/config.h"
#include "waybill/error.h"
#include "waybill/loop.h"
#include "waybill/sandbox.h"
#include "waybill/status.h"
#include "waybill/status_record.h"
#include "waybill/str.h"

/*
 * The HTTP port for probes, metrics and status:
 *
 *     /livez    200 as long as the event loop runs
 *     /readyz   200, or 503 with the reasons
 *     /metrics  metrics for Prometheus
 *     /status   the complete status, as JSON
 *     /records/TOPIC/PARTITION/OFFSET
 *               what the deliveries of a record in memory wait for, as JSON
 *     /         a page that shows the status in a browser
 *
 * The server runs on the thread of the loop and is read-only: no request
 * changes the state of the service. The work for one request is bounded. Slow,
 * numerous or hostile clients can only occupy some of a limited number of
 * connections for a few seconds each.
 */
struct admin;

struct admin_version {
    const char *name;
    const char *version;
};

struct admin_options {
    struct loop *loop;
    const struct settings *settings;      /* copied as far as needed */
    const struct admin_version *versions; /* the program itself comes first */
    size_t version_count;
    const struct sandbox *sandbox; /* NULL without a sandbox */
    /* Fills in the current status, allocated in the arena. It is called on
     * the thread of the loop. */
    void (*get_status)(void *payload, struct arena *arena,
                       struct status *ret_status);
    /* The same for the deliveries of one record */
    void (*get_deliveries)(void *payload, const struct position *position,
                           struct arena *arena,
                           struct status_deliveries *ret_deliveries);
    void *payload;
};

/* Listens on the configured address. Everything else in the options must
 * outlive the result. *ret_admin is NULL when admin.listen is "off". It
 * fails with ERROR_CONFIG when the address is invalid or in use, or when the
 * certificate cannot be used. */
int admin_open(const struct admin_options *options, struct admin **ret_admin,
               struct error *err) NODISCARD;
/* The address that it listens on, with the actual port */
const char *admin_address(const struct admin *admin);
/* True when the port is reachable from other hosts and no token is required. */
bool admin_is_exposed(const struct admin *admin);
/* Reads the certificate and the key again and uses them for new connections
 * if they have changed. On failure the previous ones stay in use. */
int admin_reload_certificate(struct admin *admin, bool *ret_renewed,
                             struct error *err) NODISCARD;
void admin_free(struct admin *admin); /* accepts NULL */

/* Markdown, generated from the table of metric families */
void admin_append_metrics_reference(struct str *out);

const char *admin_library_version(void);

#endif
