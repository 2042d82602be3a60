#include <string.h>

#include "service_internal.h"
#include "service_measures.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"
#include "waybill/log.h"

/*
 * Tracks the assigned partitions and their records, and limits how much is in
 * memory.
 *
 * The limits are delivery.max_records and max_bytes. When they are reached,
 * records that wait for an endpoint that is down or very slow, or for
 * credentials to be fixed, are shed, and read again when their queue has room:
 * stuck registrations must not block the others. If all registrations deliver,
 * or none does, reading is paused instead.
 */

/* Interval for changes that no event announces, such as an endpoint that went
 * down or came back */
#define TICK_MS 1000
/* How long attempts of a revoked partition may still run. The whole group waits
 * for it, so it is short; repeating a push is harmless. */
#define HANDOVER_MS 2000
/* Records that are read once more rather than skipped, since after a skip they
 * are fetched anew */
#define MIN_SKIP 2000

static struct assignment *find(struct service *service, const char *topic,
                               int32_t partition)
{
    struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (assignment->at.partition == partition && !assignment->revoked &&
            strcmp(assignment->at.topic, topic) == 0) {
            return assignment;
        }
    }
    return NULL;
}

/* --- inflight records --------------------------------------------------------
 */

/* The record is freed while a commit with its outcome is in progress. */
static void forget_sent(struct service *service,
                        const struct inflight *inflight)
{
    if (!ledger_entry_has(&inflight->entry, SLOT_IN_COMMIT)) {
        return;
    }
    for (size_t i = 0; i < service->sent_count; i++) {
        struct sent *sent = &service->sent[i];

        if (sent->delivery != NULL &&
            sent->delivery->record == inflight->record) {
            sent->delivery = NULL;
        }
    }
}

void inflight_free(struct inflight *inflight)
{
    struct service *service = inflight->assignment->service;

    forget_sent(service, inflight);
    for (size_t i = 0; i < inflight->record->delivery_count; i++) {
        withheld_forget(service, &inflight->record->deliveries[i]);
    }
    record_free(inflight->record);
    service->records--;
    mem_free(inflight);
}

static void on_outcome(void *payload, struct delivery *delivery)
{
    struct inflight *inflight = payload;
    struct service *service = inflight->assignment->service;

    if (delivery_outcome(delivery) != NULL) {
        withheld_admit(service, delivery);
    }
    service->dirty |= inflight->assignment->ledger.has_new_marks;
    /* Deferred, because it may free the record, which is the caller. */
    loop_defer(service->options->loop, &service->advance);
    service_renew_soon(service);
}

static int64_t wall_now(const struct service *service)
{
    return clock_wall_ms(loop_clock(service->options->loop));
}

static void add_slots(struct inflight *inflight)
{
    struct record *record = inflight->record;

    for (size_t i = 0; i < record->delivery_count; i++) {
        ledger_entry_add_slot(&inflight->entry, &record->deliveries[i].slot);
    }
}

/* Counted when it is read. If neither the watermark nor a later record of which
 * everything is committed covers it before a restart, it is read, and counted,
 * again. */
static void skip_record(struct inflight *inflight, const struct input *input)
{
    struct service *service = inflight->assignment->service;
    struct service_counts *counts = &service->counts.all;

    log_write(LOG_DEBUG, "pipeline", "event of another type skipped",
              LOG_TEXT("event_id", inflight->record->event.id),
              LOG_TEXT("type", inflight->record->event.other_type),
              LOG_TEXT("topic", input->message.topic),
              LOG_NUMBER("partition", input->partition),
              LOG_NUMBER("offset", input->offset));
    counts->other_type++;
    counts->last_completed_ms = wall_now(service);
    service->dirty = true;
    ledger_skip(&inflight->assignment->ledger, input->offset);
    record_free(inflight->record);
    mem_free(inflight);
}

