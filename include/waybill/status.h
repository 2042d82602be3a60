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
#include "waybill/status_recent.h"
#include "waybill/status_topic.h"

/*
 * The state of the service for the admin endpoint (admin/): counters since the
 * start, and a snapshot of the current state. The values are plain; what they
 * point to belongs to the service and is valid until the loop continues.
 *
 * Times are wall-clock milliseconds, 0 if there is none. Unknown offsets are
 * -1.
 */

/* Counters of one registration */
struct registration_counts {
    uint64_t succeeded; /* deliveries whose outcome is committed */
    uint64_t failed;
    uint64_t skipped;
    uint64_t retries[ERROR_KINDS]; /* failed attempts that are repeated */
    struct histogram duration;     /* seconds, of succeeded and failed */
};

/* Counters of the service */
struct service_counts {
    uint64_t consumed;   /* records */
    uint64_t shed;       /* records shed, to be read again */
    uint64_t other_type; /* records skipped by kafka.other_types */
    uint64_t completed[OUTCOME_STATUSES];  /* records with all outcomes
                                              committed, by the worst outcome */
    uint64_t deliveries[OUTCOME_STATUSES]; /* committed; a record has one for
                                              each attachment */
    uint64_t dead_letters[ERROR_KINDS];
    uint64_t transactions[KAFKA_VERDICTS];
    uint64_t rejected[STATUS_OUTPUTS]; /* messages, by Kafka */
    uint64_t rebalances;               /* assignments and revocations */
    int64_t last_completed_ms;         /* of a record, of a delivery ... */
    int64_t last_delivery_ms;
    int64_t last_dead_letter_ms;
    struct histogram age;      /* seconds since the record's timestamp */
    struct histogram loop_lag; /* seconds that a timer was late */
};

struct status_partition {
    const char *topic;
    int32_t partition;
    int64_t watermark; /* all lower offsets are committed */
    int64_t read;      /* all lower offsets have been read */
    int64_t end;       /* end of the log */
    int64_t lag;    /* offsets from the watermark to the end; -1 if unknown */
    int64_t window; /* offsets from the watermark to `read` */
    size_t records; /* in memory */
    bool shed;      /* some records were shed, to be read again */
    bool paused;    /* reading is paused, because the window is full */
    int64_t paused_since_ms;
    bool revoked; /* being handed over to another member of the group */
    /* The offset of the first record that cannot be read, -1 if there is none;
     * why; and the command with which an operator can skip it */
    int64_t unreadable;
    int64_t unreadable_since_ms;
    const char *unreadable_reason;
    const char *skip_command;
};

enum registration_state {
    REGISTRATION_FLOWING,
    REGISTRATION_PAUSED, /* the endpoint has asked for it (Retry-After) */
    REGISTRATION_HELD,   /* everything that was tried is refused */
    REGISTRATION_DOWN,   /* the breaker of its endpoint is open */
};

/* An attachment whose deliveries are refused while others of its registration
 * succeed */
struct status_attachment {
    const char *name;
    int64_t since_ms;
    size_t waiting;             /* deliveries without an outcome */
    const struct error *reason; /* the latest refusal */
};

struct status_registration {
    const struct registration *registration;
    const struct registration_counts *counts;
    const char *host;
    enum registration_state state;
    int64_t since_ms; /* start of the hold, of the outage or of the pause */
    int64_t retry_ms; /* time of the next attempt; 0 if as soon as one in flight
                         ends */
    size_t running;   /* deliveries with an attempt in flight */
    size_t waiting;   /* other deliveries without an outcome */
    size_t limit;     /* concurrency limit of its endpoint */
    double rate_limit; /* rate limit of its endpoint, attempts per second; 0 if
                          unknown */
    double rate;       /* attempts per second */
    bool shed;
    const struct error *reason;     /* why it is held; NULL if it is not */
    struct status_attachment *held; /* unless the registration is held */
    size_t held_count;
    const struct error *last_error; /* NULL if none */
    int64_t last_error_ms;
};

/* One of the records of a partition that have been in memory for the longest
 * time */
struct status_record {
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *id;
    uint64_t age_ms;          /* since it was received */
    const char *registration; /* of an unfinished delivery; NULL if only the
                                 commit is pending */
    const char *state;        /* of that delivery */
    unsigned attempts;        /* of that delivery */
};

/* The active configuration, and the last attempt to reload it */
struct status_config {
    const struct digest *revision;
    uint64_t applied; /* reloads */
    uint64_t refused;
    int64_t reloaded_ms; /* time of the last reload, applied or refused */
    size_t fault_count;  /* faults in the last one; 0 if it was applied */
    const char *fault;   /* the first of these faults */
    const char *restart; /* keys that need a restart; NULL if none */
};

enum service_phase { PHASE_RUNNING, PHASE_DRAINING, PHASE_CLOSING };

struct status {
    int64_t now_ms;
    int64_t started_ms;
    enum service_phase phase;
    struct status_config config;
    /* Reasons for not being ready; the service is ready if there are none. */
    const char **reasons;
    size_t reason_count;
    int64_t not_ready_since_ms;
    /* What an operator should know, although the service is ready */
    const char **warnings;
    int64_t *warnings_since_ms;
    size_t warning_count;
    const char *brokers;
    const char *group;
    const char *topic;
    const char *notice; /* last warning of the Kafka client, or NULL */
    int64_t notice_ms;
    bool full; /* reading is paused: max_records or max_bytes is reached; then:
                */
    int64_t full_since_ms;
    size_t records;
    size_t max_records;
    size_t bytes;
    size_t max_bytes;
    struct status_partition *partitions;
    size_t partition_count;
    struct status_topic outputs[STATUS_OUTPUTS];
    struct status_withheld *withheld; /* at most 50 */
    size_t withheld_count;
    struct status_registration *registrations;
    size_t registration_count;
    struct status_record *oldest;
    size_t oldest_count;
    const struct status_outcome **recent; /* newest first */
    size_t recent_count;
    struct status_samples samples;
    const struct service_counts *counts;
};

/* Fills *ret_status. Its arrays are allocated from the arena. */
void service_get_status(const struct service *service, struct arena *arena,
                        struct status *ret_status);

#endif
