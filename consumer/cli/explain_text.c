#include "explain_text.h"

#include <string.h>

#include "cli_internal.h"
#include "waybill/clock.h"
#include "waybill/compiler.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

#define LINE_WIDTH 78
#define MAX_TEXT_BYTES 1024

/* --- suggested commands --------------------------------------------------- */

struct suggestion {
    const char *command;
    const char *why;
};

#define MAX_SUGGESTIONS 16
struct suggestions {
    struct suggestion all[MAX_SUGGESTIONS];
    size_t count;
};

static void append_suggestion(struct suggestions *suggestions,
                              const char *command, const char *why)
{
    if (command != NULL && suggestions->count < MAX_SUGGESTIONS) {
        suggestions->all[suggestions->count++] =
            (struct suggestion){command, why};
    }
}

static void suggest_group(const struct history *history,
                          const struct explain_names *names,
                          struct arena *arena, struct suggestions *suggestions)
{
    append_suggestion(
        suggestions,
        arena_printf(arena,
                     "kafka-consumer-groups --bootstrap-server %s --group "
                     "%s --describe",
                     names->brokers, history->group),
        "who reads the partition, and how far it is");
}

static void suggest_status(const struct explain_names *names,
                           struct arena *arena, struct suggestions *suggestions)
{
    append_suggestion(
        suggestions, names->status,
        "what the instance holds, and which registration waits for what");
    append_suggestion(suggestions,
                      arena_printf(arena, "%s check --online", names->program),
                      "whether each endpoint would take a delivery");
}

static void suggest_dead_letter(const struct dead_letter *dead_letter,
                                const struct explain_names *names,
                                struct arena *arena,
                                struct suggestions *suggestions)
{
    if (dead_letter->state == DEAD_LETTER_UNREADABLE) {
        return;
    }
    append_suggestion(suggestions,
                      arena_printf(arena, "%s replay show %d/%lld",
                                   names->program, (int)dead_letter->partition,
                                   (long long)dead_letter->offset),
                      "why it failed, and what would mend it");
    if (dead_letter->state == DEAD_LETTER_WAITING) {
        append_suggestion(
            suggestions,
            arena_printf(arena, "%s replay run --dead-letter %d/%lld --yes",
                         names->program, (int)dead_letter->partition,
                         (long long)dead_letter->offset),
            "to try it again, once that is mended");
    }
}

static void suggest_dead_letters(const struct history *history,
                                 const struct explain_names *names,
                                 struct arena *arena,
                                 struct suggestions *suggestions)
{
    for (size_t i = 0; i < history->dead_letter_count; i++) {
        const struct dead_letter *dead_letter = history->dead_letters[i];

        if (dead_letter->state == DEAD_LETTER_WAITING ||
            dead_letter->state == DEAD_LETTER_QUARANTINED) {
            suggest_dead_letter(dead_letter, names, arena, suggestions);
        }
    }
}

static struct suggestions suggestions_of(const struct history *history,
                                         const struct explain_names *names,
                                         struct arena *arena)
{
    enum history_verdict verdict = history_judge(history);
    struct suggestions suggestions = {.count = 0};

    suggest_dead_letters(history, names, arena, &suggestions);
    if (verdict == HISTORY_IN_FLIGHT || verdict == HISTORY_PARTLY_DONE ||
        verdict == HISTORY_UNREAD) {
        suggest_status(names, arena, &suggestions);
    }
    if (verdict == HISTORY_UNREAD || verdict == HISTORY_PASSED ||
        verdict == HISTORY_LOST || verdict == HISTORY_SET_BACK) {
        suggest_group(history, names, arena, &suggestions);
    }
    return suggestions;
}

/* --- text ----------------------------------------------------------------- */

static void append_text(struct str *out, const char *text)
{
    utf8_append_printable(out, text, strlen(text), MAX_TEXT_BYTES);
}

static void append_record(struct str *out, const struct history *history)
{
    char time[CLOCK_TEXT_SIZE];

    if (!history->found) {
        return;
    }
    str_printf(out, "  record      %zu byte%s", history->size,
               plural_s(history->size));
    if (history->timestamp_ms > 0) {
        str_printf(out, ", of %s", clock_format(history->timestamp_ms, time));
    }
    str_append_char(out, '\n');
    if (history->event_id != NULL) {
        str_append_text(out, "  event       ");
        append_text(out, history->event_id);
        str_append_char(out, '\n');
    }
    if (history->replay_of != NULL) {
        str_append_text(out, "  replay of   dead letter ");
        append_text(out, history->replay_of);
        str_append_char(out, '\n');
    }
}

static void append_partition(struct str *out, const struct history *history)
{
    if (!history->has_partition) {
        return;
    }
    str_printf(out, "  partition   holds %lld up to %lld\n",
               (long long)history->low, (long long)history->end - 1);
    str_printf(out, "  group       %s, ", history->group);
    if (history->committed < 0) {
        str_append_text(out, "nothing committed\n");
        return;
    }
    str_printf(out, "done before %lld", (long long)history->committed);
    if (history->dispatched > history->committed) {
        str_printf(out, ", read before %lld", (long long)history->dispatched);
    }
    str_append_char(out, '\n');
    if (history->unreadable != NULL) {
        str_append_text(out, "  progress    cannot be understood: ");
        append_text(out, history->unreadable);
        str_append_char(out, '\n');
    }
}

