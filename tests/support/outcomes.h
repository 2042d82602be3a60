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
