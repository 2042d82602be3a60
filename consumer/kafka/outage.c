#include "outage.h"

#include <stdio.h>
#include <string.h>

#include "membership.h"

/* librdkafka reports a connection that fails, and afterwards that no broker is
 * left. */
#define COLLECT_MS 500

size_t outage_reason_length(const char *text)
{
    const char *end = strstr(text, " (after ");

    return end != NULL ? (size_t)(end - text) : strlen(text);
}

static void report_all(struct kafka *kafka)
{
    struct outage *outage = &kafka->outage;

    outage->all_reported = true;
    kafka_notice(
        kafka, LOG_WARN,
        "no broker of %s can be reached%s%s; nothing is consumed until "
        "one answers, and connecting is attempted again every few "
        "seconds",
        kafka->options.brokers, outage->reason[0] != '\0' ? ": " : "",
        outage->reason);
}

/* Others may be down for the same reason, which is logged once. */
static void report_one(struct kafka *kafka)
{
    kafka_notice(kafka, LOG_WARN,
                 "a broker cannot be reached: %s; the others are used, and "
                 "connecting is attempted again every few seconds",
                 kafka->outage.reason);
}

static void on_collected(void *payload)
{
    struct kafka *kafka = payload;
    struct outage *outage = &kafka->outage;

    if (outage->all_reported) {
        return;
    }
    if (outage->all_down) {
        report_all(kafka);
    } else if (strcmp(outage->reason, outage->reported) != 0) {
        report_one(kafka);
    }
    snprintf(outage->reported, sizeof(outage->reported), "%s", outage->reason);
}

void outage_init(struct kafka *kafka)
{
    timer_init(&kafka->outage.report, on_collected, kafka);
}

void outage_stop(struct kafka *kafka)
{
    loop_disarm(kafka->loop, &kafka->outage.report);
}

static void collect(struct kafka *kafka)
{
    if (!timer_is_armed(&kafka->outage.report)) {
        loop_arm(kafka->loop, &kafka->outage.report, COLLECT_MS);
    }
}

bool outage_on_error(struct kafka *kafka, rd_kafka_resp_err_t code,
                     const char *text)
{
    struct outage *outage = &kafka->outage;

    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        outage->all_down = true;
        break;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__SSL:
        snprintf(outage->reason, sizeof(outage->reason), "%.*s",
                 (int)outage_reason_length(text), text);
        break;
    default:
        return false;
    }
    kafka_notice(kafka, LOG_DEBUG, "%s", text);
    collect(kafka);
    return true;
}

void outage_on_notice(struct kafka *kafka, const char *text)
{
    struct outage *outage = &kafka->outage;
    bool no_answer =
        strncmp(text, OUTAGE_NO_ANSWER, strlen(OUTAGE_NO_ANSWER)) == 0;
    const char *reason = strstr(text, ": ");

    kafka_notice(kafka,
                 no_answer || outage->all_reported ? LOG_DEBUG : LOG_WARN, "%s",
                 text);
    if (no_answer) {
        outage->all_down = true;
        if (outage->reason[0] == '\0' && reason != NULL) {
            snprintf(outage->reason, sizeof(outage->reason), "%s", reason + 2);
        }
        collect(kafka);
    }
}

void outage_end(struct kafka *kafka)
{
    struct outage *outage = &kafka->outage;

    if (outage->all_reported) {
        kafka_notice(kafka, LOG_INFO, "the brokers of %s can be reached again",
                     kafka->options.brokers);
    }
    outage_stop(kafka);
    outage->all_down = false;
    outage->all_reported = false;
    outage->reason[0] = '\0';
}
