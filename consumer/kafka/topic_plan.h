#ifndef WAYBILL_KAFKA_TOPIC_PLAN_H
#define WAYBILL_KAFKA_TOPIC_PLAN_H

#include "topic_facts.h"
#include "waybill/kafka_prepare.h"

/* Sets with how many partitions and which settings the topic is created.
 * `input` is the configuration of the attestations topic, as far as it is
 * known. */
void topic_plan(const struct kafka_options *options,
                const struct kafka_sizes *sizes, enum topic_role role,
                const struct topic_config *input,
                struct kafka_topic_plan *ret_plan);

#endif
