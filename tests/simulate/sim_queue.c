#include "sim_queue.h"

#include <stdio.h>
#include <string.h>

#include "waybill/alloc.h"
#include "waybill/kafka_check.h"
#include "waybill/pipeline.h"

/* A member of the group, which behaves like librdkafka: it sends heartbeats and
 * joins by itself, reports assignments, and fetches records. All of it runs on
 * the loop of the instance, so it stops together with it. */

#define HEARTBEAT_MS 3000
#define CLOSE_MS 10000 /* as in consumer/kafka/consumer.c */
#define MAX_FETCHED 8
#define CHECK_MS 3000 /* as in consumer/kafka/checker.c */

static void join(struct kafka *queue);
static void fetch(struct share *share);

/* --- records ----------------------------------------------------------------
 */

static bool is_owned(const struct share *share)
{
    const struct kafka *queue = share->queue;
    unsigned mine = queue->owned & ~queue->revoking;

    return (mine >> share->partition & 1U) != 0;
}

static bool may_fetch(const struct share *share)
{
    const struct kafka *queue = share->queue;

    return is_owned(share) && !queue->closed && share->position >= 0 &&
           !share->fetching && !share->waits && !queue->blocked &&
           (share->held < 0 || share->position <= share->held) &&
           ((!queue->paused && !share->resting) ||
            sim_is_broken(queue->sim, BREAK_NO_PAUSE));
}

static void check_memory(const struct kafka *queue)
{
    size_t max = queue->instance->max_records;
    size_t count = service_records(queue->instance->service);

    /* Finished records that the metadata has no room for, because they were
     * read before the limit was known, do not count. */
    if (queue->sim->broker->metadata_max < 4096) {
        max *= 2;
    }
    if (count > max) {
        sim_violate(queue->sim, INVARIANT_MEMORY,
                    "life %u holds %zu records; max_records is %zu",
                    queue->instance->life, count, max);
    }
}

static void hand_over(struct share *share, const struct log_record *record)
{
    struct kafka *queue = share->queue;
    struct input input = {
        .message = record->message,
        .partition = broker_name_of(share->partition).partition,
        .offset = record->offset,
    };

    if (!instance_step(queue->instance, "record")) {
        return;
    }
    share->position = record->offset + 1;
    if (sim_is_broken(queue->sim, BREAK_LOSE_RECORD) &&
        sim_chance(queue->sim, 20)) {
        return;
    }
    sim_trace(queue->sim, "life %u reads %d/%lld", queue->instance->life,
              share->partition, (long long)record->offset);
    queue->handler->record(queue->payload, &input);
    check_memory(queue);
}

static void report_unreadable(struct share *share, int64_t offset)
{
    struct kafka *queue = share->queue;

    share->spoiled = offset >= 0;
    queue->handler->unreadable(
        queue->payload,
        &(struct kafka_unreadable){broker_name_of(share->partition), offset, -1,
                                   "spoiled by the model"});
}

static void on_retry(void *payload)
{
    struct share *share = payload;

    share->waits = false;
    fetch(share);
}

/* Returns true if the record is at or after the held offset, where reading
 * stops. Shed records before that offset may still be read again. */
static bool is_at_hold(struct share *share, const struct log_record *record)
{
    if (share->held < 0 || record->offset < share->held) {
        return false;
    }
    share->position = share->held + 1;
    return true;
}

/* As in hold.c: tried again after a while. With the defect it continues after
 * the batch, as librdkafka does after a wrong checksum. */
static bool is_held(struct share *share, const struct log_record *record)
{
    struct kafka *queue = share->queue;
    bool is_spoiled =
        broker_is_spoiled(queue->sim->broker, share->partition, record->offset);

    if (is_spoiled && sim_is_broken(queue->sim, BREAK_SKIP_SPOILED)) {
        share->position = record->offset + 1;
        return true;
    }
    if (is_spoiled && !share->spoiled) {
        sim_trace(queue->sim, "life %u cannot read %d/%lld",
                  queue->instance->life, share->partition,
                  (long long)record->offset);
        report_unreadable(share, record->offset);
    }
    if (is_spoiled) {
        share->waits = true;
        loop_arm(queue->loop, &share->retry, sim_pick(queue->sim, 500, 5000));
    } else if (share->spoiled &&
               record->offset >=
                   queue->sim->broker->input[share->partition].spoiled) {
        report_unreadable(share, -1);
    }
    return is_spoiled;
}

