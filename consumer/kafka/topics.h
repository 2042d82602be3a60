#ifndef WAYBILL_KAFKA_TOPICS_H
#define WAYBILL_KAFKA_TOPICS_H

#include "conditions.h"
#include "topic_facts.h"

/*
 * Judges whether Waybill can work with the configured topics. inspect.c asks
 * the brokers and collects the facts; topics.c turns them into conditions that
 * are reported to the operator, and does no I/O.
 */

/* Appends everything that is wrong with the facts: missing topics and
 * permissions, which block, and then doubtful settings. */
void topics_judge(const struct kafka_options *options,
                  const struct kafka_facts *facts, struct condition_list *list);
/* Appends what is no fault: that the replays topic does not exist yet, and that
 * settings could not be compared. A check mentions it once, and a running
 * client says nothing. */
void topics_note(const struct kafka_options *options,
                 const struct kafka_facts *facts, struct condition_list *list);

/* A member of the group, as the coordinator describes it */
struct group_member {
    const char *client_id;
    const char *host;
    const char *other_topic; /* that it is assigned; NULL: none */
};

/* Appends what suggests that the group is not Waybill's alone: members of
 * another application, and an assignor other than Waybill's. `client_id` is our
 * own; `assignor` may be "". */
void group_judge(const struct kafka_options *options, const char *client_id,
                 const char *assignor, const struct group_member *members,
                 size_t count, struct condition_list *list);

/* The reasons why the group cannot be joined */
void topics_add_group_denied(const struct kafka_options *options,
                             struct condition_list *list);
void topics_add_foreign_protocol(const struct kafka_options *options,
                                 struct condition_list *list);
/* Waybill is a member, but of a group of the newer protocol (KIP-848). */
void topics_add_newer_protocol(const struct kafka_options *options,
                               struct condition_list *list);

#endif
