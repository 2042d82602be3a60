#include <stdio.h>
#include <string.h>

#include "pipeline_internal.h"
#include "waybill/alloc.h"
#include "waybill/log.h"

static const struct pipeline_options *options_of(
    const struct delivery *delivery)
{
    return delivery->queue->endpoint->scheduler->options;
}

static uint64_t now_of(const struct endpoint *endpoint)
{
    return loop_now(endpoint->scheduler->options->loop);
}

static int64_t wall_now(const struct endpoint *endpoint)
{
    return clock_wall_ms(loop_clock(endpoint->scheduler->options->loop));
}

/* --- the log ----------------------------------------------------------------
 */

/* The message begins with the kind of endpoint, for example "registry" or
 * "webhook". */
static void log_endpoint(const struct endpoint *endpoint, enum log_level level,
                         const char *what, const struct error *err)
{
    char message[96];

    snprintf(message, sizeof(message), "%s %s",
             endpoint->class->fields.endpoint, what);
    log_write(level, "pipeline", message, LOG_TEXT("host", endpoint->name),
              LOG_TEXT("err", err != NULL ? err->message : NULL),
              LOG_TEXT("err_kind", level == LOG_ERROR ? "retriable" : NULL));
}

static void log_retry(const struct delivery *delivery, bool held,
                      const struct error *err, uint64_t pause_ms)
{
    const struct input *input = &delivery->record->input;

    log_write(
        held ? LOG_ERROR : LOG_WARN, "pipeline",
        !held ? "delivery failed, trying again"
        : disposition_of(err) == DISPOSITION_SUSPEND
            ? "endpoint accepts nothing, holding delivery"
            : "credentials refused, holding delivery",
        LOG_TEXT("event_id", delivery->record->event.id),
        LOG_TEXT("registration", delivery->attachment->registration->name),
        LOG_TEXT("attachment", delivery->attachment->name),
        LOG_TEXT("topic", input->message.topic),
        LOG_NUMBER("partition", input->partition),
        LOG_NUMBER("offset", input->offset),
        LOG_NUMBER("attempt", delivery->outcome.attempts),
        LOG_NUMBER("retry_in_ms", pause_ms), LOG_TEXT("err", err->message),
        LOG_TEXT("err_kind", held ? error_row(err->kind)->name : "retriable"),
        LOG_NUMBER_IF(err->http_status, "http_status", err->http_status));
}

/* --- dispatching ------------------------------------------------------------
 */

static void dispatch(struct endpoint *endpoint);

static void on_probed(void *payload, const struct error *err)
{
    struct endpoint *endpoint = payload;

    endpoint->probe = NULL;
    if (!endpoint->breaker.open) {
        return; /* a delivery in flight has closed it */
    }
    endpoint_probed(endpoint, err, now_of(endpoint));
    if (err == NULL) {
        log_endpoint(endpoint, LOG_INFO, "answers again", NULL);
    } else {
        log_endpoint(endpoint, LOG_WARN, "is still down", err);
    }
    dispatch(endpoint);
}

/* Returns false if the integration has no probe. */
static bool start_probe(struct endpoint *endpoint)
{
    endpoint->probe =
        integration_probe(integration_of(endpoint->scheduler->integrations,
                                         endpoint->registration),
                          endpoint->registration, on_probed, endpoint);
    return endpoint->probe != NULL;
}

/* While the breaker is open, one request at a time finds out whether the
 * endpoint is up again: a delivery that has exceeded max_age, so that it uses
 * up its attempts and every record ends; else a probe, which costs no delivery
 * an attempt; or, without a probe, the next delivery. */
static struct delivery *next_probing_delivery(struct endpoint *endpoint)
{
    struct delivery *delivery;

    if (endpoint->in_flight > 0 || endpoint->probe != NULL) {
        return NULL; /* its result decides */
    }
    delivery = endpoint_next_aged(endpoint);
    if (delivery == NULL && start_probe(endpoint)) {
        return NULL;
    }
    if (delivery == NULL) {
        delivery = endpoint_next(endpoint, now_of(endpoint));
    }
    endpoint->is_tried = delivery != NULL;
    return delivery;
}

