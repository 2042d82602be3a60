#include "recreations.h"

#include "broker.h"
#include "waybill/alloc.h"
#include "workload.h"

#define MAX_TIMES 2

struct recreation {
    struct sim *sim;
    struct item *item;
    uint64_t refill_ms; /* after that time */
    unsigned thousandths;
    bool alone; /* no instance is running */
    struct timer timer;
    struct timer refill;
};

struct recreations {
    struct sim *sim;
    struct recreation all[MAX_TIMES];
    size_t count;
};

static void on_refill(void *payload)
{
    struct recreation *recreation = payload;

    workload_refill(recreation->sim->workload, recreation->thousandths);
}

static void kill_all(struct sim *sim)
{
    for (unsigned i = 0; i < MAX_SLOTS; i++) {
        if (sim->slots[i] != NULL) {
            instance_kill(sim->slots[i]);
        }
    }
}

static void on_time(void *payload)
{
    struct recreation *recreation = payload;
    struct sim *sim = recreation->sim;

    sim_trace(sim, "[%zu] %s", recreation->item->number,
              recreation->item->text);
    if (recreation->alone) {
        kill_all(sim);
    }
    broker_recreate(sim->broker);
    if (recreation->refill_ms == 0) {
        on_refill(recreation);
    } else {
        loop_arm(sim->loop, &recreation->refill, recreation->refill_ms);
    }
}

/* All of it happens before the faults end. */
static uint64_t plan_one(struct recreations *recreations, uint64_t at_ms,
                         uint64_t span_ms)
{
    struct sim *sim = recreations->sim;
    struct recreation *next = &recreations->all[recreations->count++];
    struct random *random;

    next->sim = sim;
    next->item = schedule_add(sim);
    random = &next->item->random;
    timer_init(&next->timer, on_time, next);
    timer_init(&next->refill, on_refill, next);
    at_ms += draw(random, 1, span_ms / 2);
    next->refill_ms =
        draw_chance(random, 600) ? 0 : draw(random, 1, span_ms / 2 - 1);
    next->thousandths =
        draw_chance(random, 600) ? 1000 : (unsigned)draw(random, 0, 1000);
    next->alone = draw_chance(random, 250);
    item_says(next->item, at_ms,
              "broker: the topic is created again%s, and %u/1000 of it are "
              "written again after %llu ms",
              next->alone ? " while nobody runs" : "", next->thousandths,
              (unsigned long long)next->refill_ms);
    if (!next->item->skipped) {
        loop_arm(sim->loop, &next->timer, at_ms - sim->now_ms);
    }
    return at_ms + next->refill_ms;
}

/* It has a random stream of its own and comes after all other items, so that
 * everything else in the world remains the same. */
struct recreations *recreations_new(struct sim *sim)
{
    struct recreations *recreations = mem_zalloc(sizeof(*recreations));
    uint64_t calm_ms = chaos_calm_ms(sim->chaos);
    uint64_t at_ms = sim->now_ms;
    uint64_t span_ms = (calm_ms - at_ms) / MAX_TIMES;
    struct random random;

    random_seed(&random, sim->options.seed ^ 0x70706963);
    recreations->sim = sim;
    if (sim->options.quiet || sim->registries_only ||
        random_below(&random, 6) != 0) {
        return recreations;
    }
    at_ms = plan_one(recreations, at_ms, span_ms);
    if (random_below(&random, 3) == 0) {
        plan_one(recreations, at_ms, span_ms);
    }
    return recreations;
}

void recreations_free(struct recreations *recreations)
{
    for (size_t i = 0; i < recreations->count; i++) {
        struct recreation *one = &recreations->all[i];

        loop_disarm(recreations->sim->loop, &one->timer);
        loop_disarm(recreations->sim->loop, &one->refill);
    }
    mem_free(recreations);
}
