#include "workload.h"

#include <string.h>

#include "broker.h"
#include "waybill/alloc.h"

#define MAX_RECORDS 48
#define MAX_REPLAYS 24

/* Without faults there is no time by which all has to be written. */
#define QUIET_MS 10000
#define QUIET_RECORDS 10 /* each boundary of theirs is a run of its own */

struct planned {
    struct item *item;
    size_t number;
    uint64_t dice; /* which partition: of those that there are by then */
    int64_t gap;
    struct expected record;
};

struct workload {
    struct sim *sim;
    struct settings *settings; /* as read, and as each slot has it */
    struct settings of_slots[MAX_SLOTS];
    struct planned plans[MAX_RECORDS];
    size_t plan_count;
    size_t next;
    struct expected records[MAX_RECORDS + MAX_REPLAYS]; /* that are written */
    size_t count;
    size_t replay_count;
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

/* In bursts, with quiet between them, and the last when it becomes calm */
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

/* --- writing ----------------------------------------------------------------
 */

static void write_one(struct workload *workload, const struct planned *plan)
{
    struct sim *sim = workload->sim;
    struct expected *record = &workload->records[workload->count++];
    size_t partition = 1 + plan->dice % (sim->broker->partitions - 1);

    *record = plan->record;
    record->partition = (int32_t)partition;
    record->offset = sim->broker->input[partition].end + plan->gap;
    record->written_ms = sim->now_ms;
    record->message.timestamp_ms = WALL_START_MS + (int64_t)sim->now_ms;
    sim->counts.records++;
    sim_trace(sim, "[%zu] %s, to %d/%lld", plan->item->number, plan->item->text,
              record->partition, (long long)record->offset);
    broker_append_input(sim->broker, partition, &record->message, plan->gap);
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

/* What is due; then waits for what is not */
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
    for (unsigned slot = 0; slot < MAX_SLOTS; slot++) {
        workload->of_slots[slot] = *workload->settings;
        workload_personalize(&workload->of_slots[slot], slot);
    }
    plan_all(workload);
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
