#ifndef WAYBILL_PIPELINE_H
#define WAYBILL_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/config.h"
#include "waybill/http.h"
#include "waybill/integration.h"
#include "waybill/kafka.h"
#include "waybill/ledger.h"
#include "waybill/loop.h"
#include "waybill/outcome.h"
#include "waybill/random.h"

/*
 * The pipeline turns the bytes of a record into outcomes:
 *
 *     input -> event -> plan -> deliveries -> outcomes
 *
 * The service (struct service) feeds it from Kafka and commits what results;
 * `waybill push` uses the pipeline without the service. This is the layer that
 * decides what an error means, when an attempt is repeated, and when to stop,
 * and the lowest layer that logs. Everything here runs on the thread of the
 * loop.
 */
struct pipeline;
struct record;
struct delivery;

enum pipeline_mode {
    /* A service: deliveries with rejected credentials are held and retried
     * without a limit; other retriable failures are limited by max_attempts and
     * max_age. */
    PIPELINE_SERVICE,
    /* A person is waiting: rejected credentials are a final result,
     * max_attempts alone limits the attempts, and pauses are short. */
    PIPELINE_ONCE,
};

struct pipeline_options {
    struct loop *loop;
    struct http *http;
    struct random *random;
    const struct settings *settings;
    enum pipeline_mode mode;
    /* Events of other types have no outcome (kafka.other_types: skip); only
     * with PIPELINE_SERVICE. */
    bool skip_other_types;
};

/* Returns the context for opening integrations that the settings describe. It
 * refers to the settings, the loop and the client, which must outlive it. */
struct integration_context pipeline_context(const struct settings *settings,
                                            struct loop *loop,
                                            struct http *http);

/* Everything that the options refer to must outlive the pipeline. */
struct pipeline *pipeline_new(const struct pipeline_options *options);
/* No record of it may be left, nor any of its predecessors in the same
 * service. */
void pipeline_free(struct pipeline *pipeline);

/* Called from the loop exactly once for each delivery of a record, as soon as
 * it has an outcome, unless the record is freed before; also called when an
 * abandoned delivery ends without an outcome (delivery_outcome() is NULL). When
 * record_is_done(), the callback may free the record.
 *
 * For a record with a past it is also called, at any time and without an
 * outcome, when `past` has a mark to be committed; nothing may be freed then.
 */
typedef void record_delivery_fn(void *payload, struct delivery *delivery);

/* Starts processing a record. The input is copied. `past` is the ledger of what
 * earlier instances have committed, or NULL. Deliveries that it has as done are
 * not repeated and not among the outcomes, so that there may be none. There is
 * none either if record_is_skipped(). */
struct record *pipeline_feed(struct pipeline *pipeline,
                             const struct input *input,
                             const struct ledger *past,
                             record_delivery_fn *done, void *payload);
/* A record without deliveries has one outcome without an attachment. Outcomes
 * live as long as the record. NULL means that there is none (yet). */
const struct outcome *delivery_outcome(const struct delivery *delivery);
size_t record_delivery_count(const struct record *record);
const struct outcome *record_outcome(const struct record *record, size_t index);
bool record_is_done(const struct record *record);
/* True if the event is of another type and has no outcome. */
bool record_is_skipped(const struct record *record);
/* Cancels whatever is in progress and frees the record. done() is not called
 * any more. NULL is allowed. */
void record_free(struct record *record);

/* --- the service -------------------------------------------------------------
 */

struct service;

/* Called once, when everything is committed and closed. `err` is NULL after
 * service_stop(). */
typedef void service_ended_fn(void *payload, const struct error *err);

/* Starts consuming. The options must outlive the service, except for the
 * settings, which service_reload() may replace. */
int service_start(struct pipeline *pipeline,
                  const struct pipeline_options *options,
                  service_ended_fn *ended, void *payload,
                  struct service **ret_service, struct error *err) NODISCARD;
/* Stops reading, finishes attempts in flight within delivery.drain, commits and
 * leaves the consumer group. ended() is called at the end. */
void service_stop(struct service *service);
size_t service_records(const struct service *service); /* records in memory */

/* Replaces the configuration with that of `next`, which must be new. Attempts
 * in flight finish under the old configuration; all other records are replanned
 * and keep their attempts and what is committed. kafka.* remains as it was at
 * the start. Allowed only while service_may_reload(): not while stopping, and
 * not while too many predecessors still have records. */
bool service_may_reload(const struct service *service);
bool service_is_stopping(const struct service *service);
void service_reload(struct service *service, struct pipeline *next);
/* Returns the oldest pipeline that a reload has replaced and that has no
 * records left, or NULL. The caller may free it and its settings. */
struct pipeline *service_take_retired(struct service *service);
void service_free(struct service *service); /* NULL is allowed */

#endif
