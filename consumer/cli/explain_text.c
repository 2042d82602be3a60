#include "explain_text.h"

#include <string.h>

#include "cli_internal.h"
#include "waybill/clock.h"
#include "waybill/compiler.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

#define LINE 78
#define MOST_TEXT 1024

/* --- what to type next ------------------------------------------------------
 */

struct advice {
    const char *command;
    const char *why;
};

#define MOST_ADVICE 16
struct advices {
    struct advice all[MOST_ADVICE];
    size_t count;
};

static void advise(struct advices *to, const char *command, const char *why)
{
    if (command != NULL && to->count < MOST_ADVICE) {
        to->all[to->count++] = (struct advice){command, why};
    }
}

static void advise_group(const struct trail *trail,
                         const struct explain_names *names, struct arena *arena,
                         struct advices *to)
{
    advise(to,
           arena_printf(arena,
                        "kafka-consumer-groups --bootstrap-server %s --group "
                        "%s --describe",
                        names->brokers, trail->group),
           "who reads the partition, and how far it is");
}

static void advise_waiting(const struct explain_names *names,
                           struct arena *arena, struct advices *to)
{
    advise(to, names->status,
           "what the instance holds, and which registration waits for what");
    advise(to, arena_printf(arena, "%s check --online", names->program),
           "whether each registry would take a push");
}

static void advise_letter(const struct dead_letter *letter,
                          const struct explain_names *names,
                          struct arena *arena, struct advices *to)
{
    if (letter->state == LETTER_UNREADABLE) {
        return;
    }
    advise(to,
           arena_printf(arena, "%s replay show %d/%lld", names->program,
                        (int)letter->partition, (long long)letter->offset),
           "why it failed, and what would mend it");
    if (letter->state == LETTER_WAITING) {
        advise(to,
               arena_printf(arena, "%s replay run --dead-letter %d/%lld --yes",
                            names->program, (int)letter->partition,
                            (long long)letter->offset),
               "to try it again, once that is mended");
    }
}

static void advise_letters(const struct trail *trail,
                           const struct explain_names *names,
                           struct arena *arena, struct advices *to)
{
    for (size_t i = 0; i < trail->letter_count; i++) {
        const struct dead_letter *letter = trail->letters[i];

        if (letter->state == LETTER_WAITING ||
            letter->state == LETTER_QUARANTINED) {
            advise_letter(letter, names, arena, to);
        }
    }
}

static struct advices advices_of(const struct trail *trail,
                                 const struct explain_names *names,
                                 struct arena *arena)
{
    enum trail_verdict verdict = trail_judge(trail);
    struct advices to = {.count = 0};

    advise_letters(trail, names, arena, &to);
    if (verdict == TRAIL_IN_FLIGHT || verdict == TRAIL_PARTLY_DONE ||
        verdict == TRAIL_UNREAD) {
        advise_waiting(names, arena, &to);
    }
    if (verdict == TRAIL_UNREAD || verdict == TRAIL_PASSED ||
        verdict == TRAIL_LOST || verdict == TRAIL_SET_BACK) {
        advise_group(trail, names, arena, &to);
    }
    return to;
}

/* --- for a person -----------------------------------------------------------
 */

static void put_text(struct str *out, const char *text)
{
    utf8_put_printable(out, text, strlen(text), MOST_TEXT);
}

static void put_record(struct str *out, const struct trail *trail)
{
    char time[CLOCK_TEXT_SIZE];

    if (!trail->found) {
        return;
    }
    str_printf(out, "  record      %zu bytes", trail->size);
    if (trail->timestamp_ms > 0) {
        str_printf(out, ", of %s", clock_format(trail->timestamp_ms, time));
    }
    str_putc(out, '\n');
    if (trail->event_id != NULL) {
        str_puts(out, "  event       ");
        put_text(out, trail->event_id);
        str_putc(out, '\n');
    }
    if (trail->replay_of != NULL) {
        str_puts(out, "  replay of   dead letter ");
        put_text(out, trail->replay_of);
        str_putc(out, '\n');
    }
}