static struct delivery *next_delivery(struct endpoint *endpoint)
{
    uint64_t now_ms = now_of(endpoint);

    if (endpoint_not_before_ms(endpoint, now_ms) > now_ms) {
        return NULL;
    }
    if (endpoint->breaker.open) {
        return next_probing_delivery(endpoint);
    }
    return limiter_admits(&endpoint->limiter, endpoint->in_flight)
               ? endpoint_next(endpoint, now_ms)
               : NULL;
}

static void scheduler_report(struct delivery *delivery,
                             const struct delivery_report *report);

static void begin(struct endpoint *endpoint, struct delivery *delivery)
{
    rate_take(&endpoint->rate, endpoint->load == 1, now_of(endpoint));
    if (delivery->outcome.attempts == 0) {
        budget_earn(&endpoint->budget);
    }
    attachment_queue_begin(delivery->attachment_queue);
    if (delivery->is_marked && delivery->slot.mark != MARK_COMMITTED) {
        delivery_set_state(delivery, DELIVERY_ANNOUNCED);
        delivery_mark(delivery);
    } else {
        attempt_begin(delivery, scheduler_report);
    }
}

static void wake_later(struct endpoint *endpoint)
{
    uint64_t now_ms = now_of(endpoint);
    uint64_t due_ms = endpoint_due_ms(endpoint, now_ms);

    if (due_ms > 0) {
        loop_arm(endpoint->scheduler->options->loop, &endpoint->wake,
                 due_ms - now_ms);
    }
}

/* Starts every attempt that may begin now. */
static void dispatch(struct endpoint *endpoint)
{
    struct delivery *delivery;

    if (endpoint->scheduler->draining || !endpoint_has_backlog(endpoint)) {
        return;
    }
    while ((delivery = next_delivery(endpoint)) != NULL) {
        begin(endpoint, delivery);
    }
    wake_later(endpoint);
}

static void on_wake(void *payload)
{
    dispatch(payload);
}

/* --- new deliveries and retries ----------------------------------------------
 */

static void wait_for_turn(struct delivery *delivery)
{
    delivery_set_state(delivery, DELIVERY_WAITING);
    attachment_queue_push(delivery->attachment_queue, delivery);
    dispatch(delivery->queue->endpoint);
}

/* A retry that the budget does not allow yet waits up to this long. Those that
 * were refused are far apart anyway, and must not use up the budget of those
 * that were not. */
#define BUDGET_PAUSE_MS 1000

static void on_pause_over(void *payload)
{
    struct delivery *delivery = payload;
    struct endpoint *endpoint = delivery->queue->endpoint;
    const struct pipeline_options *options = options_of(delivery);

    if (!scheduler_is_service(endpoint->scheduler) || delivery->refused ||
        budget_take(&endpoint->budget, now_of(endpoint))) {
        wait_for_turn(delivery);
    } else {
        loop_arm(options->loop, &delivery->pause,
                 1 + random_below(options->random, BUDGET_PAUSE_MS));
    }
}

void scheduler_enqueue(struct delivery *delivery)
{
    timer_init(&delivery->pause, on_pause_over, delivery);
    attachment_queue_enter(delivery->attachment_queue);
    wait_for_turn(delivery);
}

/* --- results of attempts -----------------------------------------------------
 */

static void announce_idle(struct scheduler *scheduler)
{
    if (scheduler->draining && scheduler->in_flight == 0) {
        loop_defer(scheduler->options->loop, &scheduler->idle);
    }
}

