#ifndef WAYBILL_KAFKA_MEMBER_ASSIGNMENT_H
#define WAYBILL_KAFKA_MEMBER_ASSIGNMENT_H

#include "waybill/kafka.h"

/* The first topic of a member's assignment that Waybill does not read. The
 * caller frees it; NULL: there is none, or the assignment cannot be read. The
 * bytes come from whichever application is in the group; their format is
 * ConsumerProtocolAssignment in Kafka's own message definitions. */
char *assignment_find_other_topic(const struct kafka_options *options,
                                  struct bytes assignment);

#endif
