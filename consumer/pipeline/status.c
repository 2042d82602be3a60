#include <stdlib.h>

#include "service_internal.h"
#include "service_measures.h"

/* A read-only snapshot of the service for the status page and the metrics */

/* The oldest records, which hold back the watermark: at most so many per
 * partition and in total */
#define MAX_OLDEST_PER_PARTITION 3
#define MAX_OLDEST 50

int64_t service_wall_ms(const struct service *service, uint64_t due_ms)
{
    const struct loop *loop = service->options->loop;

    return clock_wall_ms(loop_clock(loop)) +
           ((int64_t)due_ms - (int64_t)loop_now(loop));
}

/* --- partitions -------------------------------------------------------------
 */

static int64_t lag_of(int64_t watermark, const struct kafka_bounds *bounds)
{
    int64_t from = watermark >= 0 ? watermark : bounds->first;

    if (bounds->end <= 0) {
        return bounds->end; /* 0 if the partition is empty, -1 if unknown */
    }
    if (from < 0) {
        return -1;
    }
    /* The cached end of the log may be older than the last commit. */
    return bounds->end > from ? bounds->end - from : 0;
}

static void collect_unreadable(const struct assignment *assignment,
                               struct arena *arena, struct status_partition *to)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);

    to->unreadable = assignment->unreadable;
    if (assignment->unreadable >= 0) {
        unreadable_append_command(assignment->service, assignment, &command);
        to->unreadable_since_ms = assignment->unreadable_since_ms;
        to->unreadable_reason = assignment->unreadable_reason;
        to->skip_command = arena_strdup(arena, command.data);
    }
}

static void collect_partition(const struct assignment *assignment,
                              struct arena *arena, struct status_partition *to)
{
    const struct ledger *ledger = &assignment->ledger;
    struct kafka_bounds bounds;

    kafka_get_bounds(assignment->service->kafka, &assignment->at, &bounds);
    *to = (struct status_partition){
        .topic = assignment->at.topic,
        .partition = assignment->at.partition,
        .watermark = ledger->committed.watermark,
        .read = ledger->cursor,
        .end = bounds.end,
        .lag = lag_of(ledger->committed.watermark, &bounds),
        .window = ledger_span(ledger),
        .records = ledger->entry_count,
        .shed = ledger_needs_rewind(ledger),
        .paused = assignment->resting,
        .paused_since_ms =
            assignment->resting ? assignment->resting_since_ms : 0,
        .revoked = assignment->revoked,
    };
    collect_unreadable(assignment, arena, to);
}

static void collect_partitions(const struct service *service,
                               struct arena *arena, struct status *status)
{
    const struct assignment *assignment;
    size_t count = 0;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        count++;
    }
    status->partitions =
        arena_alloc(arena, count * sizeof(status->partitions[0]));
    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        collect_partition(assignment, arena,
                          &status->partitions[status->partition_count++]);
    }
}

/* --- records ----------------------------------------------------------------
 */

static const struct delivery *first_unfinished(const struct record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        if (record->deliveries[i].state < DELIVERY_DONE) {
            return &record->deliveries[i];
        }
    }
    return NULL;
}

static bool record_is_withheld(const struct record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        if (record->deliveries[i].withheld.state >= WITHHELD_REJECTED) {
            return true;
        }
    }
    return false;
}

static void collect_record(const struct service *service,
                           const struct inflight *inflight,
                           struct status_record *to)
{
    const struct record *record = inflight->record;
    const struct delivery *delivery = first_unfinished(record);

    *to = (struct status_record){
        .topic = inflight->assignment->at.topic,
        .partition = inflight->assignment->at.partition,
        .offset = inflight->entry.offset,
        .id = record->event.id,
        .age_ms = loop_now(service->options->loop) - record->received_mono_ms,
        .state = "committing",
    };
    if (delivery == NULL && record_is_withheld(record)) {
        to->state = "rejected by Kafka";
    } else if (delivery != NULL) {
        to->registration = delivery->attachment->registration->name;
        to->state = delivery_state_name(delivery->state);
        to->attempts = delivery->outcome.attempts;
    }
}

