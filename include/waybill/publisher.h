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

/* Waits up to ten seconds for the topic's metadata. All publisher functions
 * block, so do not call them on the thread of an event loop. `options` is
 * copied, but what it refers to is not. */
int publisher_open(const struct kafka_options *options,
                   publisher_rejected_fn *rejected, void *payload,
                   struct publisher **ret_publisher,
                   struct error *err) NODISCARD;
/* Copies the message; blocks only while librdkafka's buffer is full. After an
 * error, nothing more can be sent. A rejected message is not an error. */
int publisher_send(struct publisher *publisher, const struct message *message,
                   void *opaque, struct error *err) NODISCARD;
/* Blocks until every message is acknowledged or rejected, or the timeout has
 * passed, which is an error. */
int publisher_flush(struct publisher *publisher, int timeout_ms,
                    struct error *err) NODISCARD;
void publisher_free(struct publisher *publisher);

#endif
