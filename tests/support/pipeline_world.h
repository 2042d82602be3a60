#ifndef WAYBILL_TEST_PIPELINE_WORLD_H
#define WAYBILL_TEST_PIPELINE_WORLD_H

/* The environment of a pipeline: settings, a fake clock, a loop, and the
 * integrations of tests/support/fake_integration.h. */

#include "asserts.h"
#include "event_text.h"
#include "fake_clock.h"
#include "fake_integration.h"
#include "waybill/log.h"
#include "waybill/pipeline.h"

#define MINUTE ((uint64_t)60000)
#define HOUR (60 * MINUTE)
#define WORLD_BEGAN 1767323045000

/* Two registrations at one host, one at each of two other hosts, and one of
 * another integration at the first host. Each has an attachment and a
 * workflow of the same name, and the workflow "both" has two attachments. */
static char world_host[] = "h1";
static char world_other_host[] = "h2";
static char world_third_host[] = "h3";

static struct registration world_registrations[] = {
    {"one", FAKE_KIND, world_host, NULL},
    {"two", FAKE_KIND, world_host, NULL},
    {"far", FAKE_KIND, world_other_host, NULL},
    {"sea", FAKE_KIND, world_third_host, NULL},
    {"hook", FAKE_MUTE_KIND, world_host, NULL},
};

static struct attachment world_attachments[] = {
    {.name = "one",
     .registration = &world_registrations[0],
     .workflow = {.id = "one"}},
    {.name = "two",
     .registration = &world_registrations[1],
     .workflow = {.id = "two"}},
    {.name = "far",
     .registration = &world_registrations[2],
     .workflow = {.id = "far"}},
    {.name = "sea",
     .registration = &world_registrations[3],
     .workflow = {.id = "sea"}},
    {.name = "hook",
     .registration = &world_registrations[4],
     .workflow = {.id = "hook"}},
    {.name = "both-one",
     .registration = &world_registrations[0],
     .workflow = {.id = "both"}},
    {.name = "both-far",
     .registration = &world_registrations[2],
     .workflow = {.id = "both"}},
};

struct world {
    struct fake_time time;
    struct clock clock;
    struct loop *loop;
    struct random random;
    struct settings settings;
    struct pipeline_options options;
    struct pipeline *pipeline;
};

static inline void world_prepare(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof(*world));
    log_setup(LOG_ERROR + 1, LOG_JSON);
    world->time = (struct fake_time){1000000, WORLD_BEGAN};
    world->clock = (struct clock)FAKE_CLOCK(&world->time);
    world->loop = loop_new(&world->clock);
    fake_reset(world->loop);
    random_seed(&world->random, seed);
    world->settings = (struct settings){
        .delivery = {.concurrency = 4,
                     .max_records = 100,
                     .max_bytes = 1 << 20,
                     .max_event_size = 1 << 20,
                     .max_attempts = 3,
                     .max_age_ms = 10 * MINUTE,
                     .backoff_initial_ms = 500,
                     .backoff_max_ms = 30000,
                     .hold_retry_ms = MINUTE,
                     .connect_timeout_ms = 1000,
                     .answer_timeout_ms = 1000,
                     .drain_ms = 10000},
        .registrations = world_registrations,
        .registration_count = ARRAY_SIZE(world_registrations),
        .attachments = world_attachments,
        .attachment_count = ARRAY_SIZE(world_attachments),
    };
    world->options = (struct pipeline_options){
        .loop = world->loop,
        .random = &world->random,
        .settings = &world->settings,
        .mode = PIPELINE_SERVICE,
    };
}

/* Runs everything that is due now, including what it triggers. */
static inline void world_turn(struct world *world)
{
    for (int turns = 0; loop_turn(world->loop, false); turns++) {
        check("the loop comes to rest", turns < 10000);
    }
}

/* Advances the time, and runs each timer at its own deadline. */
static inline void world_pass(struct world *world, uint64_t ms)
{
    uint64_t until = world->time.monotonic + ms;
    uint64_t due;

    world_turn(world);
    while (loop_next_deadline(world->loop, &due) && due <= until) {
        uint64_t step =
            due > world->time.monotonic ? due - world->time.monotonic : 0;

        world->time.monotonic += step;
        world->time.wall += (int64_t)step;
        world_turn(world);
    }
    world->time.wall += (int64_t)(until - world->time.monotonic);
    world->time.monotonic = until;
    world_turn(world);
}

#endif
