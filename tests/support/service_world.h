#ifndef WAYBILL_TEST_SERVICE_WORLD_H
#define WAYBILL_TEST_SERVICE_WORLD_H

/* A service in a pipeline_world.h, with a Kafka client and an integration
 * that the test controls */

#include "fake_queue.h"
#include "pipeline/service_internal.h"
#include "pipeline_world.h"

static struct world world;
static struct service *service;
static int ended; /* the number of times that it ended */
static bool failed;

static inline void on_ended(void *payload, const struct error *err)
{
    ended++;
    failed = err != NULL;
}

static inline void begin_with(uint64_t max_records, size_t registrations)
{
    struct error err;

    world_prepare(&world, 1);
    ended = 0;
    failed = false;
    world.settings.delivery.max_records = max_records;
    world.settings.registration_count = registrations;
    world.settings.attachment_count =
        registrations == 1 ? 1 : ARRAY_SIZE(world_attachments);
    world.settings.arena = arena_new();
    world.settings.kafka = (struct kafka_settings){
        .brokers = "h:1",
        .group = "g",
        .topics = {.attestations = FAKE_TOPIC,
                   .replays = "replays",
                   .outcomes = "outcomes",
                   .dead_letters = "dead"},
    };
    world.pipeline = pipeline_new(&world.options);
    assert_int_equal(service_start(world.pipeline, &world.options, on_ended,
                                   NULL, &service, &err),
                     0);
}

static inline void begin_of(uint64_t max_records)
{
    begin_with(max_records, ARRAY_SIZE(world_registrations));
}

static inline void end(void)
{
    service_free(service);
    pipeline_free(world.pipeline);
    loop_free(world.loop);
    arena_free(world.settings.arena);
    fake_reset(NULL);
}

static inline const char *value_of(const char *workflow)
{
    static char value[512];

    snprintf(value, sizeof(value),
             "{\"workflow\":{\"id\":\"%s\"}," ATTESTATION "}", workflow);
    return value;
}

static inline bool record(int64_t offset, const char *workflow)
{
    return fake_record(0, offset, value_of(workflow));
}

/* Completes the commit that must be due now. */
static inline void commit(void)
{
    world_pass(&world, 50);
    assert_true(fake_queue()->committing);
    fake_commit_ends(KAFKA_COMMITTED);
    world_turn(&world);
}

static inline void commit_all(void)
{
    for (int i = 0; i < 100; i++) {
        world_pass(&world, 50);
        if (!fake_queue()->committing) {
            return;
        }
        fake_commit_ends(KAFKA_COMMITTED);
    }
    fail();
}

#endif