static void on_another_topic(struct share *share);

static void on_fetched(void *payload, const struct call *call)
{
    struct share *share = payload;
    struct kafka *queue = share->queue;
    const struct log *log = &queue->sim->broker->input[share->partition];

    if (call->epoch != share->reads) {
        return;
    }
    share->fetching = false;
    if (share->creation != log->creation) {
        on_another_topic(share);
        return;
    }
    for (size_t i = 0; i < call->count && may_fetch(share); i++) {
        if (!is_at_hold(share, &log->records[call->first + i]) &&
            !is_held(share, &log->records[call->first + i])) {
            hand_over(share, &log->records[call->first + i]);
        }
    }
    fetch(share);
}

static void fetch(struct share *share)
{
    struct call *call;

    if (!may_fetch(share)) {
        return;
    }
    share->fetching = true;
    call = call_new(share->queue->instance, CALL_FETCH, on_fetched, share);
    call->partition = share->partition;
    call->offset = share->position;
    call->creation = share->creation;
    call->max = sim_pick(share->queue->sim, 1, MAX_FETCHED);
    call->epoch = share->reads;
    call_send(call);
}

static void learn(struct kafka *queue);
static void ask_offset(void *payload);

static void on_offset(void *payload, const struct call *call)
{
    struct share *share = payload;

    if (call->epoch != share->round || !is_owned(share)) {
        return;
    }
    if (call->error == CALL_UNSTABLE) {
        loop_arm(share->queue->loop, &share->again,
                 sim_pick(share->queue->sim, 50, 500));
        return;
    }
    share->known = true;
    share->committed = call->offset;
    share->creation = call->creation;
    share->metadata = call->metadata;
    learn(share->queue);
}

static void ask_offset(void *payload)
{
    struct share *share = payload;
    struct call *call =
        call_new(share->queue->instance, CALL_OFFSET, on_offset, share);

    call->partition = share->partition;
    call->epoch = share->round;
    call_send(call);
}

void kafka_pause(struct kafka *queue)
{
    queue->paused = true;
}

/* Prefetched records are fetched again, and sometimes more than those. */
void kafka_resume(struct kafka *queue)
{
    queue->paused = false;
    for (size_t i = 0; i < queue->sim->broker->partitions; i++) {
        struct share *share = &queue->shares[i];

        if (may_fetch(share) && sim_chance(queue->sim, 300)) {
            share->position -= (int64_t)sim_pick(queue->sim, 1, 4);
            share->position =
                share->position > share->first ? share->position : share->first;
        }
        fetch(share);
    }
}

static struct share *share_of(struct kafka *queue,
                              const struct kafka_partition *at)
{
    return &queue->shares[broker_number_of(at)];
}

/* As in checker.c: the permission is tried every few seconds until it exists.
 */
static void on_check(void *payload)
{
    struct kafka *queue = payload;

    if (broker_denies(queue->sim->broker)) {
        loop_arm(queue->loop, &queue->check, CHECK_MS);
        return;
    }
    queue->blocked = false;
    if (!queue->joined && !queue->closing) {
        queue->joined = true;
        join(queue);
    }
    for (size_t i = 0; i < queue->sim->broker->partitions; i++) {
        fetch(&queue->shares[i]);
    }
}

void queue_block(struct kafka *queue)
{
    if (!queue->blocked) {
        sim_trace(queue->sim, "life %u may not write", queue->instance->life);
    }
    queue->blocked = true;
    loop_arm(queue->loop, &queue->check, CHECK_MS);
}

static void set_resting(struct kafka *queue, const struct kafka_partition *at,
                        bool resting)
{
    struct share *share = share_of(queue, at);

    share->resting = resting;
    fetch(share);
}

void kafka_pause_partition(struct kafka *queue,
                           const struct kafka_partition *at)
{
    set_resting(queue, at, true);
}

void kafka_resume_partition(struct kafka *queue,
                            const struct kafka_partition *at)
{
    set_resting(queue, at, false);
}

void kafka_rewind(struct kafka *queue, const struct kafka_partition *at,
                  int64_t offset)
{
    struct share *share = share_of(queue, at);

    sim_trace(queue->sim, "life %u goes back to %d/%lld", queue->instance->life,
              at->partition, (long long)offset);
    share->reads++;
    share->fetching = false;
    share->position = offset;
    fetch(share);
}