/* Makes room for another attempt under the newest configuration. */
static void end_attempt(struct attachment_queue *attachment_queue)
{
    struct registration_queue *queue = attachment_queue->queue;
    struct registration_queue *newest = registration_queue_newest(queue);
    struct endpoint *endpoint = endpoint_newest(queue->endpoint);

    newest->ended++;
    queue->endpoint->is_tried = false;
    attachment_queue_end(attachment_queue);
    dispatch(endpoint);
    if (newest->endpoint != endpoint) {
        dispatch(newest->endpoint);
    }
    announce_idle(queue->endpoint->scheduler);
}

static bool is_hold(enum disposition disposition)
{
    return disposition == DISPOSITION_HOLD ||
           disposition == DISPOSITION_SUSPEND;
}

/* Updates the endpoint and the registration after a failure. */
static void learn_failure(struct delivery *delivery, const struct error *err)
{
    struct registration_queue *newest =
        registration_queue_newest(delivery->queue);
    struct endpoint *endpoint = endpoint_newest(delivery->queue->endpoint);
    enum disposition disposition = disposition_of(err);

    newest->last_error = *err;
    newest->last_error_ms = wall_now(endpoint);
    if (disposition == DISPOSITION_BACK_OFF) {
        if (endpoint_failed(endpoint, err, now_of(endpoint))) {
            endpoint->down_since_ms = wall_now(endpoint);
            log_endpoint(endpoint, LOG_ERROR, "is down, deliveries to it wait",
                         err);
        }
        return;
    }
    if (err->http_status > 0 || is_hold(disposition)) {
        /* The endpoint is up; it rejected the request. */
        endpoint_succeeded(endpoint, now_of(endpoint));
    }
    if (is_hold(disposition) && scheduler_is_service(endpoint->scheduler)) {
        hold_refused(delivery, err);
    }
}

static void learn_success(struct delivery *delivery)
{
    struct endpoint *endpoint = endpoint_newest(delivery->queue->endpoint);

    endpoint_succeeded(endpoint, now_of(endpoint));
    hold_accepted(delivery);
}

static void try_again(struct delivery *delivery, bool held,
                      const struct error *err)
{
    uint64_t pause_ms = retry_pause_ms(delivery, err);

    registration_queue_newest(delivery->queue)->counts.retries[err->kind]++;
    log_retry(delivery, held, err, pause_ms);
    delivery_set_state(delivery, DELIVERY_PAUSING);
    loop_arm(options_of(delivery)->loop, &delivery->pause, pause_ms);
}

/* Ends the delivery as failed. A retriable error gets the class
 * attempts_exhausted. */
static void give_up(struct delivery *delivery, const struct error *err)
{
    struct outcome *outcome = &delivery->outcome;
    enum disposition disposition = disposition_of(err);

    outcome->status = OUTCOME_FAILED;
    outcome->error = *err;
    if (disposition == DISPOSITION_RETRY ||
        disposition == DISPOSITION_BACK_OFF) {
        outcome->error.kind = ERROR_ATTEMPTS_EXHAUSTED;
    }
    outcome->dead_letter =
        scheduler_is_service(delivery->queue->endpoint->scheduler);
    delivery_finish(delivery);
}

static void fail(struct delivery *delivery, const struct error *err)
{
    enum retry_verdict verdict = retry_after(delivery, err);
    struct outcome *outcome = &delivery->outcome;

    if (outcome->first_failed_ms == 0) {
        outcome->first_failed_ms = wall_now(delivery->queue->endpoint);
    }
    delivery_note_attempts(delivery);
    learn_failure(delivery, err);
    if (verdict == RETRY_NEVER) {
        give_up(delivery, err);
    } else if (delivery->abandoned) {
        delivery_drop(delivery);
    } else {
        try_again(delivery, verdict == RETRY_HELD, err);
    }
}

static void succeed(struct delivery *delivery,
                    const struct delivery_report *report)
{
    delivery->outcome.status = OUTCOME_SUCCEEDED;
    delivery->outcome.result = report->result;
    learn_success(delivery);
    delivery_finish(delivery);
}

static void skip(struct delivery *delivery,
                 const struct delivery_report *report)
{
    delivery->outcome.status = OUTCOME_SKIPPED;
    delivery->outcome.skip_reason = report->skip_reason;
    delivery_finish(delivery);
}

