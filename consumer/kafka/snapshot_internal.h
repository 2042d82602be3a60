#ifndef WAYBILL_SNAPSHOT_INTERNAL_H
#define WAYBILL_SNAPSHOT_INTERNAL_H

#include "command.h"
#include "waybill/snapshot.h"

/* snapshot.c opens a topic and reads it, snapshot_delete.c deletes its
 * records. */
struct snapshot {
    struct kafka_options options;
    rd_kafka_t *client;
    const char *topic;
    const char *group;
    struct snapshot_span *spans;
    bool *done; /* of each span: no further record is wanted */
    size_t count;
    bool follow;
    rd_kafka_message_t *current; /* owns the bytes of the last input */
    struct header *headers;
    size_t header_capacity;
    /* the arrival of the last record or end of a partition */
    uint64_t received_ms;
    struct diagnosis diagnosis;
};

/* Sets the error of a request: what was asked for, and what the client has
 * reported since. Returns -1. */
int snapshot_set_failed(struct snapshot *snapshot, const char *what,
                        rd_kafka_resp_err_t code, struct error *err);

#endif
