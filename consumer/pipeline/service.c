#include <stdio.h>

#include "reset_advice.h"
#include "service_internal.h"
#include "service_measures.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"
#include "waybill/log.h"

/*
 * The service feeds records from Kafka into the pipeline and writes their
 * outcomes back to Kafka, together with the progress, in one transaction.
 *
 *     kafka --record--> inflight --> pipeline --outcome--> ledger
 *       ^                                                     |
 *       +------------------ commit (one at a time) <----------+
 *
 * There is no head-of-line blocking: an outcome is part of the next commit,
 * whatever the state of the records before it.
 */

/* Minimum time between two commits, so that more outcomes share one: a
 * transaction costs five round trips, however many messages it has. */
#define COMMIT_INTERVAL_MS 50
/* It doubles with each commit that is aborted, up to this. */
#define MAX_RETRY_MS 3200

/* --- what to do next --------------------------------------------------------
 */

/* Hands over revoked partitions that have nothing is_busy to finish or to
 * commit. The whole group waits for the last of them, so no record of another
 * partition may delay this. */
static void release_revoked(struct service *service)
{
    struct assignment *assignment = TAILQ_FIRST(&service->assignments);
    bool is_busy = false;
    bool has_revoked = false;

    while (assignment != NULL) {
        struct assignment *next = TAILQ_NEXT(assignment, link);

        has_revoked |= assignment->revoked;
        if (assignment->revoked && assignment_abandon(assignment, false)) {
            is_busy = true;
        } else if (assignment->revoked) {
            assignment_free(assignment);
        }
        assignment = next;
    }
    if (has_revoked) {
        service_regulate(service); /* freed records may make room */
    }
    if (service->revoking && !is_busy) {
        service->revoking = false;
        loop_disarm(service->options->loop, &service->handover);
        kafka_complete_revocation(service->kafka);
    }
}

/* When nothing more is committed, so that the advice does not change */
static void report_deleted(const struct service *service)
{
    const struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        const struct progress *progress = &assignment->ledger.committed;
        struct kafka_bounds bounds;

        kafka_get_bounds(service->kafka, &assignment->at, &bounds);
        if (!assignment->revoked && progress->watermark >= 0 &&
            bounds.first > progress->watermark) {
            append_reset_advice(progress, &service->kafka_options,
                                assignment->at.partition, bounds.first, &text);
            log_write(LOG_ERROR, "pipeline", "cannot go on",
                      LOG_TEXT("err", text.data));
        }
    }
}

static void close_when_drained(struct service *service)
{
    if (service->state == SERVICE_DRAINING && service->idle) {
        service->state = SERVICE_CLOSING;
        loop_disarm(service->options->loop, &service->drain_deadline);
        fault_point("closing");
        if (service->failure.kind != ERROR_NONE) {
            report_deleted(service);
        }
        kafka_close(service->kafka);
    }
}

bool service_must_commit_now(const struct service *service)
{
    return service->revoking || service->state != SERVICE_RUNNING;
}

static uint64_t commit_interval(const struct service *service)
{
    uint64_t interval_ms = COMMIT_INTERVAL_MS;

    for (unsigned i = 1; i < service->aborted && interval_ms < MAX_RETRY_MS;
         i++) {
        interval_ms *= 2;
    }
    return interval_ms;
}

/* Returns true if a commit is in progress or scheduled. */
static bool commit_soon(struct service *service)
{
    struct loop *loop = service->options->loop;
    uint64_t since = loop_now(loop) - service->committed_ms;
    uint64_t interval_ms = commit_interval(service);

    if (since < interval_ms && !service_must_commit_now(service)) {
        if (!timer_is_armed(&service->commit_timer)) {
            loop_arm(loop, &service->commit_timer, interval_ms - since);
        }
        return true;
    }
    loop_disarm(loop, &service->commit_timer);
    service->dirty = false;
    return service_commit(service);
}

void service_advance(struct service *service)
{
    if (kafka_is_committing(service->kafka) ||
        (service->dirty && commit_soon(service))) {
        return;
    }
    release_revoked(service);
    close_when_drained(service);
}

static void run_advance(void *payload)
{
    service_advance(payload);
}

/* --- life cycle -------------------------------------------------------------
 */

static void on_notice(void *payload, enum log_level level, const char *text)
{
    struct service *service = payload;

    if (level >= LOG_WARN) {
        snprintf(service->notice, sizeof(service->notice), "%s", text);
        service->notice_ms = clock_wall_ms(loop_clock(service->options->loop));
    }
    log_write(level, "queue", "kafka", LOG_TEXT("err", text));
}

