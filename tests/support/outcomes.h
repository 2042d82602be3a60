#ifndef WAYBILL_TESTS_OUTCOMES_H
#define WAYBILL_TESTS_OUTCOMES_H

#include "asserts.h"
#include "waybill/outcome_encode.h"

/* The registration, the attachment and the topics of outcomes and dead
 * letters */

static const struct registration outcome_registration = {
    .name = "ghcr", .integration = "oci-registry"};

static const struct attachment outcome_attachment = {
    .name = "ghcr:w1",
    .registration_name = "ghcr",
    .registration = &outcome_registration};

static const struct outcome_style binary = {
    .source = "waybill/g",
    .group = "g",
    .topic = "outcomes",
    .dead_letter_topic = "dead",
};

/* A delivery that failed permanently, in one attempt at one moment */
static inline struct outcome failed_outcome(const struct input *input,
                                            const struct event *event,
                                            const struct error *error)
{
    return (struct outcome){
        .status = OUTCOME_FAILED,
        .input = input,
        .event = event,
        .attachment = &outcome_attachment,
        .error = *error,
        .dead_letter = true,
        .attempts = 1,
        .started_ms = 1767323046000,
        .finished_ms = 1767323046000,
        .first_failed_ms = 1767323046000,
    };
}

/* "name: value\n" for each of `count` headers, starting at index `first` */
static inline const char *headers_text(const struct message *message,
                                       size_t first, size_t count,
                                       struct arena *arena)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    for (size_t i = first; i < first + count && i < message->header_count;
         i++) {
        const struct header *header = &message->headers[i];

        str_printf(&text, "%s: %.*s\n", header->name, (int)header->value.len,
                   (const char *)header->value.data);
    }
    return arena_strdup(arena, text.data);
}

#endif
