#include <string.h>

#include "replay_internal.h"

#define SUCCEEDED "dev.waybill.delivery.succeeded.v1"
#define FAILED "dev.waybill.delivery.failed.v1"

/* Returns the first index in by_event that is not before the wanted dead
 * letter. */
static size_t first_not_before(const struct dead_letter_list *list,
                               const struct dead_letter *wanted)
{
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (dead_letter_compare_events(&list->by_event[middle], &wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool has_dead_letter(const struct dead_letter_list *list,
                            const char *event_id)
{
    struct dead_letter wanted = {.event_id = event_id,
                                 .origin_offset = INT64_MIN};
    size_t index = first_not_before(list, &wanted);

    return event_id != NULL && index < list->count &&
           list->by_event[index]->event_id != NULL &&
           strcmp(list->by_event[index]->event_id, event_id) == 0;
}

/* The dead letters of the record of an outcome are consecutive in by_event. */
static struct dead_letter wanted_by(const struct replay_outcome *outcome)
{
    return (struct dead_letter){.event_id = outcome->event_id,
                                .topic = outcome->origin.topic,
                                .origin_partition = outcome->origin.partition,
                                .origin_offset = outcome->origin.offset};
}

static bool is_wanted(const struct dead_letter_list *list, size_t index,
                      const struct dead_letter *wanted)
{
    return index < list->count &&
           dead_letter_compare_events(&list->by_event[index], &wanted) == 0;
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

static bool read_position(const struct json *object, struct arena *arena,
                          struct position *ret_position)
{
    const char *topic = json_text(json_member(object, "topic"));
    double partition = -1;
    double offset = -1;

    if (topic == NULL || strlen(topic) > REPLAY_MAX_TEXT ||
        !json_number(json_member(object, "partition"), &partition) ||
        !json_number(json_member(object, "offset"), &offset) ||
        !(partition >= 0) || partition > INT32_MAX || !(offset >= 0) ||
        offset > 9007199254740992.0) {
        return false;
    }
    *ret_position = (struct position){arena_strdup(arena, topic),
                                      (int32_t)partition, (int64_t)offset};
    return true;
}

bool outcome_read_origin(const struct json *input, struct arena *arena,
                         struct position *ret_origin, bool *ret_is_replay)
{
    const struct json *origin = json_member(input, "origin");

    *ret_is_replay = origin != NULL;
    return read_position(origin != NULL ? origin : input, arena, ret_origin);
}

static bool read_data(const struct json *data,
                      const struct dead_letter_list *list, struct arena *arena,
                      struct replay_outcome *ret_outcome)
{
    const struct json *input = json_member(data, "input");
    const char *id = json_text(json_member(input, "id"));
    const char *attachment = json_text(json_member(data, "attachment"));
    const struct json *status = json_member(data, "status");

    struct position origin;
    bool is_replay;

    if (!has_dead_letter(list, id) ||
        !outcome_read_origin(input, arena, &origin, &is_replay)) {
        return false;
    }
    *ret_outcome = (struct replay_outcome){
        .origin = origin,
        .is_replay = is_replay,
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
 * outcome of the record applies to it. */
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
    struct dead_letter wanted = wanted_by(outcome);
    size_t index = first_not_before(list, &wanted);

    for (; is_wanted(list, index, &wanted); index++) {
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
    struct dead_letter wanted = wanted_by(outcome);
    size_t index = first_not_before(list, &wanted);

    for (; is_wanted(list, index, &wanted); index++) {
        const struct dead_letter *dead_letter = list->by_event[index];

        if (outcome->is_replay &&
            (dead_letter->in_transaction || dead_letter->copied) &&
            concerns(outcome, dead_letter)) {
            return true;
        }
    }
    return false;
}
