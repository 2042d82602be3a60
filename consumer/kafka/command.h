#ifndef WAYBILL_KAFKA_COMMAND_H
#define WAYBILL_KAFKA_COMMAND_H

#include "kafka_internal.h"
#include "waybill/kafka_prepare.h"

/*
 * What the clients of the commands have in common: snapshot.c,
 * replay_producer.c, publisher.c and topic_create.c. Their calls block, so that
 * each is bounded, and a failure must name the broker that did not answer or
 * the permission that is missing.
 */

/* The timeout of a request */
#define COMMAND_REQUEST_MS 10000
/* How long a command waits for what may take several requests. It is longer
 * than the time for which the transaction of a killed producer hides committed
 * offsets (10 s until it times out, and 10 s until the broker notices), and
 * shorter than 30 s, within which every command ends. */
#define COMMAND_WAIT_MS 25000

/* What is known about the connections of a client. All zero but for the options
 * at first; the options must outlive it. */
struct diagnosis {
    const struct kafka_options *options;
    rd_kafka_resp_err_t code; /* of the last error, which is `text` */
    char text[320];
    char advertised[256]; /* the addresses of the brokers, by their metadata */
};

/* The configuration of a client, which notices within seconds that a broker
 * cannot be reached */
rd_kafka_conf_t *command_conf(enum client_role role,
                              const struct kafka_options *options,
                              struct error *err);
/* Notes an error of the client. An error that explains others is kept. */
void diagnosis_note(struct diagnosis *diagnosis, rd_kafka_resp_err_t code,
                    const char *text);
/* Sets the error of a request that has failed with that code: of the
 * credentials if they were rejected, else ERROR_UNREACHABLE with the broker's
 * address. Returns -1. */
int diagnosis_set_error(const struct diagnosis *diagnosis, const char *what,
                        rd_kafka_resp_err_t code, struct error *err);

/* Whether the code means that a permission is missing */
bool is_denied(rd_kafka_resp_err_t code);
/* Sets the error of a missing permission: the principal as far as it is known,
 * the resource ("topic", "group" or "transactional-id", as kafka-acls.sh names
 * it), its name, and the operation. Returns -1. */
int set_denied(const struct kafka_options *options, const char *resource,
               const char *name, const char *operation, struct error *err);

/* Requests the metadata of the topic, and fails if it does not exist or its use
 * is denied. *ret_metadata describes this topic only, and the caller frees it
 * with rd_kafka_metadata_destroy(). */
int command_find_topic(rd_kafka_t *client, struct diagnosis *diagnosis,
                       const char *name, const char *operation,
                       const struct rd_kafka_metadata **ret_metadata,
                       struct error *err);

/* Creates the topic, and waits until the controller has done so. Returns the
 * error of the brokers, of which `reason` is the text. */
rd_kafka_resp_err_t command_create_topic(rd_kafka_t *client,
                                         const struct kafka_topic_plan *plan,
                                         char *reason, size_t size);

/* Frees the client. One whose threads do not end, for instance because they
 * wait for a name server, is left to the end of the process. NULL is fine. */
void command_destroy(rd_kafka_t *client);

#endif
