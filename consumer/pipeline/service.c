#include <string.h>

#include "pipeline_internal.h"
#include "waybill/alloc.h"
#include "waybill/log.h"
#include "waybill/outcome_encode.h"

/*
 * The service: records from Kafka into the pipeline, what comes out of it back
 * to Kafka, offsets with it, in one transaction.
 *
 *     queue --record--> intake --> pipeline --done--> ledger
 *       ^                                                |
 *       +--------------- commit (one at a time) <--------+
 *
 * In a partition an outcome waits for those before it: only the run of done
 * records at the front of a ledger is committed.
 */

/* One transaction holds at most so much. */
#define MOST_MESSAGES 1000
#define MOST_BYTES ((size_t)8 * 1024 * 1024)
/* After one commit the next waits so long for company: a transaction costs five
 * round trips, however much is in it. */
#define COMMIT_INTERVAL_MS 20

struct assignment {
    TAILQ_ENTRY(assignment) link;
    struct service *service;
    char *topic;
    int32_t partition;
    struct ledger ledger;
    bool revoked; /* no more records, and a last commit */
};

/* A record and its place in its partition's ledger */
struct intake {
    struct ledger_entry entry;
    struct assignment *assignment;
    struct record *record;
    size_t size;
};

enum service_state { SERVICE_RUNNING, SERVICE_DRAINING, SERVICE_CLOSING };

struct service {
    struct pipeline *pipeline;
    const struct pipeline_options *options;
    const struct settings *settings;
    struct queue_options queue_options;
    struct queue *queue;
    struct outcome_style style;
    TAILQ_HEAD(, assignment) assignments;
    size_t records;
    size_t bytes;
    bool full;
    enum service_state state;
    bool idle;     /* nothing runs any more, while draining */
    bool revoking; /* queue_release() is owed */
    uint64_t committed_ms;
    struct timer commit_timer;
    struct timer drain_deadline;
    struct task ending;
    struct error failure; /* kind ERROR_NONE: stopped as told */
    service_ended_fn *ended;
    void *payload;
};

static void advance(struct service *service);

/* --- intake
 * ------------------------------------------------------------------- */

static struct assignment *find(struct service *service, const char *topic,
                               int32_t partition)
{
    struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (assignment->partition == partition && !assignment->revoked &&
            strcmp(assignment->topic, topic) == 0) {
            return assignment;
        }
    }
    return NULL;
}

/* Pause at the cap, go on at half of it: each change of mind costs what was
 * fetched ahead. */
static void regulate(struct service *service)
{
    const struct delivery_settings *limits = &service->settings->delivery;

    if (service->state != SERVICE_RUNNING) {
        return;
    }
    if (!service->full && (service->records >= limits->max_records ||
                           service->bytes >= limits->max_bytes)) {
        service->full = true;
        queue_pause(service->queue);
    } else if (service->full && service->records <= limits->max_records / 2 &&
               service->bytes <= limits->max_bytes / 2) {
        service->full = false;
        queue_resume(service->queue);
    }
}

static void forget(struct intake *intake)
{
    struct service *service = intake->assignment->service;

    record_free(intake->record);
    service->records--;
    service->bytes -= intake->size;
    mem_free(intake);
}

static void log_outcome(const struct outcome *outcome)
{
    static const char *const messages[] = {"delivery succeeded",
                                           "delivery failed", "event skipped"};
    const struct input *input = outcome->input;
    const struct attachment *attachment = outcome->attachment;
    const struct workflow *workflow = &outcome->event->workflow;
    bool failed = outcome->status == OUTCOME_FAILED;

    log_write(
        failed ? LOG_WARN : LOG_INFO, "pipeline", messages[outcome->status],
        LOG_TEXT("event_id", outcome->event->id),
        LOG_TEXT("workflow", workflow->name ? workflow->name : workflow->id),
        LOG_TEXT("project", workflow->project),
        LOG_TEXT("attachment", attachment ? attachment->name : NULL),
        LOG_TEXT("registration",
                 attachment ? attachment->registration->name : NULL),
        LOG_TEXT("integration",
                 attachment ? attachment->registration->integration : NULL),
        LOG_TEXT("topic", input->message.topic),
        LOG_NUMBER("partition", input->partition),
        LOG_NUMBER("offset", input->offset),
        LOG_NUMBER("attempt", outcome->attempts),
        LOG_NUMBER("duration_ms", outcome->duration_ms),
        LOG_TEXT("reference", outcome->artifact.reference),
        LOG_TEXT("err", failed ? outcome->error.message : NULL),
        LOG_TEXT("err_kind", failed ? error_class(outcome->error.kind) : NULL));
}

