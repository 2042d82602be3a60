#include "waybill/status_record.h"

#include <string.h>

#include "service_internal.h"
#include "service_measures.h"

static const char *const wait_names[DELIVERY_WAITS] = {
    [WAIT_QUEUE] = "queued",
    [WAIT_MARK] = "announced",
    [WAIT_ATTEMPT] = "attempt_in_flight",
    [WAIT_BACKOFF] = "backoff",
    [WAIT_DOWN] = "endpoint_down",
    [WAIT_PAUSE] = "endpoint_paused",
    [WAIT_HOLD] = "registration_held",
    [WAIT_PERMISSION] = "attachment_held",
    [WAIT_COMMIT] = "committing",
    [WAIT_TOPIC] = "rejected_by_kafka",
};

const char *delivery_wait_name(enum delivery_wait wait)
{
    return wait_names[wait];
}

/* --- one delivery ----------------------------------------------------------
 */

static const char *text_of(const struct error *err)
{
    return err->kind != ERROR_NONE ? err->message : NULL;
}

/* What keeps everything from being sent to the endpoint, for this registration
 * or for this attachment; false if nothing does. */
static bool is_held_back(const struct service *service,
                         const struct delivery *delivery,
                         struct status_delivery *to)
{
    const struct registration_queue *queue = delivery->queue;
    const struct attachment_queue *attachment = delivery->attachment_queue;
    const struct endpoint *endpoint = queue->endpoint;
    uint64_t now_ms = loop_now(service->options->loop);

    if (endpoint->breaker.open) {
        to->wait = WAIT_DOWN;
        to->since_ms = endpoint->down_since_ms;
        to->next_ms =
            service_wall_ms(service, endpoint_not_before_ms(endpoint, now_ms));
    } else if (queue->held) {
        to->wait = WAIT_HOLD;
        to->since_ms = queue->held_since_ms;
        to->next_ms = service_wall_ms(service, queue->hold_until_ms);
        to->reason = text_of(&queue->refusal);
    } else if (attachment->permission == PERMISSION_REFUSED) {
        to->wait = WAIT_PERMISSION;
        to->since_ms = attachment->held_since_ms;
        to->reason = text_of(&attachment->refusal);
    } else if (endpoint->pause_until_ms > now_ms) {
        to->wait = WAIT_PAUSE;
        to->since_ms = service_wall_ms(service, endpoint->paused_since_ms);
        to->next_ms = service_wall_ms(service, endpoint->pause_until_ms);
    } else {
        return false;
    }
    return true;
}

static void collect_unfinished(const struct service *service,
                               const struct delivery *delivery,
                               struct status_delivery *to)
{
    to->attempts = delivery->outcome.attempts;
    to->reason = text_of(&delivery->queue->last_error);
    if (delivery->state == DELIVERY_RUNNING) {
        to->wait = WAIT_ATTEMPT;
    } else if (is_held_back(service, delivery, to)) {
        return;
    } else if (delivery->state == DELIVERY_PAUSING) {
        to->wait = WAIT_BACKOFF;
        to->next_ms = service_wall_ms(service, delivery->pause.due_ms);
    } else if (delivery->state == DELIVERY_ANNOUNCED) {
        to->wait = WAIT_MARK;
    } else {
        to->wait = WAIT_QUEUE;
    }
}

static void collect_delivery(const struct service *service,
                             const struct delivery *delivery,
                             struct status_delivery *to)
{
    const struct withheld *withheld = &delivery->withheld;

    *to = (struct status_delivery){.wait = WAIT_COMMIT};
    if (delivery->attachment != NULL) {
        to->attachment = delivery->attachment->name;
        to->registration = delivery->attachment->registration->name;
        to->endpoint = delivery->queue->endpoint->name;
    }
    if (withheld->state >= WITHHELD_REJECTED) {
        to->wait = WAIT_TOPIC;
        to->since_ms = withheld->since_ms;
        to->reason =
            withheld->reason != NULL
                ? withheld->reason
                : service->withholding.outputs[withheld->output].reason;
    } else if (delivery->state < DELIVERY_DONE) {
        collect_unfinished(service, delivery, to);
    }
}

/* --- the record ------------------------------------------------------------
 */

static const struct assignment *find_assignment(const struct service *service,
                                                const struct position *position)
{
    const struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (assignment->at.partition == position->partition &&
            strcmp(assignment->at.topic, position->topic) == 0) {
            return assignment;
        }
    }
    return NULL;
}

static const struct record *find_record(const struct service *service,
                                        const struct position *position)
{
    const struct assignment *assignment = find_assignment(service, position);
    const struct ledger_entry *entry;

    if (assignment == NULL) {
        return NULL;
    }
    TAILQ_FOREACH(entry, &assignment->ledger.entries, link)
    {
        if (entry->offset == position->offset) {
            return ((const struct inflight *)entry->owner)->record;
        }
    }
    return NULL;
}

void service_get_deliveries(const struct service *service,
                            const struct position *position,
                            struct arena *arena,
                            struct status_deliveries *ret_deliveries)
{
    const struct record *record = find_record(service, position);

    *ret_deliveries = (struct status_deliveries){0};
    if (record == NULL) {
        return;
    }
    ret_deliveries->is_in_memory = true;
    ret_deliveries->age_ms =
        loop_now(service->options->loop) - record->received_mono_ms;
    ret_deliveries->all = arena_alloc(
        arena, record->delivery_count * sizeof(ret_deliveries->all[0]));
    for (size_t i = 0; i < record->delivery_count; i++) {
        const struct delivery *delivery = &record->deliveries[i];

        if (delivery->slot.state != SLOT_COMMITTED) {
            collect_delivery(service, delivery,
                             &ret_deliveries->all[ret_deliveries->count++]);
        }
    }
}
