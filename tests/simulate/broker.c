#include "broker.h"

#include <string.h>

#include "waybill/alloc.h"

/* The broker as a whole, and the transport of calls and replies. */

void broker_go_away(struct broker *broker, enum role role, uint64_t ms)
{
    uint64_t calm = chaos_calm_ms(broker->sim->chaos);

    sim_trace(broker->sim, "the coordinator of %s is away for %llu ms",
              role == ROLE_GROUP ? "the group" : "transactions",
              (unsigned long long)ms);
    broker->away_until_ms[role] =
        broker->sim->now_ms + ms < calm ? broker->sim->now_ms + ms : calm;
}

bool broker_is_away(const struct broker *broker, enum role role)
{
    return broker->away_until_ms[role] > broker->sim->now_ms;
}

bool broker_denies(const struct broker *broker)
{
    uint64_t now_ms = broker->sim->now_ms;

    return !broker->sim->registries_only && now_ms >= broker->denied_from_ms &&
           now_ms < broker->denied_until_ms;
}

/* In every fourth world the permission to write is revoked, and granted again
 * later. */
static void plan_denial(struct broker *broker)
{
    const struct sim *sim = broker->sim;
    uint64_t calm_ms = chaos_calm_ms(sim->chaos);
    struct random random;

    random_seed(&random, sim->options.seed ^ 0xDE21EDU);
    if (sim->options.quiet || calm_ms <= sim->now_ms ||
        random_below(&random, 4) != 0) {
        return;
    }
    broker->denied_from_ms =
        sim->now_ms + random_below(&random, calm_ms - sim->now_ms);
    broker->denied_until_ms =
        broker->denied_from_ms + 1000 + random_below(&random, 60000);
    if (broker->denied_until_ms > calm_ms) {
        broker->denied_until_ms = calm_ms;
    }
}

void broker_move(struct broker *broker, uint64_t ms)
{
    uint64_t calm = chaos_calm_ms(broker->sim->chaos);
    uint64_t until = broker->sim->now_ms + ms;

    broker->moving_until_ms = until < calm ? until : calm;
}

void broker_spoil(struct broker *broker, size_t partition, uint64_t ms)
{
    uint64_t calm = chaos_calm_ms(broker->sim->chaos);
    uint64_t until = broker->sim->now_ms + ms;
    struct log *log = &broker->input[partition];

    log->spoiled = log->end;
    log->spoiled_until_ms = until < calm ? until : calm;
}

bool broker_is_spoiled(const struct broker *broker, int32_t partition,
                       int64_t offset)
{
    const struct log *log = &broker->input[partition];

    return offset >= log->spoiled &&
           broker->sim->now_ms < log->spoiled_until_ms;
}

int64_t broker_committed(const struct broker *broker, int32_t partition)
{
    return broker->committed_creation[partition] ==
                   broker->input[partition].creation
               ? broker->committed[partition]
               : -1;
}

static void on_discovery(void *payload)
{
    struct broker *broker = payload;

    broker->known_partitions = broker->partitions;
    group_found_more(broker);
}

void broker_grow(struct broker *broker, uint64_t found_ms)
{
    if (broker->partitions < MAX_PARTITIONS) {
        broker->partitions++;
        loop_arm(broker->sim->loop, &broker->discovery, found_ms);
    }
}

/* --- names --- */

struct kafka_partition broker_name_of(int32_t number)
{
    return number == REPLAYS
               ? (struct kafka_partition){"attestation-replays", 0}
               : (struct kafka_partition){"attestations", number - 1};
}

int32_t broker_number_of(const struct kafka_partition *at)
{
    return strcmp(at->topic, broker_name_of(REPLAYS).topic) == 0
               ? REPLAYS
               : at->partition + 1;
}

/* --- life cycle -------------------------------------------------------------
 */

struct broker *broker_new(struct sim *sim, size_t partitions)
{
    struct broker *broker = mem_zalloc(sizeof(*broker));