static void append_delivery(struct str *out,
                            const struct history_delivery *delivery)
{
    char time[CLOCK_TEXT_SIZE];

    str_append_text(out, "  ");
    append_text(out, delivery->attachment != NULL
                         ? delivery->attachment
                         : "(not configured any more)");
    if (delivery->done) {
        str_append_text(out, ": done\n");
        return;
    }
    str_printf(out, ": not done, %u attempt%s failed, the first %s\n",
               delivery->attempts, plural_s(delivery->attempts),
               clock_format(delivery->first_failed_ms, time));
}

static void append_deliveries(struct str *out, const struct history *history)
{
    if (history->delivery_count == 0) {
        return;
    }
    str_append_text(out, "\ndeliveries, as of the last commit\n");
    for (size_t i = 0; i < history->delivery_count; i++) {
        append_delivery(out, &history->deliveries[i]);
    }
}

static void append_failure(struct str *out,
                           const struct history_outcome *outcome)
{
    str_append_text(out, "    ");
    append_text(out, outcome->error_class);
    if (outcome->code != NULL) {
        str_append_text(out, ", ");
        append_text(out, outcome->code);
    }
    if (outcome->http_status != 0) {
        str_printf(out, ", HTTP %d", outcome->http_status);
    }
    if (outcome->message != NULL) {
        str_append_text(out, ": ");
        append_text(out, outcome->message);
    }
    str_append_char(out, '\n');
}

static void append_outcome(struct str *out,
                           const struct history_outcome *outcome,
                           const struct explain_names *names)
{
    str_append_text(out, "  ");
    append_text(out, outcome->status);
    if (outcome->attachment != NULL) {
        str_append_text(out, ", ");
        append_text(out, outcome->attachment);
    }
    if (!outcome->own && outcome->topic != NULL) {
        str_append_text(out, ", as ");
        append_text(out, outcome->topic);
        str_printf(out, "/%d/%lld", (int)outcome->input_partition,
                   (long long)outcome->input_offset);
    }
    str_append_char(out, '\n');
    if (outcome->reference != NULL) {
        str_append_text(out, "    ");
        append_text(out, outcome->reference);
        str_append_text(out, outcome->already_present ? " (was there already)\n"
                                                      : "\n");
    }
    if (outcome->error_class != NULL) {
        append_failure(out, outcome);
    }
    str_printf(out, "    %u attempt%s", outcome->attempts,
               plural_s(outcome->attempts));
    if (outcome->finished_at != NULL) {
        str_append_text(out, ", finished ");
        append_text(out, outcome->finished_at);
    }
    str_printf(out, "; outcome %s/%d/%lld\n", names->outcomes,
               (int)outcome->partition, (long long)outcome->offset);
}

static void append_outcomes(struct str *out, const struct history *history,
                            const struct explain_names *names)
{
    if (history->outcome_count > 0) {
        str_append_text(out, "\noutcomes\n");
    }
    for (size_t i = 0; i < history->outcome_count; i++) {
        if (!history->outcomes[i].own &&
            (i == 0 || history->outcomes[i - 1].own)) {
            str_append_text(out,
                            "the same event once more (a replay, or published "
                            "twice)\n");
        }
        append_outcome(out, &history->outcomes[i], names);
    }
    if (history->incomplete) {
        str_printf(
            out,
            "\n%llu outcome%s read; there are more, which a higher --limit "
            "includes\n",
            (unsigned long long)history->searched,
            plural_were(history->searched));
    }
}

static void append_dead_letters(struct str *out, const struct history *history,
                                const struct explain_names *names)
{
    if (history->dead_letter_count > 0) {
        str_append_text(out, "\ndead letters\n");
    }
    for (size_t i = 0; i < history->dead_letter_count; i++) {
        const struct dead_letter *dead_letter = history->dead_letters[i];

        str_printf(out, "  %s/%d/%lld, %s", names->dead_letters,
                   (int)dead_letter->partition, (long long)dead_letter->offset,
                   dead_letter_state_name(dead_letter->state));
        if (dead_letter->attachment != NULL) {
            str_append_text(out, ", ");
            append_text(out, dead_letter->attachment);
        }
        if (dead_letter->replays > 0) {
            str_printf(out, ", of replay %u", dead_letter->replays);
        }
        str_append_char(out, '\n');
    }
}

static void append_suggestions(struct str *out,
                               const struct suggestions *suggestions)
{
    if (suggestions->count > 0) {
        str_append_text(out, "\nnext\n");
    }
    for (size_t i = 0; i < suggestions->count; i++) {
        str_printf(out, "  %s\n    %s\n", suggestions->all[i].command,
                   suggestions->all[i].why);
    }
}

void explain_append_text(struct str *out, const struct history *history,
                         const struct explain_names *names)
{
    CLEANUP(str_release) struct str means = STR_INIT(STR_UNLIMITED);
    struct arena *arena = arena_new();
    struct suggestions suggestions = suggestions_of(history, names, arena);

    history_explain(history, &means);
    str_printf(out, "%s/%d/%lld\n", history->topic, (int)history->partition,
               (long long)history->offset);
    append_wrapped(out, means.data, 0, LINE_WIDTH);
    str_append_char(out, '\n');
    append_record(out, history);
    append_partition(out, history);
    append_deliveries(out, history);
    append_outcomes(out, history, names);
    append_dead_letters(out, history, names);
    append_suggestions(out, &suggestions);
    arena_free(arena);
}

/* --- JSON ----------------------------------------------------------------- */

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
                         const struct explain_names *names)
{
    CLEANUP(str_release) struct str means = STR_INIT(STR_UNLIMITED);
    struct arena *arena = arena_new();
    struct suggestions suggestions = suggestions_of(history, names, arena);
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
