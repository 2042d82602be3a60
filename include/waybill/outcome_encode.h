#ifndef WAYBILL_OUTCOME_ENCODE_H
#define WAYBILL_OUTCOME_ENCODE_H

#include "waybill/arena.h"
#include "waybill/outcome.h"

/*
 * Encodes outcomes and dead letters as Kafka records (wire format, sections 2
 * and 3). The functions are pure: the same outcome gives the same bytes. The
 * resulting message refers to the arena and to the input of the outcome.
 */
struct outcome_style {
    const char *source; /* "waybill/<group>" or "waybill/push" */
    const char *group;
    const char *topic; /* the topic of outcomes */
    const char *dead_letter_topic;
    bool structured;
    /* The topic of outcomes, or of dead letters, requires a key: a message
     * without one gets the id of the outcome. */
    bool keyed_outcomes;
    bool keyed_dead_letters;
};

/* The CloudEvents id of the outcome. No two outcomes have the same. */
const char *outcome_id(const struct outcome *outcome, struct arena *arena);
/* Encodes the outcome as a record for the topic of outcomes. */
void outcome_encode(const struct outcome *outcome,
                    const struct outcome_style *style, struct arena *arena,
                    struct message *ret_message);
/* Appends the outcome as one line of JSON in CloudEvents structured mode,
 * without a newline. */
void outcome_append_structured(const struct outcome *outcome,
                               const struct outcome_style *style,
                               struct str *out);
/* Encodes the dead letter of a failed outcome: the original record, with
 * headers that describe the failure. */
void dead_letter_encode(const struct outcome *outcome,
                        const struct outcome_style *style, struct arena *arena,
                        struct message *ret_message);

#endif
