#ifndef WAYBILL_KAFKA_FENCING_H
#define WAYBILL_KAFKA_FENCING_H

#include "conditions.h"

/*
 * Why the broker has fenced the transactional producer: another process has
 * started one with the same transactional id, or the broker has ended a
 * transaction that took too long. Used by one thread; pure but for the time
 * that is passed in.
 */
struct fencing {
    uint64_t last_ms; /* 0: never */
    uint64_t previous_ms;
};

/* Whether an error of librdkafka means that the producer was fenced */
bool fencing_is(int code);
/* Records that it was, and appends the probable cause to the message. */
void fencing_note(struct fencing *fencing, const struct kafka_options *options,
                  uint64_t now_ms, struct error *err);
/* Appends the condition that another process uses the transactional id, if that
 * is so. It holds until no producer was fenced for a while. */
void fencing_judge(const struct fencing *fencing,
                   const struct kafka_options *options, uint64_t now_ms,
                   struct condition_list *list);

#endif
