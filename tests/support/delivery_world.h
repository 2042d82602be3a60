#ifndef WAYBILL_TESTS_DELIVERY_WORLD_H
#define WAYBILL_TESTS_DELIVERY_WORLD_H

/* One attachment of a configuration, and attempts to deliver an event for it to
 * an endpoint that the test itself plays (fake_http.h) */

#include "config_file.h"
#include "decoded_event.h"
#include "fake_clock.h"
#include "fake_http.h"
#include "waybill/integration.h"

#define NOW 1767323045

struct world {
    struct config_test *test;
    struct fake_time now;
    struct clock clock;
    struct loop *loop;
    struct http *http;
    struct integration_context context;
    struct integration_set *set;
    struct integration *integration;
    const struct attachment *attachment;
    struct decoded_event decoded;
    struct arena *kept;
    void *progress;
};

static inline void world_open(struct world *world, struct config_test *test,
                              const char *config, const char *more)
{
    const struct settings *settings = config_of(test, config);

    *world = (struct world){.test = test, .now = {1000, NOW * 1000LL + 999}};
    world->clock = (struct clock)FAKE_CLOCK(&world->now);
    world->loop = loop_new(&world->clock);
    world->http = http_new(world->loop);
    world->context = (struct integration_context){
        .network = {.loop = world->loop, .http = world->http}};
    world->set = integration_set_new(&world->context);
    world->attachment = &settings->attachments[0];
    world->integration =
        integration_of(world->set, world->attachment->registration);
    decoded_event_of(&world->decoded, STATEMENT, more);
    world->kept = arena_new();
}

static inline void world_close(struct world *world)
{
    integration_set_free(world->set);
    http_free(world->http);
    loop_free(world->loop);
    decoded_event_release(&world->decoded);
    arena_free(world->kept);
}

/* An attempt, and its report */
struct attempt {
    struct arena *arena;
    struct integration_operation *operation;
    int calls;
    struct delivery_report report;
    struct error err;
};

static inline void on_done(void *payload, const struct delivery_report *report)
{
    struct attempt *attempt = payload;

    attempt->calls++;
    attempt->report = *report;
    if (report->err != NULL) {
        attempt->err = *report->err;
    }
}

static inline void begin(struct world *world, struct attempt *attempt,
                         bool may_have_arrived)
{
    const struct delivery_request request = {
        .event = &world->decoded.event,
        .attachment = world->attachment,
        .may_have_arrived = may_have_arrived,
        .traceparent = "00-trace",
        .arena = arena_new(),
        .progress = &world->progress,
        .kept_arena = world->kept,
    };

    *attempt = (struct attempt){.arena = request.arena};
    attempt->operation = world->integration->class->deliver(
        world->integration, &request, on_done, attempt);
    assert_int_equal(attempt->calls, 0);
}

static inline void end(struct attempt *attempt)
{
    arena_free(attempt->arena);
}

static inline void assert_ended(struct world *world,
                                const struct attempt *attempt,
                                enum delivery_status status)
{
    assert_int_equal(fake_waiting(world->http), 0);
    assert_int_equal(attempt->calls, 1);
    assert_string_equal(attempt->err.message, "");
    assert_int_equal(attempt->report.status, status);
}

/* Returns the value of a header of the current request, allocated from the
 * arena. */
static inline const char *header(struct world *world, const char *name)
{
    const char *headers = fake_asked(world->http, "*")->headers;
    const char *at = strstr(headers, name);

    assert_non_null(at);
    at += strlen(name) + 2;
    return arena_printf(world->kept, "%.*s", (int)strcspn(at, "\n"), at);
}

#endif
