#include <string.h>

#include "sim_queue.h"
#include "waybill/alloc.h"

/*
 * The transactional producer:
 *
 *     init -> produce -> offsets -> end -> committed
 *               \----------\---------\---> abort -> aborted
 *
 * The group's generation is that of the moment when the batch was handed in:
 * what it holds is of the partitions that were owned then.
 *
 * When the producer is lost at the end, a new one makes an end of the
 * transaction, and the committed offsets tell which: init -> ask -> committed
 * or aborted.
 */

#define PAUSE_MS 200
#define BUSY_MS 20

static void run_stage(struct kafka *queue);
static void give_up(struct kafka *queue);

static void tell(struct kafka *queue, enum kafka_verdict verdict)
{
    struct kafka_result result = {.verdict = verdict,
                                  .rejections = queue->rejections,
                                  .rejection_count = queue->rejection_count};

    error_set(&result.err, ERROR_UNAVAILABLE,
              "transaction aborted by the model");
    queue->stage = STAGE_IDLE;
    queue->committing = false;
    /* As in transaction.c: a new epoch fences late requests. */
    if (queue->late && !sim_is_broken(queue->sim, BREAK_KEEP_PRODUCER)) {
        queue->epoch = 0;
    }
    queue->late = false;
    kafka_batch_free(queue->commit.batch);
    queue->commit = (struct commit){0};
    if (!queue->closed) {
        queue->handler->committed(queue->payload, &result);
    }
}

static void on_pause_over(void *payload)
{
    struct kafka *queue = payload;

    if (queue->stage != STAGE_IDLE) {
        run_stage(queue);
    } else if (queue->committing) {
        tell(queue, queue->verdict);
    }
}

static void give_up(struct kafka *queue)
{
    sim_trace(queue->sim, "life %u: transaction given up",
              queue->instance->life);
    queue->stage = STAGE_IDLE;
    queue->verdict = sim_is_broken(queue->sim, BREAK_PRETEND_COMMIT)
                         ? KAFKA_COMMITTED
                         : KAFKA_ABORTED;
    loop_arm(queue->loop, &queue->pause, PAUSE_MS);
}

static void note_doubt(struct kafka *queue, const struct call *call)
{
    queue->late |= call->in_doubt && call->kind != CALL_INIT;
}

static void on_aborted(void *payload, const struct call *call)
{
    note_doubt(payload, call);
    give_up(payload);
}

static void on_rejected(void *payload, const struct call *call)
{
    struct kafka *queue = payload;

    on_aborted(queue, call);
    queue->verdict = sim_is_broken(queue->sim, BREAK_PRETEND_METADATA)
                         ? KAFKA_COMMITTED
                         : KAFKA_METADATA_TOO_LARGE;
}

static void on_messages_rejected(void *payload, const struct call *call)
{
    struct kafka *queue = payload;

    on_aborted(queue, call);
    queue->verdict = sim_is_broken(queue->sim, BREAK_PRETEND_ACCEPTED)
                         ? KAFKA_COMMITTED
                         : KAFKA_REJECTED;
}

static struct call *new_call(struct kafka *queue, enum call_kind kind,
                             call_reply_fn *reply)
{
    struct call *call = call_new(queue->instance, kind, reply, queue);

    call->transactional_id =
        arena_strdup(queue->sim->arena, queue->transactional_id);
    call->epoch = queue->epoch;
    return call;
}

static void succeed(struct kafka *queue)
{
    if (sim_is_broken(queue->sim, BREAK_STALL) && sim_chance(queue->sim, 100)) {
        return;
    }
    if (sim_is_broken(queue->sim, BREAK_UNKNOWN_IS_ABORTED) &&
        sim_chance(queue->sim, 50)) {
        queue->epoch = 0;
        give_up(queue);
        return;
    }
    tell(queue, KAFKA_COMMITTED);
}

/* One partition that is still assigned decides for all. */
static bool find_asked(struct kafka *queue)
{
    const struct commit *commit = &queue->commit;

    for (; queue->asked < commit->batch->offset_count; queue->asked++) {
        int32_t partition =
            broker_number_of(&commit->batch->offsets[queue->asked].at);

        if (commit->rounds[partition] == queue->shares[partition].round) {
            return true;
        }
    }
    return false;
}

static void ask(struct kafka *queue)
{
    if (find_asked(queue)) {
        run_stage(queue);
    } else {
        queue->in_doubt = false;
        give_up(queue);
    }
}

static void compare(struct kafka *queue, const struct call *call)
{
    const struct kafka_position *ours =
        &queue->commit.batch->offsets[queue->asked];

    if (call->offset == ours->offset &&
        strcmp(call->metadata, ours->metadata) == 0) {
        queue->in_doubt = false;
        tell(queue, KAFKA_COMMITTED);
        return;
    }
    queue->asked++;
    ask(queue);
}

static void advance(struct kafka *queue, const struct call *call)
{
    switch (queue->stage) {
    case STAGE_INIT:
        queue->epoch = call->epoch;
        queue->stage = queue->in_doubt     ? STAGE_ASK
                       : queue->committing ? STAGE_PRODUCE
                                           : STAGE_IDLE;
        break;
    case STAGE_PRODUCE:
        queue->stage = STAGE_OFFSETS;
        break;
    case STAGE_OFFSETS:
        queue->stage = STAGE_END;
        break;
    case STAGE_END:
    case STAGE_IDLE:
        succeed(queue);
        return;
    case STAGE_ASK:
        compare(queue, call);
        return;
    }
    if (queue->stage == STAGE_ASK) {
        queue->asked = 0;
        ask(queue);
    } else if (queue->stage != STAGE_IDLE) {
        run_stage(queue);
    }
}

