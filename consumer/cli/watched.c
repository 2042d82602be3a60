#include "watched.h"

#include <stdio.h>
#include <string.h>

#define STATUS_INTERVAL_MS 1000

static void put_line(const struct status *status, char *text, size_t size)
{
    if (status->reason_count > 0) {
        snprintf(text, size, "%s", status->reasons[0]);
    } else {
        snprintf(text, size, "partitions: %zu, records in work: %zu",
                 status->partition_count, status->records);
    }
}

/* Only what differs from what was said before */
static void say_status(void *payload)
{
    struct watched *watched = payload;
    char text[sizeof(watched->text)];
    struct arena *arena = arena_new();
    struct status status = {0};

    watched->look(watched->payload, arena, &status);
    put_line(&status, text, sizeof(text));
    arena_free(arena);
    if (strcmp(text, watched->text) != 0) {
        memcpy(watched->text, text, sizeof(text));
        notify_status(&watched->notify, text);
    }
    loop_arm(watched->loop, &watched->status, STATUS_INTERVAL_MS);
}

static void beat(void *payload)
{
    struct watched *watched = payload;

    notify_alive(&watched->notify);
    loop_arm(watched->loop, &watched->heartbeat, watched->notify.watchdog_ms);
}

void watched_start(struct watched *watched, struct loop *loop,
                   watched_look_fn *look, void *payload)
{
    *watched = (struct watched){.loop = loop, .look = look, .payload = payload};
    timer_init(&watched->heartbeat, beat, watched);
    timer_init(&watched->status, say_status, watched);
    notify_open(&watched->notify);
    notify_ready(&watched->notify);
    if (watched->notify.watchdog_ms > 0) {
        beat(watched);
    }
    if (watched->notify.fd >= 0) {
        say_status(watched);
    }
}

void watched_stop(struct watched *watched)
{
    loop_disarm(watched->loop, &watched->heartbeat);
    loop_disarm(watched->loop, &watched->status);
    notify_close(&watched->notify);
}
