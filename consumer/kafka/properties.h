#ifndef WAYBILL_KAFKA_PROPERTIES_H
#define WAYBILL_KAFKA_PROPERTIES_H

#include <librdkafka/rdkafka.h>

#include "waybill/kafka.h"

/*
 * The librdkafka configuration of each client. Waybill's defaults come first,
 * the user's `kafka.properties` override them, and the properties that the
 * guarantees depend on override both.
 */
enum client_role { CLIENT_CONSUMER, CLIENT_PRODUCER, CLIENT_PUBLISHER };

/* The caller owns the result. NULL: *err names the property, without its value,
 * which may be a password. */
rd_kafka_conf_t *client_conf(enum client_role role,
                             const struct kafka_options *options,
                             struct error *err);

/* The value of one of the user's properties, or NULL */
const char *client_user_property(const struct kafka_options *options,
                                 const char *key);

#define CLIENT_ID_SIZE 512

/* The transactional id of the producer: the configured one, or else one that is
 * unique to this process and is written to `buffer` */
const char *client_transactional_id(const struct kafka_options *options,
                                    char buffer[CLIENT_ID_SIZE]);

/* Takes ownership of the configuration, even if it fails. */
rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf,
                       struct error *err);

/* Why users may not set the property, or NULL */
const char *property_reserved_reason(const char *key);

/* Refuses a property of Kafka's Java client, for which librdkafka has another
 * one. */
int property_refuse_java(const char *key, struct error *err);

/* True if librdkafka has read only the digits at the start of the value, as
 * it does with "30s". */
bool property_is_cut(rd_kafka_conf_t *conf, const char *key, const char *value);

/* Refuses a property that librdkafka does not have, and names the one that may
 * be meant. */
int property_refuse_unknown(const char *key, struct error *err);

/* Finds another spelling of a value that librdkafka does not accept: true for
 * "yes", SASL_SSL for "SASL-SSL". If there is one, the value is one of a few
 * words or a number, and so no secret. */
bool property_correct(rd_kafka_conf_t *conf, const char *key, const char *value,
                      char *ret_other, size_t size);

#endif