static void on_record_done(void *payload, struct record *record)
{
    struct intake *intake = payload;
    size_t count;
    const struct outcome *outcomes = record_outcomes(record, &count);

    for (size_t i = 0; i < count; i++) {
        log_outcome(&outcomes[i]);
    }
    intake->entry.done = true;
    advance(intake->assignment->service);
}

static void on_record(void *payload, const struct input *input)
{
    struct service *service = payload;
    struct assignment *assignment =
        find(service, input->message.topic, input->partition);
    struct intake *intake;

    if (assignment == NULL || service->state != SERVICE_RUNNING) {
        return; /* not ours any more; whoever has it next reads it again */
    }
    intake = mem_zalloc(sizeof(*intake));
    intake->entry.offset = input->offset;
    intake->entry.owner = intake;
    intake->assignment = assignment;
    if (!ledger_add(&assignment->ledger, &intake->entry)) {
        mem_free(intake); /* fetched a second time, around a pause */
        return;
    }
    intake->record =
        pipeline_feed(service->pipeline, input, on_record_done, intake);
    intake->size = record_size(intake->record);
    service->records++;
    service->bytes += intake->size;
    regulate(service);
}

/* --- assignments
 * ----------------------------------------------------------------- */

static void assignment_free(struct assignment *assignment)
{
    struct ledger_entry *entry;

    while ((entry = ledger_take(&assignment->ledger)) != NULL) {
        forget(entry->owner);
    }
    TAILQ_REMOVE(&assignment->service->assignments, assignment, link);
    mem_free(assignment->topic);
    mem_free(assignment);
}

static void on_assigned(void *payload, const struct queue_partition *partitions,
                        size_t count)
{
    struct service *service = payload;

    for (size_t i = 0; i < count; i++) {
        struct assignment *assignment = mem_zalloc(sizeof(*assignment));

        assignment->service = service;
        assignment->topic = mem_strdup(partitions[i].topic);
        assignment->partition = partitions[i].partition;
        ledger_init(&assignment->ledger);
        TAILQ_INSERT_TAIL(&service->assignments, assignment, link);
        log_write(LOG_INFO, "pipeline", "partition assigned",
                  LOG_TEXT("topic", assignment->topic),
                  LOG_NUMBER("partition", assignment->partition));
    }
}

/* Done records at the front are still ours to commit; the rest is dropped, and
 * delivered again by whoever gets the partition. */
static void keep_ready(struct assignment *assignment)
{
    struct ledger_entry *entry;

    while ((entry = ledger_take_unready(&assignment->ledger)) != NULL) {
        forget(entry->owner);
    }
}

static void on_revoked(void *payload, const struct queue_partition *partitions,
                       size_t count, bool lost)
{
    struct service *service = payload;

    service->revoking = !lost;
    for (size_t i = 0; i < count; i++) {
        struct assignment *assignment =
            find(service, partitions[i].topic, partitions[i].partition);

        if (assignment == NULL) {
            continue;
        }
        log_write(lost ? LOG_WARN : LOG_INFO, "pipeline",
                  lost ? "partition lost" : "partition revoked",
                  LOG_TEXT("topic", assignment->topic),
                  LOG_NUMBER("partition", assignment->partition));
        assignment->revoked = true;
        if (lost) {
            assignment_free(assignment);
        } else {
            keep_ready(assignment);
        }
    }
    regulate(service);
    advance(service);
}

/* --- commits
 * ------------------------------------------------------------------------ */

static void add_outcomes(struct service *service, struct queue_batch *batch,
                         const struct record *record, size_t *messages)
{
    struct arena *arena = arena_new();
    size_t count;
    const struct outcome *outcomes = record_outcomes(record, &count);
    struct message message;

    for (size_t i = 0; i < count; i++) {
        outcome_encode(&outcomes[i], &service->style, arena, &message);
        queue_batch_message(batch, &message);
        (*messages)++;
        if (outcomes[i].dead_letter) {
            dead_letter_encode(&outcomes[i], &service->style, arena, &message);
            queue_batch_message(batch, &message);
            (*messages)++;
        }
    }
    arena_free(arena);
}

