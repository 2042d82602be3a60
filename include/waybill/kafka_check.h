#ifndef WAYBILL_KAFKA_CHECK_H
#define WAYBILL_KAFKA_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/kafka.h"

/*
 * Whether Kafka is set up as Waybill needs it: the properties, the topics, and
 * the permissions.
 *
 * The running client reports what is wrong as conditions. Before it joins the
 * group it requires that the topics exist and that it may read the input topic,
 * write the other two, and use its transactional id and its group. Until then
 * it reads nothing, and it asks again every few seconds. It asks periodically
 * while it is running, too, and stops reading while something is missing.
 *
 * `waybill check` makes the same checks without a running client: without a
 * broker kafka_check_clients(), with --online kafka_inspect().
 */

/* --- properties; they contact no broker --- */

/* Checks one property of `kafka.properties`. It rejects properties that
 * Waybill's guarantees depend on, properties that librdkafka does not know, and
 * invalid values. */
int kafka_check_property(const char *key, const char *value,
                         struct error *err) NODISCARD;

/* librdkafka's spelling of a property, for one that is spelled with '_', with
 * '-' or in camel case: "security_protocol" is security.protocol. NULL: there
 * is no such property. If users may not set it, *ret_reason says why, else it
 * is NULL. The result is valid until the next call. */
const char *kafka_find_property(const char *key, const char **ret_reason);

/* Creates the consumer and the producer as kafka_open() does, and destroys
 * them. Some settings are rejected only then: files that do not exist, and
 * values that contradict each other. On failure *ret_key is the first of the
 * properties that the reason mentions, or NULL. It takes milliseconds, and it
 * starts threads, which end before it returns. */
int kafka_check_clients(const struct kafka_options *options,
                        const char **ret_key, struct error *err) NODISCARD;

/* --- conditions of a running client; called on the thread of the loop --- */

/* Something about Kafka that an operator should know. The text names what it
 * concerns, its configuration key, and the remedy. */
struct kafka_condition {
    const char *text;
    bool blocks;      /* nothing is read until it is remedied */
    int64_t since_ms; /* wall-clock time */
};

/* The conditions that hold at present, with index 0, 1, ...; NULL after the
 * last one. They are valid until the loop continues. */
const struct kafka_condition *kafka_get_condition(const struct kafka *kafka,
                                                  size_t index);

/* --- the check of `waybill check --online` --- */

struct kafka_report;

/* Asks the brokers what a client with these options would ask. It blocks, for
 * up to half a minute. It joins no group, and writes no record: permission to
 * write is tried in a transaction that is aborted before anything is sent. If
 * options->transactional_id is set, that is not tried, because it would fence
 * the instance that is running with it. Fails if no broker answers. The caller
 * frees the report. */
int kafka_inspect(const struct kafka_options *options,
                  struct kafka_report **ret_report,
                  struct error *err) NODISCARD;
const struct kafka_condition *kafka_report_condition(
    const struct kafka_report *report, size_t index);
void kafka_report_free(struct kafka_report *report); /* NULL is allowed */

#endif
