#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/history.h"
#include "waybill/json.h"

/*
 * Parses the outcomes of a record. The id of an outcome begins with the
 * position of its input record. So in binary mode a header shows that an
 * outcome is irrelevant without parsing the value, and in structured mode a
 * search for the text does.
 */

/* "t/3/42@1767323045678" or "t/3/42@1767323045678/attachment"; without the
 * timestamp if the record has none, or if an earlier version wrote it */
static bool is_id_of(const char *coordinates, struct bytes id)
{
    size_t len = strlen(coordinates);

    return id.len >= len && memcmp(id.data, coordinates, len) == 0 &&
           (id.len == len || id.data[len] == '/' || id.data[len] == '@');
}

/* Whether the id has the timestamp of another record: one at the same position
 * of an earlier topic of that name. */
static bool is_id_of_earlier(const struct history *history, const char *id,
                             const char *coordinates)
{
    size_t len = strlen(coordinates);

    return id != NULL && history->timestamp_ms > 0 && strlen(id) > len &&
           id[len] == '@' &&
           strtoll(id + len + 1, NULL, 10) != history->timestamp_ms;
}

static bool has_id_of(const struct message *message, const char *coordinates)
{
    const struct header *header = message_header(message, "ce_id");

    return header != NULL && header->value.data != NULL &&
           is_id_of(coordinates, header->value);
}

static bool contains_text(struct bytes value, const char *text)
{
    return memmem(value.data, value.len, text, strlen(text)) != NULL;
}

/* Whether JSON writes the text without any escape sequence */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~' || strchr("\"\\<>&/", *text) != NULL) {
            return false;
        }
    }
    return true;
}

static bool may_be_relevant(const struct history *history,
                            const struct input *input, const char *source,
                            const char *coordinates)
{
    const struct message *message = &input->message;

    if (message->value.data == NULL) {
        return false;
    }
    if (outcome_is_structured(message)) {
        return contains_text(message->value, coordinates) ||
               (history->event_id != NULL &&
                (!is_plain(history->event_id) ||
                 contains_text(message->value, history->event_id)));
    }
    return message_header_is(message, "ce_source", source) &&
           (has_id_of(message, coordinates) ||
            message_header_is(message, "ce_causationid", history->event_id));
}

static const char *text_in(const struct json *json, const char *name,
                           struct arena *arena)
{
    const char *text = json_text(json_member(json, name));

    return text != NULL && strlen(text) <= REPLAY_MAX_TEXT
               ? arena_strdup(arena, text)
               : NULL;
}

/* -1: missing, or not valid as an offset or a count */
static int64_t number_in(const struct json *json, const char *name)
{
    double number = -1;

    if (!json_number(json_member(json, name), &number) || !(number >= 0) ||
        number > 9007199254740992.0) {
        return -1;
    }
    return (int64_t)number;
}

static int small_in(const struct json *json, const char *name)
{
    int64_t number = number_in(json, name);

    return number > 0 && number <= INT_MAX ? (int)number : 0;
}

static void read_data(const struct json *data, struct arena *arena,
                      struct history_outcome *to)
{
    const struct json *input = json_member(data, "input");
    const struct json *artifact = json_member(data, "artifact");
    /* Outcomes of earlier versions have no result. */
    const struct json *result = json_member(data, "result");
    const struct json *err = json_member(data, "error");
    int64_t partition = number_in(input, "partition");
    struct json_at root = json_at_root(result != NULL ? result : artifact);
    struct json_at already = json_at_member(&root, "already_present");
    bool is_replay;
    struct error ignored;

    if (!outcome_read_origin(input, arena, &to->origin, &is_replay)) {
        to->origin = (struct position){0};
    }
    if (json_at_boolean(&already, &to->already_present, &ignored) < 0) {
        to->already_present = false;
    }
    to->topic = text_in(input, "topic", arena);
    to->input_partition = partition <= INT_MAX ? (int32_t)partition : -1;
    to->input_offset = number_in(input, "offset");
    to->event_id = text_in(input, "id", arena);
    to->status = text_in(data, "status", arena);
    to->attachment = text_in(data, "attachment", arena);
    to->registration = text_in(data, "registration", arena);
    to->reference =
        text_in(result != NULL ? result : artifact, "reference", arena);
    to->digest = text_in(artifact, "digest", arena);
    to->error_class = text_in(err, "class", arena);
    to->code = text_in(err, "code", arena);
    to->message = text_in(err, "message", arena);
    to->http_status = small_in(err, "http_status");
    to->attempts = (unsigned)small_in(data, "attempts");
    to->finished_at = text_in(data, "finished_at", arena);
}

static bool is_own(const struct history *history,
                   const struct history_outcome *outcome)
{
    return outcome->topic != NULL &&
           strcmp(outcome->topic, history->topic) == 0 &&
           outcome->input_partition == history->partition &&
           outcome->input_offset == history->offset;
}

/* Whether it is of a replay of the record, of the record that this one replays,
 * or of another replay of that one. The event's id alone would not do, because
 * its producer chooses it. */
static bool is_of_same_origin(const struct history *history,
                              const struct history_outcome *outcome)
{
    return position_equals(&outcome->origin, &history->origin) &&
           history->event_id != NULL && outcome->event_id != NULL &&
           strcmp(history->event_id, outcome->event_id) == 0;
}

/* Handles both content modes; returns false if another source wrote it. */
static bool read_document(const struct json *json, const struct input *input,
                          const char *source, struct arena *arena,
                          const char **ret_id, struct history_outcome *to)
{
    const char *from = json_text(json_member(json, "source"));

    if (!outcome_is_structured(&input->message)) {
        *ret_id = message_header_text(&input->message, "ce_id", REPLAY_MAX_TEXT,
                                      arena);
        to->traceparent = message_header_text(&input->message, "ce_traceparent",
                                              REPLAY_MAX_TEXT, arena);
        read_data(json, arena, to);
        return true;
    }
    *ret_id = text_in(json, "id", arena);
    to->traceparent = text_in(json, "traceparent", arena);
    read_data(json_member(json, "data"), arena, to);
    return from != NULL && strcmp(from, source) == 0;
}

bool history_read_outcome(const struct history *history, const char *source,
                          const struct input *input, struct arena *arena,
                          struct history_outcome *ret_outcome)
{
    char coordinates[300];
    struct history_outcome outcome = {.partition = input->partition,
                                      .offset = input->offset};
    struct json *json;
    struct error ignored;
    const char *id;
    bool read;

    snprintf(coordinates, sizeof(coordinates), "%s/%d/%lld", history->topic,
             (int)history->partition, (long long)history->offset);
    if (!may_be_relevant(history, input, source, coordinates) ||
        json_parse((const char *)input->message.value.data,
                   input->message.value.len, &json, &ignored) < 0) {
        return false;
    }
    read = read_document(json, input, source, arena, &id, &outcome);
    json_free(json);
    outcome.own = is_own(history, &outcome) &&
                  !is_id_of_earlier(history, id, coordinates);
    *ret_outcome = outcome;
    return read && outcome.status != NULL &&
           (outcome.own || is_of_same_origin(history, &outcome));
}
