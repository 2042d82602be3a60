#include "scheduler.h"
#include "waybill/fault.h"

/*
 * The deliveries of one registration, and who is to blame for a refusal. A
 * rejected password, a missing permission for one path and a pattern that
 * denies single records look alike, so the results of other attempts decide:
 *
 *     several attempts of an attachment in a row are refused
 *                                          -> the attachment is held
 *     nothing of the registration has succeeded meanwhile, or since
 *                                          -> the registration is held
 *
 * What is held is tried with one attempt at a time. While only an attachment is
 * held, its next attempt follows the previous one, because the credentials are
 * good. While the whole registration is held, attempts are far apart, except
 * that each attachment may show once whether it is refused, too.
 */

/* A single rejection may concern only this record (its repository, or a policy
 * of the registry). So many consecutive ones concern the attachment. */
#define MAX_REFUSALS 3

static const struct histogram_bounds duration_bounds = {
    12, {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120}};

void registration_queue_init(struct registration_queue *queue,
                             const struct registration *registration,
                             size_t max_in_flight,
                             struct attachment_queue *attachments)
{
    *queue = (struct registration_queue){
        .registration = registration,
        .max_in_flight = max_in_flight,
        .attachments = attachments,
    };
    TAILQ_INIT(&queue->waiting);
    histogram_init(&queue->counts.duration, &duration_bounds);
}

/* --- which delivery is next --------------------------------------------------
 */

static bool may_begin(const struct attachment_queue *attachment_queue,
                      bool is_fresh, uint64_t now_ms)
{
    const struct registration_queue *queue = attachment_queue->queue;
    bool is_refused = attachment_queue->permission == PERMISSION_REFUSED;

    if (!is_refused && queue->held && fault_is_broken("hold-together")) {
        return false;
    }
    if (queue->held) {
        return queue->in_flight == 0 &&
               (!is_refused || now_ms >= (is_fresh ? queue->fresh_until_ms
                                                   : queue->hold_until_ms));
    }
    return queue->in_flight < queue->max_in_flight &&
           (!is_refused || attachment_queue->in_flight == 0);
}

static struct delivery *first_of(struct attachment_queue *attachment_queue,
                                 bool is_fresh, uint64_t now_ms)
{
    return may_begin(attachment_queue, is_fresh, now_ms)
               ? TAILQ_FIRST(is_fresh ? &attachment_queue->fresh
                                      : &attachment_queue->refused)
               : NULL;
}

static struct delivery *next_of(struct attachment_queue *attachment_queue,
                                uint64_t now_ms)
{
    bool is_fresh = !attachment_queue->refused_is_next;
    struct delivery *delivery = first_of(attachment_queue, is_fresh, now_ms);

    if (delivery == NULL) {
        is_fresh = !is_fresh;
        delivery = first_of(attachment_queue, is_fresh, now_ms);
    }
    attachment_queue->refused_is_next = is_fresh;
    return delivery;
}

struct delivery *registration_queue_next(struct registration_queue *queue,
                                         uint64_t now_ms)
{
    struct attachment_queue *attachment_queue;
    struct delivery *delivery;

    TAILQ_FOREACH(attachment_queue, &queue->waiting, link)
    {
        delivery = next_of(attachment_queue, now_ms);
        if (delivery == NULL) {
            continue;
        }
        attachment_queue_remove(attachment_queue, delivery);
        if (attachment_queue->count > 0) {
            TAILQ_REMOVE(&queue->waiting, attachment_queue, link);
            TAILQ_INSERT_TAIL(&queue->waiting, attachment_queue, link);
        }
        return delivery;
    }
    return NULL;
}

uint64_t registration_queue_due_ms(const struct registration_queue *queue,
                                   uint64_t now_ms)
{
    uint64_t due = UINT64_MAX;

    if (!queue->held || queue->in_flight > 0 || queue->backlog_count == 0) {
        return 0;
    }
    if (queue->fresh_until_ms > now_ms) {
        due = queue->fresh_until_ms;
    }
    if (queue->hold_until_ms > now_ms && queue->hold_until_ms < due) {
        due = queue->hold_until_ms;
    }
    return due == UINT64_MAX ? 0 : due;
}

/* --- permission --------------------------------------------------------------
 */

static bool has_accepted(const struct registration_queue *queue)
{
    for (size_t i = 0; i < queue->attachment_count; i++) {
        if (queue->attachments[i].permission == PERMISSION_GIVEN) {
            return true;
        }
    }
    return false;
}

/* Successes from before the refusals prove nothing about the present. */
static void forget_successes(struct registration_queue *queue)
{
    for (size_t i = 0; i < queue->attachment_count; i++) {
        if (queue->attachments[i].permission == PERMISSION_GIVEN) {
            queue->attachments[i].permission = PERMISSION_UNKNOWN;
        }
    }
}

/* Returns true if the attachment is held from now on. */
static bool hold_attachment(struct attachment_queue *attachment_queue)
{
    struct registration_queue *queue = attachment_queue->queue;
    unsigned max = queue->held ? 1 : MAX_REFUSALS;

    if (attachment_queue->refusals++ == 0) {
        attachment_queue->accepted = queue->accepted;
    }
    if (attachment_queue->permission == PERMISSION_REFUSED ||
        attachment_queue->refusals < max) {
        return false;
    }
    attachment_queue->permission = PERMISSION_REFUSED;
    if (attachment_queue->accepted == queue->accepted) {
        forget_successes(queue);
    }
    return true;
}

enum held registration_queue_refused(struct attachment_queue *attachment_queue,
                                     const struct error *err, uint64_t now_ms,
                                     const uint64_t pauses[2])
{
    struct registration_queue *queue = attachment_queue->queue;
    bool was_held = queue->held;
    bool is_new = hold_attachment(attachment_queue);

    attachment_queue->refusal = *err;
    queue->held = attachment_queue->permission == PERMISSION_REFUSED &&
                  (!has_accepted(queue) || fault_is_broken("hold-together"));
    queue->refusal = queue->held ? *err : queue->refusal;
    if (!was_held || now_ms >= queue->hold_until_ms) {
        queue->hold_until_ms = now_ms + pauses[0];
    }
    queue->fresh_until_ms = now_ms + pauses[1];
    if (queue->held && !was_held) {
        return HELD_REGISTRATION;
    }
    return is_new ? HELD_ATTACHMENT : HELD_NOTHING;
}

enum held registration_queue_accepted(struct attachment_queue *attachment_queue)
{
    struct registration_queue *queue = attachment_queue->queue;
    bool registration_was_held = queue->held;
    bool was_held = attachment_queue->permission == PERMISSION_REFUSED;

    attachment_queue->permission = PERMISSION_GIVEN;
    attachment_queue->refusals = 0;
    queue->accepted++;
    queue->held = false;
    if (registration_was_held) {
        return HELD_REGISTRATION;
    }
    return was_held ? HELD_ATTACHMENT : HELD_NOTHING;
}

/* --- reload ------------------------------------------------------------------
 */

struct registration_queue *registration_queue_newest(
    struct registration_queue *queue)
{
    while (queue->successor != NULL) {
        queue = queue->successor;
    }
    return queue;
}

bool registration_queue_is_replaced(const struct registration_queue *queue)
{
    return queue->endpoint->scheduler->replaced;
}
