#ifndef WAYBILL_STATUS_TOPIC_H
#define WAYBILL_STATUS_TOPIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The part of the status (status.h) about the topics that are written to */

/* The topics that are written to */
enum status_output { STATUS_OUTCOMES, STATUS_DEAD_LETTERS };
#define STATUS_OUTPUTS (STATUS_DEAD_LETTERS + 1)

/* A topic that is written to */
struct status_topic {
    const char *name;
    size_t withheld; /* deliveries whose outcome or dead letter it rejected */
    bool is_blocked; /* it accepts nothing; then: */
    const char *code;
    const char *reason;
    const char *remedy;
    int64_t since_ms;
};

/* A delivery that is not committed, because a topic has rejected its outcome or
 * its dead letter */
struct status_withheld {
    const char *to; /* that topic */
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *code;
    const char *reason;
    const char *remedy;
    unsigned rejections;
    int64_t since_ms;
};

#endif
