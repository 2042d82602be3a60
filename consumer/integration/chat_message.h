#ifndef WAYBILL_INTEGRATION_CHAT_MESSAGE_H
#define WAYBILL_INTEGRATION_CHAT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/arena.h"
#include "waybill/event.h"

/*
 * What a short message says about an attestation, whatever the service: plain
 * values, which each service arranges, escapes and cuts by its own rules.
 */

#define CHAT_MAX_FACTS 10
#define CHAT_MAX_LISTS 3

struct chat_fact {
    const char *name;
    const char *value; /* not empty */
};

struct chat_list {
    const char *name;
    const char *const *lines;
    size_t count; /* not 0 */
};

enum chat_mood {
    CHAT_NEUTRAL, /* the event does not say how the run ended */
    CHAT_GOOD,
    CHAT_BAD, /* the run failed, or a policy is violated */
};

struct chat_message {
    const char *title;
    const char *link; /* to the run, a valid URL; NULL if there is none */
    enum chat_mood mood;
    struct chat_fact facts[CHAT_MAX_FACTS]; /* the most important ones first */
    size_t fact_count;
    struct chat_list lists[CHAT_MAX_LISTS];
    size_t list_count;
    const char *event_id; /* makes a repetition visible */
};

/* Reads the event, and the statement of its envelope if it is one that is
 * understood. The strings are those of the event or in the arena. */
void chat_message_of(const struct event *event, struct arena *arena,
                     struct chat_message *ret_message);

#endif
