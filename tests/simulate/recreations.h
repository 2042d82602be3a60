#ifndef SIMULATE_RECREATIONS_H
#define SIMULATE_RECREATIONS_H

#include "sim.h"

/*
 * In some worlds somebody deletes the topic of the attestations and creates it
 * again under the same name, and a producer writes some of its records once
 * more: sometimes at once, so that the new topic is as long as the old one
 * before anybody looks, sometimes later, sometimes while no instance runs.
 *
 * How the real client notices that the topic is another one is below kafka.h
 * (consumer/kafka/identity.c), and therefore not simulated: the model's client
 * knows it from its next fetch on. unit_kafka_anchor tests the comparison, and
 * integration_intake the whole with a real broker. Simulated is what
 * follows from it: the partition is lost and assigned again without a committed
 * offset, while deliveries and a commit of the old topic are in flight.
 */
struct recreations *recreations_new(struct sim *sim);
void recreations_free(struct recreations *recreations);

#endif