/* Called when the attempt of a delivery has ended. */
static void scheduler_report(struct delivery *delivery,
                             const struct delivery_report *report)
{
    struct attachment_queue *attachment_queue = delivery->attachment_queue;
    struct endpoint *endpoint = endpoint_newest(delivery->queue->endpoint);

    endpoint_pause(endpoint, report->pause_ms, now_of(endpoint));
    switch (report->status) {
    case DELIVERY_SUCCEEDED:
        succeed(delivery, report);
        break;
    case DELIVERY_SKIPPED:
        skip(delivery, report);
        break;
    case DELIVERY_FAILED:
        fail(delivery, report->err);
        break;
    }
    end_attempt(attachment_queue);
}

/* --- deliveries that are announced ------------------------------------------
 */

static bool is_in_flight(const struct delivery *delivery)
{
    return delivery->state == DELIVERY_ANNOUNCED ||
           delivery->state == DELIVERY_RUNNING;
}

void scheduler_mark_committed(struct delivery *delivery)
{
    struct attachment_queue *attachment_queue = delivery->attachment_queue;

    if (delivery->state != DELIVERY_ANNOUNCED) {
        return;
    }
    if (!delivery->queue->endpoint->scheduler->draining) {
        attempt_begin(delivery, scheduler_report);
        return;
    }
    delivery_unmark(delivery);
    delivery_set_state(delivery, DELIVERY_WAITING);
    attachment_queue_push(attachment_queue, delivery);
    end_attempt(attachment_queue);
}

/* --- abandoned deliveries ----------------------------------------------------
 */

static void cancel(struct delivery *delivery)
{
    struct attachment_queue *attachment_queue = delivery->attachment_queue;
    bool was_in_flight = is_in_flight(delivery);

    if (delivery->state >= DELIVERY_DONE) {
        return;
    }
    loop_disarm(options_of(delivery)->loop, &delivery->pause);
    if (delivery->state == DELIVERY_WAITING) {
        attachment_queue_remove(attachment_queue, delivery);
    }
    if (delivery->state == DELIVERY_ANNOUNCED) {
        delivery_unmark(delivery);
    }
    if (delivery->state == DELIVERY_RUNNING) {
        attempt_cancel(delivery);
    }
    delivery_drop(delivery);
    if (was_in_flight) {
        end_attempt(attachment_queue);
    }
}

/* A delivery that was never attempted began to wait when it was received. */
static void note_wait(struct delivery *delivery)
{
    const struct record *record = delivery->record;

    if (delivery->outcome.started_ms == 0) {
        delivery->outcome.started_ms = record->received_ms;
        delivery->started_ms = record->received_mono_ms;
    }
}

bool scheduler_expire(struct delivery *delivery)
{
    const struct error *refusal = hold_expired(delivery);
    struct error err;

    if (refusal == NULL) {
        return false;
    }
    err = *refusal;
    loop_disarm(options_of(delivery)->loop, &delivery->pause);
    if (delivery->state == DELIVERY_WAITING) {
        attachment_queue_remove(delivery->attachment_queue, delivery);
    }
    error_prepend(&err, "given up after delivery.max_age, because it keeps "
                        "other records waiting");
    note_wait(delivery);
    give_up(delivery, &err);
    return true;
}

bool scheduler_abandon(struct delivery *delivery, bool at_once)
{
    delivery->abandoned = true;
    if (at_once || delivery->state != DELIVERY_RUNNING) {
        cancel(delivery);
    }
    return delivery->state == DELIVERY_RUNNING;
}

void scheduler_release(struct delivery *delivery)
{
    cancel(delivery);
    attempt_release(delivery);
}

/* --- life cycle -------------------------------------------------------------
 */