void kafka_hold(struct kafka *queue, const struct kafka_partition *at,
                int64_t offset)
{
    struct share *share = share_of(queue, at);

    sim_trace(queue->sim, "life %u holds %d/%lld", queue->instance->life,
              share->partition, (long long)offset);
    if (!sim_is_broken(queue->sim, BREAK_IGNORE_HOLD)) {
        share->held = offset;
    }
}

int64_t kafka_position(struct kafka *queue, const struct kafka_partition *at)
{
    const struct share *share = share_of(queue, at);

    return share->held >= 0 && share->held < share->position ? share->held
                                                             : share->position;
}

void kafka_get_bounds(struct kafka *queue, const struct kafka_partition *at,
                      struct kafka_bounds *ret_bounds)
{
    *ret_bounds = (struct kafka_bounds){-1, -1};
}

/* The state matters for the status only, which no test here reads. */
void kafka_get_state(const struct kafka *queue, struct kafka_state *ret_state)
{
    *ret_state = (struct kafka_state){true, true};
}

const struct kafka_condition *kafka_get_condition(const struct kafka *queue,
                                                  size_t index)
{
    return NULL;
}

/* --- assignment and revocation -----------------------------------------------
 */

static size_t list(unsigned bits,
                   struct kafka_partition partitions[MAX_PARTITIONS])
{
    size_t count = 0;

    for (int32_t i = 0; i < MAX_PARTITIONS; i++) {
        if ((bits >> i & 1U) != 0) {
            partitions[count++] = broker_name_of(i);
        }
    }
    return count;
}

static void drop_shares(struct kafka *queue, unsigned bits)
{
    for (size_t i = 0; i < MAX_PARTITIONS; i++) {
        if ((bits >> i & 1U) != 0) {
            queue->shares[i].round++;
            queue->shares[i].reads++;
            queue->shares[i].position = -1;
            queue->shares[i].known = false;
            queue->shares[i].resting = false;
            queue->shares[i].held = -1;
            queue->shares[i].fetching = false;
            queue->shares[i].spoiled = false;
            queue->shares[i].waits = false;
            loop_disarm(queue->loop, &queue->shares[i].again);
            loop_disarm(queue->loop, &queue->shares[i].retry);
        }
    }
}

/* All at once, as in one response of the broker */
static void learn(struct kafka *queue)
{
    struct kafka_partition partitions[MAX_PARTITIONS];
    struct kafka_position positions[MAX_PARTITIONS];
    size_t count = list(queue->learning, partitions);

    for (size_t i = 0; i < count; i++) {
        const struct share *share = share_of(queue, &partitions[i]);

        if (!share->known) {
            return;
        }
        positions[i] = (struct kafka_position){partitions[i], share->committed,
                                               share->metadata};
    }
    queue->learning = 0;
    if (count == 0 || !instance_step(queue->instance, "assigned")) {
        return;
    }
    queue->handler->assigned(queue->payload, positions, count);
    for (size_t i = 0; i < count; i++) {
        struct share *share = share_of(queue, &partitions[i]);

        share->position = share->committed >= 0 ? share->committed : 0;
        share->first = share->position;
        fetch(share);
    }
}

static void assign(struct kafka *queue, unsigned bits)
{
    queue->owned |= bits;
    queue->learning |= bits;
    for (size_t i = 0; i < MAX_PARTITIONS; i++) {
        if ((bits >> i & 1U) != 0) {
            ask_offset(&queue->shares[i]);
        }
    }
}

static void report_revoked(struct kafka *queue, unsigned bits, bool lost)
{
    struct kafka_partition partitions[MAX_PARTITIONS];
    size_t count = list(bits, partitions);

    if (count == 0 || !instance_step(queue->instance, "revoked")) {
        return;
    }
    sim_trace(queue->sim, "life %u: %#x %s", queue->instance->life, bits,
              lost ? "lost" : "revoked");
    drop_shares(queue, bits);
    queue->learning &= ~bits;
    if (lost) {
        queue->owned &= ~bits;
    } else {
        queue->revoking = bits;
    }
    queue->handler->revoked(queue->payload, partitions, count, lost);
    learn(queue);
}

