#include "workload.h"

#include <string.h>

#include "broker.h"
#include "waybill/alloc.h"

#define MAX_RECORDS 48
#define MAX_REPLAYS 24
#define MAX_REFILLS 96
#define RAISED_BYTES (64 << 20)

/* Without faults there is no deadline for writing. */
#define QUIET_MS 10000
#define QUIET_RECORDS 10 /* few, because a sweep has one run for each step */

struct planned {
    struct item *item;
    size_t number;
    uint64_t dice; /* the partition, of those that exist by then */
    int64_t gap;
    struct expected record;
};

struct workload {
    struct sim *sim;
    struct settings *settings; /* as parsed, and the copy of each slot */
    struct settings of_slots[MAX_SLOTS];
    struct planned plans[MAX_RECORDS];
    size_t plan_count;
    size_t next;
    /* that are written */
    struct expected records[MAX_RECORDS + MAX_REPLAYS + MAX_REFILLS];
    size_t count;
    size_t replay_count;
    size_t refill_count;
    bool has_oversized;
    struct timer timer;
};

/* --- planning ---------------------------------------------------------------
 */

static void describe(const struct planned *plan, uint64_t at_ms)
{
    const struct expected *record = &plan->record;
    char where[64] = "";
    size_t len = 0;

    for (size_t i = 0; i < record->route_count; i++) {
        char index[32] = "the directory";

        if (record->routes[i]->registry != THE_DIRECTORY) {
            snprintf(index, sizeof(index), "%s%zu", i == 0 ? "registry " : "",
                     record->routes[i]->registry);
        }
        len += (size_t)snprintf(where + len, sizeof(where) - len, "%s%s",
                                i == 0 ? ", for " : " and ", index);
    }
    item_says(plan->item, at_ms, "record %zu is written: %s%s", plan->number,
              record_kind_name(record->kind), where);
}

static void plan_one(struct workload *workload, uint64_t at_ms)
{
    struct planned *plan = &workload->plans[workload->plan_count];
    struct random *random;

    plan->item = schedule_add(workload->sim);
    plan->number = workload->plan_count++;
    random = &plan->item->random;
    plan->dice = draw(random, 0, UINT32_MAX);
    plan->gap = draw_chance(random, 200) ? (int64_t)draw(random, 1, 3) : 0;
    workload_make(workload->sim, plan->item, plan->number, &plan->record);
    describe(plan, at_ms);
}

/* In bursts with pauses between them, and the last when the faults end */
static uint64_t draw_delay(struct random *random, uint64_t left_ms, size_t left)
{
    uint64_t max = 2 * left_ms / left;
    uint64_t delay = draw_chance(random, 500) ? draw(random, 0, max / 100)
                                              : draw(random, 0, 2 * max);

    return delay < left_ms ? delay : left_ms;
}

static void plan_all(struct workload *workload)
{
    struct sim *sim = workload->sim;
    uint64_t end_ms =
        sim->options.quiet ? sim->now_ms + QUIET_MS : chaos_calm_ms(sim->chaos);
    size_t count =
        sim_pick(sim, 4, sim->options.quiet ? QUIET_RECORDS : MAX_RECORDS);
    size_t backlog = sim_pick(sim, 0, count - 1);
    uint64_t at_ms = sim->now_ms + sim_pick(sim, 0, 5000);

    for (size_t i = 0; i < count; i++) {
        plan_one(workload, i < backlog ? sim->now_ms : at_ms);
        if (i >= backlog) {
            at_ms += draw_delay(&workload->plans[i].item->random,
                                at_ms < end_ms ? end_ms - at_ms : 1, count - i);
        }
    }
}

/* In some worlds the offsets are so far apart, as after compaction, that
 * finished records after a stuck one need more metadata than there is: a
 * partition is always read 512 offsets beyond it. */
static void plan_gaps(struct workload *workload)
{
    const struct sim *sim = workload->sim;
    struct random random;

    random_seed(&random, sim->options.seed ^ 0x67617073);
    if (sim->options.quiet || random_below(&random, 5) != 0) {
        return;
    }
    for (size_t i = 0; i < workload->plan_count; i++) {
        if (draw_chance(&random, 700)) {
            workload->plans[i].gap = (int64_t)draw(&random, 1, 700);
        }
    }
}

/* In some worlds one record is larger than the memory for all records, and that
 * limit is low enough to be reached. It has a random stream of its own, so that
 * everything else in the world remains the same. Spaces after an event do not
 * change it. */
static void plan_oversized(struct workload *workload)
{
    const struct sim *sim = workload->sim;
    struct random random;
    struct planned *plan;
    struct bytes *value;
    size_t size;
    char *text;

    random_seed(&random, sim->options.seed ^ 0x6C61726765);
    if (sim->options.quiet || sim->registries_only ||
        random_below(&random, 5) != 0) {
        return;
    }
    size = (size_t)draw(&random, 6, 48) * 1024;
    plan = &workload->plans[draw(&random, 0, workload->plan_count - 1)];
    value = &plan->record.message.value;
    if (value->data == NULL) {
        return;
    }
    text = arena_alloc(sim->arena, size + 1);
    memset(text, ' ', size + 1);
    memcpy(text, value->data, value->len);
    *value = (struct bytes){(const unsigned char *)text, size + 1};
    workload->settings->delivery.max_bytes = size;
    workload->has_oversized = true;
}

void workload_raise_limits(struct workload *workload)
{
    struct sim *sim = workload->sim;

    if (!workload->has_oversized) {
        return;
    }
    for (unsigned slot = 0; slot < MAX_SLOTS; slot++) {
        workload->of_slots[slot].delivery.max_bytes = RAISED_BYTES;
        if (sim->slots[slot] != NULL) {
            instance_kill(sim->slots[slot]);
        }
    }
}

