#ifndef WAYBILL_SERVICE_MEASURES_H
#define WAYBILL_SERVICE_MEASURES_H

#include "service_internal.h"

/* What the service counts and measures: for its own limits, for its metrics,
 * and for its status. */

/* --- load.c: how much of the limits is in use */
/* Memory of all records and their attempts, in bytes */
size_t service_bytes(const struct service *service);
/* Whether more than 1/share of one of the limits is in use */
bool service_is_over(const struct service *service, size_t share);
/* Whether all of one of them is */
bool service_has_reached_limits(const struct service *service);

/* --- counts.c */
void counts_init(struct counts *counts, uint64_t now_ms);
void count_outcome(struct service *service, const struct delivery *delivery);
/* Returns false if none of the outcomes is committed. */
bool worst_committed(const struct inflight *inflight,
                     enum outcome_status *ret_worst);
void count_completed(struct service *service, const struct inflight *inflight);
/* Observes how late the current tick is. */
void count_loop_lag(struct service *service);
/* Takes a sample if one is due. */
void count_sample(struct service *service);

/* --- status.c */
/* Converts a monotonic time of the loop to wall-clock time. */
int64_t service_wall_ms(const struct service *service, uint64_t due_ms);

/* --- readiness.c */
/* Sets the reasons and the warnings of a status. */
void readiness_get(const struct service *service, struct arena *arena,
                   struct status *status);
/* Remembers since when the service has not been ready. */
void readiness_note(struct service *service);

#endif