struct inflight *inflight_new(struct assignment *assignment,
                              const struct input *input)
{
    struct service *service = assignment->service;
    struct inflight *inflight = mem_zalloc(sizeof(*inflight));

    ledger_entry_init(&inflight->entry, input->offset, inflight);
    inflight->assignment = assignment;
    inflight->record = pipeline_feed(service->pipeline, input,
                                     &assignment->ledger, on_outcome, inflight);
    if (record_is_skipped(inflight->record)) {
        skip_record(inflight, input);
        return NULL;
    }
    add_slots(inflight);
    ledger_add(&assignment->ledger, &inflight->entry);
    service->records++;
    service->dirty |=
        inflight->entry.slot_count == 0 || assignment->ledger.has_new_marks;
    return inflight;
}

/* A shed record may be far behind the newest one. To read everything between
 * them again each time would cost more and more. */
static void skip_known(struct assignment *assignment)
{
    int64_t offset = ledger_skip_known(&assignment->ledger, MIN_SKIP);

    if (offset >= 0) {
        kafka_rewind(assignment->service->kafka, &assignment->at, offset);
    }
}

void service_on_record(void *payload, const struct input *input)
{
    struct service *service = payload;
    struct assignment *assignment =
        find(service, input->message.topic, input->partition);
    struct input marked = *input;

    if (assignment == NULL || service->state != SERVICE_RUNNING) {
        return; /* revoked; the next owner of the partition reads it */
    }
    fault_point("record");
    if (unreadable_hold(assignment, input)) {
        return;
    }
    if (ledger_read(&assignment->ledger, input->offset)) {
        marked.is_replay = assignment->is_replays;
        inflight_new(assignment, &marked);
        service->counts.all.consumed++;
    } else {
        service->dirty = true; /* the watermark may have advanced */
    }
    skip_known(assignment);
    service_regulate(service);
    service_advance(service);
}

/* --- limits ------------------------------------------------------------------
 */

static bool is_full(const struct service *service)
{
    return service_has_reached_limits(service) || withheld_is_blocked(service);
}

static void shed(struct assignment *assignment)
{
    struct service *service = assignment->service;
    struct ledger_entry *entry =
        TAILQ_LAST(&assignment->ledger.entries, ledger_entries);

    while (entry != NULL && service_is_over(service, 2)) {
        struct ledger_entry *before = TAILQ_PREV(entry, ledger_entries, link);
        struct inflight *inflight = entry->owner;

        /* Records of an old configuration are replanned instead. */
        if (inflight->record->pipeline == service->pipeline &&
            record_may_be_shed(inflight->record) &&
            !withheld_is_pending(inflight)) {
            if (ledger_shed(&assignment->ledger, entry)) {
                record_note_shed(inflight->record);
                service->counts.all.shed++;
                inflight_free(inflight);
            }
        }
        entry = before;
    }
}

static bool has_dropped(const struct service *service)
{
    const struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (!assignment->revoked && ledger_needs_rewind(&assignment->ledger)) {
            return true;
        }
    }
    return false;
}

/* Sheds the newest records first, because the oldest hold back the watermark.
 * If no registration delivers, shedding helps nobody. */
static void make_room(struct service *service)
{
    struct assignment *assignment;
    size_t before = service->records;

    if (!shed_is_worth_it(&service->pipeline->scheduler)) {
        return;
    }
    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (!assignment->revoked) {
            shed(assignment);
        }
    }
    if (service->records < before) {
        log_write(LOG_DEBUG, "pipeline",
                  "memory is short, waiting records will be read again later",
                  LOG_NUMBER("records", before - service->records));
    }
}

static void rewind_to_dropped(struct assignment *assignment)
{
    struct kafka *queue = assignment->service->kafka;
    int64_t offset = ledger_rewind(&assignment->ledger);

    log_write(LOG_DEBUG, "pipeline", "reading dropped records again",
              LOG_TEXT("topic", assignment->at.topic),
              LOG_NUMBER("partition", assignment->at.partition),
              LOG_NUMBER("offset", offset));
    assignment->resting = false;
    kafka_resume_partition(queue, &assignment->at);
    kafka_rewind(queue, &assignment->at, offset);
}

/* Shed records without a registration have been deleted from the log; only a
 * further read can show that. */
static bool wants_dropped(const struct service *service)
{
    return has_dropped(service) &&
           (shed_wants_back(&service->pipeline->scheduler) ||
            !shed_has_shed(&service->pipeline->scheduler));
}