/* delivery.drain has passed. This also ends a commit that hangs: it is aborted
 * with the process, and the next owner of the partition repeats the work. */
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
    kafka_pause(service->kafka);
    kafka_stop_checks(service->kafka);
    loop_arm(loop, &service->drain_deadline,
             service->settings->delivery.drain_ms);
    scheduler_drain(&service->pipeline->scheduler, service_on_idle, service);
}

void service_fail(struct service *service, const struct error *err)
{
    if (service->failure.kind == ERROR_NONE) {
        service->failure = *err;
        log_write(LOG_ERROR, "pipeline", "cannot go on",
                  LOG_TEXT("err", err->message));
    }
    stop(service);
}

static void on_failed(void *payload, const struct error *err)
{
    service_fail(payload, err);
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

static const struct kafka_handler handler = {
    .record = service_on_record,
    .assigned = service_on_assigned,
    .revoked = service_on_revoked,
    .unreadable = service_on_unreadable,
    .committed = service_on_committed,
    .notice = on_notice,
    .failed = on_failed,
    .closed = on_closed,
};

static struct field_map *copy_properties(struct arena *arena,
                                         const struct field_map *from)
{
    struct field_map *map = arena_alloc(arena, sizeof(*map));
    struct field_pair *pairs = arena_alloc(arena, from->count * sizeof(*pairs));

    for (size_t i = 0; i < from->count; i++) {
        pairs[i].key = arena_strdup(arena, from->pairs[i].key);
        pairs[i].value = arena_strdup(arena, from->pairs[i].value);
    }
    *map = (struct field_map){pairs, from->count};
    return map;
}

/* Copied, because a reload replaces the settings while those of Kafka remain as
 * they were at the start. */
static void fill_options(struct service *service)
{
    const struct kafka_settings *kafka = &service->settings->kafka;
    struct arena *arena = service->arena;

    service->kafka_options = (struct kafka_options){
        .brokers = arena_strdup(arena, kafka->brokers),
        .group = arena_strdup(arena, kafka->group),
        .topic = arena_strdup(arena, kafka->topics.attestations),
        .optional_topic = arena_strdup(arena, kafka->topics.replays),
        .outcomes = arena_strdup(arena, kafka->topics.outcomes),
        .dead_letters = arena_strdup(arena, kafka->topics.dead_letters),
        .transactional_id = arena_strdup(arena, kafka->transactional_id),
        .instance_id = arena_strdup(arena, kafka->instance_id),
        .properties = copy_properties(arena, &kafka->properties),
        .random = random_next(service->options->random),
    };
    service->style = (struct outcome_style){
        .source = arena_printf(arena, "waybill/%s", kafka->group),
        .group = service->kafka_options.group,
        .topic = service->kafka_options.outcomes,
        .dead_letter_topic = service->kafka_options.dead_letters,
        .structured = kafka->outcome_mode == OUTCOME_STRUCTURED,
    };
}

static void init(struct service *service)
{
    TAILQ_INIT(&service->assignments);
    task_init(&service->advance, run_advance, service);
    timer_init(&service->commit_timer, run_advance, service);
    timer_init(&service->handover, service_on_handover, service);
    timer_init(&service->tick, service_tick, service);
    timer_init(&service->drain_deadline, on_drain_deadline, service);
    task_init(&service->ending, run_ending, service);
    service_reload_init(service);
    withheld_init(service);
    service->arena = arena_new();
    fill_options(service);
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
    service->max_metadata = PROGRESS_MAX_TEXT;
    service->ended = ended;
    service->payload = payload;
    service->started_ms = clock_wall_ms(loop_clock(options->loop));
    counts_init(&service->counts, loop_now(options->loop));
    init(service);
    if (kafka_open(options->loop, &service->kafka_options, &handler, service,
                   &service->kafka, err) < 0) {
        arena_wipe_and_free(service->arena);
        mem_free(service);
        return -1;
    }
    service_tick(service);
    *ret_service = service;
    return 0;
}

void service_stop(struct service *service)
{
    stop(service);
}

size_t service_records(const struct service *service)
{
    return service->records;
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
    loop_disarm(loop, &service->handover);
    loop_disarm(loop, &service->tick);
    loop_disarm(loop, &service->drain_deadline);
    withheld_free(service);
    loop_cancel(loop, &service->advance);
    loop_cancel(loop, &service->replanning);
    loop_cancel(loop, &service->ending);
    kafka_free(service->kafka);
    arena_wipe_and_free(service->arena);
    mem_free(service->sent);
    mem_free(service);
}
