#ifndef WAYBILL_PUBLISHER_H
#define WAYBILL_PUBLISHER_H

#include "waybill/kafka.h"

/*
 * A producer without a group, for `waybill publish`
 */

struct publisher;

/* Called from publisher_send() and publisher_flush() for a message that Kafka
 * rejects by itself, while it accepts others. `opaque` is that of
 * publisher_send(). */
typedef void publisher_rejected_fn(void *payload, void *opaque,
                                   const struct error *err);

/* Waits up to ten seconds for the topic's metadata. The calls of a publisher
 * block, so that none is made on the thread of a loop. `options` is copied, but
 * not what it refers to. */
int publisher_open(const struct kafka_options *options,
                   publisher_rejected_fn *rejected, void *payload,
                   struct publisher **ret_publisher,
                   struct error *err) NODISCARD;
/* Copies the message; blocks only while librdkafka's buffer is full. An error
 * ends the publishing: that a message is rejected is none. */
int publisher_send(struct publisher *publisher, const struct message *message,
                   void *opaque, struct error *err) NODISCARD;
/* Blocks until every message is acknowledged or rejected, or the timeout has
 * passed, which is an error. */
int publisher_flush(struct publisher *publisher, int timeout_ms,
                    struct error *err) NODISCARD;
void publisher_free(struct publisher *publisher);

#endif