/* The next producer finds out whether the transaction has ended. */
static void lose_producer(struct kafka *queue)
{
    queue->epoch = 0;
    if (queue->stage == STAGE_END || queue->in_doubt) {
        queue->in_doubt = true;
        queue->stage = STAGE_INIT;
        run_stage(queue);
    } else {
        give_up(queue);
    }
}

static void on_answer(void *payload, const struct call *call)
{
    struct kafka *queue = payload;

    note_doubt(queue, call);
    switch (call->error) {
    case CALL_OK:
        advance(queue, call);
        break;
    case CALL_BUSY:
        loop_arm(queue->loop, &queue->pause, BUSY_MS);
        break;
    case CALL_FENCED:
        lose_producer(queue);
        break;
    case CALL_UNSTABLE:
        loop_arm(queue->loop, &queue->pause, PAUSE_MS);
        break;
    case CALL_REJECTED:
        queue->rejections = call->rejections;
        queue->rejection_count = call->rejection_count;
        call_send(new_call(queue, CALL_ABORT, on_messages_rejected));
        break;
    case CALL_METADATA_TOO_LARGE:
        call_send(new_call(queue, CALL_ABORT, on_rejected));
        break;
    case CALL_DENIED:
        queue_block(queue);
        call_send(new_call(queue, CALL_ABORT, on_aborted));
        break;
    case CALL_ABORTABLE:
    case CALL_UNKNOWN_MEMBER:
    case CALL_REBALANCING:
        call_send(new_call(queue, CALL_ABORT, on_aborted));
        break;
    }
}

static void fill_offsets(const struct kafka *queue, struct call *call)
{
    const struct kafka_batch *batch = queue->commit.batch;
    bool late = sim_is_broken(queue->sim, BREAK_LATE_GENERATION);
    bool early = sim_is_broken(queue->sim, BREAK_COMMIT_BEFORE_DONE);

    call->member = late ? queue->member : queue->commit.member;
    call->generation = late ? queue->generation : queue->commit.generation;
    if (sim_is_broken(queue->sim, BREAK_SKIP_FENCING)) {
        call->member = 0;
        call->generation = -1;
    }
    call->offset_count = batch->offset_count;
    for (size_t i = 0; i < batch->offset_count; i++) {
        const struct kafka_position *from = &batch->offsets[i];
        int32_t partition = broker_number_of(&from->at);
        int64_t position = queue->shares[partition].position;

        call->offsets[i].partition = partition;
        call->offsets[i].creation = queue->commit.creations[partition];
        call->offsets[i].offset =
            early && position >= 0 ? position : from->offset;
        call->offsets[i].metadata =
            arena_strdup(queue->sim->arena, early ? "" : from->metadata);
    }
}

static void fill_messages(struct kafka *queue, struct call *call)
{
    const struct kafka_batch *batch = queue->commit.batch;
    struct message *copies = arena_alloc(
        queue->sim->arena, (batch->message_count + 1) * sizeof(*copies));
    bool *isolated = arena_alloc(queue->sim->arena, batch->message_count + 1);

    for (size_t i = 0; i < batch->message_count; i++) {
        struct message *copy = &copies[call->message_count];

        if (sim_is_broken(queue->sim, BREAK_DROP_OUTCOME) &&
            sim_chance(queue->sim, 20)) {
            continue;
        }
        message_copy(queue->sim->arena, &batch->messages[i], copy);
        if (sim_is_broken(queue->sim, BREAK_BEND_DEAD_LETTER) &&
            strstr(copy->topic, "dead") != NULL && copy->value.len > 0) {
            copy->value.len--;
        }
        isolated[call->message_count++] = batch_is_isolated(batch, i);
    }
    call->messages = copies;
    call->isolated = isolated;
}

static void run_stage(struct kafka *queue)
{
    static const enum call_kind kinds[] = {
        [STAGE_INIT] = CALL_INIT,       [STAGE_PRODUCE] = CALL_PRODUCE,
        [STAGE_OFFSETS] = CALL_OFFSETS, [STAGE_END] = CALL_END,
        [STAGE_ASK] = CALL_OFFSET,
    };
    struct call *call = new_call(queue, kinds[queue->stage], on_answer);

    if (queue->stage == STAGE_PRODUCE) {
        fill_messages(queue, call);
    } else if (queue->stage == STAGE_OFFSETS) {
        fill_offsets(queue, call);
    } else if (queue->stage == STAGE_ASK) {
        call->partition =
            broker_number_of(&queue->commit.batch->offsets[queue->asked].at);
        call->of_any_creation = true;
    }
    call_send(call);
}

void kafka_commit(struct kafka *queue, struct kafka_batch *batch)
{
    struct commit *commit = &queue->commit;

    queue->committing = true;
    commit->batch = batch;
    commit->member = queue->member;
    commit->generation = queue->generation;
    for (size_t i = 0; i < MAX_PARTITIONS; i++) {
        commit->rounds[i] = queue->shares[i].round;
        commit->creations[i] = queue->shares[i].creation;
    }
    if (queue->stage != STAGE_IDLE) {
        return; /* The producer is being created, and continues from there. */
    }
    /* Kafka accepts offsets without a generation from any client. */
    if (queue->generation < 0) {
        give_up(queue);
        return;
    }
    queue->stage = queue->epoch == 0 ? STAGE_INIT : STAGE_PRODUCE;
    run_stage(queue);
}

bool kafka_is_committing(const struct kafka *queue)
{
    return queue->committing;
}

void commit_open(struct kafka *queue)
{
    timer_init(&queue->pause, on_pause_over, queue);
    queue->stage = STAGE_INIT;
    run_stage(queue);
}

void commit_free(struct kafka *queue)
{
    loop_disarm(queue->loop, &queue->pause);
    kafka_batch_free(queue->commit.batch);
}
