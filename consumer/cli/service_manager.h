#ifndef WAYBILL_CLI_SERVICE_MANAGER_H
#define WAYBILL_CLI_SERVICE_MANAGER_H

#include "waybill/loop.h"
#include "waybill/notify.h"
#include "waybill/status.h"

/*
 * The notifications of `waybill run` to systemd (sd_notify(3)): READY=1 once
 * the consumer has started, WATCHDOG=1 as long as the loop runs, and a one-line
 * STATUS. Readiness does not mean that partitions are assigned: otherwise
 * systemd would kill and restart the service for as long as a broker is
 * unavailable. The status line, like /readyz, shows that state.
 *
 * The struct is embedded in its owner. The socket is opened before the sandbox
 * is closed, which permits no further ones.
 */
typedef void service_manager_status_fn(void *payload, struct arena *arena,
                                       struct status *ret_status);

struct service_manager {
    struct notify notify;
    struct loop *loop;
    service_manager_status_fn *get_status;
    void *payload;
    struct timer heartbeat;
    struct timer status;
    char text[128]; /* the status line that was sent last */
};

void service_manager_open(struct service_manager *service_manager);
void service_manager_start(struct service_manager *service_manager,
                           struct loop *loop,
                           service_manager_status_fn *get_status,
                           void *payload);
void service_manager_stop(struct service_manager *service_manager);
void service_manager_close(struct service_manager *service_manager);

#endif