/* As in membership.c (start_anew()): the partition is lost, and assigned again
 * without a committed offset. If the client has noticed that the topic was
 * missing, the group revokes the partition and assigns it again. */
static void start_anew(struct share *share)
{
    struct kafka *queue = share->queue;
    unsigned bit = 1U << share->partition;
    unsigned before = share->round;
    struct kafka_position position = {broker_name_of(share->partition), -1, ""};

    sim_trace(queue->sim, "life %u: partition %d is another topic's",
              queue->instance->life, share->partition);
    report_revoked(queue, bit, true);
    if (share->round == before || queue->instance->dead) {
        return;
    }
    if (sim_chance(queue->sim, 500)) {
        assign(queue, bit);
        return;
    }
    queue->owned |= bit;
    share->creation = queue->sim->broker->input[share->partition].creation;
    if (instance_step(queue->instance, "assigned")) {
        queue->handler->assigned(queue->payload, &position, 1);
        share->position = 0;
        share->first = 0;
        fetch(share);
    }
}

/* A rebalance in progress comes first. */
static void on_another_topic(struct share *share)
{
    struct kafka *queue = share->queue;

    if (sim_is_broken(queue->sim, BREAK_IGNORE_CREATION)) {
        share->creation = queue->sim->broker->input[share->partition].creation;
        fetch(share);
    } else if (queue->revoking != 0 || queue->learning != 0 || queue->closing) {
        share->waits = true;
        loop_arm(queue->loop, &share->retry, 200);
    } else {
        start_anew(share);
    }
}

static void finish_close(struct kafka *queue)
{
    if (queue->closed || sim_is_broken(queue->sim, BREAK_HANG_CLOSE)) {
        return;
    }
    queue->closed = true;
    loop_disarm(queue->loop, &queue->close_deadline);
    loop_disarm(queue->loop, &queue->heartbeat);
    if (instance_step(queue->instance, "closed")) {
        queue->handler->closed(queue->payload);
    }
}

static void on_left(void *payload, const struct call *call)
{
    finish_close(payload);
}

static void leave(struct kafka *queue)
{
    struct call *call = call_new(queue->instance, CALL_LEAVE, on_left, queue);

    call->member = queue->member;
    call_send(call);
}

/* If nothing has to be revoked, continues with what waited for that. Deferred,
 * because the handler is never called from inside a function of the service. */
static void go_on(void *payload)
{
    struct kafka *queue = payload;

    if (queue->closed || queue->revoking != 0) {
        return;
    }
    if (queue->generation < 0) {
        report_revoked(queue, queue->owned, true);
    }
    if (queue->closing && queue->owned != 0) {
        report_revoked(queue, queue->owned, false);
    } else if (queue->closing) {
        leave(queue);
    } else {
        assign(queue, queue->arriving);
        queue->arriving = 0;
        join(queue);
    }
}

/* A member that was removed is informed only when it has nothing left to
 * revoke: librdkafka handles one rebalance at a time. */
static void lose_all(struct kafka *queue)
{
    queue->member = 0;
    queue->generation = -1;
    queue->arriving = 0;
    if (queue->revoking == 0) {
        go_on(queue);
    }
}

void kafka_complete_revocation(struct kafka *queue)
{
    if (queue->revoking == 0) {
        return;
    }
    sim_trace(queue->sim, "life %u releases %#x", queue->instance->life,
              queue->revoking);
    queue->owned &= ~queue->revoking;
    queue->revoking = 0;
    loop_defer(queue->loop, &queue->next);
}

/* --- the group --------------------------------------------------------------
 */

static void on_joined(void *payload, const struct call *call)
{
    struct kafka *queue = payload;
    unsigned gone = queue->owned & ~call->assigned;

    queue->joining = false;
    if (queue->closed) {
        return;
    }
    if (call->error == CALL_UNKNOWN_MEMBER) {
        lose_all(queue);
        return;
    }
    queue->member = call->member;
    queue->generation = call->generation;
    if (queue->closing) {
        go_on(queue);
        return;
    }
    if (gone == 0) {
        assign(queue, call->assigned & ~queue->owned);
        return;
    }
    queue->arriving = call->assigned & ~queue->owned;
    report_revoked(queue, gone, false);
}

