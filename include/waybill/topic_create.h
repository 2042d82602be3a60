#ifndef WAYBILL_TOPIC_CREATE_H
#define WAYBILL_TOPIC_CREATE_H

#include "waybill/error.h"
#include "waybill/kafka.h"

/*
 * Creates a topic, for `waybill replay run`: the replays topic need not exist
 * before the first replay. It blocks for a bounded time.
 */

/* Creates options->topic unless it exists, with as many partitions as the topic
 * `model` has and the broker's default replication factor. ERROR_CONFIG if the
 * broker refuses to: the message has the command that creates it. */
int topic_create_like(const struct kafka_options *options, const char *model,
                      struct error *err) NODISCARD;

#endif
