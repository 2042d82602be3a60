#ifndef WAYBILL_STATUS_RECORD_H
#define WAYBILL_STATUS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/message.h"

/*
 * What the service knows of one record that it has in memory: for each of its
 * deliveries, what it is waiting for (`waybill explain`). Kafka has none of
 * this: only outcomes and progress are committed.
 *
 * The values are plain; what they point to belongs to the service and is valid
 * until the loop continues. Times are wall-clock milliseconds, 0 if there is
 * none.
 */
struct service;

enum delivery_wait {
    WAIT_QUEUE,      /* for its turn, within the limits of its endpoint */
    WAIT_MARK,       /* for the commit that announces its attempt */
    WAIT_ATTEMPT,    /* for the end of the attempt in flight */
    WAIT_BACKOFF,    /* between two attempts */
    WAIT_DOWN,       /* the endpoint is down */
    WAIT_PAUSE,      /* the endpoint has asked for a pause (Retry-After) */
    WAIT_HOLD,       /* its registration is held: everything is refused */
    WAIT_PERMISSION, /* its attachment alone is held */
    WAIT_COMMIT,     /* it has an outcome, which is not committed yet */
    WAIT_TOPIC,      /* Kafka has rejected its outcome or its dead letter */
};
#define DELIVERY_WAITS (WAIT_TOPIC + 1)

struct status_delivery {
    const char *attachment; /* NULL for the outcome of the record itself; then
                               the next two are, too */
    const char *registration;
    const char *endpoint;
    enum delivery_wait wait;
    unsigned attempts;  /* that have begun */
    int64_t since_ms;   /* start of the outage, the pause or the hold */
    int64_t next_ms;    /* time of the next attempt, if that is known */
    const char *reason; /* of the hold, or the last error of the registration;
                           NULL if there is none */
};

struct status_deliveries {
    bool is_in_memory; /* else the record is unknown to this instance */
    uint64_t age_ms;   /* since it was received */
    struct status_delivery *all; /* without those whose outcome is committed */
    size_t count;
};

/* Fills *ret_deliveries. Its array is allocated from the arena. */
void service_get_deliveries(const struct service *service,
                            const struct position *position,
                            struct arena *arena,
                            struct status_deliveries *ret_deliveries);
/* The name in JSON, for example "endpoint_down" */
const char *delivery_wait_name(enum delivery_wait wait);

#endif