/* Reads shed records again when there is room. */
static void read_dropped(struct service *service)
{
    struct assignment *assignment;

    if (!wants_dropped(service)) {
        return;
    }
    shed_note_read_again(&service->pipeline->scheduler);
    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        /* A partition that is being read again will reach its shed records
         * anyway. */
        if (!assignment->revoked && ledger_needs_rewind(&assignment->ledger) &&
            !ledger_is_rereading(&assignment->ledger)) {
            rewind_to_dropped(assignment);
        }
    }
}

/* The last record may be followed by transaction markers. If no record is in
 * memory, they are skipped, so that the lag can become 0. */
static void pass_markers(struct service *service)
{
    struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        struct ledger *ledger = &assignment->ledger;

        if (!assignment->revoked && TAILQ_EMPTY(&ledger->entries) &&
            !ledger_needs_rewind(ledger)) {
            ledger_skip_to(ledger,
                           kafka_position(service->kafka, &assignment->at));
            service->dirty |= ledger_span(ledger) > 0;
        }
    }
    service_advance(service);
}

void service_tick(void *payload)
{
    struct service *service = payload;

    count_loop_lag(service);
    count_sample(service);
    readiness_note(service);
    loop_arm(service->options->loop, &service->tick, TICK_MS);
    shed_tick(&service->pipeline->scheduler);
    withheld_tick(service);
    service_renew_soon(service);
    if (service->full && service->state == SERVICE_RUNNING) {
        make_room(service); /* others may be stuck by now */
    }
    service_regulate(service);
    if (service->state == SERVICE_RUNNING) {
        service_expire_held(service);
        pass_markers(service);
    }
    if (service->state == SERVICE_RUNNING && wants_dropped(service)) {
        make_room(service);
        if (!service_is_over(service, 2)) {
            read_dropped(service);
        }
    }
}

/* The hysteresis between the two limits matters, because pausing discards
 * prefetched records. */
static void regulate_window(struct assignment *assignment)
{
    struct kafka *queue = assignment->service->kafka;
    const struct ledger *ledger = &assignment->ledger;

    if (!assignment->resting && ledger_is_full(ledger) &&
        !ledger_is_rereading(ledger)) {
        assignment->resting = true;
        assignment->resting_since_ms = wall_now(assignment->service);
        kafka_pause_partition(queue, &assignment->at);
    } else if (assignment->resting && ledger_has_room(ledger)) {
        assignment->resting = false;
        kafka_resume_partition(queue, &assignment->at);
    }
}

void service_regulate(struct service *service)
{
    struct assignment *assignment;

    if (service->state != SERVICE_RUNNING) {
        return;
    }
    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (!assignment->revoked) {
            regulate_window(assignment);
        }
    }
    if (!service->full && is_full(service)) {
        make_room(service);
    }
    if (!service->full && is_full(service)) {
        service->full = true;
        service->full_since_ms = wall_now(service);
        kafka_pause(service->kafka);
    } else if (service->full && !service_is_over(service, 2) &&
               !withheld_is_blocked(service)) {
        service->full = false;
        /* Now, before others use the room: under constant load there is no
         * other moment. */
        read_dropped(service);
        kafka_resume(service->kafka);
    }
}

/* --- assignment --------------------------------------------------------------
 */

static void refuse_metadata(struct service *service,
                            const struct kafka_position *position,
                            const struct error *why)
{
    struct error err;

    error_set(&err, ERROR_FATAL,
              "partition %d of topic '%s': the metadata that is committed for "
              "group '%s' at offset %lld cannot be understood: %s. Without it, "
              "some of the later records would be delivered twice. If that is "
              "acceptable, set the offset with kafka-consumer-groups "
              "--reset-offsets --to-current, which removes the metadata",
              (int)position->at.partition, position->at.topic,
              service->kafka_options.group, (long long)position->offset,
              why->message);
    service_fail(service, &err);
}

/* What a record says about a replay is believed because of the topic that it is
 * read from, and for no other reason. */
static bool is_replays_topic(const struct service *service, const char *topic)
{
    const char *replays = service->kafka_options.optional_topic;

    return (replays != NULL && strcmp(topic, replays) == 0) ||
           fault_is_broken("trust-headers");
}

