#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "membership.h"
#include "waybill/limits.h"

/* What librdkafka reports, as notices for the log and as failures */

void kafka_notice(struct kafka *queue, enum log_level level, const char *format,
                  ...)
{
    char text[LIMIT_MESSAGE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    queue->handler->notice(queue->payload, level, text);
}

void kafka_notice_trouble(struct kafka *queue, rd_kafka_resp_err_t code,
                          const char *text)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        kafka_notice(
            queue, LOG_ERROR,
            "topic '%s' does not exist: create it (Waybill creates none), "
            "or mend kafka.topics.attestations",
            queue->options.topic);
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        kafka_notice(queue, LOG_ERROR, "%s", text);
        break;
    default:
        kafka_notice(queue, LOG_WARN, "%s", text);
        break;
    }
}

/* Only where a position is: one that was committed, or has been read to. What
 * would have come is lost, or was never meant: no offset of our own choosing
 * can be right. */
static void on_out_of_range(struct kafka *queue, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(event);
    struct error err;

    error_set(&err, ERROR_FATAL,
              "partition %d of topic '%s' cannot be read from offset %lld on "
              "(%s): records were deleted before they were read (retention), "
              "or the topic was made anew; set the offset of group '%s' with "
              "kafka-consumer-groups --reset-offsets, then start again",
              at != NULL ? (int)at->partition : -1, queue->options.topic,
              at != NULL ? (long long)at->offset : -1LL,
              rd_kafka_event_error_string(event), queue->options.group);
    if (at != NULL) {
        rd_kafka_topic_partition_destroy(at);
    }
    queue->handler->failed(queue->payload, &err);
}

/* A fatal error is not always told by the code that says so. */
static bool is_fatal(struct kafka *queue)
{
    char why[LIMIT_MESSAGE];
    struct error err;

    if (rd_kafka_fatal_error(queue->client, why, sizeof(why)) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    error_set(&err, ERROR_FATAL, "kafka consumer: %s", why);
    queue->handler->failed(queue->payload, &err);
    return true;
}

void kafka_notice_error(struct kafka *queue, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);

    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        on_out_of_range(queue, event);
    } else if (!is_fatal(queue)) {
        kafka_notice_trouble(queue, code, rd_kafka_event_error_string(event));
    }
}

/* syslog(3)'s numbers. What is an error there (3) comes as an event of its own
 * as well, once. */
static enum log_level level_of(int syslog_level, const char *facility)
{
    if (syslog_level <= 2) {
        return LOG_ERROR;
    }
    /* "not supported", every half minute, of brokers before 0.11: which have no
     * transactions either, or are librdkafka's own mock. */
    if (strcmp(facility, "AUTOCREATE") == 0) {
        return LOG_DEBUG;
    }
    return syslog_level == 4 ? LOG_WARN : LOG_DEBUG;
}

void kafka_notice_log(struct kafka *queue, rd_kafka_event_t *event)
{
    const char *facility;
    const char *text;
    int level;

    if (rd_kafka_event_log(event, &facility, &text, &level) == 0) {
        kafka_notice(queue, level_of(level, facility), "%s: %s", facility,
                     text);
    }
}
