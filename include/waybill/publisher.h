#ifndef WAYBILL_PUBLISHER_H
#define WAYBILL_PUBLISHER_H

#include "waybill/kafka.h"

/* A producer without a group, for `waybill publish` */
struct publisher;

/* Waits up to ten seconds for the topic's metadata. The calls of a publisher
 * block, so that none is made on the thread of a loop. */
int publisher_open(const struct kafka_options *options,
                   struct publisher **ret_publisher,
                   struct error *err) NODISCARD;
/* Copies the message; blocks only while librdkafka's buffer is full. */
int publisher_send(struct publisher *publisher, const struct message *message,
                   struct error *err) NODISCARD;
/* Blocks until every message is acknowledged or the timeout has passed, which
 * is an error. */
int publisher_flush(struct publisher *publisher, int timeout_ms,
                    struct error *err) NODISCARD;
void publisher_free(struct publisher *publisher);

#endif
