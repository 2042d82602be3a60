#ifndef SIMULATE_WORKLOAD_H
#define SIMULATE_WORKLOAD_H

#include "registry.h"
#include "sim.h"
#include "waybill/message.h"

/* The input of a world, its configuration, and the expected outcomes. */

#define WALL_START_MS 1767322800000 /* 2026-01-02T03:00:00Z */
#define MAX_DELIVERIES 2

enum record_kind {
    RECORD_GOOD,
    RECORD_REFUSED,    /* the registry will always reject it */
    RECORD_UNATTACHED, /* skipped */
    RECORD_MALFORMED,
    RECORD_MISMATCH, /* states another digest than it has */
    RECORD_OTHER,    /* of another type, which is skipped without an outcome */
};

/* An attachment, and its destination */
struct route {
    const char *attachment;
    const char *prefix;   /* of the artifact for a registry */
    const char *workflow; /* the workflow of the attachment */
    const char *registration;
    size_t registry;    /* or THE_DIRECTORY */
    const char *suffix; /* of the file for the directory */
};

#define THE_DIRECTORY SIZE_MAX

struct expected {
    enum record_kind kind;
    const struct expected *replay_of; /* NULL: it is not a replay */
    size_t own_headers;               /* set by its producer */
    int32_t partition;                /* by the numbers of the broker */
    int64_t offset;
    unsigned creation; /* of the topic that it was written to */
    uint64_t written_ms;
    struct message message;
    struct digest digest; /* of the envelope as stored */
    const struct route *routes[MAX_DELIVERIES];
    size_t route_count; /* 0: one outcome without a delivery, or none for
                           RECORD_OTHER */
    unsigned seen[MAX_DELIVERIES]; /* outcomes that a reader has seen */
};

struct workload;

struct workload *workload_new(struct sim *sim);
void workload_free(struct workload *workload);
const struct settings *workload_settings(const struct workload *workload,
                                         unsigned slot);
struct expected *workload_records(const struct workload *workload,
                                  size_t *ret_count);
/* Writes a replay of the record, for that attachment alone or, with NULL, for
 * all of its attachments. Returns false if there is no room for more. */
bool workload_replay(struct workload *workload,
                     const struct expected *replay_of, const char *attachment,
                     const struct message *message);
/* Writes that many thousandths of what the topic contained before it was
 * created again, each at its old offset if that is free. */
void workload_refill(struct workload *workload, unsigned thousandths);
/* The faults have ended: the operator has noticed that a partition is held
 * because of a record that is larger than delivery.max_bytes, raises the limit,
 * and restarts all instances. */
void workload_raise_limits(struct workload *workload);
/* Whether the record was deleted together with its topic */
bool workload_is_of_old_topic(const struct sim *sim,
                              const struct expected *record);
bool workload_is_written(const struct workload *workload);

/* workload_config.c */
const struct route *workload_route(const char *attachment);
struct settings *workload_load(struct sim *sim);
/* A name that no two instances share */
void workload_personalize(struct settings *settings, unsigned slot);
/* workload_records.c: the record that the item's random stream determines,
 * written at its time */
void workload_make(struct sim *sim, struct item *item, size_t number,
                   struct expected *record);
const char *record_kind_name(enum record_kind kind);

/* replays.c: what `waybill replay run` does, occasionally */
struct replays *replays_new(struct sim *sim);
void replays_free(struct replays *replays);

#endif
