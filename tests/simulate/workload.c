#include "workload.h"

#include "broker.h"
#include "waybill/alloc.h"

#define MOST_RECORDS 48

struct workload {
    struct sim *sim;
    struct settings *settings; /* as read, and as each slot has it */
    struct settings of_slots[MOST_SLOTS];
    struct expected records[MOST_RECORDS];
    size_t planned;
    size_t count;
    struct timer next;
};

static void write_one(struct workload *workload)
{
    struct sim *sim = workload->sim;
    struct expected *record = &workload->records[workload->count];
    size_t partition = sim_pick(sim, 0, sim->broker->partitions - 1);
    int64_t gap = sim_chance(sim, 200) ? (int64_t)sim_pick(sim, 1, 3) : 0;

    workload_make(sim, workload->count, record);
    record->partition = (int32_t)partition;
    record->offset = sim->broker->input[partition].end + gap;
    workload->count++;
    sim->counts.records++;
    sim_trace(sim, "record %d/%lld is written, of kind %d", record->partition,
              (long long)record->offset, record->kind);
    broker_append_input(sim->broker, partition, &record->message, gap);
}

static void on_next(void *payload)
{
    struct workload *workload = payload;
    struct sim *sim = workload->sim;
    uint64_t calm = chaos_calm_ms(sim->chaos);
    uint64_t left = calm > sim->now_ms ? calm - sim->now_ms : 1;

    write_one(workload);
    if (workload->count < workload->planned) {
        uint64_t most = 2 * left / (workload->planned - workload->count);
        uint64_t delay = sim_chance(sim, 500) ? sim_pick(sim, 0, most / 100)
                                              : sim_pick(sim, 0, 2 * most);

        /* In bursts, with quiet between them */
        loop_arm(sim->loop, &workload->next, delay < left ? delay : left);
    }
}

struct workload *workload_new(struct sim *sim)
{
    struct workload *workload = mem_zalloc(sizeof(*workload));
    size_t backlog;

    workload->sim = sim;
    workload->settings = workload_load(sim);
    for (unsigned slot = 0; slot < MOST_SLOTS; slot++) {
        workload->of_slots[slot] = *workload->settings;
        workload_personalize(&workload->of_slots[slot], slot);
    }
    workload->planned = sim_pick(sim, 4, MOST_RECORDS);
    backlog = sim_pick(sim, 0, workload->planned - 1);
    for (size_t i = 0; i < backlog; i++) {
        write_one(workload);
    }
    timer_init(&workload->next, on_next, workload);
    loop_arm(sim->loop, &workload->next, sim_pick(sim, 0, 5000));
    return workload;
}

void workload_free(struct workload *workload)
{
    loop_disarm(workload->sim->loop, &workload->next);
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
    return workload->count == workload->planned;
}