static void add_assignment(struct service *service, struct queue_batch *batch,
                           struct assignment *assignment, size_t *messages)
{
    struct ledger_entry *entry;
    int64_t offset;

    while (*messages < MOST_MESSAGES && queue_batch_size(batch) < MOST_BYTES &&
           (entry = ledger_claim(&assignment->ledger)) != NULL) {
        const struct intake *intake = entry->owner;

        add_outcomes(service, batch, intake->record, messages);
    }
    if (ledger_watermark(&assignment->ledger, &offset)) {
        queue_batch_offset(batch, assignment->topic, assignment->partition,
                           offset);
    }
}

static bool has_ready(const struct service *service)
{
    const struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (ledger_has_ready(&assignment->ledger)) {
            return true;
        }
    }
    return false;
}

static void commit(struct service *service)
{
    struct queue_batch *batch = queue_batch_new();
    struct assignment *assignment;
    size_t messages = 0;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        add_assignment(service, batch, assignment, &messages);
    }
    queue_commit(service->queue, batch);
}

static void settle(struct assignment *assignment,
                   enum queue_commit_result result)
{
    struct ledger_entry *entry;

    if (result == QUEUE_ABORTED && assignment->revoked) {
        /* Its last commit has failed, perhaps because the group has gone on
         * without us. Whoever has it next does the records again. */
        while ((entry = ledger_take(&assignment->ledger)) != NULL) {
            forget(entry->owner);
        }
        return;
    }
    if (result == QUEUE_ABORTED) {
        ledger_unclaim(&assignment->ledger);
        return;
    }
    while ((entry = ledger_take_claimed(&assignment->ledger)) != NULL) {
        forget(entry->owner);
    }
}

static void on_committed(void *payload, enum queue_commit_result result,
                         const struct error *err)
{
    struct service *service = payload;
    struct assignment *assignment;

    if (result == QUEUE_ABORTED) {
        log_write(LOG_WARN, "pipeline", "transaction aborted, trying again",
                  LOG_TEXT("err", err->message));
    }
    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        settle(assignment, result);
    }
    service->committed_ms = loop_now(service->options->loop);
    regulate(service);
    advance(service);
}

/* --- what to do next
 * ------------------------------------------------------------------- */

/* Lets go of what was revoked and has nothing left to commit; the group waits
 * for the last of it, and no record of another partition may hold that up. */
static void release_revoked(struct service *service)
{
    struct assignment *assignment = TAILQ_FIRST(&service->assignments);
    bool left = false;

    while (assignment != NULL) {
        struct assignment *next = TAILQ_NEXT(assignment, link);

        if (assignment->revoked && ledger_has_ready(&assignment->ledger)) {
            left = true;
        } else if (assignment->revoked) {
            assignment_free(assignment);
        }
        assignment = next;
    }
    if (service->revoking && !left) {
        service->revoking = false;
        queue_release(service->queue);
    }
}

static void close_when_drained(struct service *service)
{
    if (service->state == SERVICE_DRAINING && service->idle) {
        service->state = SERVICE_CLOSING;
        loop_disarm(service->options->loop, &service->drain_deadline);
        queue_close(service->queue);
    }
}

static bool is_hurried(const struct service *service)
{
    const struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (assignment->revoked) {
            return true;
        }
    }
    return service->state != SERVICE_RUNNING;
}

static void commit_soon(struct service *service)
{
    struct loop *loop = service->options->loop;
    uint64_t since = loop_now(loop) - service->committed_ms;

    if (since >= COMMIT_INTERVAL_MS || is_hurried(service)) {
        loop_disarm(loop, &service->commit_timer);
        commit(service);
    } else if (!timer_is_armed(&service->commit_timer)) {
        loop_arm(loop, &service->commit_timer, COMMIT_INTERVAL_MS - since);
    }
}

/* Whatever has changed: commit what can be; when there is nothing, let go of
 * what was revoked; when nothing is left to wait for, close. */
