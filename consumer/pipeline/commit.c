#include "audit.h"
#include "service_internal.h"
#include "service_measures.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"
#include "waybill/log.h"

/*
 * Writes the outcomes and dead letters of everything that is finished back to
 * Kafka, with the progress, in one transaction at a time. What finishes
 * meanwhile is part of the next one.
 */

/* Limits of one transaction */
#define MAX_MESSAGES 1000
#define MAX_BYTES ((size_t)8 * 1024 * 1024)

static void add_message(struct service *service, struct kafka_batch *batch,
                        const struct message *message,
                        struct delivery *delivery, enum status_output output)
{
    service->sent = mem_grow(service->sent, &service->sent_capacity,
                             service->sent_count + 1, sizeof(service->sent[0]));
    service->sent[service->sent_count++] =
        (struct sent){delivery, output, message->key.data != NULL};
    kafka_batch_add_message(batch, message);
    if (delivery->withheld.is_isolated) {
        kafka_batch_isolate(batch);
    }
}

static void add_outcome(struct service *service, struct kafka_batch *batch,
                        struct delivery *delivery)
{
    struct arena *arena = arena_new();
    const struct outcome *outcome = &delivery->outcome;
    struct message message;

    outcome_encode(outcome, &service->style, arena, &message);
    add_message(service, batch, &message, delivery, STATUS_OUTCOMES);
    if (outcome->dead_letter) {
        dead_letter_encode(outcome, &service->style, arena, &message);
        add_message(service, batch, &message, delivery, STATUS_DEAD_LETTERS);
    }
    arena_free(arena);
}

static void add_outcomes(struct service *service, struct kafka_batch *batch,
                         const struct assignment *assignment)
{
    const struct ledger_entry *entry;
    const struct ledger_slot *slot;

    TAILQ_FOREACH(entry, &assignment->ledger.in_commit, in_commit)
    {
        STAILQ_FOREACH(slot, &entry->slots, link)
        {
            if (slot->state == SLOT_IN_COMMIT) {
                add_outcome(service, batch, slot->owner);
            }
        }
    }
}

static void add_position(struct kafka_batch *batch,
                         const struct assignment *assignment)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct kafka_position position = {.at = assignment->at};

    position.offset = ledger_encode(&assignment->ledger, &text);
    position.metadata = text.data;
    kafka_batch_add_offset(batch, &position);
}

/* Returns how many outcomes still fit. A failed delivery has two messages, and
 * its dead letter is as large as its record. */
static size_t room_in(const struct service *service,
                      const struct kafka_batch *batch)
{
    size_t usual = service_bytes(service) / (service->records + 1) + 1;
    size_t size = kafka_batch_size(batch);
    size_t bytes = size < MAX_BYTES ? (MAX_BYTES - size) / usual + 1 : 0;
    size_t messages = service->sent_count < MAX_MESSAGES
                          ? (MAX_MESSAGES - service->sent_count + 1) / 2
                          : 0;

    return bytes < messages ? bytes : messages;
}

static bool add_assignment(struct service *service, struct kafka_batch *batch,
                           struct assignment *assignment)
{
    size_t room = room_in(service, batch);

    if (room == 0 || assignment->over ||
        !ledger_prepare(&assignment->ledger, room)) {
        return false;
    }
    add_outcomes(service, batch, assignment);
    add_position(batch, assignment);
    return true;
}

/* They stay in memory until the watermark advances. */
static void count_unfit(struct assignment *assignment)
{
    const struct ledger_entry *entry;

    assignment->unfit_records = 0;
    assignment->unfit_bytes = 0;
    if (!assignment->ledger.has_unfit) {
        return;
    }
    TAILQ_FOREACH(entry, &assignment->ledger.ready, finished)
    {
        const struct inflight *inflight = entry->owner;

        assignment->unfit_records++;
        assignment->unfit_bytes += arena_size(inflight->record->arena);
    }
}

