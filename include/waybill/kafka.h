#ifndef WAYBILL_KAFKA_H
#define WAYBILL_KAFKA_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/field.h"
#include "waybill/kafka_batch.h"
#include "waybill/log.h"
#include "waybill/loop.h"
#include "waybill/message.h"

/*
 * The Kafka client of the service: it delivers records, and commits batches of
 * outcomes together with offsets.
 *
 * It consists of one consumer of a group, which the loop serves, and one
 * transactional producer, which has a thread of its own because its calls
 * block. A batch is written in one transaction together with the offsets that
 * it settles (KIP-98, KIP-447), so that a read_committed consumer sees either
 * both or neither.
 *
 * The simulator links another implementation behind this header. Therefore no
 * socket, clock or thread is visible here. Every function is called on the
 * thread of the loop, and so is the handler.
 *
 * Other modules decide which offset may be committed when (the ledger) and what
 * a message contains (event/).
 */
struct kafka;

/* A partition that cannot be read further */
struct kafka_unreadable {
    struct kafka_partition at;
    /* of the first record that cannot be read; -1: it can be read again */
    int64_t offset;
    /* the lowest offset from which the partition can be read; -1: not known */
    int64_t next;
    const char *reason;
};

struct kafka_handler {
    /* One record. Its bytes are valid only during the call. */
    void (*record)(void *payload, const struct input *input);
    /* These partitions are assigned. Their records follow, from the committed
     * offset, or from the first record if there is none. No open transaction
     * can still change those offsets (KIP-447). */
    void (*assigned)(void *payload, const struct kafka_position *positions,
                     size_t count);
    /* These partitions are revoked. With `lost` another member may own them
     * already. Otherwise they stay ours until kafka_complete_revocation(),
     * which must follow soon because the rebalance of the whole group waits for
     * it. The handler gets no other rebalance before that. */
    void (*revoked)(void *payload, const struct kafka_partition *partitions,
                    size_t count, bool lost);
    /* The next batch of a partition cannot be read, or can be read again. It is
     * called repeatedly as more becomes known. The partition is tried again,
     * and all others continue. */
    void (*unreadable)(void *payload, const struct kafka_unreadable *what);
    /* The result of kafka_commit(). Never called after closed(). */
    void (*committed)(void *payload, const struct kafka_result *result);
    /* A message of librdkafka, for the log */
    void (*notice)(void *payload, enum log_level level, const char *text);
    /* A fatal error: the consumer stops reading. */
    void (*failed)(void *payload, const struct error *err);
    /* kafka_close() has finished, and kafka_free() may be called. */
    void (*closed)(void *payload);
};

/* The commands that use Kafka. Each may have a principal of its own, with the
 * permissions of kafka_prepare.h. */
enum kafka_user {
    KAFKA_RUN,
    KAFKA_REPLAY,
    KAFKA_EXPLAIN,
    KAFKA_PUBLISH,
    KAFKA_USERS,
};

struct kafka_options {
    enum kafka_user user; /* whose permissions an error message names */
    const char *brokers;
    const char *group;
    const char *topic; /* to consume from, or to produce to */
    /* A second topic to consume from, or NULL. It need not exist: it is read as
     * soon as it does. */
    const char *optional_topic;
    const char *outcomes;         /* topics that are written; kafka_open() */
    const char *dead_letters;     /* checks all three unless these are NULL */
    const char *transactional_id; /* NULL: unique to the process */
    const char *instance_id;      /* NULL: a dynamic member (KIP-345) */
    const struct field_map *properties;
    uint64_t random; /* makes the transactional id of the process unique */
};

/* Life cycle. The handler is only called from the loop, never from within these
 * functions. The options' strings, the handler and the payload must outlive the
 * client. */
int kafka_open(struct loop *loop, const struct kafka_options *options,
               const struct kafka_handler *handler, void *payload,
               struct kafka **ret_kafka, struct error *err) NODISCARD;
/* The service is about to stop: no further check of topics and permissions
 * begins, and one that is in progress ends early, so that neither the last
 * commit nor the end waits for a broker that does not answer it. */
void kafka_stop_checks(struct kafka *kafka);
/* Leaves the group. Assigned partitions are revoked first; closed() follows. */
void kafka_close(struct kafka *kafka);
void kafka_free(struct kafka *kafka); /* after closed(), or NULL */

/* No record is delivered while the whole client, or the record's partition, is
 * paused. These may be called at any time. A newly assigned partition is not
 * paused individually. */
void kafka_pause(struct kafka *kafka);
void kafka_resume(struct kafka *kafka);
void kafka_pause_partition(struct kafka *kafka,
                           const struct kafka_partition *at);
void kafka_resume_partition(struct kafka *kafka,
                            const struct kafka_partition *at);
/* Delivers the records of that partition again, from this offset on. After a
 * pause, records that were delivered before may be delivered again even without
 * a rewind. */
void kafka_rewind(struct kafka *kafka, const struct kafka_partition *at,
                  int64_t offset);

/* Stops reading the partition at this offset, because the record there cannot
 * be held in memory, until the partition is revoked. */
void kafka_hold(struct kafka *kafka, const struct kafka_partition *at,
                int64_t offset);

/* The offset of the next fetch, which is after the last delivered record and
 * after offsets that hold no record (transaction markers and aborted records).
 * -1: not known. */
int64_t kafka_position(struct kafka *kafka, const struct kafka_partition *at);

/* The log start offset and the high watermark (the offset after the last
 * record) of the partition, as of the last fetch. -1: not known. */
struct kafka_bounds {
    int64_t first;
    int64_t end;
};
void kafka_get_bounds(struct kafka *kafka, const struct kafka_partition *at,
                      struct kafka_bounds *ret_bounds);

/* Whether the client can process records. `member`: it has joined the group,
 * and all of its assigned partitions are being fetched. `producer`: the broker
 * has accepted the transactional producer. */
struct kafka_state {
    bool member;
    bool producer;
};
void kafka_get_state(const struct kafka *kafka, struct kafka_state *ret_state);

/* Completes the revocation that revoked() began; other members may then own the
 * partitions. */
void kafka_complete_revocation(struct kafka *kafka);

/* Commits a batch, which it takes over; committed() follows. Only one commit
 * may be in progress. The batch belongs to the group's current generation: it
 * is aborted if the group has rebalanced without this member before it is
 * written. */
void kafka_commit(struct kafka *kafka, struct kafka_batch *batch);
bool kafka_is_committing(const struct kafka *kafka);

const char *kafka_library_version(void);

#endif
