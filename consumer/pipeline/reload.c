#include "service_internal.h"
#include "service_measures.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"

/*
 * Replaces the configuration of a running service.
 *
 * The new configuration has its own pipeline next to the old one, in which no
 * further attempts begin. Attempts in flight finish under the old
 * configuration, and their outcomes are committed as usual. Every other record
 * is replanned from its own bytes, as after a restart but without reading it
 * from Kafka again: what is committed remains done, and failed deliveries keep
 * their attempts. A pipeline without records is retired and returned to the
 * caller.
 */

/* Records per iteration of the loop, because planning decodes the event */
#define MAX_REPLANNED 100
/* With more predecessors than this, attempts in flight of the oldest are
 * cancelled and repeated. Repeating a push is harmless. */
#define MAX_UNDISTURBED 4
/* With so many predecessors a reload is refused. Only commits can reduce their
 * number further. */
#define MAX_PREDECESSORS 8

/* A finished delivery should be part of the next commit, after which it remains
 * done when the record is replanned. If it is still uncommitted after that,
 * there was no room for it. The outcome of a record whose other deliveries wait
 * may be left out for long, so such a record is replanned anyway. */
static bool awaits_commit(struct service *service, struct inflight *inflight)
{
    if (!ledger_entry_has(&inflight->entry, SLOT_FINISHED)) {
        inflight->replan_at_commit = 0;
        return false;
    }
    if (inflight->replan_at_commit == 0) {
        /* One may be in progress. */
        inflight->replan_at_commit = service->commits + 2;
    }
    service->dirty = true;
    return service->commits < inflight->replan_at_commit;
}

static bool may_be_replanned(struct service *service, struct inflight *inflight)
{
    const struct pipeline *pipeline = inflight->record->pipeline;
    bool at_once = pipeline == STAILQ_FIRST(&service->predecessors) &&
                   service->predecessor_count > MAX_UNDISTURBED;

    if (ledger_entry_has(&inflight->entry, SLOT_IN_COMMIT) &&
        !fault_is_broken("renew-claimed")) {
        return false;
    }
    return ledger_entry_has(&inflight->entry, SLOT_OPEN) &&
           !withheld_is_pending(inflight) &&
           !record_abandon(inflight->record, at_once) &&
           !record_has_unreported_outcome(inflight->record) &&
           !awaits_commit(service, inflight);
}

static void keep_past(const struct inflight *from, struct inflight *to)
{
    if (to != NULL) {
        to->record->received_mono_ms = from->record->received_mono_ms;
        to->has_committed_status = worst_committed(from, &to->committed_status);
    }
}

static void replan(struct inflight *inflight)
{
    struct assignment *assignment = inflight->assignment;
    struct inflight *replanned;

    ledger_withdraw(&assignment->ledger, &inflight->entry);
    /* If an attempt has begun, the integration must first ask the destination
     * whether it arrived. */
    if (record_has_begun(inflight->record)) {
        ledger_note_dispatched(&assignment->ledger, inflight->entry.offset);
    }
    if (!fault_is_broken("forget-renewed")) {
        replanned = inflight_new(assignment, &inflight->record->input);
        keep_past(inflight, replanned);
    }
    inflight_free(inflight);
}

/* Returns the number of replanned records, at most `max`. */
static size_t replan_assignment(struct assignment *assignment, size_t max)
{
    struct service *service = assignment->service;
    struct ledger_entry *entry = TAILQ_FIRST(&assignment->ledger.entries);
    size_t done = 0;

    while (entry != NULL && done < max) {
        struct ledger_entry *next = TAILQ_NEXT(entry, link);
        struct inflight *inflight = entry->owner;

        if (inflight->record->pipeline != service->pipeline &&
            may_be_replanned(service, inflight)) {
            replan(inflight);
            done++;
        }
        entry = next;
    }
    return done;
}

static void replan_all(struct service *service)
{
    struct assignment *assignment;
    size_t left = MAX_REPLANNED;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (!assignment->revoked) {
            left -= replan_assignment(assignment, left);
        }
    }
    if (left == 0) {
        service_renew_soon(service);
    }
}

/* From the oldest on: a predecessor updates the counters of all its successors
 * (registration_queue_end()), so they must outlive it. */
static void retire_predecessors(struct service *service)
{
    struct pipeline *oldest;

    while ((oldest = STAILQ_FIRST(&service->predecessors)) != NULL &&
           oldest->records == 0) {
        STAILQ_REMOVE_HEAD(&service->predecessors, link);
        STAILQ_INSERT_TAIL(&service->retired, oldest, link);
        service->predecessor_count--;
    }
}

static void run_replanning(void *payload)
{
    struct service *service = payload;

    if (service->state == SERVICE_RUNNING) {
        replan_all(service);
    }
    retire_predecessors(service);
    service_advance(service);
}

void service_renew_soon(struct service *service)
{
    if (!STAILQ_EMPTY(&service->predecessors)) {
        loop_defer(service->options->loop, &service->replanning);
    }
}

static bool has_attempt_in_flight(const struct service *service)
{
    const struct pipeline *predecessor;
    size_t in_flight = service->pipeline->scheduler.in_flight;

    STAILQ_FOREACH(predecessor, &service->predecessors, link)
    {
        in_flight += predecessor->scheduler.in_flight;
    }
    return in_flight > 0;
}

/* Called for each pipeline. While stopping, only the last one matters. */
void service_on_idle(void *payload)
{
    struct service *service = payload;

    if (service->state != SERVICE_RUNNING && !has_attempt_in_flight(service)) {
        service->idle = true;
        service->dirty = true;
        service_advance(service);
    }
}

void service_reload_init(struct service *service)
{
    STAILQ_INIT(&service->predecessors);
    STAILQ_INIT(&service->retired);
    task_init(&service->replanning, run_replanning, service);
}

bool service_may_reload(const struct service *service)
{
    return service->state == SERVICE_RUNNING &&
           service->predecessor_count < MAX_PREDECESSORS;
}

bool service_is_stopping(const struct service *service)
{
    return service->state != SERVICE_RUNNING;
}

void service_reload(struct service *service, struct pipeline *next)
{
    struct pipeline *old = service->pipeline;

    scheduler_succeed(&next->scheduler, &old->scheduler, service_on_idle,
                      service);
    STAILQ_INSERT_TAIL(&service->predecessors, old, link);
    service->predecessor_count++;
    service->pipeline = next;
    service->settings = next->options.settings;
    service_renew_soon(service);
    service_regulate(service);
}

struct pipeline *service_take_retired(struct service *service)
{
    struct pipeline *pipeline = STAILQ_FIRST(&service->retired);

    if (pipeline != NULL) {
        STAILQ_REMOVE_HEAD(&service->retired, link);
    }
    return pipeline;
}