static void begin(struct service *service,
                  const struct kafka_position *position)
{
    struct assignment *assignment = mem_zalloc(sizeof(*assignment));
    struct error err;

    assignment->service = service;
    assignment->at.topic = mem_strdup(position->at.topic);
    assignment->at.partition = position->at.partition;
    assignment->is_replays = is_replays_topic(service, position->at.topic);
    assignment->unreadable = -1;
    ledger_init(&assignment->ledger);
    ledger_limit_metadata(&assignment->ledger, service->max_metadata);
    TAILQ_INSERT_TAIL(&service->assignments, assignment, link);
    log_write(LOG_INFO, "pipeline", "partition assigned",
              LOG_TEXT("topic", assignment->at.topic),
              LOG_NUMBER("partition", assignment->at.partition),
              LOG_NUMBER("offset", position->offset));
    if (ledger_restore(&assignment->ledger, position->offset,
                       position->metadata, &err) < 0) {
        refuse_metadata(service, position, &err);
    }
}

void service_on_assigned(void *payload, const struct kafka_position *positions,
                         size_t count)
{
    struct service *service = payload;

    service->counts.all.rebalances++;
    for (size_t i = 0; i < count; i++) {
        begin(service, &positions[i]);
    }
    fault_point("assigned");
}

/* --- completion and revocation -----------------------------------------------
 */

void assignment_sweep(struct assignment *assignment)
{
    struct ledger_entry *entry;

    while ((entry = ledger_take_complete(&assignment->ledger)) != NULL) {
        const struct inflight *inflight = entry->owner;

        count_completed(assignment->service, inflight);
        inflight_free(entry->owner);
    }
}

void assignment_clear(struct assignment *assignment)
{
    struct ledger_entry *entry;

    /* Waiting records first, because otherwise they would begin when attempts
     * in flight end. */
    assignment_abandon(assignment, false);
    assignment_sweep(assignment);
    while ((entry = ledger_take(&assignment->ledger)) != NULL) {
        inflight_free(entry->owner);
    }
}

void assignment_free(struct assignment *assignment)
{
    assignment_clear(assignment);
    ledger_release(&assignment->ledger);
    TAILQ_REMOVE(&assignment->service->assignments, assignment, link);
    mem_free((char *)assignment->at.topic);
    mem_free(assignment);
}

bool assignment_abandon(struct assignment *assignment, bool at_once)
{
    struct ledger_entry *entry = TAILQ_FIRST(&assignment->ledger.entries);
    bool running = false;

    while (entry != NULL) {
        struct ledger_entry *next = TAILQ_NEXT(entry, link);
        struct inflight *inflight = entry->owner;
        bool runs = record_abandon(inflight->record, at_once);

        running |= runs;
        if (!runs && ledger_shed(&assignment->ledger, entry)) {
            inflight_free(inflight);
        }
        entry = next;
    }
    return running;
}

static void revoke(struct service *service, struct assignment *assignment)
{
    bool at_once = service->state == SERVICE_CLOSING;

    assignment->revoked = true;
    if (assignment_abandon(assignment, at_once)) {
        loop_arm(service->options->loop, &service->handover, HANDOVER_MS);
    }
}

void service_on_handover(void *payload)
{
    struct service *service = payload;
    struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (assignment->revoked) {
            assignment_abandon(assignment, true);
        }
    }
    service_advance(service);
}

void service_on_revoked(void *payload, const struct kafka_partition *partitions,
                        size_t count, bool lost)
{
    struct service *service = payload;

    service->revoking = !lost;
    withheld_open_gate(service);
    service->counts.all.rebalances++;
    for (size_t i = 0; i < count; i++) {
        struct assignment *assignment =
            find(service, partitions[i].topic, partitions[i].partition);

        if (assignment == NULL) {
            continue;
        }
        log_write(lost ? LOG_WARN : LOG_INFO, "pipeline",
                  lost ? "partition lost" : "partition revoked",
                  LOG_TEXT("topic", assignment->at.topic),
                  LOG_NUMBER("partition", assignment->at.partition));
        if (!lost) {
            revoke(service, assignment);
        } else if (!fault_is_broken("keep-lost")) {
            assignment_free(assignment);
        }
    }
    fault_point("revoked");
    service->dirty = true;
    service_regulate(service);
    service_advance(service);
}
