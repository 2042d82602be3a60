#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "verdict.h"
#include "waybill/alloc.h"
#include "waybill/dead_letter.h"
#include "workload.h"

/* Occasionally all dead letters that can be read are replayed, once each: the
 * program's own code reads them and writes the records that replay them. */

#define MAX_TIMES 3

struct replays {
    struct sim *sim;
    struct item *items[MAX_TIMES];
    size_t count;
    size_t next;
    bool *done; /* for each dead letter of the log */
    size_t capacity;
    size_t known; /* the number of them */
    struct timer timer;
};

static const struct expected *find_origin(struct sim *sim,
                                          const struct dead_letter *letter)
{
    size_t count;
    const struct expected *records = workload_records(sim->workload, &count);
    int32_t partition = broker_number_of(
        &(struct kafka_partition){letter->topic, letter->origin_partition});

    for (size_t i = 0; i < count; i++) {
        if (records[i].partition == partition &&
            records[i].offset == letter->origin_offset) {
            return &records[i];
        }
    }
    return NULL;
}

/* The content of a dead letter is checked when it is written (verdict.c); here
 * it only has to belong to some record. */
static void replay_one(struct replays *replays, const struct log_record *log)
{
    struct sim *sim = replays->sim;
    struct input input = {.message = log->message, .offset = log->offset};
    const struct expected *origin;
    struct dead_letter letter;
    struct message message;

    dead_letter_read(&input, sim->arena, &letter);
    origin = verdict_origin_of_letter(sim, log);
    if (origin == NULL && letter.state != DEAD_LETTER_UNREADABLE) {
        origin = find_origin(sim, &letter);
    }
    if (origin == NULL) {
        sim_violate(sim, INVARIANT_DEAD_LETTER,
                    "a dead letter is of no record: %s/%d/%lld",
                    letter.topic != NULL ? letter.topic : "",
                    letter.origin_partition, (long long)letter.origin_offset);
        return;
    }
    dead_letter_rewrite(&input, &letter, broker_name_of(REPLAYS).topic,
                        sim->arena, &message);
    workload_replay(sim->workload, origin, letter.attachment, &message);
}

static bool is_visible(const struct log_record *record)
{
    return record->txn == NULL || record->txn->state == TXN_COMMITTED;
}

static void replay_all(struct replays *replays)
{
    const struct log *log = &replays->sim->broker->dead_letters;

    replays->done = mem_grow(replays->done, &replays->capacity, log->count + 1,
                             sizeof(replays->done[0]));
    while (replays->known < log->count) {
        replays->done[replays->known++] = false;
    }
    for (size_t i = 0; i < log->count; i++) {
        if (!replays->done[i] && is_visible(&log->records[i])) {
            replays->done[i] = true;
            replay_one(replays, &log->records[i]);
        }
    }
}

static void wait_for_next(struct replays *replays)
{
    struct sim *sim = replays->sim;

    if (replays->next < replays->count) {
        loop_arm(sim->loop, &replays->timer,
                 replays->items[replays->next]->at_ms - sim->now_ms);
    }
}

static void on_time(void *payload)
{
    struct replays *replays = payload;
    const struct item *item = replays->items[replays->next++];

    wait_for_next(replays);
    if (!item->skipped) {
        sim_trace(replays->sim, "[%zu] %s", item->number, item->text);
        replay_all(replays);
    }
}

struct replays *replays_new(struct sim *sim)
{
    struct replays *replays = mem_zalloc(sizeof(*replays));
    uint64_t left_ms = chaos_calm_ms(sim->chaos) - sim->now_ms;
    uint64_t at_ms = sim->now_ms;

    replays->sim = sim;
    timer_init(&replays->timer, on_time, replays);
    replays->count = sim->options.quiet ? 0 : sim_pick(sim, 0, MAX_TIMES);
    for (size_t i = 0; i < replays->count; i++) {
        struct item *item = schedule_add(sim);

        at_ms += draw(&item->random, 1, left_ms / MAX_TIMES);
        replays->items[i] = item;
        item_says(item, at_ms, "all dead letters are replayed");
    }
    wait_for_next(replays);
    return replays;
}

void replays_free(struct replays *replays)
{
    loop_disarm(replays->sim->loop, &replays->timer);
    mem_free(replays->done);
    mem_free(replays);
}