static void put_partition(struct str *out, const struct trail *trail)
{
    if (!trail->has_partition) {
        return;
    }
    str_printf(out, "  partition   holds %lld up to %lld\n",
               (long long)trail->low, (long long)trail->end - 1);
    str_printf(out, "  group       %s, ", trail->group);
    if (trail->committed < 0) {
        str_puts(out, "nothing committed\n");
        return;
    }
    str_printf(out, "done before %lld", (long long)trail->committed);
    if (trail->dispatched > trail->committed) {
        str_printf(out, ", read before %lld", (long long)trail->dispatched);
    }
    str_putc(out, '\n');
    if (trail->unreadable != NULL) {
        str_puts(out, "  progress    cannot be understood: ");
        put_text(out, trail->unreadable);
        str_putc(out, '\n');
    }
}

static void put_delivery(struct str *out, const struct trail_delivery *delivery)
{
    char time[CLOCK_TEXT_SIZE];

    str_puts(out, "  ");
    put_text(out, delivery->attachment != NULL ? delivery->attachment
                                               : "(not configured any more)");
    if (delivery->done) {
        str_puts(out, ": done\n");
        return;
    }
    str_printf(out, ": not done, %u attempt%s failed, the first %s\n",
               delivery->attempts, delivery->attempts == 1 ? "" : "s",
               clock_format(delivery->first_failed_ms, time));
}

static void put_deliveries(struct str *out, const struct trail *trail)
{
    if (trail->delivery_count == 0) {
        return;
    }
    str_puts(out, "\ndeliveries, as of the last commit\n");
    for (size_t i = 0; i < trail->delivery_count; i++) {
        put_delivery(out, &trail->deliveries[i]);
    }
}

static void put_failure(struct str *out, const struct trail_outcome *outcome)
{
    str_puts(out, "    ");
    put_text(out, outcome->error_class);
    if (outcome->code != NULL) {
        str_puts(out, ", ");
        put_text(out, outcome->code);
    }
    if (outcome->http_status != 0) {
        str_printf(out, ", HTTP %d", outcome->http_status);
    }
    if (outcome->message != NULL) {
        str_puts(out, ": ");
        put_text(out, outcome->message);
    }
    str_putc(out, '\n');
}

static void put_outcome(struct str *out, const struct trail_outcome *outcome,
                        const struct explain_names *names)
{
    str_puts(out, "  ");
    put_text(out, outcome->status);
    if (outcome->attachment != NULL) {
        str_puts(out, ", ");
        put_text(out, outcome->attachment);
    }
    if (!outcome->own && outcome->topic != NULL) {
        str_puts(out, ", as ");
        put_text(out, outcome->topic);
        str_printf(out, "/%d/%lld", (int)outcome->input_partition,
                   (long long)outcome->input_offset);
    }
    str_putc(out, '\n');
    if (outcome->reference != NULL) {
        str_puts(out, "    ");
        put_text(out, outcome->reference);
        str_puts(out,
                 outcome->already_present ? " (was there already)\n" : "\n");
    }
    if (outcome->error_class != NULL) {
        put_failure(out, outcome);
    }
    str_printf(out, "    %u attempt%s", outcome->attempts,
               outcome->attempts == 1 ? "" : "s");
    if (outcome->finished_at != NULL) {
        str_puts(out, ", finished ");
        put_text(out, outcome->finished_at);
    }
    str_printf(out, "; outcome %s/%d/%lld\n", names->outcomes,
               (int)outcome->partition, (long long)outcome->offset);
}

static void put_outcomes(struct str *out, const struct trail *trail,
                         const struct explain_names *names)
{
    if (trail->outcome_count > 0) {
        str_puts(out, "\noutcomes\n");
    }
    for (size_t i = 0; i < trail->outcome_count; i++) {
        if (!trail->outcomes[i].own && (i == 0 || trail->outcomes[i - 1].own)) {
            str_puts(out, "the same event once more (a replay, or published "
                          "twice)\n");
        }
        put_outcome(out, &trail->outcomes[i], names);
    }
    if (trail->incomplete) {
        str_printf(out,
                   "\n%llu outcomes were looked at, and there are more "
                   "(--limit)\n",
                   (unsigned long long)trail->searched);
    }
}

