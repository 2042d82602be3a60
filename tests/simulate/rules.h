#ifndef SIMULATE_RULES_H
#define SIMULATE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/kafka_batch.h"
#include "waybill/message.h"

/* Messages that the topics of outcomes and of dead letters reject: those of
 * some records, those without a key, and, for a while, any message. All of it
 * ends with the faults, except that a key remains required. */

struct broker;
struct call;
struct expected;

struct output_rules {
    bool needs_key;    /* compaction */
    unsigned one_in;   /* messages of one record in that many; 0: of none */
    unsigned absent_s; /* the topic is missing for that long, ... */
    unsigned every_s;  /* ... in each period of that length; 0: never */
    size_t max_bytes;  /* max.message.bytes, of one message; 0: sufficient */
};

struct rules {
    struct output_rules outcomes;
    struct output_rules dead_letters;
};

void rules_draw(struct broker *broker);
/* Returns NULL if the messages of the call are accepted. Otherwise returns
 * *ret_count rejections, allocated from the arena. */
const struct kafka_rejection *rules_judge(const struct broker *broker,
                                          const struct call *call,
                                          size_t *ret_count);
/* Whether messages of the record are rejected by themselves */
bool rules_curse(const struct broker *broker, const struct expected *record);
#endif
