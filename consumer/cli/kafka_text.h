#ifndef WAYBILL_CLI_KAFKA_TEXT_H
#define WAYBILL_CLI_KAFKA_TEXT_H

#include "waybill/kafka_prepare.h"
#include "waybill/str.h"

/* Formats what `waybill kafka prepare` prints. It does no I/O. */

struct prepare_request {
    const struct kafka_options *kafka;
    struct kafka_tools tools;
    struct kafka_sizes sizes;
    /* NULL: not known */
    const char *principals[KAFKA_USERS];
    const char *config; /* the name of the configuration file */
};

/* A shell script: the commands that create the topics and grant the
 * permissions, with the reasons as comments */
void append_prepare_script(struct str *out,
                           const struct prepare_request *request);
void append_prepare_json(struct str *out,
                         const struct prepare_request *request);

/* What --apply has done and found */
void append_findings_table(struct str *out,
                           const struct kafka_topic_finding *findings,
                           size_t count);
void append_findings_json(struct str *out,
                          const struct kafka_topic_finding *findings,
                          size_t count);
/* Whether every topic was created or suits */
bool findings_are_ok(const struct kafka_topic_finding *findings, size_t count);

#endif
