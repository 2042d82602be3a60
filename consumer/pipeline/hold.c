#include <stdio.h>

#include "pipeline_internal.h"
#include "waybill/log.h"

/*
 * Reports refusals to the queues (registration_queue.c), and tells the operator
 * what is held and when it goes on.
 *
 * A refusal has one of two meanings (error.h): the endpoint denies permission,
 * or it accepts nothing at present, whoever sends it.
 */

/* Pause between attempts of deliveries that were not refused before, while a
 * registration is held although its credentials are known to the endpoint
 * (403). If each record has a path of its own, one of these may be permitted.
 * If all go to the same place, none will be, and services ban those who insist.
 */
#define FRESH_PAUSE_MS 1000

static const struct pipeline_options *options_of(
    const struct delivery *delivery)
{
    return delivery->queue->endpoint->scheduler->options;
}

static int64_t wall_now(const struct delivery *delivery)
{
    return clock_wall_ms(loop_clock(options_of(delivery)->loop));
}

/* --- the log ----------------------------------------------------------------
 */

static const char *reason_of(const struct error *err)
{
    return disposition_of(err) == DISPOSITION_SUSPEND
               ? "endpoint accepts nothing"
               : "credentials refused";
}

static void log_held(const struct attachment_queue *attachment_queue,
                     enum held held, const struct error *err)
{
    char message[96];

    snprintf(message, sizeof(message), "%s, holding %s",
             held == HELD_ATTACHMENT ? "attachment refused" : reason_of(err),
             held == HELD_ATTACHMENT ? "it" : "registration");
    log_write(
        LOG_ERROR, "pipeline", message,
        LOG_TEXT("registration", attachment_queue->queue->registration->name),
        LOG_TEXT("attachment", held == HELD_ATTACHMENT
                                   ? attachment_queue->attachment->name
                                   : NULL),
        LOG_TEXT("err", err->message),
        LOG_TEXT("err_kind", error_row(err->kind)->name));
}

static const char *release_of(const struct attachment_queue *attachment_queue,
                              enum held held)
{
    if (held == HELD_ATTACHMENT) {
        return "attachment accepted, its deliveries continue";
    }
    return disposition_of(&attachment_queue->queue->refusal) ==
                   DISPOSITION_SUSPEND
               ? "endpoint accepts again, registration continues"
               : "credentials accepted, registration continues";
}

static void log_released(const struct attachment_queue *attachment_queue,
                         enum held held)
{
    log_write(
        LOG_INFO, "pipeline", release_of(attachment_queue, held),
        LOG_TEXT("registration", attachment_queue->queue->registration->name),
        LOG_TEXT("attachment", held == HELD_ATTACHMENT
                                   ? attachment_queue->attachment->name
                                   : NULL));
}

/* --- results of attempts -----------------------------------------------------
 */

static void get_pauses(const struct delivery *delivery, const struct error *err,
                       uint64_t ret_pauses[2])
{
    uint64_t pause = options_of(delivery)->settings->delivery.hold_retry_ms;
    bool has_paths = delivery->integration->class->destination != NULL;

    ret_pauses[0] = pause;
    ret_pauses[1] =
        err->http_status == 403 && has_paths && pause > FRESH_PAUSE_MS
            ? FRESH_PAUSE_MS
            : pause;
}

static void hold(struct delivery *delivery, const struct error *err)
{
    struct attachment_queue *attachment_queue = delivery->attachment_queue;
    uint64_t pauses[2];
    enum held held;

    get_pauses(delivery, err, pauses);
    held = registration_queue_refused(
        attachment_queue, err, loop_now(options_of(delivery)->loop), pauses);
    if (attachment_queue->permission == PERMISSION_REFUSED &&
        !attachment_queue->queue->held && !attachment_queue->is_reported) {
        held = HELD_ATTACHMENT; /* perhaps with its registration until now */
        attachment_queue->is_reported = true;
    }
    if (held == HELD_NOTHING) {
        return;
    }
    attachment_queue->held_since_ms = wall_now(delivery);
    if (held == HELD_REGISTRATION) {
        attachment_queue->queue->held_since_ms = wall_now(delivery);
    }
    log_held(attachment_queue, held, err);
}

/* Credentials of a replaced configuration say nothing about the current ones. A
 * repeated rejection of the same delivery is no news either, unless its
 * attachment is held: others have been accepted meanwhile. */
void hold_refused(struct delivery *delivery, const struct error *err)
{
    bool is_new = !delivery->refused ||
                  attachment_queue_is_held(delivery->attachment_queue);

    delivery->refused = true;
    delivery->accepted = registration_queue_newest(delivery->queue)->accepted;
    if (is_new && !registration_queue_is_replaced(delivery->queue)) {
        hold(delivery, err);
    }
}

void hold_accepted(struct delivery *delivery)
{
    enum held held;

    if (registration_queue_is_replaced(delivery->queue)) {
        return;
    }
    delivery->attachment_queue->is_reported = false;
    held = registration_queue_accepted(delivery->attachment_queue);
    if (held != HELD_NOTHING) {
        log_released(delivery->attachment_queue, held);
    }
}

/* --- expiry ------------------------------------------------------------------
 */

/* Where there was no attempt, the wait began with the hold, or with the record
 * if that is younger. */
static int64_t waiting_since_ms(const struct delivery *delivery)
{
    const struct record *record = delivery->record;
    const struct attachment_queue *attachment_queue =
        delivery->attachment_queue;
    int64_t held = attachment_queue->queue->held
                       ? attachment_queue->queue->held_since_ms
                       : attachment_queue->held_since_ms;
    int64_t written = record->input.message.timestamp_ms > 0
                          ? record->input.message.timestamp_ms
                          : record->received_ms;

    if (delivery->outcome.first_failed_ms > 0) {
        return delivery->outcome.first_failed_ms;
    }
    return held > written ? held : written;
}

const struct error *hold_expired(const struct delivery *delivery)
{
    const struct attachment_queue *attachment_queue =
        delivery->attachment_queue;
    const struct error *refusal = attachment_queue->queue->held
                                      ? &attachment_queue->queue->refusal
                                      : &attachment_queue->refusal;
    int64_t age_ms = wall_now(delivery) - waiting_since_ms(delivery);

    if (!attachment_queue_is_held(attachment_queue) ||
        disposition_of(refusal) != DISPOSITION_HOLD ||
        (delivery->state != DELIVERY_WAITING &&
         delivery->state != DELIVERY_PAUSING)) {
        return NULL;
    }
    return age_ms >=
                   (int64_t)options_of(delivery)->settings->delivery.max_age_ms
               ? refusal
               : NULL;
}
