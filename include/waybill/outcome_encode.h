#ifndef WAYBILL_OUTCOME_ENCODE_H
#define WAYBILL_OUTCOME_ENCODE_H

#include "waybill/arena.h"
#include "waybill/outcome.h"

/*
 * Outcomes and dead letters into Kafka records (wire format, sections 2 and 3).
 * Pure: the same outcome gives the same bytes. What comes out lives in the
 * arena, or is the input's own.
 */
struct outcome_style {
    const char *source; /* waybill/<group>, waybill/push */
    const char *group;
    const char *topic; /* of outcomes */
    const char *dead_letter_topic;
    bool structured;
};

void outcome_encode(const struct outcome *outcome,
                    const struct outcome_style *style, struct arena *arena,
                    struct message *ret_message);
/* One line of JSON, without a line end: CloudEvents structured mode */
void outcome_append_structured(const struct outcome *outcome,
                               const struct outcome_style *style,
                               struct str *out);
/* The record itself, and why it is there. Only of a failed outcome. */
void dead_letter_encode(const struct outcome *outcome,
                        const struct outcome_style *style, struct arena *arena,
                        struct message *ret_message);

#endif
