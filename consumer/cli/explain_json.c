#include "cli_internal.h"
#include "explain_suggest.h"
#include "explain_text.h"
#include "waybill/clock.h"
#include "waybill/json.h"

static void append_time_json(struct json_writer *json, const char *name,
                             int64_t ms)
{
    char time[CLOCK_TEXT_SIZE];

    if (ms > 0) {
        json_append_string(json, name, clock_format(ms, time));
    }
}

static void append_record_json(struct json_writer *json,
                               const struct history *history)
{
    if (history->found) {
        json_open(json, "record", '{');
        json_append_integer(json, "size", (int64_t)history->size);
        append_time_json(json, "timestamp", history->timestamp_ms);
        json_append_optional(json, "event_id", history->event_id);
        json_append_optional(json, "replay_of", history->replay_of);
        json_close(json, '}');
    }
    if (history->has_partition) {
        json_append_integer(json, "first_offset", history->low);
        json_append_integer(json, "end_offset", history->end);
    }
    json_open(json, "group", '{');
    json_append_string(json, "name", history->group);
    if (history->committed >= 0) {
        json_append_integer(json, "committed", history->committed);
        json_append_integer(json, "dispatched", history->dispatched);
    }
    json_append_optional(json, "unreadable", history->unreadable);
    json_close(json, '}');
}

static void append_deliveries_json(struct json_writer *json,
                                   const struct history *history)
{
    json_open(json, "deliveries", '[');
    for (size_t i = 0; i < history->delivery_count; i++) {
        const struct history_delivery *delivery = &history->deliveries[i];

        json_open(json, NULL, '{');
        json_append_optional(json, "attachment", delivery->attachment);
        json_append_bool(json, "done", delivery->done);
        if (!delivery->done) {
            json_append_integer(json, "attempts", delivery->attempts);
            append_time_json(json, "first_failure", delivery->first_failed_ms);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void append_failure_json(struct json_writer *json,
                                const struct history_outcome *outcome)
{
    if (outcome->error_class == NULL) {
        return;
    }
    json_open(json, "error", '{');
    json_append_string(json, "class", outcome->error_class);
    json_append_optional(json, "code", outcome->code);
    if (outcome->http_status != 0) {
        json_append_integer(json, "http_status", outcome->http_status);
    }
    json_append_optional(json, "message", outcome->message);
    json_close(json, '}');
}

static void append_outcome_json(struct json_writer *json,
                                const struct history_outcome *outcome)
{
    json_open(json, NULL, '{');
    json_append_string(json, "status", outcome->status);
    json_append_bool(json, "own", outcome->own);
    json_append_integer(json, "partition", outcome->partition);
    json_append_integer(json, "offset", outcome->offset);
    json_open(json, "input", '{');
    json_append_optional(json, "topic", outcome->topic);
    json_append_integer(json, "partition", outcome->input_partition);
    json_append_integer(json, "offset", outcome->input_offset);
    json_append_optional(json, "id", outcome->event_id);
    json_close(json, '}');
    json_append_optional(json, "attachment", outcome->attachment);
    json_append_optional(json, "registration", outcome->registration);
    json_append_optional(json, "reference", outcome->reference);
    json_append_optional(json, "digest", outcome->digest);
    if (outcome->reference != NULL) {
        json_append_bool(json, "already_present", outcome->already_present);
    }
    json_append_integer(json, "attempts", outcome->attempts);
    json_append_optional(json, "finished_at", outcome->finished_at);
    json_append_optional(json, "traceparent", outcome->traceparent);
    append_failure_json(json, outcome);
    json_close(json, '}');
}

static void append_dead_letter_json(struct json_writer *json,
                                    const struct dead_letter *dead_letter)
{
    json_open(json, NULL, '{');
    json_append_integer(json, "partition", dead_letter->partition);
    json_append_integer(json, "offset", dead_letter->offset);
    json_append_string(json, "state",
                       dead_letter_state_name(dead_letter->state));
    json_append_optional(json, "attachment", dead_letter->attachment);
    json_append_optional(json, "error_class", dead_letter->error_class);
    json_append_integer(json, "replays", dead_letter->replays);
    json_close(json, '}');
}

static void append_suggestions_json(struct json_writer *json,
                                    const struct suggestions *suggestions)
{
    json_open(json, "next", '[');
    for (size_t i = 0; i < suggestions->count; i++) {
        json_open(json, NULL, '{');
        json_append_string(json, "command", suggestions->all[i].command);
        json_append_string(json, "why", suggestions->all[i].why);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void explain_append_json(struct str *out, const struct history *history,
                         const struct waiting *waiting,
                         const struct explain_names *names)
{
    CLEANUP(str_release) struct str means = STR_INIT(STR_UNLIMITED);
    struct arena *arena = arena_new();
    struct suggestions suggestions = explain_suggest(history, names, arena);
    struct json_writer json = {.out = out};

    history_explain(history, &means);
    json_open(&json, NULL, '{');
    json_append_string(&json, "topic", history->topic);
    json_append_integer(&json, "partition", history->partition);
    json_append_integer(&json, "offset", history->offset);
    json_append_string(&json, "verdict",
                       history_verdict_name(history_judge(history)));
    json_append_string(&json, "means", means.data);
    append_record_json(&json, history);
    append_deliveries_json(&json, history);
    waiting_append_json(&json, waiting);
    json_open(&json, "outcomes", '[');
    for (size_t i = 0; i < history->outcome_count; i++) {
        append_outcome_json(&json, &history->outcomes[i]);
    }
    json_close(&json, ']');
    json_open(&json, "dead_letters", '[');
    for (size_t i = 0; i < history->dead_letter_count; i++) {
        append_dead_letter_json(&json, history->dead_letters[i]);
    }
    json_close(&json, ']');
    json_append_integer(&json, "searched", (int64_t)history->searched);
    json_append_bool(&json, "complete", !history->incomplete);
    append_suggestions_json(&json, &suggestions);
    json_close(&json, '}');
    str_append_char(out, '\n');
    arena_free(arena);
}
