#include <string.h>

#include "broker.h"
#include "waybill/alloc.h"

/*
 * The transaction coordinator:
 *
 *     open -> prepared -> committed
 *       \-> aborted
 *
 * Until it is complete what it wrote cannot be read and what it commits is
 * pending. An open one that takes too long is aborted, and its producer fenced.
 */

static bool lax(const struct broker *broker)
{
    return sim_is_broken(broker->sim, BREAK_IGNORE_EPOCH);
}

static struct producer *find(struct broker *broker, const char *id)
{
    struct producer *producer = broker->producers;

    while (producer != NULL && strcmp(producer->id, id) != 0) {
        producer = producer->next;
    }
    if (producer == NULL) {
        producer = mem_zalloc(sizeof(*producer));
        producer->id = arena_strdup(broker->sim->arena, id);
        producer->next = broker->producers;
        broker->producers = producer;
    }
    return producer;
}

void producers_free(struct broker *broker)
{
    struct producer *producer;

    while ((producer = broker->producers) != NULL) {
        broker->producers = producer->next;
        if (producer->current != NULL) {
            loop_disarm(broker->sim->loop, &producer->current->timer);
        }
        mem_free(producer);
    }
}

bool broker_is_pending(const struct broker *broker, int32_t partition)
{
    const struct producer *producer;

    for (producer = broker->producers; producer; producer = producer->next) {
        const struct txn *txn = producer->current;

        for (size_t i = 0; txn != NULL && i < txn->offset_count; i++) {
            if (txn->offsets[i].partition == partition) {
                return true;
            }
        }
    }
    return false;
}

static void end(struct txn *txn, enum txn_state state)
{
    struct sim *sim = txn->broker->sim;

    loop_disarm(sim->loop, &txn->timer);
    txn->state = state;
    txn->producer->current = NULL;
    txn->producer->last = state;
    sim->counts.transactions++;
    sim->counts.aborted += state == TXN_ABORTED;
    sim_trace(sim, "transaction %u %s", txn->number,
              state == TXN_ABORTED ? "aborted" : "committed");
}

static void on_complete(void *payload)
{
    struct txn *txn = payload;
    struct broker *broker = txn->broker;

    end(txn, TXN_COMMITTED);
    if (txn->trespass != NULL) {
        sim_violate(broker->sim, INVARIANT_FENCING, "%s", txn->trespass);
    }
    invariants_at_commit(broker->sim, txn);
    for (size_t i = 0; i < txn->offset_count; i++) {
        const struct txn_offset *to = &txn->offsets[i];

        broker->committed[to->partition] = to->offset;
        broker->committed_metadata[to->partition] = to->metadata;
        broker->committed_creation[to->partition] = to->creation;
    }
    /* The markers take an offset in each log. */
    broker->outcomes.end++;
    broker->dead_letters.end++;
}

static void on_timeout(void *payload)
{
    struct txn *txn = payload;

    if (broker_is_away(txn->broker, ROLE_TRANSACTIONS)) {
        loop_arm(txn->broker->sim->loop, &txn->timer, txn->broker->txn_ms);
        return;
    }
    sim_trace(txn->broker->sim, "transaction %u takes too long", txn->number);
    txn->producer->epoch++;
    end(txn, TXN_ABORTED);
}

static struct txn *begin(struct broker *broker, struct producer *producer,
                         unsigned life)
{
    struct txn *txn = arena_alloc(broker->sim->arena, sizeof(*txn));

    txn->broker = broker;
    txn->number = ++broker->txn_count;
    txn->producer = producer;
    txn->life = life;
    producer->current = txn;
    timer_init(&txn->timer, on_timeout, txn);
    loop_arm(broker->sim->loop, &txn->timer, broker->txn_ms);
    return txn;
}