static void put_letters(struct str *out, const struct trail *trail,
                        const struct explain_names *names)
{
    if (trail->letter_count > 0) {
        str_puts(out, "\ndead letters\n");
    }
    for (size_t i = 0; i < trail->letter_count; i++) {
        const struct dead_letter *letter = trail->letters[i];

        str_printf(out, "  %s/%d/%lld, %s", names->dead_letters,
                   (int)letter->partition, (long long)letter->offset,
                   letter_state_name(letter->state));
        if (letter->attachment != NULL) {
            str_puts(out, ", ");
            put_text(out, letter->attachment);
        }
        if (letter->replays > 0) {
            str_printf(out, ", of replay %u", letter->replays);
        }
        str_putc(out, '\n');
    }
}

static void put_advices(struct str *out, const struct advices *advices)
{
    if (advices->count > 0) {
        str_puts(out, "\nnext\n");
    }
    for (size_t i = 0; i < advices->count; i++) {
        str_printf(out, "  %s\n    %s\n", advices->all[i].command,
                   advices->all[i].why);
    }
}

void explain_put_text(struct str *out, const struct trail *trail,
                      const struct explain_names *names)
{
    CLEANUP(str_release) struct str means = STR_INIT(STR_UNLIMITED);
    struct arena *arena = arena_new();
    struct advices advices = advices_of(trail, names, arena);

    trail_explain(trail, &means);
    str_printf(out, "%s/%d/%lld\n", trail->topic, (int)trail->partition,
               (long long)trail->offset);
    put_wrapped(out, means.data, 0, LINE);
    str_putc(out, '\n');
    put_record(out, trail);
    put_partition(out, trail);
    put_deliveries(out, trail);
    put_outcomes(out, trail, names);
    put_letters(out, trail, names);
    put_advices(out, &advices);
    arena_free(arena);
}

/* --- for a program ----------------------------------------------------------
 */

static void put_time_json(struct json_writer *json, const char *name,
                          int64_t ms)
{
    char time[CLOCK_TEXT_SIZE];

    if (ms > 0) {
        json_put_string(json, name, clock_format(ms, time));
    }
}

static void put_record_json(struct json_writer *json, const struct trail *trail)
{
    if (trail->found) {
        json_open(json, "record", '{');
        json_put_integer(json, "size", (int64_t)trail->size);
        put_time_json(json, "timestamp", trail->timestamp_ms);
        json_put_optional(json, "event_id", trail->event_id);
        json_put_optional(json, "replay_of", trail->replay_of);
        json_close(json, '}');
    }
    if (trail->has_partition) {
        json_put_integer(json, "first_offset", trail->low);
        json_put_integer(json, "end_offset", trail->end);
    }
    json_open(json, "group", '{');
    json_put_string(json, "name", trail->group);
    if (trail->committed >= 0) {
        json_put_integer(json, "committed", trail->committed);
        json_put_integer(json, "dispatched", trail->dispatched);
    }
    json_put_optional(json, "unreadable", trail->unreadable);
    json_close(json, '}');
}

