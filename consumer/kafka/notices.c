#include <stdio.h>
#include <string.h>

#include "membership.h"
#include "waybill/limits.h"

/* How long the checker's thread may take to find the first offset */
#define FIRST_DEADLINE_MS 5000

/* Errors and log messages of librdkafka: as notices for the log, or as the
 * failure of the consumer */

/* librdkafka passes the name of a topic that it cannot subscribe to only in the
 * text of the error. */
static bool is_about_optional_topic(const struct kafka *kafka, const char *text)
{
    const char *topic = kafka->options.optional_topic;
    char wanted[300];

    if (topic == NULL || text == NULL) {
        return false;
    }
    snprintf(wanted, sizeof(wanted),
             "Subscribed topic not available: %s: ", topic);
    return strstr(text, wanted) != NULL;
}

static void notice_optional_topic(struct kafka *kafka, rd_kafka_resp_err_t code,
                                  const char *text)
{
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
        kafka_notice(kafka, LOG_INFO,
                     "topic '%s' (kafka.topics.replays) does not exist yet; it "
                     "is read as soon as the first `waybill replay run` has "
                     "created it",
                     kafka->options.optional_topic);
        return;
    }
    kafka_notice(kafka, LOG_WARN,
                 "topic '%s' (kafka.topics.replays) cannot be read, so that no "
                 "dead letter can be replayed: %s",
                 kafka->options.optional_topic, text);
}

void kafka_notice_topic_error(struct kafka *kafka, rd_kafka_resp_err_t code,
                              const char *text)
{
    if (is_about_optional_topic(kafka, text)) {
        notice_optional_topic(kafka, code, text);
        return;
    }
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        kafka_notice(kafka, LOG_ERROR,
                     "topic '%s' does not exist: create it (Waybill creates "
                     "none), or correct kafka.topics.attestations",
                     kafka->options.topic);
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        kafka_notice(kafka, LOG_ERROR, "%s", text);
        break;
    default:
        kafka_notice(kafka, LOG_WARN, "%s", text);
        break;
    }
}

/* Returns true if nothing is left to do, because the topic is a new one or the
 * service already stops for another partition. Frees the partition then. */
static bool is_handled(struct kafka *kafka, rd_kafka_topic_partition_t *at)
{
    bool is_new =
        at != NULL &&
        identity_on_out_of_range(
            kafka, &(struct kafka_partition){at->topic, at->partition});

    if (!is_new && !kafka->is_out_of_range) {
        return false;
    }
    if (at != NULL) {
        rd_kafka_topic_partition_destroy(at);
    }
    return true;
}

/* The options' own copy of the name, which outlives the event */
static const char *own_topic(const struct kafka *kafka, const char *topic)
{
    return strcmp(topic, kafka->options.topic) == 0
               ? kafka->options.topic
               : kafka->options.optional_topic;
}

/* With auto.offset.reset=error this is reported only for a position that was
 * committed or reached by reading. The records after it are lost, or belong to
 * another topic of the same name: no offset that Waybill could choose would be
 * right. */
static void on_out_of_range(struct kafka *kafka, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(event);

    if (is_handled(kafka, at)) {
        return;
    }
    kafka->is_out_of_range = true;
    error_set(&kafka->out_of_range, ERROR_FATAL,
              "partition %d of topic '%s' cannot be read from offset %lld on "
              "(%s): records were deleted before they were read (retention), "
              "or the topic was created again; set the offset of group '%s' "
              "with kafka-consumer-groups --reset-offsets. After retention, "
              "the last message before the end names the offset",
              at != NULL ? (int)at->partition : -1,
              at != NULL ? at->topic : kafka->options.topic,
              at != NULL ? (long long)at->offset : -1LL,
              rd_kafka_event_error_string(event), kafka->options.group);
    if (at != NULL) {
        committer_find_first(kafka->committer,
                             &(struct kafka_partition){
                                 own_topic(kafka, at->topic), at->partition});
        rd_kafka_topic_partition_destroy(at);
    }
    /* Until the first offset is known */
    loop_arm(kafka->loop, &kafka->first_deadline, FIRST_DEADLINE_MS);
}

void kafka_fail_out_of_range(void *payload)
{
    struct kafka *kafka = payload;

    loop_disarm(kafka->loop, &kafka->first_deadline);
    kafka->handler->failed(kafka->payload, &kafka->out_of_range);
}

/* The code of the event is not always RD_KAFKA_RESP_ERR__FATAL when the client
 * has failed. */
static bool is_fatal(struct kafka *kafka)
{
    char reason[LIMIT_MESSAGE];
    rd_kafka_resp_err_t code;
    struct error err;

    code = rd_kafka_fatal_error(kafka->client, reason, sizeof(reason));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    error_set(&err, ERROR_FATAL, "kafka consumer: %s", reason);
    if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID &&
        kafka->options.instance_id != NULL) {
        error_set(&err, ERROR_FATAL,
                  "kafka consumer: %s (another process has joined the group "
                  "with the instance id '%s', kafka.instance_id; every "
                  "instance needs its own)",
                  reason, kafka->options.instance_id);
    }
    kafka->handler->failed(kafka->payload, &err);
    return true;
}

static void note_missing_topic(struct kafka *kafka, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(event);
    const char *topic = at != NULL ? at->topic : NULL;

    if (is_about_optional_topic(kafka, rd_kafka_event_error_string(event))) {
        topic = kafka->options.optional_topic;
    }
    identity_topic_missing(kafka, topic);
    if (at != NULL) {
        rd_kafka_topic_partition_destroy(at);
    }
}

void kafka_notice_error(struct kafka *kafka, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);

    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
        note_missing_topic(kafka, event);
    }
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        on_out_of_range(kafka, event);
    } else if (!is_fatal(kafka) &&
               !outage_on_error(kafka, code,
                                rd_kafka_event_error_string(event))) {
        kafka_notice_topic_error(kafka, code,
                                 rd_kafka_event_error_string(event));
    }
}

/* Levels as in syslog(3). librdkafka reports an error (3) also as an event of
 * its own, which is the one that is logged. */
static enum log_level level_of(int syslog_level, const char *facility)
{
    if (syslog_level <= 2) {
        return LOG_ERROR;
    }
    /* librdkafka logs "not supported" every 30 s for brokers before 0.11 (which
     * lack transactions anyway) and for its own mock cluster. */
    if (strcmp(facility, "AUTOCREATE") == 0) {
        return LOG_DEBUG;
    }
    return syslog_level == 4 ? LOG_WARN : LOG_DEBUG;
}

void kafka_notice_log(struct kafka *kafka, rd_kafka_event_t *event)
{
    const char *facility;
    const char *text;
    int level;

    if (rd_kafka_event_log(event, &facility, &text, &level) == 0) {
        kafka_notice(kafka, level_of(level, facility), "%s: %s", facility,
                     text);
    }
}
