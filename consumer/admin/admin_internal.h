#ifndef WAYBILL_ADMIN_INTERNAL_H
#define WAYBILL_ADMIN_INTERNAL_H

#include "waybill/address.h"
#include "waybill/admin.h"

/* --- answer.c: what is said to a request, without a word of HTTP's library ---
 */

struct question {
    const char *method;
    const char *path;
    const char *authorization; /* NULL: none */
    const char *host;          /* NULL: none */
    bool has_body;
};

struct answer {
    unsigned status;
    const char *type;
    const char *allow;     /* with 405 */
    const char *challenge; /* with 401 */
    struct str body;       /* the caller releases it */
};

struct page {
    struct str html;
    struct str policy; /* its Content-Security-Policy */
};

/* What answers are made of */
struct answering {
    const struct admin_options *options;
    struct page page;
    bool loopback;
};

void answer(const struct answering *from, const struct question *question,
            struct answer *ret_answer);

/* --- page.c */
void page_make(struct page *page);
void page_release(struct page *page);

/* --- json.c */
void append_readiness_json(struct str *out, const struct status *status);
void append_status_json(struct str *out, const struct status *status,
                        const struct admin_options *options);

/* --- families.c */
/* By enum outcome_status */
extern const char *const result_names[OUTCOME_STATUSES];
/* The sum over all kinds of that class */
uint64_t count_dead_letters(const struct service_counts *counts,
                            const char *error_class);
void append_metrics(struct str *out, const struct status *status,
                    const struct admin_options *options);

/* --- usage.c: what the system knows of this process */
struct usage {
    double cpu_seconds;
    double start_seconds; /* since 1970 */
    double resident_bytes;
    double virtual_bytes;
    double open_files;
    double max_files;
};
void usage_get(struct usage *ret_usage);

#endif
