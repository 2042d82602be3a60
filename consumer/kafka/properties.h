#ifndef WAYBILL_KAFKA_PROPERTIES_H
#define WAYBILL_KAFKA_PROPERTIES_H

#include <librdkafka/rdkafka.h>

#include "waybill/kafka.h"

/*
 * librdkafka's configuration for each of our clients: what the user may set
 * (kafka.properties), over our defaults, under what a promise hangs on.
 */
enum client_role { CLIENT_CONSUMER, CLIENT_PRODUCER, CLIENT_PUBLISHER };

/* The caller owns it. NULL: *err says which key is wrong, without its value. */
rd_kafka_conf_t *client_conf(enum client_role role,
                             const struct kafka_options *options,
                             struct error *err);

/* Takes the configuration, also when it fails. */
rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf,
                       struct error *err);

#endif