static struct endpoint *find_endpoint(const struct scheduler *scheduler,
                                      const struct integration_class *class,
                                      const char *name)
{
    struct endpoint *endpoint;

    STAILQ_FOREACH(endpoint, &scheduler->endpoints, link)
    {
        if (endpoint->class == class && strcmp(endpoint->name, name) == 0) {
            return endpoint;
        }
    }
    return NULL;
}

static void add_attachments(struct scheduler *scheduler,
                            struct registration_queue *queue)
{
    const struct settings *settings = scheduler->options->settings;

    for (size_t i = 0; i < settings->attachment_count; i++) {
        const struct attachment *attachment = &settings->attachments[i];

        if (attachment->registration == queue->registration) {
            scheduler->attachment_index[i] =
                &scheduler->attachments[scheduler->attachment_count++];
            attachment_queue_init(scheduler->attachment_index[i], attachment,
                                  queue);
            queue->attachment_count++;
        }
    }
}

static void add_queue(struct scheduler *scheduler, size_t index)
{
    const struct settings *settings = scheduler->options->settings;
    const struct registration *registration = &settings->registrations[index];
    const struct integration_class *class = integration_class_for(registration);
    const char *name = class->endpoint(registration, scheduler->arena);
    struct endpoint *endpoint = find_endpoint(scheduler, class, name);
    struct registration_queue *queue = &scheduler->queues[index];

    if (endpoint == NULL) {
        endpoint = endpoint_new(scheduler, name, registration);
        timer_init(&endpoint->wake, on_wake, endpoint);
    }
    registration_queue_init(
        queue, registration,
        integration_concurrency(class, settings->delivery.concurrency),
        &scheduler->attachments[scheduler->attachment_count]);
    add_attachments(scheduler, queue);
    endpoint_add_queue(endpoint, queue);
}

void scheduler_init(struct scheduler *scheduler,
                    const struct pipeline_options *options,
                    struct integration_set *integrations)
{
    const struct settings *settings = options->settings;

    *scheduler = (struct scheduler){
        .options = options,
        .integrations = integrations,
        .queues = mem_zalloc(settings->registration_count *
                             sizeof(struct registration_queue)),
        .queue_count = settings->registration_count,
        .attachments = mem_zalloc(settings->attachment_count *
                                  sizeof(struct attachment_queue)),
        .attachment_index = mem_zalloc(settings->attachment_count *
                                       sizeof(struct attachment_queue *)),
        .arena = arena_new(),
    };
    STAILQ_INIT(&scheduler->endpoints);
    for (size_t i = 0; i < settings->registration_count; i++) {
        add_queue(scheduler, i);
    }
}

struct attachment_queue *scheduler_attachment_queue(
    const struct scheduler *scheduler, const struct attachment *attachment)
{
    return scheduler->attachment_index[attachment - scheduler->options->settings
                                                        ->attachments];
}

void scheduler_drain(struct scheduler *scheduler, loop_fn *idle, void *payload)
{
    scheduler->draining = true;
    task_init(&scheduler->idle, idle, payload);
    announce_idle(scheduler);
}

void scheduler_stop_probing(struct scheduler *scheduler)
{
    struct endpoint *endpoint;

    STAILQ_FOREACH(endpoint, &scheduler->endpoints, link)
    {
        if (endpoint->probe != NULL) {
            integration_cancel(endpoint->probe);
            endpoint->probe = NULL;
        }
        loop_disarm(scheduler->options->loop, &endpoint->wake);
    }
}

void scheduler_destroy(struct scheduler *scheduler)
{
    struct endpoint *endpoint;

    scheduler_stop_probing(scheduler);
    while ((endpoint = STAILQ_FIRST(&scheduler->endpoints)) != NULL) {
        STAILQ_REMOVE_HEAD(&scheduler->endpoints, link);
        endpoint_free(endpoint);
    }
    loop_cancel(scheduler->options->loop, &scheduler->idle);
    mem_free(scheduler->queues);
    mem_free(scheduler->attachments);
    mem_free(scheduler->attachment_index);
    arena_free(scheduler->arena);
}
