#include "service_internal.h"
#include "waybill/log.h"

/* Ends deliveries that wait for a permission for too long, so that the records
 * behind them need not wait, too. The outcomes follow from the loop. */
static void expire_held(struct assignment *assignment)
{
    struct ledger_entry *entry;
    size_t expired = 0;

    TAILQ_FOREACH(entry, &assignment->ledger.entries, link)
    {
        const struct inflight *inflight = entry->owner;

        if (inflight->record->pipeline == assignment->service->pipeline) {
            expired += record_expire(inflight->record);
        }
    }
    if (expired > 0) {
        log_write(LOG_ERROR, "pipeline",
                  "giving up deliveries that are held, others wait for them",
                  LOG_TEXT("topic", assignment->at.topic),
                  LOG_NUMBER("partition", assignment->at.partition),
                  LOG_NUMBER("records", expired));
    }
}

void service_expire_held(struct service *service)
{
    struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (!assignment->revoked && (service->full || assignment->resting)) {
            expire_held(assignment);
        }
    }
}