    broker->sim = sim;
    broker->partitions = partitions;
    broker->known_partitions = partitions;
    timer_init(&broker->discovery, on_discovery, broker);
    TAILQ_INIT(&broker->members);
    TAILQ_INIT(&broker->calls);
    for (size_t i = 0; i < MAX_PARTITIONS; i++) {
        broker->input[i].topic = broker_name_of((int32_t)i).topic;
        broker->committed[i] = -1;
        broker->committed_metadata[i] = "";
        broker->input[i].end = (int64_t)sim_pick(sim, 0, 3);
    }
    broker->outcomes.topic = "attestation-outcomes";
    broker->dead_letters.topic = "attestation-dead-letters";
    rules_draw(broker);
    broker->session_ms = sim_pick(sim, 6, 45) * 1000;
    broker->rebalance_ms = sim_pick(sim, 10, 60) * 1000;
    broker->txn_ms = sim_pick(sim, 5, 30) * 1000;
    broker->txn_slow_ms =
        sim_chance(sim, 400) ? sim_pick(sim, 1, 40) * sim_pick(sim, 1, 40) : 0;
    /* The default is 4096. From 128 on, what a ledger always reads fits, after
     * the limit was halved until the broker accepts it (ledger/room.c). */
    broker->metadata_max =
        sim_chance(sim, 700) ? 4096 : sim_pick(sim, 128, 400);
    plan_denial(broker);
    return broker;
}

void broker_free(struct broker *broker)
{
    struct call *call;

    while ((call = TAILQ_FIRST(&broker->calls)) != NULL) {
        loop_disarm(broker->sim->loop, &call->timer);
        TAILQ_REMOVE(&broker->calls, call, link);
        mem_free(call);
    }
    loop_disarm(broker->sim->loop, &broker->discovery);
    group_free(broker);
    producers_free(broker);
    for (size_t i = 0; i < MAX_PARTITIONS; i++) {
        mem_free(broker->input[i].records);
    }
    mem_free(broker->outcomes.records);
    mem_free(broker->dead_letters.records);
    mem_free(broker);
}

/* --- calls ------------------------------------------------------------------
 */

/* Returns the start position; not while a transaction may still change it
 * (KIP-447). */
static void serve_offset(struct broker *broker, struct call *call)
{
    if (broker_is_pending(broker, call->partition) &&
        !sim_is_broken(broker->sim, BREAK_READ_UNSTABLE)) {
        call_answer(call, CALL_UNSTABLE);
        return;
    }
    if (!call->of_any_creation &&
        broker_committed(broker, call->partition) < 0) {
        call->offset = -1;
        call->metadata = "";
    } else {
        call->offset = broker->committed[call->partition];
        call->metadata = broker->committed_metadata[call->partition];
    }
    call->creation = broker->input[call->partition].creation;
    call_answer(call, CALL_OK);
}

const char *call_name(enum call_kind kind)
{
    static const char *const names[] = {
        "join", "heartbeat", "leave",   "offset", "fetch",
        "init", "produce",   "offsets", "end",    "abort"};

    return names[kind];
}

static void call_free(struct call *call)
{
    TAILQ_REMOVE(&call->broker->calls, call, link);
    mem_free(call);
}

static void serve(struct broker *broker, struct call *call)
{
    switch (call->kind) {
    case CALL_JOIN:
    case CALL_HEARTBEAT:
    case CALL_LEAVE:
        group_serve(broker, call);
        break;
    case CALL_OFFSET:
        serve_offset(broker, call);
        break;
    case CALL_FETCH:
        log_serve_fetch(broker, call);
        break;
    case CALL_INIT:
    case CALL_PRODUCE:
    case CALL_OFFSETS:
    case CALL_END:
    case CALL_ABORT:
        transaction_serve(broker, call);
        break;
    }
}

static enum role role_of(const struct call *call)
{
    return call->kind >= CALL_INIT ? ROLE_TRANSACTIONS : ROLE_GROUP;
}

