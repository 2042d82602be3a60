#ifndef WAYBILL_ADMIN_INTERNAL_H
#define WAYBILL_ADMIN_INTERNAL_H

#include "waybill/address.h"
#include "waybill/admin.h"

/* --- routes.c: requests and responses, independent of libmicrohttpd ------- */

struct admin_request {
    const char *method;
    const char *path;
    const char *authorization; /* NULL: none */
    const char *host;          /* NULL: none */
    bool has_body;
};

struct admin_response {
    unsigned status;
    const char *type;
    const char *allow;     /* with 405 */
    const char *challenge; /* with 401 */
    struct str body;       /* to be released by the caller */
};

struct page {
    struct str html;
    struct str policy; /* the value of Content-Security-Policy */
};

/* What responses are made from */
struct response_context {
    const struct admin_options *options;
    struct page page;
    bool loopback;
};

void admin_respond(const struct response_context *context,
                   const struct admin_request *request,
                   struct admin_response *ret_response);

/* --- page.c --------------------------------------------------------------- */
void page_make(struct page *page);
void page_release(struct page *page);

/* --- json.c --------------------------------------------------------------- */
void append_readiness_json(struct str *out, const struct status *status);
void append_status_json(struct str *out, const struct status *status,
                        const struct admin_options *options);

/* --- json_record.c -------------------------------------------------------- */
void append_deliveries_json(struct str *out,
                            const struct status_deliveries *deliveries);

/* --- families.c ----------------------------------------------------------- */
/* Indexed by enum outcome_status */
extern const char *const result_names[OUTCOME_STATUSES];
/* The sum over all error kinds of the class */
uint64_t count_dead_letters(const struct service_counts *counts,
                            const char *error_class);
void append_metrics(struct str *out, const struct status *status,
                    const struct admin_options *options);

/* --- usage.c: resource usage of this process ------------------------------ */
struct usage {
    double cpu_seconds;
    double start_seconds; /* since the epoch */
    double resident_bytes;
    double virtual_bytes;
    double open_files;
    double max_files;
};
void usage_get(struct usage *ret_usage);

#endif
