#include <string.h>

#include "replay_internal.h"
#include "waybill/json.h"

#define SUCCEEDED "dev.waybill.delivery.succeeded.v1"
#define FAILED "dev.waybill.delivery.failed.v1"

/* Returns the first index in by_event of the dead letters of the event, which
 * are consecutive. */
static size_t first_of_event(const struct dead_letter_list *list,
                             const char *event_id)
{
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *id = list->by_event[middle]->event_id;

        if (strcmp(id != NULL ? id : "", event_id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_of_event(const struct dead_letter_list *list, size_t index,
                        const char *event_id)
{
    return index < list->count && list->by_event[index]->event_id != NULL &&
           strcmp(list->by_event[index]->event_id, event_id) == 0;
}

static bool has_dead_letter(const struct dead_letter_list *list,
                            const char *event_id)
{
    return event_id != NULL &&
           is_of_event(list, first_of_event(list, event_id), event_id);
}

bool outcome_is_structured(const struct message *message)
{
    return message_header_begins(message, "content-type",
                                 "application/cloudevents");
}

/* Decides from the headers alone whether an outcome can be relevant, because
 * parsing the value costs more than everything else. */
static bool may_be_relevant(const struct message *message, const char *source,
                            const struct dead_letter_list *list,
                            struct arena *arena)
{
    if (message->value.data == NULL) {
        return false;
    }
    if (outcome_is_structured(message)) {
        return true;
    }
    return message_header_is(message, "ce_source", source) &&
           (message_header_is(message, "ce_type", SUCCEEDED) ||
            message_header_is(message, "ce_type", FAILED)) &&
           has_dead_letter(list, message_header_text(message, "ce_causationid",
                                                     REPLAY_MAX_TEXT, arena));
}

static bool text_is(const struct json *json, const char *text)
{
    const char *found = json_text(json);

    return found != NULL && strcmp(found, text) == 0;
}

static bool read_data(const struct json *data,
                      const struct dead_letter_list *list, struct arena *arena,
                      struct replay_outcome *ret_outcome)
{
    const char *id = json_text(json_member(json_member(data, "input"), "id"));
    const char *attachment = json_text(json_member(data, "attachment"));
    const struct json *status = json_member(data, "status");

    if (!has_dead_letter(list, id)) {
        return false;
    }
    *ret_outcome = (struct replay_outcome){
        .event_id = arena_strdup(arena, id),
        .attachment = arena_strdup(arena, attachment),
        .succeeded = text_is(status, "succeeded"),
        .failed = text_is(status, "failed"),
    };
    return true;
}

bool replay_outcome_read(const struct message *message, const char *source,
                         const struct dead_letter_list *list,
                         struct arena *arena,
                         struct replay_outcome *ret_outcome)
{
    struct json *json;
    struct error ignored;
    bool read;

    if (!may_be_relevant(message, source, list, arena) ||
        json_parse((const char *)message->value.data, message->value.len, &json,
                   &ignored) < 0) {
        return false;
    }
    if (outcome_is_structured(message)) {
        read = text_is(json_member(json, "source"), source) &&
               read_data(json_member(json, "data"), list, arena, ret_outcome);
    } else {
        read = read_data(json, list, arena, ret_outcome);
    }
    json_free(json);
    return read;
}

/* A dead letter of a record that could not be parsed has no attachment; any
 * outcome of the event applies to it. */
static bool concerns(const struct replay_outcome *outcome,
                     const struct dead_letter *dead_letter)
{
    return dead_letter->attachment == NULL ||
           (outcome->attachment != NULL &&
            strcmp(outcome->attachment, dead_letter->attachment) == 0);
}

void dead_letter_list_apply_outcome(struct dead_letter_list *list,
                                    const struct replay_outcome *outcome)
{
    size_t index = first_of_event(list, outcome->event_id);

    for (; is_of_event(list, index, outcome->event_id); index++) {
        struct dead_letter *dead_letter = list->by_event[index];

        if (outcome->succeeded && dead_letter->state == DEAD_LETTER_WAITING &&
            concerns(outcome, dead_letter)) {
            dead_letter->state = DEAD_LETTER_DELIVERED;
        }
    }
}

bool dead_letter_list_has_replayed(const struct dead_letter_list *list,
                                   const struct replay_outcome *outcome)
{
    size_t index = first_of_event(list, outcome->event_id);

    for (; is_of_event(list, index, outcome->event_id); index++) {
        const struct dead_letter *dead_letter = list->by_event[index];

        if ((dead_letter->in_transaction || dead_letter->copied) &&
            concerns(outcome, dead_letter)) {
            return true;
        }
    }
    return false;
}