static uint64_t way_ms(const struct call *call)
{
    struct broker *broker = call->broker;
    uint64_t more =
        role_of(call) == ROLE_TRANSACTIONS ? broker->txn_slow_ms : 0;

    return sim_latency(broker->sim) + sim_pick(broker->sim, 0, more);
}

/* How much later the call arrives if it was lost first. The client repeats it
 * by itself; only code that examines each request notices. */
static uint64_t lost_ms(struct call *call)
{
    struct sim *sim = call->broker->sim;

    if (role_of(call) != ROLE_TRANSACTIONS || !sim_noise(sim, NOISE_LOST, 15)) {
        return 0;
    }
    call->in_doubt = true;
    return sim_pick(sim, 10, sim_chance(sim, 700) ? 1000 : 15000);
}

static void on_arrival(void *payload)
{
    struct call *call = payload;
    struct broker *broker = call->broker;
    enum role role = role_of(call);

    if (broker_is_away(broker, role)) {
        loop_arm(broker->sim->loop, &call->timer,
                 broker->away_until_ms[role] - broker->sim->now_ms +
                     sim_latency(broker->sim));
        return;
    }
    serve(broker, call);
}

struct call *call_new(struct instance *instance, enum call_kind kind,
                      call_reply_fn *reply, void *payload)
{
    struct call *call = mem_zalloc(sizeof(*call));

    call->broker = instance->sim->broker;
    call->instance = instance;
    call->life = instance->life;
    call->kind = kind;
    call->reply = reply;
    call->payload = payload;
    call->metadata = "";
    timer_init(&call->timer, on_arrival, call);
    TAILQ_INSERT_TAIL(&call->broker->calls, call, link);
    return call;
}

/* A request that was considered lost is still in transit. The broker detects
 * repeated messages by their sequence numbers. */
static void send_late(const struct call *call)
{
    struct broker *broker = call->broker;
    struct call *late;

    if (call->kind != CALL_END && call->kind != CALL_ABORT &&
        call->kind != CALL_OFFSETS) {
        return;
    }
    late = mem_copy(call, sizeof(*call));
    late->instance = NULL;
    timer_init(&late->timer, on_arrival, late);
    TAILQ_INSERT_TAIL(&broker->calls, late, link);
    sim_trace(broker->sim, "life %u: '%s' is taken for lost", call->life,
              call_name(call->kind));
    loop_arm(
        broker->sim->loop, &late->timer,
        sim_pick(broker->sim, 1, sim_chance(broker->sim, 500) ? 3000 : 60000));
}

void call_send(struct call *call)
{
    struct sim *sim = call->broker->sim;
    uint64_t lost;

    if (!instance_step(call->instance, call_name(call->kind))) {
        call_free(call);
        return;
    }
    lost = lost_ms(call);
    if (lost > 0) {
        send_late(call);
    }
    loop_arm(sim->loop, &call->timer, way_ms(call) + lost);
    instance_step(call->instance, call->kind == CALL_END ? "end sent" : "sent");
}

static void on_reply(void *payload)
{
    struct call *call = payload;
    struct instance *instance = call->instance;

    if (instance_step(instance, call_name(call->kind))) {
        call->reply(call->payload, call);
    }
    call_free(call);
}

void call_answer(struct call *call, enum call_error error)
{
    call->shed = false;
    call->error = error;
    if (call->instance == NULL) {
        call_free(call);
        return;
    }
    call->returning = true;
    timer_init(&call->timer, on_reply, call);
    loop_arm(call->instance->loop, &call->timer, way_ms(call) + lost_ms(call));
}

void calls_forget(struct broker *broker, const struct instance *instance)
{
    struct call *call;
    struct call *next;

    for (call = TAILQ_FIRST(&broker->calls); call != NULL; call = next) {
        next = TAILQ_NEXT(call, link);
        if (call->instance != instance) {
            continue;
        }
        if (call->returning) {
            loop_disarm(instance->loop, &call->timer);
            call_free(call);
        } else {
            call->instance = NULL;
        }
    }
}