static void collect_records(const struct service *service, struct arena *arena,
                            struct status *status)
{
    const struct assignment *assignment;

    status->oldest = arena_alloc(arena, MAX_OLDEST * sizeof(status->oldest[0]));
    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        const struct ledger_entry *entry;
        size_t taken = 0;

        TAILQ_FOREACH(entry, &assignment->ledger.entries, link)
        {
            if (taken++ == MAX_OLDEST_PER_PARTITION ||
                status->oldest_count == MAX_OLDEST) {
                break;
            }
            collect_record(service, entry->owner,
                           &status->oldest[status->oldest_count++]);
        }
    }
}

/* --- registrations ----------------------------------------------------------
 */

static void collect_state(const struct service *service,
                          const struct registration_queue *queue,
                          struct status_registration *to)
{
    const struct endpoint *endpoint = queue->endpoint;
    uint64_t now_ms = loop_now(service->options->loop);

    if (endpoint->breaker.open) {
        to->state = REGISTRATION_DOWN;
        to->since_ms = endpoint->down_since_ms;
        to->retry_ms =
            service_wall_ms(service, endpoint_not_before_ms(endpoint, now_ms));
    } else if (queue->held) {
        to->state = REGISTRATION_HELD;
        to->since_ms = queue->held_since_ms;
        to->retry_ms = service_wall_ms(service, queue->hold_until_ms);
    } else if (endpoint->pause_until_ms > now_ms) {
        to->state = REGISTRATION_PAUSED;
        to->since_ms = service_wall_ms(service, endpoint->paused_since_ms);
        to->retry_ms = service_wall_ms(service, endpoint->pause_until_ms);
    }
}

static bool has_shed(const struct registration_queue *queue)
{
    for (size_t i = 0; i < queue->attachment_count; i++) {
        if (queue->attachments[i].has_shed) {
            return true;
        }
    }
    return false;
}

static void collect_held(const struct registration_queue *queue,
                         struct arena *arena, struct status_registration *to)
{
    to->held = arena_alloc(arena, queue->attachment_count * sizeof(*to->held));
    for (size_t i = 0; i < queue->attachment_count; i++) {
        const struct attachment_queue *from = &queue->attachments[i];

        if (!queue->held && from->permission == PERMISSION_REFUSED) {
            to->held[to->held_count++] = (struct status_attachment){
                .name = from->attachment->name,
                .since_ms = from->held_since_ms,
                .waiting = from->load,
                .reason = &from->refusal,
            };
        }
    }
}

static void collect_queue(const struct service *service,
                          const struct registration_queue *queue,
                          struct arena *arena, struct status_registration *to)
{
    *to = (struct status_registration){
        .registration = queue->registration,
        .counts = &queue->counts,
        .host = queue->endpoint->name,
        .running = queue->in_flight,
        .waiting =
            queue->load > queue->in_flight ? queue->load - queue->in_flight : 0,
        .limit = (size_t)queue->endpoint->limiter.limit,
        .rate_limit = rate_limit(&queue->endpoint->rate,
                                 loop_now(service->options->loop)),
        .rate = queue->ended_per_s,
        .shed = has_shed(queue),
        .reason = queue->held ? &queue->refusal : NULL,
        .last_error =
            queue->last_error.kind != ERROR_NONE ? &queue->last_error : NULL,
        .last_error_ms = queue->last_error_ms,
    };
    collect_state(service, queue, to);
    collect_held(queue, arena, to);
}

static void collect_queues(const struct service *service, struct arena *arena,
                           struct status *status)
{
    const struct scheduler *scheduler = &service->pipeline->scheduler;

    status->registrations = arena_alloc(
        arena, scheduler->queue_count * sizeof(status->registrations[0]));
    status->registration_count = scheduler->queue_count;
    for (size_t i = 0; i < scheduler->queue_count; i++) {
        collect_queue(service, &scheduler->queues[i], arena,
                      &status->registrations[i]);
    }
}

/* --- what Kafka has rejected ------------------------------------------------
 */

static void collect_topic(const struct service *service,
                          enum status_output output, struct status_topic *to)
{
    const struct withheld_output *from = &service->withholding.outputs[output];