/* --- writing ----------------------------------------------------------------
 */

/* The new topic gets no record in the millisecond in which the old one had
 * another one at the same offset. */
static void note_written(struct sim *sim, struct expected *record, int64_t gap)
{
    const struct log *log = &sim->broker->input[record->partition];

    record->offset = log->end + gap;
    record->creation = log->creation;
    record->written_ms = sim->now_ms;
    record->message.timestamp_ms =
        WALL_START_MS + (int64_t)sim->now_ms + log->creation;
    sim->counts.records++;
}

static void write_one(struct workload *workload, const struct planned *plan)
{
    struct sim *sim = workload->sim;
    struct expected *record = &workload->records[workload->count++];
    size_t partition = 1 + plan->dice % (sim->broker->partitions - 1);

    *record = plan->record;
    record->partition = (int32_t)partition;
    note_written(sim, record, plan->gap);
    sim_trace(sim, "[%zu] %s, to %d/%lld", plan->item->number, plan->item->text,
              record->partition, (long long)record->offset);
    broker_append_input(sim->broker, partition, &record->message, plan->gap);
}

static void write_again(struct workload *workload, const struct expected *old)
{
    struct sim *sim = workload->sim;
    struct expected *record = &workload->records[workload->count++];
    int64_t gap = old->offset - sim->broker->input[old->partition].end;

    workload->refill_count++;
    *record = *old;
    memset(record->seen, 0, sizeof(record->seen));
    gap = gap > 0 ? gap : 0;
    note_written(sim, record, gap);
    sim_trace(sim, "%d/%lld is written again as %d/%lld", old->partition,
              (long long)old->offset, record->partition,
              (long long)record->offset);
    broker_append_input(sim->broker, (size_t)record->partition,
                        &record->message, gap);
}

void workload_refill(struct workload *workload, unsigned thousandths)
{
    const struct broker *broker = workload->sim->broker;
    size_t count = workload->count * thousandths / 1000;

    for (size_t i = 0; i < count; i++) {
        const struct expected *record = &workload->records[i];

        if (record->partition != REPLAYS &&
            record->creation + 1 == broker->input[record->partition].creation &&
            workload->refill_count < MAX_REFILLS) {
            write_again(workload, record);
        }
    }
}

bool workload_is_of_old_topic(const struct sim *sim,
                              const struct expected *record)
{
    return record->creation != sim->broker->input[record->partition].creation;
}

bool workload_replay(struct workload *workload,
                     const struct expected *replay_of, const char *attachment,
                     const struct message *message)
{
    struct sim *sim = workload->sim;
    struct expected *record;

    if (workload->replay_count == MAX_REPLAYS) {
        return false;
    }
    workload->replay_count++;
    record = &workload->records[workload->count++];
    *record = (struct expected){.kind = replay_of->kind,
                                .replay_of = replay_of,
                                .own_headers = replay_of->own_headers,
                                .partition = REPLAYS,
                                .offset = sim->broker->input[REPLAYS].end,
                                .written_ms = sim->now_ms,
                                .message = *message,
                                .digest = replay_of->digest};
    /* The producer gives it the time of writing, as its timestamp of 0 asks */
    record->message.timestamp_ms = WALL_START_MS + (int64_t)sim->now_ms;
    for (size_t i = 0; i < replay_of->route_count; i++) {
        if (attachment == NULL ||
            strcmp(replay_of->routes[i]->attachment, attachment) == 0) {
            record->routes[record->route_count++] = replay_of->routes[i];
        }
    }
    sim->counts.replays++;
    sim_trace(sim, "%d/%lld is replayed as %d/%lld", replay_of->partition,
              (long long)replay_of->offset, REPLAYS, (long long)record->offset);
    broker_append_input(sim->broker, REPLAYS, &record->message, 0);
    return true;
}

/* Writes what is due, then waits for the next record. */
static void write_due(void *payload)
{
    struct workload *workload = payload;
    struct sim *sim = workload->sim;

    while (workload->next < workload->plan_count) {
        const struct planned *plan = &workload->plans[workload->next];

        if (plan->item->at_ms > sim->now_ms) {
            loop_arm(sim->loop, &workload->timer,
                     plan->item->at_ms - sim->now_ms);
            return;
        }
        workload->next++;
        if (!plan->item->skipped) {
            write_one(workload, plan);
        }
    }
}

struct workload *workload_new(struct sim *sim)
{
    struct workload *workload = mem_zalloc(sizeof(*workload));

    workload->sim = sim;
    workload->settings = workload_load(sim);
    plan_all(workload);
    plan_gaps(workload);
    plan_oversized(workload);
    for (unsigned slot = 0; slot < MAX_SLOTS; slot++) {
        workload->of_slots[slot] = *workload->settings;
        workload_personalize(&workload->of_slots[slot], slot);
    }
    timer_init(&workload->timer, write_due, workload);
    write_due(workload);
    return workload;
}

void workload_free(struct workload *workload)
{
    loop_disarm(workload->sim->loop, &workload->timer);
    settings_free(workload->settings);
    mem_free(workload);
}

const struct settings *workload_settings(const struct workload *workload,
                                         unsigned slot)
{
    return &workload->of_slots[slot];
}

struct expected *workload_records(const struct workload *workload,
                                  size_t *ret_count)
{
    *ret_count = workload->count;
    return (struct expected *)workload->records;
}

bool workload_is_written(const struct workload *workload)
{
    return workload->next == workload->plan_count;
}
