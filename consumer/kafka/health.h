#ifndef WAYBILL_KAFKA_HEALTH_H
#define WAYBILL_KAFKA_HEALTH_H

#include "conditions.h"

/*
 * The conditions of a running client, by where they are observed. A source
 * replaces all of its conditions at once.
 */
enum condition_source {
    CONDITIONS_TOPICS, /* the checks of topics and permissions */
    CONDITIONS_GROUP,  /* joining the group */
    CONDITION_SOURCES,
};

/* Takes over the items of the list. Conditions that begin or end are logged;
 * while one of them blocks, nothing is fetched. */
void health_replace(struct kafka *kafka, enum condition_source source,
                    struct condition_list *list);
void health_clear(struct kafka *kafka, enum condition_source source);
void health_free(struct kafka *kafka);

/* Handles an error of the consumer that may be a condition. */
void health_on_error(struct kafka *kafka, int code);

#endif
