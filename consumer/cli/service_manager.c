#include "service_manager.h"

#include <stdio.h>
#include <string.h>

#define STATUS_INTERVAL_MS 1000

static void format_status_line(const struct status *status, char *text,
                               size_t size)
{
    if (status->reason_count > 0) {
        snprintf(text, size, "%s", status->reasons[0]);
    } else {
        snprintf(text, size, "partitions: %zu, records in progress: %zu",
                 status->partition_count, status->records);
    }
}

/* Sends the line only when it differs from the last one. */
static void report_status(void *payload)
{
    struct service_manager *service_manager = payload;
    char text[sizeof(service_manager->text)];
    struct arena *arena = arena_new();
    struct status status = {0};

    service_manager->get_status(service_manager->payload, arena, &status);
    format_status_line(&status, text, sizeof(text));
    arena_free(arena);
    if (strcmp(text, service_manager->text) != 0) {
        memcpy(service_manager->text, text, sizeof(text));
        notify_status(&service_manager->notify, text);
    }
    loop_arm(service_manager->loop, &service_manager->status,
             STATUS_INTERVAL_MS);
}

static void send_heartbeat(void *payload)
{
    struct service_manager *service_manager = payload;

    notify_alive(&service_manager->notify);
    loop_arm(service_manager->loop, &service_manager->heartbeat,
             service_manager->notify.watchdog_ms);
}

void service_manager_open(struct service_manager *service_manager)
{
    *service_manager = (struct service_manager){0};
    notify_open(&service_manager->notify);
}

void service_manager_start(struct service_manager *service_manager,
                           struct loop *loop,
                           service_manager_status_fn *get_status, void *payload)
{
    service_manager->loop = loop;
    service_manager->get_status = get_status;
    service_manager->payload = payload;
    timer_init(&service_manager->heartbeat, send_heartbeat, service_manager);
    timer_init(&service_manager->status, report_status, service_manager);
    notify_ready(&service_manager->notify);
    if (service_manager->notify.watchdog_ms > 0) {
        send_heartbeat(service_manager);
    }
    if (service_manager->notify.fd >= 0) {
        report_status(service_manager);
    }
}

void service_manager_stop(struct service_manager *service_manager)
{
    loop_disarm(service_manager->loop, &service_manager->heartbeat);
    loop_disarm(service_manager->loop, &service_manager->status);
}

void service_manager_close(struct service_manager *service_manager)
{
    notify_close(&service_manager->notify);
}