/* A new epoch ends the transaction that the previous one has left open. */
static void serve_init(struct broker *broker, struct producer *producer,
                       struct call *call)
{
    if (producer->current != NULL && producer->current->state == TXN_PREPARED) {
        call_answer(call, CALL_BUSY);
        return;
    }
    if (producer->current != NULL) {
        end(producer->current, TXN_ABORTED);
    }
    call->epoch = ++producer->epoch;
    call_answer(call, CALL_OK);
}

static void serve_produce(struct broker *broker, struct producer *producer,
                          struct call *call)
{
    struct txn *txn = producer->current;

    if (txn != NULL && txn->state == TXN_PREPARED) {
        call_answer(call, CALL_BUSY);
        return;
    }
    txn = txn != NULL ? txn : begin(broker, producer, call->life);
    call->rejections = rules_judge(broker, call, &call->rejection_count);
    if (call->rejections != NULL) {
        sim_trace(broker->sim,
                  "transaction %u of life %u: %zu of %zu messages "
                  "rejected: %s (%s)",
                  txn->number, txn->life, call->rejection_count,
                  call->message_count, call->rejections->code,
                  call->messages[call->rejections->message].topic);
        broker->rejected++;
        call_answer(call, CALL_REJECTED);
        return;
    }
    for (size_t i = 0; i < call->message_count; i++) {
        const struct message *message = &call->messages[i];
        bool outcome = strcmp(message->topic, broker->outcomes.topic) == 0;

        log_append(broker, outcome ? &broker->outcomes : &broker->dead_letters,
                   message,
                   sim_is_broken(broker->sim, BREAK_SPLIT_TRANSACTION) ? NULL
                                                                       : txn);
    }
    sim_trace(broker->sim, "transaction %u of life %u: %zu messages",
              txn->number, txn->life, call->message_count);
    call_answer(call, CALL_OK);
}

/* KIP-447: a client of an earlier generation of the group commits nothing; but
 * a client without a generation is not checked (Kafka's
 * ClassicGroup.validateOffsetCommit). */
static bool is_of_group(struct broker *broker, const struct call *call)
{
    if (call->generation < 0 && call->member == 0) {
        return true;
    }
    return broker_member(broker, call->member) != NULL &&
           call->generation == broker->generation;
}

/* If a partition occurs twice, the later offset counts. */
static struct txn_offset *place_for(struct txn *txn, int32_t partition)
{
    for (size_t i = 0; i < txn->offset_count; i++) {
        if (txn->offsets[i].partition == partition) {
            return &txn->offsets[i];
        }
    }
    return &txn->offsets[txn->offset_count++];
}

static void take_offsets(struct broker *broker, struct txn *txn,
                         const struct call *call)
{
    for (size_t i = 0; i < call->offset_count; i++) {
        const struct txn_offset *offset = &call->offsets[i];
        struct txn_offset *index = place_for(txn, offset->partition);

        *index = *offset;
        index->metadata = arena_strdup(broker->sim->arena, offset->metadata);
        sim_trace(broker->sim, "transaction %u: offset %lld of partition %d",
                  txn->number, (long long)offset->offset, offset->partition);
    }
}

/* It is reported only when the transaction commits: the only other effect of a
 * late request is one that ends with its producer. */
static void check_owner(struct broker *broker, struct txn *txn,
                        const struct call *call)
{
    const struct member *member = broker_member(broker, call->member);

    /* A partition that it has to give back remains its own until it joins
     * without it. */
    for (size_t i = 0; i < call->offset_count; i++) {
        int32_t partition = call->offsets[i].partition;

        if (member == NULL ||
            ((member->assigned | member->owned) >> partition & 1U) == 0) {
            txn->trespass = arena_printf(
                broker->sim->arena,
                "life %u commits offset %lld of partition %d, which is not its "
                "own",
                call->life, (long long)call->offsets[i].offset, partition);
        }
    }
}

static bool is_too_large(const struct broker *broker, const struct call *call)
{
    for (size_t i = 0; i < call->offset_count; i++) {
        if (strlen(call->offsets[i].metadata) > broker->metadata_max) {
            sim_trace(broker->sim, "metadata of %zu bytes rejected",
                      strlen(call->offsets[i].metadata));
            return true;
        }
    }
    return false;
}

