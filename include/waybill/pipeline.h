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
 * A record's life, from bytes to outcomes:
 *
 *     input -> event -> plan -> deliveries -> outcomes
 *
 * and, around it, the service that feeds it from Kafka and commits what comes
 * out (struct service). `waybill push` uses the first without the second. This
 * is the layer that decides: what an error means, when to try again, when to
 * stop; and the first that logs. Loop thread only.
 */
struct pipeline;
struct record;
struct delivery;

enum pipeline_mode {
    /* A service: refused credentials are held and tried again for ever, a
     * failure that may pass has max_attempts and max_age. */
    PIPELINE_SERVICE,
    /* Somebody is waiting: refused credentials are an answer, max_attempts are
     * all there are, and pauses are short. */
    PIPELINE_ONCE,
};

struct pipeline_options {
    struct loop *loop;
    struct http *http;
    struct random *random;
    const struct settings *settings;
    enum pipeline_mode mode;
};

/* What integrations are opened with, by the settings. */
struct integration_context pipeline_context(const struct settings *settings,
                                            struct loop *loop,
                                            struct http *http);

/* Everything in the options outlives it. */
struct pipeline *pipeline_new(const struct pipeline_options *options);
/* No record is left, and none that was before it in the same service. */
void pipeline_free(struct pipeline *pipeline);

/* Called once for each delivery of a record, as soon as it has an outcome, from
 * the loop, unless the record is freed before; and where an abandoned one comes
 * to nothing (delivery_outcome() is NULL). In it the record may be freed when
 * it is done. */
typedef void record_delivery_fn(void *payload, struct delivery *delivery);

/* The input is copied. `past` is what is known of it from before, or NULL: what
 * was delivered is not delivered again, and its outcome is not among the
 * outcomes; there may be none left. */
struct record *pipeline_feed(struct pipeline *pipeline,
                             const struct input *input,
                             const struct ledger *past,
                             record_delivery_fn *done, void *payload);
/* A record that leads to no delivery has one of its own all the same, without
 * an attachment. Outcomes live as long as the record does; NULL: there is none
 * (yet). */
const struct outcome *delivery_outcome(const struct delivery *delivery);
size_t record_delivery_count(const struct record *record);
const struct outcome *record_outcome(const struct record *record, size_t index);
bool record_is_done(const struct record *record);
/* Ends it wherever it is; done() is not called any more. */
void record_free(struct record *record);

/* --- the service -------------------------------------------------------------
 */

struct service;

/* ended() is called once, when everything is committed and closed; err is NULL
 * after service_stop(). */
typedef void service_ended_fn(void *payload, const struct error *err);

/* Options outlive it, but for the settings, which may be replaced. */
int service_start(struct pipeline *pipeline,
                  const struct pipeline_options *options,
                  service_ended_fn *ended, void *payload,
                  struct service **ret_service, struct error *err) NODISCARD;
/* Stops intake, finishes what is in flight within delivery.drain, commits,
 * leaves the group. */
void service_stop(struct service *service);
size_t service_records(const struct service *service); /* that it holds */

/* Goes on by another configuration: that of `next`, which is new. What runs
 * ends as it began; all else is planned anew, and keeps its attempts and what
 * of it is committed. kafka.* stays as it was at the start. Not while
 * stopping, and only when there are not too many before it that still end. */
bool service_may_reload(const struct service *service);
bool service_is_stopping(const struct service *service);
void service_reload(struct service *service, struct pipeline *next);
/* One whose time is over, the oldest first, or NULL; the caller may free it and
 * its settings. Others wait until something of them has ended. */
struct pipeline *service_take_retired(struct service *service);
void service_free(struct service *service); /* NULL is fine */

#endif
