#ifndef WAYBILL_PIPELINE_H
#define WAYBILL_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/config.h"
#include "waybill/http.h"
#include "waybill/loop.h"
#include "waybill/outcome.h"
#include "waybill/queue.h"
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

enum pipeline_patience {
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
    enum pipeline_patience patience;
};

/* Everything in the options outlives it. */
struct pipeline *pipeline_new(const struct pipeline_options *options);
void pipeline_free(struct pipeline *pipeline); /* no record is left */

/* Called once for each record, from the loop, unless it is cancelled. */
typedef void record_done_fn(void *payload, struct record *record);

/* The input is copied. */
struct record *pipeline_feed(struct pipeline *pipeline,
                             const struct input *input, record_done_fn *done,
                             void *payload);
/* No attempt begins any more; those that run go on. idle() is called once, from
 * the loop, when none does. */
void pipeline_drain(struct pipeline *pipeline, loop_fn *idle, void *payload);

/* Of a done record. Outcomes live as long as it does. */
const struct outcome *record_outcomes(const struct record *record,
                                      size_t *ret_count);
size_t record_size(const struct record *record); /* bytes that it holds */
/* Ends it wherever it is; done() is not called any more. */
void record_free(struct record *record);

/* --- the service -------------------------------------------------------------
 */

struct service;

/* ended() is called once, when everything is committed and closed; err is NULL
 * after service_stop(). */
typedef void service_ended_fn(void *payload, const struct error *err);

int service_start(struct pipeline *pipeline,
                  const struct pipeline_options *options,
                  service_ended_fn *ended, void *payload,
                  struct service **ret_service, struct error *err) NODISCARD;
/* Stops intake, finishes what is in flight within delivery.drain, commits,
 * leaves the group. */
void service_stop(struct service *service);
void service_free(struct service *service); /* NULL is fine */

#endif
