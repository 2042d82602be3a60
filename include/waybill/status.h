#ifndef WAYBILL_STATUS_H
#define WAYBILL_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/digest.h"
#include "waybill/error.h"
#include "waybill/metrics.h"
#include "waybill/outcome.h"
#include "waybill/pipeline.h"
#include "waybill/plan.h"

/*
 * What the service is doing, for whoever watches it (admin/): counters since
 * the start, and a look at its state just now. Plain values: what they point
 * to is the service's own, and is right until the loop turns again.
 *
 * Times are wall time in milliseconds, 0 where there is none; offsets that are
 * not known are -1.
 */

/* Of one registration */
struct registration_counts {
    uint64_t succeeded; /* deliveries whose outcome is committed */
    uint64_t failed;
    uint64_t retries[ERROR_KINDS]; /* attempts that failed and are repeated */
    struct histogram duration;     /* seconds, of both */
};

/* Of all */
struct service_counts {
    uint64_t consumed;                    /* records */
    uint64_t shed;                        /* ... dropped, to be read again */
    uint64_t completed[OUTCOME_STATUSES]; /* ... committed whole; as failed
                                             when one delivery has */
    uint64_t dead_letters[ERROR_KINDS];
    uint64_t transactions[KAFKA_VERDICTS];
    uint64_t rebalances; /* times that partitions came or went */
    int64_t last_completed_ms;
    struct histogram age;      /* seconds, from a record's own timestamp */
    struct histogram loop_lag; /* seconds that a timer was late */
};

struct status_partition {
    const char *topic;
    int32_t partition;
    int64_t watermark; /* smaller offsets are committed */
    int64_t read;      /* smaller offsets have been read */
    int64_t end;       /* of the log */
    int64_t lag;       /* records above the watermark; -1: not known */
    int64_t window;    /* offsets between watermark and `read` */
    size_t records;    /* that are held in work */
    bool shed;         /* some are dropped, to be read again */
    bool resting;      /* the window is full */
    bool revoked;      /* it is on its way to somebody else */
};

enum registration_state {
    REGISTRATION_FLOWING,
    REGISTRATION_PAUSED, /* the host has asked for it */
    REGISTRATION_HELD,   /* its credentials are refused */
    REGISTRATION_DOWN,   /* its host does not answer */
};

struct status_registration {
    const struct registration *registration;
    const struct registration_counts *counts;
    const char *host;
    enum registration_state state;
    int64_t since_ms;  /* that it is held or down */
    int64_t retry_ms;  /* when it will be tried; 0: as soon as what runs ends */
    size_t running;    /* deliveries */
    size_t waiting;    /* ... for their turn, or their next attempt */
    size_t limit;      /* at a time, at its host */
    double rate_limit; /* attempts a second that its host takes; 0: not known */
    double rate;       /* attempts a second */
    bool shed;
    const struct error *last_error; /* NULL: none yet */
    int64_t last_error_ms;
};

/* A record that has been in work for the longest, of its partition */
struct status_record {
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *id;
    uint64_t age_ms;          /* in our hands */
    const char *registration; /* of a delivery that is not done; NULL: it only
                                 waits to be committed */
    const char *state;        /* of that delivery */
    unsigned attempts;        /* ... */
};

#define STATUS_RECENT 50
#define STATUS_ID 96

/* An outcome that has been committed */
struct status_outcome {
    char id[STATUS_ID]; /* of the event; cut */
    char topic[STATUS_ID];
    int32_t partition;
    int64_t offset;
    char registration[STATUS_ID]; /* cut, too; empty: no delivery */
    enum outcome_status status;
    enum error_kind error; /* when failed */
    unsigned attempts;
    uint64_t duration_ms;
    int64_t at_ms;
};

/* The configuration that counts, and the last try to replace it */
struct status_config {
    const struct digest *revision;
    uint64_t applied; /* reloads */
    uint64_t refused;
    int64_t reloaded_ms; /* the last of both */
    size_t fault_count;  /* of the last; 0: it was applied */
    const char *fault;   /* ... the first of them */
    const char *restart; /* keys whose change takes one; NULL: none */
};

enum service_phase { PHASE_RUNNING, PHASE_DRAINING, PHASE_CLOSING };

#define STATUS_REASONS 4

struct status {
    int64_t now_ms;
    int64_t started_ms;
    enum service_phase phase;
    struct status_config config;
    /* Why it is not ready; none: it is */
    const char *reasons[STATUS_REASONS];
    size_t reason_count;
    const char *brokers;
    const char *group;
    const char *topic;
    const char *notice; /* the last warning of the Kafka client, or NULL */
    int64_t notice_ms;
    bool full; /* reading is paused: as much is held as may be */
    size_t records;
    size_t max_records;
    size_t bytes;
    size_t max_bytes;
    struct status_partition *partitions;
    size_t partition_count;
    struct status_registration *registrations;
    size_t registration_count;
    struct status_record *oldest;
    size_t oldest_count;
    const struct status_outcome **recent; /* the newest first */
    size_t recent_count;
    const struct service_counts *counts;
};

/* Arrays are the arena's. */
void service_get_status(const struct service *service, struct arena *arena,
                        struct status *ret_status);

#endif
