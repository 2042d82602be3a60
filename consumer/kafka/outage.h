#ifndef WAYBILL_OUTAGE_H
#define WAYBILL_OUTAGE_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "waybill/loop.h"

/*
 * Reports that brokers cannot be reached: once for each outage, in one line,
 * where librdkafka reports each attempt to connect.
 */

struct kafka;

struct outage {
    struct timer report; /* armed while errors are collected */
    char reason[320];    /* of the last connection that failed */
    char reported[320];  /* the reason that was logged; "": none */
    bool all_down;
    bool all_reported;
};

/* How inspect.c begins the error of brokers that do not answer */
#define OUTAGE_NO_ANSWER "no broker of "

/* The length of an error of librdkafka without its end, such as " (after 0ms in
 * state CONNECT, 1 identical error(s) suppressed)" */
size_t outage_reason_length(const char *text);

void outage_init(struct kafka *kafka);
void outage_stop(struct kafka *kafka);
/* Returns false if the error is not about connections. */
bool outage_on_error(struct kafka *kafka, rd_kafka_resp_err_t code,
                     const char *text);
/* Takes what the committer reports, which may be a consequence. */
void outage_on_notice(struct kafka *kafka, const char *text);
/* A broker has answered. */
void outage_end(struct kafka *kafka);

#endif
