#ifndef SIMULATE_RECREATIONS_H
#define SIMULATE_RECREATIONS_H

#include "sim.h"

/* In some worlds the topic of the attestations is deleted and created again
 * under the same name, and a producer writes some of its records again:
 * sometimes at once, so that the new topic is as long as the old one before any
 * member reads it, sometimes later, and sometimes while no instance runs. How
 * the real client detects the new topic is implemented below kafka.h
 * (consumer/kafka/identity.c) and therefore not simulated: the client of the
 * model detects it at its next fetch. unit_kafka_anchor tests the comparison,
 * and integration_intake the whole with a real broker. The simulation covers
 * the consequences: the partition is lost and assigned again without a
 * committed offset, while deliveries and a commit of the old topic are in
 * flight. */
struct recreations *recreations_new(struct sim *sim);
void recreations_free(struct recreations *recreations);

#endif
