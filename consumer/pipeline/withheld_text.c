#include <string.h>

#include "service_internal.h"

/* Messages about a topic that rejects messages */

const char *withheld_topic(const struct service *service,
                           enum status_output output)
{
    return output == STATUS_DEAD_LETTERS ? service->style.dead_letter_topic
                                         : service->style.topic;
}

const char *withheld_remedy(const char *code)
{
    static const char *const remedies[][2] = {
        {"MSG_SIZE_TOO_LARGE", "raise the topic's max.message.bytes, and "
                               "message.max.bytes of kafka.properties if it "
                               "is set"},
        {"RECORD_LIST_TOO_LARGE", "raise the topic's segment.bytes"},
        {"INVALID_TIMESTAMP", "compare the clocks of this host and of the "
                              "brokers with the topic's "
                              "message.timestamp.* limits"},
        {"INVALID_RECORD", "the topic's cleanup.policy, or a validation of "
                           "the brokers, does not allow it"},
        {"TOPIC_AUTHORIZATION_FAILED", "allow Write and Describe on the topic"},
        {"UNKNOWN_TOPIC_OR_PART", "create the topic"},
        {"_UNKNOWN_TOPIC", "create the topic"},
        {"_UNKNOWN_PARTITION", "create the topic"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(remedies); i++) {
        if (code != NULL && strcmp(remedies[i][0], code) == 0) {
            return remedies[i][1];
        }
    }
    return "the topic or its brokers do not allow it";
}