bool service_commit(struct service *service)
{
    struct kafka_batch *batch = kafka_batch_new();
    struct assignment *assignment;
    bool any = false;

    if (service_must_commit_now(service)) {
        withheld_open_gate(service);
    }
    service->sent_count = 0;
    service->commits++;
    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        assignment->committing = add_assignment(service, batch, assignment);
        count_unfit(assignment);
        any |= assignment->committing;
    }
    if (any) {
        kafka_commit(service->kafka, batch);
    } else {
        kafka_batch_free(batch);
        service_renew_soon(service);
    }
    return any;
}

/* --- the result -------------------------------------------------------------
 */

/* Must be called before the records are freed. */
static void announce_committed(struct service *service)
{
    for (size_t i = 0; i < service->sent_count; i++) {
        const struct sent *sent = &service->sent[i];

        if (sent->delivery == NULL || sent->output == STATUS_DEAD_LETTERS) {
            continue; /* revoked meanwhile, or covered by its outcome */
        }
        count_outcome(service, sent->delivery);
        audit_outcome(&sent->delivery->outcome,
                      service->style.dead_letter_topic);
    }
}

/* What waited for its mark to be committed */
static void begin_announced(struct assignment *assignment)
{
    struct ledger_entry *entry;
    struct ledger_slot *slot;

    TAILQ_FOREACH(entry, &assignment->ledger.failing, failing)
    {
        STAILQ_FOREACH(slot, &entry->slots, link)
        {
            if (slot->mark == MARK_COMMITTED) {
                scheduler_mark_committed(slot->owner);
            }
        }
    }
}

static void settle(struct assignment *assignment,
                   const struct kafka_result *result)
{
    if (result->verdict == KAFKA_COMMITTED) {
        ledger_committed(&assignment->ledger);
        assignment_sweep(assignment);
        begin_announced(assignment);
        return;
    }
    ledger_aborted(&assignment->ledger);
    if (assignment->revoked && result->verdict == KAFKA_ABORTED) {
        /* The last commit has failed, perhaps because the group has started a
         * new generation without us. The next owner of the partition repeats
         * the records. */
        assignment->over = true;
        assignment_clear(assignment);
    }
}

/* The limit is the broker's, so it is learned for all partitions. */
static void shorten_metadata(struct service *service)
{
    struct assignment *assignment;

    service->max_metadata /= 2;
    log_write(
        LOG_WARN, "pipeline",
        "the broker rejected the metadata of an offset commit, using less of "
        "it: partitions pause earlier after records that are not delivered (is "
        "the broker's offset.metadata.max.bytes below its default of 4096?)",
        LOG_NUMBER("bytes", service->max_metadata));
    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        ledger_limit_metadata(&assignment->ledger, service->max_metadata);
    }
}

void service_on_committed(void *payload, const struct kafka_result *result)
{
    struct service *service = payload;
    struct assignment *assignment;

    if (result->verdict != KAFKA_COMMITTED) {
        log_write(LOG_WARN, "pipeline", "transaction aborted, trying again",
                  LOG_TEXT("err", result->err.message));
    }
    fault_point("committed");
    service->counts.all.transactions[result->verdict]++;
    service->aborted =
        result->verdict == KAFKA_ABORTED ? service->aborted + 1 : 0;
    if (result->verdict == KAFKA_COMMITTED) {
        announce_committed(service);
        withheld_on_committed(service);
    }
    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (assignment->committing) {
            assignment->committing = false;
            settle(assignment, result);
        }
    }
    if (result->verdict == KAFKA_METADATA_TOO_LARGE) {
        shorten_metadata(service);
    }
    if (result->verdict == KAFKA_REJECTED && !fault_is_broken("hold-none")) {
        withheld_on_rejected(service, result);
    }
    service->sent_count = 0;
    service->committed_ms = loop_now(service->options->loop);
    service->dirty = true;
    service_renew_soon(service);
    service_regulate(service);
    service_advance(service);
}
