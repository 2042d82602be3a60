#ifndef WAYBILL_KAFKA_PERMISSIONS_H
#define WAYBILL_KAFKA_PERMISSIONS_H

#include "topic_facts.h"
#include "waybill/kafka_prepare.h"

/*
 * Who needs which permission: the table behind `waybill kafka prepare` and
 * behind every message about a permission that is missing. It does no I/O.
 */

/* The resources. The topics have the numbers of their roles. */
enum subject {
    SUBJECT_INPUT = TOPIC_INPUT,
    SUBJECT_OUTCOMES = TOPIC_OUTCOMES,
    SUBJECT_DEAD_LETTERS = TOPIC_DEAD_LETTERS,
    SUBJECT_REPLAYS = TOPIC_REPLAYS,
    SUBJECT_GROUP,
    SUBJECT_REPLAY_GROUP,
    SUBJECT_TRANSACTIONAL_ID,
    SUBJECT_REPLAY_ID,
};

/* The most important operation that the user needs on the resource */
const char *permission_operation(enum kafka_user user, enum subject subject);
/* The same for the user's only group */
const char *permission_group_operation(enum kafka_user user);

/* The transactional ids of all processes of a group begin with it, unless one
 * is configured. */
#define PERMISSION_ID_PREFIX "waybill-%s-"

/* Appends the name of a tool of Kafka and the options with which it reaches the
 * brokers. */
void append_tool(struct str *out, const struct kafka_tools *tools,
                 const char *tool);

#endif