static void put_deliveries_json(struct json_writer *json,
                                const struct trail *trail)
{
    json_open(json, "deliveries", '[');
    for (size_t i = 0; i < trail->delivery_count; i++) {
        const struct trail_delivery *delivery = &trail->deliveries[i];

        json_open(json, NULL, '{');
        json_put_optional(json, "attachment", delivery->attachment);
        json_put_bool(json, "done", delivery->done);
        if (!delivery->done) {
            json_put_integer(json, "attempts", delivery->attempts);
            put_time_json(json, "first_failure", delivery->first_failed_ms);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void put_failure_json(struct json_writer *json,
                             const struct trail_outcome *outcome)
{
    if (outcome->error_class == NULL) {
        return;
    }
    json_open(json, "error", '{');
    json_put_string(json, "class", outcome->error_class);
    json_put_optional(json, "code", outcome->code);
    if (outcome->http_status != 0) {
        json_put_integer(json, "http_status", outcome->http_status);
    }
    json_put_optional(json, "message", outcome->message);
    json_close(json, '}');
}

static void put_outcome_json(struct json_writer *json,
                             const struct trail_outcome *outcome)
{
    json_open(json, NULL, '{');
    json_put_string(json, "status", outcome->status);
    json_put_bool(json, "own", outcome->own);
    json_put_integer(json, "partition", outcome->partition);
    json_put_integer(json, "offset", outcome->offset);
    json_open(json, "input", '{');
    json_put_optional(json, "topic", outcome->topic);
    json_put_integer(json, "partition", outcome->input_partition);
    json_put_integer(json, "offset", outcome->input_offset);
    json_put_optional(json, "id", outcome->event_id);
    json_close(json, '}');
    json_put_optional(json, "attachment", outcome->attachment);
    json_put_optional(json, "registration", outcome->registration);
    json_put_optional(json, "reference", outcome->reference);
    json_put_optional(json, "digest", outcome->digest);
    if (outcome->reference != NULL) {
        json_put_bool(json, "already_present", outcome->already_present);
    }
    json_put_integer(json, "attempts", outcome->attempts);
    json_put_optional(json, "finished_at", outcome->finished_at);
    json_put_optional(json, "traceparent", outcome->traceparent);
    put_failure_json(json, outcome);
    json_close(json, '}');
}

static void put_letter_json(struct json_writer *json,
                            const struct dead_letter *letter)
{
    json_open(json, NULL, '{');
    json_put_integer(json, "partition", letter->partition);
    json_put_integer(json, "offset", letter->offset);
    json_put_string(json, "state", letter_state_name(letter->state));
    json_put_optional(json, "attachment", letter->attachment);
    json_put_optional(json, "error_class", letter->error_class);
    json_put_integer(json, "replays", letter->replays);
    json_close(json, '}');
}

static void put_advices_json(struct json_writer *json,
                             const struct advices *advices)
{
    json_open(json, "next", '[');
    for (size_t i = 0; i < advices->count; i++) {
        json_open(json, NULL, '{');
        json_put_string(json, "command", advices->all[i].command);
        json_put_string(json, "why", advices->all[i].why);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void explain_put_json(struct str *out, const struct trail *trail,
                      const struct explain_names *names)
{
    CLEANUP(str_release) struct str means = STR_INIT(STR_UNLIMITED);
    struct arena *arena = arena_new();
    struct advices advices = advices_of(trail, names, arena);
    struct json_writer json = {.out = out};

    trail_explain(trail, &means);
    json_open(&json, NULL, '{');
    json_put_string(&json, "topic", trail->topic);
    json_put_integer(&json, "partition", trail->partition);
    json_put_integer(&json, "offset", trail->offset);
    json_put_string(&json, "verdict", trail_verdict_name(trail_judge(trail)));
    json_put_string(&json, "means", means.data);
    put_record_json(&json, trail);
    put_deliveries_json(&json, trail);
    json_open(&json, "outcomes", '[');
    for (size_t i = 0; i < trail->outcome_count; i++) {
        put_outcome_json(&json, &trail->outcomes[i]);
    }
    json_close(&json, ']');
    json_open(&json, "dead_letters", '[');
    for (size_t i = 0; i < trail->letter_count; i++) {
        put_letter_json(&json, trail->letters[i]);
    }
    json_close(&json, ']');
    json_put_integer(&json, "searched", (int64_t)trail->searched);
    json_put_bool(&json, "complete", !trail->incomplete);
    put_advices_json(&json, &advices);
    json_close(&json, '}');
    str_putc(out, '\n');
    arena_free(arena);
}
