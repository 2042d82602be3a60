#ifndef SIMULATE_RULES_H
#define SIMULATE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/kafka_batch.h"
#include "waybill/message.h"

/* What the topics of outcomes and of dead letters do not accept: messages of
 * some records, messages without a key, and, for a while, any message. All of
 * it ends when it is calm, except that a key remains required. */

struct broker;
struct call;
struct expected;

struct output_rules {
    bool needs_key;    /* compaction */
    unsigned one_in;   /* messages of one record in so many; 0: of none */
    unsigned absent_s; /* the topic is missing for so long, ... */
    unsigned every_s;  /* ... in each period of so long; 0: never */
    size_t max_bytes;  /* max.message.bytes, of one message; 0: enough */
};

struct rules {
    struct output_rules outcomes;
    struct output_rules dead_letters;
};

void rules_draw(struct broker *broker);
/* NULL: the messages of the call are accepted. Otherwise, as many rejections as
 * *ret_count says, from the arena. */
const struct kafka_rejection *rules_judge(const struct broker *broker,
                                          const struct call *call,
                                          size_t *ret_count);
/* Whether messages of the record are rejected by themselves */
bool rules_curse(const struct broker *broker, const struct expected *record);
#endif
