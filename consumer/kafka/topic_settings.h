#ifndef WAYBILL_KAFKA_TOPIC_SETTINGS_H
#define WAYBILL_KAFKA_TOPIC_SETTINGS_H

#include "topic_facts.h"
#include "waybill/kafka_prepare.h"

/*
 * Which settings of its topics Waybill depends on: one table, from which topics
 * are created and with which those that exist are compared. It does no I/O.
 */

/* Sets the settings with which a topic is created, and returns their number.
 * Some follow from the settings of the attestations topic, and are omitted if
 * `input` is not known. */
size_t topic_settings_new(
    enum topic_role role, const struct topic_config *input,
    struct kafka_setting ret_settings[KAFKA_MAX_SETTINGS]);

struct topic_difference {
    enum topic_role role;
    struct kafka_setting setting; /* with the value that suits */
    const char *problem;          /* a sentence whose subject is the topic */
};

/* Calls `found` for each setting of the topic that does not suit. What is not
 * known is not compared. */
void topic_settings_compare(const struct kafka_options *options,
                            const struct kafka_facts *facts,
                            enum topic_role role,
                            void (*found)(void *payload,
                                          const struct topic_difference *what),
                            void *payload);
/* Appends the command that changes a topic accordingly. */
void topic_settings_append_change(struct str *out,
                                  const struct kafka_tools *tools,
                                  const char *topic,
                                  const struct kafka_setting *setting);

#endif
