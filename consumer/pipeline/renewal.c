#include "service_internal.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"

/*
 * From one configuration to the next, without an end of the service.
 *
 * The new one has a pipeline of its own, beside the old one, in which no
 * attempt begins any more. What runs there ends as it began, and its outcome is
 * committed as ever. Every other record is planned anew from its own bytes, as
 * after a restart, only that nothing is read again: what of it is committed
 * stays done, and what has failed keeps its attempts. When nothing is left of
 * the old one it is handed back.
 */

/* So many records in one turn of the loop: planning is decoding. */
#define AT_ONCE 100
/* With more before the last one than this, what runs in the oldest is cut
 * short, and done again: a push is harmless to repeat. */
#define MAX_RUNNING 4
/* And no more at all than so many: what is left of them only a commit can end.
 */
#define MAX_PREDECESSORS 8

/* A delivery that is finished goes with the next commit, and then stays done.
 * If it still is there when that has been tried, there was no room for it: that
 * of a record of which the rest waits can wait for long. */
static bool awaits_commit(struct service *service, struct inflight *inflight)
{
    if (!ledger_entry_has(&inflight->entry, SLOT_FINISHED)) {
        inflight->renewed_at = 0;
        return false;
    }
    if (inflight->renewed_at == 0) {
        inflight->renewed_at = service->commits + 2; /* one may be under way */
    }
    service->dirty = true;
    return service->commits < inflight->renewed_at;
}

static bool may_be_renewed(struct service *service, struct inflight *inflight)
{
    const struct pipeline *pipeline = inflight->record->pipeline;
    bool at_once = pipeline == STAILQ_FIRST(&service->predecessors) &&
                   service->predecessor_count > MAX_RUNNING;

    if (ledger_entry_has(&inflight->entry, SLOT_IN_COMMIT) &&
        !fault_is_broken("renew-claimed")) {
        return false;
    }
    return ledger_entry_has(&inflight->entry, SLOT_OPEN) &&
           !record_abandon(inflight->record, at_once) &&
           !record_has_news(inflight->record) &&
           !awaits_commit(service, inflight);
}

static void renew(struct inflight *inflight)
{
    struct assignment *assignment = inflight->assignment;
    struct inflight *again;

    ledger_withdraw(&assignment->ledger, &inflight->entry);
    /* What has begun is asked for before it is pushed again. */
    if (record_has_begun(inflight->record)) {
        ledger_note_dispatched(&assignment->ledger, inflight->entry.offset);
    }
    if (!fault_is_broken("forget-renewed")) {
        again = inflight_new(assignment, &inflight->record->input);
        again->record->fed_mono_ms = inflight->record->fed_mono_ms;
        again->has_before = worst_committed(inflight, &again->before);
    }
    inflight_free(inflight);
}

/* Returns how many it has done; at most so many. */
static size_t renew_assignment(struct assignment *assignment, size_t max)
{
    struct service *service = assignment->service;
    struct ledger_entry *entry = TAILQ_FIRST(&assignment->ledger.entries);
    size_t done = 0;

    while (entry != NULL && done < max) {
        struct ledger_entry *next = TAILQ_NEXT(entry, link);
        struct inflight *inflight = entry->owner;

        if (inflight->record->pipeline != service->pipeline &&
            may_be_renewed(service, inflight)) {
            renew(inflight);
            done++;
        }
        entry = next;
    }
    return done;
}

static void renew_all(struct service *service)
{
    struct assignment *assignment;
    size_t left = AT_ONCE;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (!assignment->revoked) {
            left -= renew_assignment(assignment, left);
        }
    }
    if (left == 0) {
        service_renew_soon(service);
    }
}

/* The oldest first: what it has handed on is counted by those behind it. */
static void retire(struct service *service)
{
    struct pipeline *oldest;

    while ((oldest = STAILQ_FIRST(&service->predecessors)) != NULL &&
           oldest->records == 0) {
        STAILQ_REMOVE_HEAD(&service->predecessors, link);
        STAILQ_INSERT_TAIL(&service->retired, oldest, link);
        service->predecessor_count--;
    }
}

static void run_renewal(void *payload)
{
    struct service *service = payload;

    if (service->state == SERVICE_RUNNING) {
        renew_all(service);
    }
    retire(service);
    service_advance(service);
}

void service_renew_soon(struct service *service)
{
    if (!STAILQ_EMPTY(&service->predecessors)) {
        loop_defer(service->options->loop, &service->renewal);
    }
}

static bool anything_runs(const struct service *service)
{
    const struct pipeline *predecessor;
    size_t in_flight = service->pipeline->scheduler.in_flight;

    STAILQ_FOREACH(predecessor, &service->predecessors, link)
    {
        in_flight += predecessor->scheduler.in_flight;
    }
    return in_flight > 0;
}

/* Of one of them; when stopping it is the last that counts. */
void service_on_idle(void *payload)
{
    struct service *service = payload;

    if (service->state != SERVICE_RUNNING && !anything_runs(service)) {
        service->idle = true;
        service->dirty = true;
        service_advance(service);
    }
}

void service_renewal_init(struct service *service)
{
    STAILQ_INIT(&service->predecessors);
    STAILQ_INIT(&service->retired);
    task_init(&service->renewal, run_renewal, service);
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
