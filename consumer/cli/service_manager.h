#ifndef WAYBILL_CLI_WATCHED_H
#define WAYBILL_CLI_WATCHED_H

#include "waybill/loop.h"
#include "waybill/notify.h"
#include "waybill/status.h"

/*
 * `waybill run` as systemd sees it: ready once the consumer has started, alive
 * as long as the loop turns, and in one line what it is about. Ready does not
 * mean that there is an assignment: a broker that is away for an hour must not
 * have the service killed and started all that hour; the line says so, as
 * /readyz does.
 *
 * A part of its owner's struct; service_manager_stop() before that goes away.
 */
typedef void service_manager_status_fn(void *payload, struct arena *arena,
                                       struct status *ret_status);

struct service_manager {
    struct notify notify;
    struct loop *loop;
    service_manager_status_fn *look;
    void *payload;
    struct timer heartbeat;
    struct timer status;
    char text[128]; /* the line as it was last said */
};

void service_manager_start(struct service_manager *service_manager,
                           struct loop *loop, service_manager_status_fn *look,
                           void *payload);
void service_manager_stop(struct service_manager *service_manager);

#endif
