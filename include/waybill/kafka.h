#ifndef WAYBILL_KAFKA_H
#define WAYBILL_KAFKA_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/field.h"
#include "waybill/log.h"
#include "waybill/loop.h"
#include "waybill/message.h"

/*
 * Kafka: records in, a batch of outcomes and offsets out, done later.
 *
 * One consumer of a group, served by the loop, and one transactional producer,
 * owned by a thread of its own because its calls block. What goes out goes out
 * in a transaction together with the offsets that it settles (KIP-98, KIP-447),
 * so that a read_committed reader sees either both or neither.
 *
 * It is a seam: the simulator links another implementation behind this header.
 * So no socket, clock or thread of it is visible here. Everything is called on
 * the loop's thread.
 *
 * Not here: which offset may be committed when (the ledger's), what is in a
 * message (event/).
 */
struct kafka;

struct kafka_partition {
    const char *topic;
    int32_t partition;
};

/* Where a partition's last owner has left it */
struct kafka_position {
    struct kafka_partition at;
    int64_t offset;       /* the next to be read; -1: nothing was committed */
    const char *metadata; /* what was committed beside it; "" if nothing */
};

enum kafka_verdict {
    KAFKA_COMMITTED,
    /* In all other cases nothing of the batch was done, and nothing will be:
     * the same results may be handed in again, in another batch, as far as
     * their partitions are still assigned. */
    KAFKA_ABORTED,
    /* One message is larger than its topic takes. */
    KAFKA_REFUSED_MESSAGE,
    /* The metadata is longer than the broker takes (offset.metadata.max.bytes).
     */
    KAFKA_REFUSED_METADATA,
    KAFKA_VERDICTS, /* how many there are */
};

struct kafka_result {
    enum kafka_verdict verdict;
    size_t message;   /* KAFKA_REFUSED_MESSAGE: which, by order of addition */
    struct error err; /* why; not when committed */
};

struct kafka_handler {
    /* One record. Its bytes are valid during the call. */
    void (*record)(void *payload, const struct input *input);
    /* From now on records of these come, from the committed offsets on, or
     * from the first there is. No transaction is open any more that could still
     * move them (KIP-447). */
    void (*assigned)(void *payload, const struct kafka_position *positions,
                     size_t count);
    /* These go away. With `lost` they are somebody else's already; else they
     * are ours until kafka_release(), which must follow soon: the whole group
     * waits. No other call of this comes before that. */
    void (*revoked)(void *payload, const struct kafka_partition *partitions,
                    size_t count, bool lost);
    /* What kafka_commit() began. Not after closed(). */
    void (*committed)(void *payload, const struct kafka_result *result);
    /* Something to log: the client's own words. */
    void (*notice)(void *payload, enum log_level level, const char *text);
    /* The consumer cannot go on. */
    void (*failed)(void *payload, const struct error *err);
    /* kafka_close() is done; the queue may be freed. */
    void (*closed)(void *payload);
};

struct kafka_options {
    const char *brokers;
    const char *group;
    const char *topic;            /* to read, or to publish to */
    const char *transactional_id; /* NULL: one of the process's own */
    const char *instance_id;      /* NULL: a dynamic member (KIP-345) */
    const struct field_map *properties;
    uint64_t random; /* for the process's own id */
};

/* Life cycle. The handler is called from the loop, never from in here. */
int kafka_open(struct loop *loop, const struct kafka_options *options,
               const struct kafka_handler *handler, void *payload,
               struct kafka **ret_queue, struct error *err) NODISCARD;
/* Leaves the group; closed() follows. Assigned partitions are revoked first. */
void kafka_close(struct kafka *queue);
void kafka_free(struct kafka *queue); /* only when closed; NULL is fine */

/* No record comes while all are paused, or their partition is. May be called at
 * any time; a partition that is assigned anew is not paused by itself. */
void kafka_pause(struct kafka *queue);
void kafka_resume(struct kafka *queue);
void kafka_pause_partition(struct kafka *queue,
                           const struct kafka_partition *at);
void kafka_resume_partition(struct kafka *queue,
                            const struct kafka_partition *at);
/* Records of that partition come once more, from this offset on. Some of those
 * that came before may come again without it, after a pause. */
void kafka_rewind(struct kafka *queue, const struct kafka_partition *at,
                  int64_t offset);

/* What comes next, if nothing has come since: behind the last record, and
 * behind what is no record (markers of transactions, aborted ones). -1: not
 * known. */
int64_t kafka_position(struct kafka *queue, const struct kafka_partition *at);

/* Where the partition begins and ends, as of the last fetch: the offset of the
 * first record, and one behind the last one. -1: not known. */
struct kafka_bounds {
    int64_t first;
    int64_t end;
};
void kafka_get_bounds(struct kafka *queue, const struct kafka_partition *at,
                      struct kafka_bounds *ret_bounds);

/* Whether work can be done: a member of the group, all of whose partitions (if
 * it has any) are being read; and a producer that the broker knows. */
struct kafka_state {
    bool member;
    bool producer;
};
void kafka_get_state(const struct kafka *queue, struct kafka_state *ret_state);

/* Answers revoked(): what was revoked may go to others. */
void kafka_release(struct kafka *queue);

/* A batch: messages to write and offsets to commit, all or nothing. */
struct kafka_batch;
struct kafka_batch *kafka_batch_new(void);
void kafka_batch_free(struct kafka_batch *batch); /* NULL is fine */
/* Everything is copied. */
void kafka_batch_message(struct kafka_batch *batch,
                         const struct message *message);
/* As the position that whoever has the partition next is told */
void kafka_batch_offset(struct kafka_batch *batch,
                        const struct kafka_position *position);
size_t kafka_batch_size(const struct kafka_batch *batch); /* bytes, about */

/* One at a time; takes the batch. committed() follows. The batch belongs to the
 * group's generation of this moment: if the group has gone on without us by the
 * time it is written, it is aborted. */
void kafka_commit(struct kafka *queue, struct kafka_batch *batch);
bool kafka_is_committing(const struct kafka *queue);

/* --- without a group: `waybill publish` -------------------------------------
 */

struct publisher;

/* Waits until the topic is known to be there, for at most ten seconds. */
int publisher_open(const struct kafka_options *options,
                   struct publisher **ret_publisher,
                   struct error *err) NODISCARD;
/* Copies the message; waits only while the client's own buffer is full. */
int publisher_send(struct publisher *publisher, const struct message *message,
                   struct error *err) NODISCARD;
/* Until every message is written, or the time is up */
int publisher_flush(struct publisher *publisher, int timeout_ms,
                    struct error *err) NODISCARD;
void publisher_free(struct publisher *publisher);

/* --- properties --------------------------------------------------------------
 */

/* Says what is wrong with one property of the configuration: one that a promise
 * hangs on, one that librdkafka does not know, a bad value. */
int kafka_check_property(const char *key, const char *value,
                         struct error *err) NODISCARD;

const char *kafka_library_version(void);

#endif
