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
 */

#define PAUSE_MS 200
#define BUSY_MS 20

static void run_stage(struct queue *queue);

static void tell(struct queue *queue, enum queue_commit_result result)
{
    struct error err;

    error_set(&err, ERROR_UNAVAILABLE, "transaction aborted by the model");
    queue->stage = STAGE_IDLE;
    queue->committing = false;
    queue_batch_free(queue->commit.batch);
    queue->commit = (struct commit){0};
    if (!queue->closed) {
        queue->handler->committed(queue->payload, result,
                                  result == QUEUE_COMMITTED ? NULL : &err);
    }
}

static void on_pause_over(void *payload)
{
    struct queue *queue = payload;

    if (queue->stage != STAGE_IDLE) {
        run_stage(queue);
    } else if (queue->committing) {
        tell(queue, queue->told_committed ? QUEUE_COMMITTED : QUEUE_ABORTED);
    }
}

static void give_up(struct queue *queue)
{
    sim_trace(queue->sim, "life %u: transaction given up",
              queue->instance->life);
    queue->stage = STAGE_IDLE;
    queue->told_committed = sim_is_broken(queue->sim, BREAK_PRETEND_COMMIT);
    loop_arm(queue->loop, &queue->pause, PAUSE_MS);
}

static void settle(struct queue *queue)
{
    const struct queue_batch *batch = queue->commit.batch;

    for (size_t i = 0; i < batch->offset_count; i++) {
        struct share *share = &queue->shares[batch->offsets[i].partition];

        if (share->round == queue->commit.rounds[share->partition]) {
            share->settled = batch->offsets[i].offset;
        }
    }
}

static void on_aborted(void *payload, const struct call *call)
{
    give_up(payload);
}

static struct call *new_call(struct queue *queue, enum call_kind kind,
                             call_reply_fn *reply)
{
    struct call *call = call_new(queue->instance, kind, reply, queue);

    call->transactional_id =
        arena_strdup(queue->sim->arena, queue->transactional_id);
    call->epoch = queue->epoch;
    return call;
}

static void succeed(struct queue *queue)
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
    settle(queue);
    tell(queue, QUEUE_COMMITTED);
}

static void advance(struct queue *queue, const struct call *call)
{
    switch (queue->stage) {
    case STAGE_INIT:
        queue->epoch = call->epoch;
        queue->stage = queue->committing ? STAGE_PRODUCE : STAGE_IDLE;
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
    }
    if (queue->stage != STAGE_IDLE) {
        run_stage(queue);
    }
}

static void on_answer(void *payload, const struct call *call)
{
    struct queue *queue = payload;

    switch (call->error) {
    case CALL_OK:
        advance(queue, call);
        break;
    case CALL_BUSY:
        loop_arm(queue->loop, &queue->pause, BUSY_MS);
        break;
    case CALL_FENCED:
        queue->epoch = 0;
        give_up(queue);
        break;
    case CALL_ABORTABLE:
    case CALL_UNKNOWN_MEMBER:
    case CALL_REBALANCING:
    case CALL_UNSTABLE:
        call_send(new_call(queue, CALL_ABORT, on_aborted));
        break;
    }
}

static void fill_offsets(const struct queue *queue, struct call *call)
{
    const struct queue_batch *batch = queue->commit.batch;
    bool late = sim_is_broken(queue->sim, BREAK_LATE_GENERATION);
    bool early = sim_is_broken(queue->sim, BREAK_COMMIT_BEFORE_DONE);

    call->member = late ? queue->member : queue->commit.member;
    call->generation = late ? queue->generation : queue->commit.generation;
    call->offset_count = batch->offset_count;
    for (size_t i = 0; i < batch->offset_count; i++) {
        int32_t partition = batch->offsets[i].partition;
        int64_t position = queue->shares[partition].position;

        call->offsets[i].partition = partition;
        call->offsets[i].offset =
            early && position >= 0 ? position : batch->offsets[i].offset;
    }
}

static void fill_messages(struct queue *queue, struct call *call)
{
    const struct queue_batch *batch = queue->commit.batch;
    struct message *copies = arena_alloc(
        queue->sim->arena, (batch->message_count + 1) * sizeof(*copies));

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
        call->message_count++;
    }
    call->messages = copies;
}

static void run_stage(struct queue *queue)
{
    static const enum call_kind kinds[] = {
        [STAGE_INIT] = CALL_INIT,
        [STAGE_PRODUCE] = CALL_PRODUCE,
        [STAGE_OFFSETS] = CALL_OFFSETS,
        [STAGE_END] = CALL_END,
    };
    struct call *call = new_call(queue, kinds[queue->stage], on_answer);

    if (queue->stage == STAGE_PRODUCE) {
        fill_messages(queue, call);
    } else if (queue->stage == STAGE_OFFSETS) {
        fill_offsets(queue, call);
    }
    call_send(call);
}

void queue_commit(struct queue *queue, struct queue_batch *batch)
{
    struct commit *commit = &queue->commit;

    queue->committing = true;
    commit->batch = batch;
    commit->member = queue->member;
    commit->generation = queue->generation;
    for (size_t i = 0; i < MOST_PARTITIONS; i++) {
        commit->rounds[i] = queue->shares[i].round;
    }
    if (queue->stage != STAGE_IDLE) {
        return; /* the producer is being made; it goes on from there */
    }
    /* Kafka takes offsets of who says no generation from anybody. */
    if (queue->generation < 0) {
        give_up(queue);
        return;
    }
    queue->stage = queue->epoch == 0 ? STAGE_INIT : STAGE_PRODUCE;
    run_stage(queue);
}

bool queue_is_committing(const struct queue *queue)
{
    return queue->committing;
}

void commit_open(struct queue *queue)
{
    timer_init(&queue->pause, on_pause_over, queue);
    queue->stage = STAGE_INIT;
    run_stage(queue);
}

void commit_free(struct queue *queue)
{
    loop_disarm(queue->loop, &queue->pause);
    queue_batch_free(queue->commit.batch);
}