    *to = (struct status_topic){
        .name = withheld_topic(service, output),
        .withheld = from->count,
        .is_blocked = from->is_blocked,
        .code = from->code,
        .reason = from->reason,
        .remedy = from->is_blocked ? withheld_remedy(from->code) : NULL,
        .since_ms = from->since_ms,
    };
}

static void collect_list(const struct status_topic *topic,
                         const struct withheld_list *list,
                         struct status *status)
{
    const struct delivery *delivery;

    TAILQ_FOREACH(delivery, list, withheld.link)
    {
        const struct withheld *from = &delivery->withheld;
        const char *code = from->code != NULL ? from->code : topic->code;

        if (status->withheld_count == MAX_OLDEST) {
            return;
        }
        status->withheld[status->withheld_count++] = (struct status_withheld){
            .to = topic->name,
            .topic = delivery->record->input.message.topic,
            .partition = delivery->record->input.partition,
            .offset = delivery->record->input.offset,
            .code = code,
            .reason = from->reason != NULL ? from->reason : topic->reason,
            .remedy = withheld_remedy(code),
            .rejections = from->rejections,
            .since_ms = from->since_ms,
        };
    }
}

static int compare_withheld(const void *a, const void *b)
{
    const struct status_withheld *x = a;
    const struct status_withheld *y = b;

    if (x->partition != y->partition) {
        return x->partition < y->partition ? -1 : 1;
    }
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void collect_withheld(const struct service *service, struct arena *arena,
                             struct status *status)
{
    status->withheld =
        arena_alloc(arena, MAX_OLDEST * sizeof(status->withheld[0]));
    for (int i = 0; i < STATUS_OUTPUTS; i++) {
        const struct withheld_output *from = &service->withholding.outputs[i];

        collect_topic(service, (enum status_output)i, &status->outputs[i]);
        collect_list(&status->outputs[i], &from->trials, status);
        collect_list(&status->outputs[i], &from->rejected, status);
    }
    qsort(status->withheld, status->withheld_count, sizeof(status->withheld[0]),
          compare_withheld);
}

/* --- all --------------------------------------------------------------------
 */

static void collect_recent(const struct service *service, struct arena *arena,
                           struct status *status)
{
    const struct counts *counts = &service->counts;
    size_t count = counts->recent_total < STATUS_RECENT
                       ? (size_t)counts->recent_total
                       : STATUS_RECENT;

    status->recent = arena_alloc(arena, count * sizeof(status->recent[0]));
    status->recent_count = count;
    for (size_t i = 0; i < count; i++) {
        status->recent[i] =
            &counts->recent[(counts->recent_total - 1 - i) % STATUS_RECENT];
    }
}

static void collect_samples(const struct service *service,
                            struct status *status)
{
    const struct samples *samples = &service->counts.samples;

    samples_get(samples, &status->samples);
    status->samples.end_ms = service_wall_ms(service, samples->begin_ms);
}

void service_get_status(const struct service *service, struct arena *arena,
                        struct status *ret_status)
{
    const struct delivery_settings *limits = &service->settings->delivery;

    *ret_status = (struct status){
        .now_ms = clock_wall_ms(loop_clock(service->options->loop)),
        .started_ms = service->started_ms,
        .not_ready_since_ms = service->not_ready_since_ms,
        .phase = (enum service_phase)service->state,
        .config = {.revision = &service->settings->revision},
        .brokers = service->kafka_options.brokers,
        .group = service->kafka_options.group,
        .topic = service->kafka_options.topic,
        .notice = service->notice[0] != '\0' ? service->notice : NULL,
        .notice_ms = service->notice_ms,
        .full = service->full && !withheld_is_blocked(service),
        .full_since_ms = service->full_since_ms,
        .records = service->records,
        .max_records = limits->max_records,
        .bytes = service_bytes(service),
        .max_bytes = limits->max_bytes,
        .counts = &service->counts.all,
    };
    readiness_get(service, arena, ret_status);
    collect_withheld(service, arena, ret_status);
    collect_partitions(service, arena, ret_status);
    collect_queues(service, arena, ret_status);
    collect_records(service, arena, ret_status);
    collect_recent(service, arena, ret_status);
    collect_samples(service, ret_status);
}
