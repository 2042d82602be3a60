#include "broker.h"
#include "invariants.h"
#include "waybill/alloc.h"

/* Logs: their records, and the deletion of records. */

void log_append(struct broker *broker, struct log *log,
                const struct message *message, struct txn *txn)
{
    struct log_record *record;

    log->records = mem_grow(log->records, &log->capacity, log->count + 1,
                            sizeof(log->records[0]));
    record = &log->records[log->count++];
    *record = (struct log_record){log->end, log->end, .txn = txn};
    log->end++;
    message_copy(broker->sim->arena, message, &record->message);
    if (txn != NULL) {
        invariants_at_write(broker->sim, message);
    }
}

/* The client resets an offset that is out of range to the earliest, and
 * continues after a gap: the effect here is the same. Returns one piece without
 * a gap, because the reply consists of positions. */
void log_serve_fetch(struct broker *broker, struct call *call)
{
    const struct log *log = &broker->input[call->partition];
    size_t first = 0;
    size_t end;

    /* Returns nothing except that the topic is another one. */
    if (call->creation != log->creation) {
        call->count = 0;
        call_answer(call, CALL_OK);
        return;
    }
    while (first < log->count && log->records[first].offset < call->offset) {
        first++;
    }
    call->shed = first == log->count;
    if (call->shed) {
        return;
    }
    for (end = first; end < log->count && end < first + call->max &&
                      log->records[end].offset >= 0;
         end++) {
    }
    call->first = first;
    call->count = end - first;
    call_answer(call, CALL_OK);
}

static void serve_waiting(struct broker *broker, size_t partition)
{
    struct call *call;
    struct call *next;

    for (call = TAILQ_FIRST(&broker->calls); call != NULL; call = next) {
        next = TAILQ_NEXT(call, link);
        if (call->shed && call->kind == CALL_FETCH &&
            call->partition == (int32_t)partition) {
            log_serve_fetch(broker, call);
        }
    }
}

void broker_append_input(struct broker *broker, size_t partition,
                         const struct message *message, int64_t gap)
{
    struct log *log = &broker->input[partition];

    log->end += gap;
    log_append(broker, log, message, NULL);
    serve_waiting(broker, partition);
}

void broker_recreate(struct broker *broker)
{
    for (size_t i = 0; i < MAX_PARTITIONS; i++) {
        struct log *log = &broker->input[i];

        if (i != REPLAYS) {
            log->creation++;
            log->count = 0;
            log->end = 0;
            log->spoiled = 0;
            log->spoiled_until_ms = 0;
            serve_waiting(broker, i);
        }
    }
}

/* --- deletion ----------------------------------------------------------------
 */

/* Records that were fetched already are not affected. */
static bool is_fetched(const struct broker *broker, size_t partition,
                       size_t index)
{
    const struct call *call;

    TAILQ_FOREACH(call, &broker->calls, link)
    {
        if (call->kind == CALL_FETCH && call->returning &&
            call->partition == (int32_t)partition && index >= call->first &&
            index < call->first + call->count) {
            return true;
        }
    }
    return false;
}

static void lose(struct broker *broker, size_t partition, size_t index)
{
    if (!is_fetched(broker, partition, index)) {
        broker->input[partition].records[index].offset = -1;
    }
}

void broker_expire(struct broker *broker, size_t partition,
                   unsigned thousandths)
{
    size_t count = broker->input[partition].count * thousandths / 1000;

    for (size_t i = 0; i < count; i++) {
        lose(broker, partition, i);
    }
}

/* The last record remains, because no newer one has its key. */
void broker_compact(struct broker *broker, size_t partition,
                    struct random *random)
{
    for (size_t i = 0; i + 1 < broker->input[partition].count; i++) {
        if (draw_chance(random, 300)) {
            lose(broker, partition, i);
        }
    }
}

bool broker_is_gone(const struct broker *broker, int32_t partition,
                    int64_t offset)
{
    const struct log *log = &broker->input[partition];

    for (size_t i = 0; i < log->count; i++) {
        if (log->records[i].was == offset) {
            return log->records[i].offset < 0;
        }
    }
    return false;
}