static void serve_offsets(struct broker *broker, struct producer *producer,
                          struct call *call)
{
    struct txn *txn = producer->current;

    if (!lax(broker) && !is_of_group(broker, call)) {
        sim_trace(broker->sim, "member %llu of generation %lld refused",
                  (unsigned long long)call->member,
                  (long long)call->generation);
        call_answer(call, CALL_ABORTABLE);
        return;
    }
    if (txn != NULL && txn->state == TXN_PREPARED) {
        call_answer(call, CALL_BUSY);
        return;
    }
    if (is_too_large(broker, call)) {
        broker->too_large[call->life % MAX_LIVES]++;
        call_answer(call, CALL_METADATA_TOO_LARGE);
        return;
    }
    txn = txn != NULL ? txn : begin(broker, producer, call->life);
    check_owner(broker, txn, call);
    take_offsets(broker, txn, call);
    call_answer(call, CALL_OK);
}

/* A repeated request for a completed transaction succeeds; otherwise there is
 * nothing to end (INVALID_TXN_STATE), which is fatal for the producer. */
static void serve_end_of_none(const struct producer *producer,
                              struct call *call)
{
    enum txn_state wanted =
        call->kind == CALL_END ? TXN_COMMITTED : TXN_ABORTED;

    call_answer(call, producer->last == wanted ? CALL_OK : CALL_FENCED);
}

static void serve_end(struct broker *broker, struct producer *producer,
                      struct call *call)
{
    struct txn *txn = producer->current;

    if (txn == NULL) {
        serve_end_of_none(producer, call);
    } else if (txn->state != TXN_OPEN) {
        call_answer(call, call->kind == CALL_END ? CALL_BUSY : CALL_FENCED);
    } else if (call->kind == CALL_ABORT) {
        end(txn, TXN_ABORTED);
        call_answer(call, CALL_OK);
    } else {
        txn->state = TXN_PREPARED;
        loop_disarm(broker->sim->loop, &txn->timer);
        timer_init(&txn->timer, on_complete, txn);
        loop_arm(broker->sim->loop, &txn->timer, sim_latency(broker->sim));
        call_answer(call, CALL_OK);
    }
}

/* Occasionally the coordinator moves, a partition has no leader, ... */
static bool misfortune(struct broker *broker, const struct call *call)
{
    return (call->kind == CALL_PRODUCE || call->kind == CALL_OFFSETS) &&
           sim_noise(broker->sim, NOISE_BROKER, 20);
}

/* During the move requests fail; the client repeats an abort until it succeeds.
 */
static bool is_moving(struct broker *broker, const struct call *call)
{
    return call->kind != CALL_ABORT &&
           broker->moving_until_ms > broker->sim->now_ms &&
           sim_chance(broker->sim, 800);
}

void transaction_serve(struct broker *broker, struct call *call)
{
    struct producer *producer = find(broker, call->transactional_id);

    if (is_moving(broker, call)) {
        call_answer(call, CALL_BUSY);
    } else if (call->kind == CALL_INIT) {
        serve_init(broker, producer, call);
    } else if (call->epoch != producer->epoch && !lax(broker)) {
        sim_trace(broker->sim, "producer %s of epoch %u refused", producer->id,
                  call->epoch);
        call_answer(call, CALL_FENCED);
    } else if (misfortune(broker, call)) {
        call_answer(call, CALL_ABORTABLE);
    } else if (call->kind == CALL_PRODUCE && broker_denies(broker)) {
        call_answer(call, CALL_DENIED);
    } else if (call->kind == CALL_PRODUCE) {
        serve_produce(broker, producer, call);
    } else if (call->kind == CALL_OFFSETS) {
        serve_offsets(broker, producer, call);
    } else {
        serve_end(broker, producer, call);
    }
}
