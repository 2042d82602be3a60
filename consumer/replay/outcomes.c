#include <string.h>

#include "replay_internal.h"
#include "waybill/json.h"

#define SUCCEEDED "dev.waybill.delivery.succeeded.v1"
#define FAILED "dev.waybill.delivery.failed.v1"

/* The letters of an event: a range of by_event, whose first is returned. */
static size_t first_of_event(const struct dead_letter_list *dead_letter_list,
                             const char *event_id)
{
    size_t low = 0;
    size_t high = dead_letter_list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *id = dead_letter_list->by_event[middle]->event_id;

        if (strcmp(id != NULL ? id : "", event_id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_of_event(const struct dead_letter_list *dead_letter_list,
                        size_t coordinates, const char *event_id)
{
    return coordinates < dead_letter_list->count &&
           dead_letter_list->by_event[coordinates]->event_id != NULL &&
           strcmp(dead_letter_list->by_event[coordinates]->event_id,
                  event_id) == 0;
}

static bool has_dead_letter(const struct dead_letter_list *dead_letter_list,
                            const char *event_id)
{
    return event_id != NULL &&
           is_of_event(dead_letter_list,
                       first_of_event(dead_letter_list, event_id), event_id);
}

bool outcome_is_structured(const struct message *message)
{
    return message_header_begins(message, "content-type",
                                 "application/cloudevents");
}

/* Without a look at the value, which costs more than all of the rest: what
 * most outcomes are not needed for shows in their headers. */
static bool may_concern(const struct message *message, const char *source,
                        const struct dead_letter_list *dead_letter_list,
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
           has_dead_letter(dead_letter_list,
                           message_header_text(message, "ce_causationid",
                                               REPLAY_MAX_TEXT, arena));
}

static bool text_is(const struct json *json, const char *text)
{
    const char *found = json_text(json);

    return found != NULL && strcmp(found, text) == 0;
}

static bool read_data(const struct json *data,
                      const struct dead_letter_list *dead_letter_list,
                      struct arena *arena, struct outcome_note *ret_note)
{
    const char *id = json_text(json_member(json_member(data, "input"), "id"));
    const char *attachment = json_text(json_member(data, "attachment"));
    const struct json *status = json_member(data, "status");

    if (!has_dead_letter(dead_letter_list, id)) {
        return false;
    }
    *ret_note = (struct outcome_note){
        .event_id = arena_strdup(arena, id),
        .attachment = arena_strdup(arena, attachment),
        .succeeded = text_is(status, "succeeded"),
        .failed = text_is(status, "failed"),
    };
    return true;
}

bool outcome_note_read(const struct message *message, const char *source,
                       const struct dead_letter_list *dead_letter_list,
                       struct arena *arena, struct outcome_note *ret_note)
{
    struct json *json;
    struct error ignored;
    bool read;

    if (!may_concern(message, source, dead_letter_list, arena) ||
        json_parse((const char *)message->value.data, message->value.len, &json,
                   &ignored) < 0) {
        return false;
    }
    if (outcome_is_structured(message)) {
        read = text_is(json_member(json, "source"), source) &&
               read_data(json_member(json, "data"), dead_letter_list, arena,
                         ret_note);
    } else {
        read = read_data(json, dead_letter_list, arena, ret_note);
    }
    json_free(json);
    return read;
}

/* A record that could not be read has no attachment; whatever becomes of it
 * once it can be read is an answer. */
static bool concerns(const struct outcome_note *note,
                     const struct dead_letter *dead_letter)
{
    return dead_letter->attachment == NULL ||
           (note->attachment != NULL &&
            strcmp(note->attachment, dead_letter->attachment) == 0);
}

void dead_letter_list_note(struct dead_letter_list *dead_letter_list,
                           const struct outcome_note *note)
{
    size_t coordinates = first_of_event(dead_letter_list, note->event_id);

    for (; is_of_event(dead_letter_list, coordinates, note->event_id);
         coordinates++) {
        struct dead_letter *dead_letter =
            dead_letter_list->by_event[coordinates];

        if (note->succeeded && dead_letter->state == DEAD_LETTER_WAITING &&
            concerns(note, dead_letter)) {
            dead_letter->state = DEAD_LETTER_DELIVERED;
        }
    }
}

bool dead_letter_list_were_replayed(
    const struct dead_letter_list *dead_letter_list,
    const struct outcome_note *note)
{
    size_t coordinates = first_of_event(dead_letter_list, note->event_id);

    for (; is_of_event(dead_letter_list, coordinates, note->event_id);
         coordinates++) {
        const struct dead_letter *dead_letter =
            dead_letter_list->by_event[coordinates];

        if ((dead_letter->put || dead_letter->copied) &&
            concerns(note, dead_letter)) {
            return true;
        }
    }
    return false;
}