static void join(struct kafka *queue)
{
    struct call *call;

    if (queue->joining || queue->closed) {
        return;
    }
    queue->joining = true;
    call = call_new(queue->instance, CALL_JOIN, on_joined, queue);
    call->member = queue->member;
    call->owned = queue->owned;
    call_send(call);
}

static void on_heard(void *payload, const struct call *call)
{
    struct kafka *queue = payload;

    if (queue->closed || call->member != queue->member || queue->joining) {
        return;
    }
    if (call->error == CALL_UNKNOWN_MEMBER) {
        lose_all(queue);
    } else if (call->error == CALL_REBALANCING && queue->revoking == 0 &&
               !queue->closing) {
        join(queue);
    }
}

static void misfortune(struct kafka *queue)
{
    struct error err;

    if (chaos_is_calm(queue->sim)) {
        return;
    }
    if (sim_chance(queue->sim, 1)) {
        error_set(&err, ERROR_FATAL, "kafka consumer: the model says so");
        sim_trace(queue->sim, "life %u: fatal error", queue->instance->life);
        queue->handler->failed(queue->payload, &err);
    } else if (sim_chance(queue->sim, 5)) {
        queue->handler->notice(queue->payload, LOG_WARN, "a broker is gone");
    }
}

static void on_heartbeat(void *payload)
{
    struct kafka *queue = payload;
    struct call *call;

    loop_arm(queue->loop, &queue->heartbeat, HEARTBEAT_MS);
    misfortune(queue);
    if (queue->joining || queue->member == 0) {
        return;
    }
    call = call_new(queue->instance, CALL_HEARTBEAT, on_heard, queue);
    call->member = queue->member;
    call->generation = queue->generation;
    call_send(call);
}

/* --- life cycle -------------------------------------------------------------
 */

static void on_close_deadline(void *payload)
{
    finish_close(payload);
}

static void init_shares(struct kafka *queue)
{
    for (int32_t i = 0; i < MAX_PARTITIONS; i++) {
        struct share *share = &queue->shares[i];

        share->queue = queue;
        share->partition = i;
        share->position = -1;
        share->held = -1;
        timer_init(&share->again, ask_offset, share);
        timer_init(&share->retry, on_retry, share);
    }
}

int kafka_open(struct loop *loop, const struct kafka_options *options,
               const struct kafka_handler *handler, void *payload,
               struct kafka **ret_queue, struct error *err)
{
    struct kafka *queue = mem_zalloc(sizeof(*queue));

    queue->instance = instance_of(loop);
    queue->sim = queue->instance->sim;
    queue->loop = loop;
    queue->handler = handler;
    queue->payload = payload;
    queue->generation = -1;
    snprintf(queue->transactional_id, sizeof(queue->transactional_id), "%s",
             options->transactional_id ? options->transactional_id : "");
    if (options->transactional_id == NULL) {
        snprintf(queue->transactional_id, sizeof(queue->transactional_id),
                 "%s-%016llx", options->group,
                 (unsigned long long)options->random);
    }
    init_shares(queue);
    timer_init(&queue->heartbeat, on_heartbeat, queue);
    task_init(&queue->next, go_on, queue);
    timer_init(&queue->close_deadline, on_close_deadline, queue);
    loop_arm(loop, &queue->heartbeat, HEARTBEAT_MS);
    timer_init(&queue->check, on_check, queue);
    commit_open(queue);
    on_check(queue);
    *ret_queue = queue;
    return 0;
}

void kafka_stop_checks(struct kafka *queue)
{
}

void kafka_close(struct kafka *queue)
{
    if (queue->closing) {
        return;
    }
    queue->closing = true;
    loop_arm(queue->loop, &queue->close_deadline, CLOSE_MS);
    if (queue->revoking == 0 && !queue->joining) {
        loop_defer(queue->loop, &queue->next);
    }
}

void kafka_free(struct kafka *queue)
{
    if (queue == NULL) {
        return;
    }
    drop_shares(queue, (1U << MAX_PARTITIONS) - 1);
    loop_disarm(queue->loop, &queue->heartbeat);
    loop_disarm(queue->loop, &queue->close_deadline);
    loop_disarm(queue->loop, &queue->check);
    loop_cancel(queue->loop, &queue->next);
    commit_free(queue);
    calls_forget(queue->sim->broker, queue->instance);
    mem_free(queue);
}