static void advance(struct service *service)
{
    if (queue_is_committing(service->queue)) {
        return;
    }
    release_revoked(service);
    if (has_ready(service)) {
        commit_soon(service);
        return;
    }
    close_when_drained(service);
}

static void on_commit_timer(void *payload)
{
    advance(payload);
}

/* --- life cycle
 * ----------------------------------------------------------------------------
 */

static void on_notice(void *payload, enum log_level level, const char *text)
{
    log_write(level, "queue", "kafka", LOG_TEXT("err", text));
}

static void on_idle(void *payload)
{
    struct service *service = payload;

    service->idle = true;
    advance(service);
}

/* The budget is used up: also when a commit hangs, which then ends with the
 * process, and is done again by somebody else. */
static void on_drain_deadline(void *payload)
{
    struct service *service = payload;

    service->idle = true;
    close_when_drained(service);
}

static void stop(struct service *service)
{
    struct loop *loop = service->options->loop;

    if (service->state != SERVICE_RUNNING) {
        return;
    }
    service->state = SERVICE_DRAINING;
    queue_pause(service->queue);
    loop_arm(loop, &service->drain_deadline,
             service->settings->delivery.drain_ms);
    pipeline_drain(service->pipeline, on_idle, service);
}

static void on_failed(void *payload, const struct error *err)
{
    struct service *service = payload;

    if (service->failure.kind == ERROR_NONE) {
        service->failure = *err;
        log_write(LOG_ERROR, "pipeline", "cannot go on",
                  LOG_TEXT("err", err->message));
    }
    stop(service);
}

static void run_ending(void *payload)
{
    struct service *service = payload;

    service->ended(service->payload, service->failure.kind == ERROR_NONE
                                         ? NULL
                                         : &service->failure);
}

static void on_closed(void *payload)
{
    struct service *service = payload;

    loop_defer(service->options->loop, &service->ending);
}

static const struct queue_handler handler = {
    .record = on_record,
    .assigned = on_assigned,
    .revoked = on_revoked,
    .committed = on_committed,
    .notice = on_notice,
    .failed = on_failed,
    .closed = on_closed,
};

static void fill_options(struct service *service)
{
    const struct kafka_settings *kafka = &service->settings->kafka;

    service->queue_options = (struct queue_options){
        .brokers = kafka->brokers,
        .group = kafka->group,
        .topic = kafka->topics.attestations,
        .transactional_id = kafka->transactional_id,
        .properties = &kafka->properties,
        .random = random_next(service->options->random),
    };
    service->style = (struct outcome_style){
        .source =
            arena_printf(service->settings->arena, "waybill/%s", kafka->group),
        .group = kafka->group,
        .topic = kafka->topics.outcomes,
        .dead_letter_topic = kafka->topics.dead_letters,
        .structured = kafka->outcome_mode == OUTCOME_STRUCTURED,
    };
}

int service_start(struct pipeline *pipeline,
                  const struct pipeline_options *options,
                  service_ended_fn *ended, void *payload,
                  struct service **ret_service, struct error *err)
{
    struct service *service = mem_zalloc(sizeof(*service));

    service->pipeline = pipeline;
    service->options = options;
    service->settings = options->settings;
    service->ended = ended;
    service->payload = payload;
    TAILQ_INIT(&service->assignments);
    timer_init(&service->commit_timer, on_commit_timer, service);
    timer_init(&service->drain_deadline, on_drain_deadline, service);
    task_init(&service->ending, run_ending, service);
    fill_options(service);
    if (queue_open(options->loop, &service->queue_options, &handler, service,
                   &service->queue, err) < 0) {
        mem_free(service);
        return -1;
    }
    *ret_service = service;
    return 0;
}

void service_stop(struct service *service)
{
    stop(service);
}

void service_free(struct service *service)
{
    struct assignment *assignment;
    struct loop *loop;

    if (service == NULL) {
        return;
    }
    loop = service->options->loop;
    while ((assignment = TAILQ_FIRST(&service->assignments)) != NULL) {
        assignment_free(assignment);
    }
    loop_disarm(loop, &service->commit_timer);
    loop_disarm(loop, &service->drain_deadline);
    loop_cancel(loop, &service->ending);
    queue_free(service->queue);
    mem_free(service);
}
