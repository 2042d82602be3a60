#include "explain_text.h"

#include <string.h>

#include "cli_internal.h"
#include "waybill/clock.h"
#include "waybill/compiler.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

#define LINE_WIDTH 78
#define MAX_TEXT_BYTES 1024

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
        str_printf(out, ", written at %s",
                   clock_format(history->timestamp_ms, time));
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
    str_printf(out, "  partition   offsets %lld-%lld\n",
               (long long)history->low, (long long)history->end - 1);
    str_printf(out, "  group       %s, ", history->group);
    if (history->committed < 0) {
        str_append_text(out, "no committed offset\n");
        return;
    }
    str_printf(out, "committed offset %lld", (long long)history->committed);
    if (history->dispatched > history->committed) {
        str_printf(out, ", has read up to offset %lld",
                   (long long)history->dispatched - 1);
    }
    str_append_char(out, '\n');
    if (history->unreadable != NULL) {
        str_append_text(out, "  progress    cannot be decoded: ");
        append_text(out, history->unreadable);
        str_append_char(out, '\n');
    }
}

static void append_delivery(struct str *out,
                            const struct history_delivery *delivery)
{
    char time[CLOCK_TEXT_SIZE];

    str_append_text(out, "  ");
    append_text(out, delivery->attachment != NULL ? delivery->attachment
                                                  : "(no longer configured)");
    if (delivery->done) {
        str_append_text(out, ": finished\n");
        return;
    }
    str_printf(out, ": not finished; %u attempt%s failed, the first at %s\n",
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
        str_append_text(out, outcome->already_present ? " (already present)\n"
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
                            "other deliveries of the same event (a replay, or "
                            "it was published twice)\n");
        }
        append_outcome(out, &history->outcomes[i], names);
    }
    if (history->incomplete) {
        str_printf(
            out,
            "\n%llu outcome%s read. There are more; a higher --limit includes "
            "them.\n",
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
                         const struct waiting *waiting,
                         const struct explain_names *names)
{
    CLEANUP(str_release) struct str means = STR_INIT(STR_UNLIMITED);
    struct arena *arena = arena_new();
    struct suggestions suggestions = explain_suggest(history, names, arena);

    history_explain(history, &means);
    str_printf(out, "%s/%d/%lld\n", history->topic, (int)history->partition,
               (long long)history->offset);
    append_wrapped(out, means.data, 0, LINE_WIDTH);
    str_append_char(out, '\n');
    append_record(out, history);
    append_partition(out, history);
    append_deliveries(out, history);
    waiting_append_text(out, waiting, LINE_WIDTH);
    append_outcomes(out, history, names);
    append_dead_letters(out, history, names);
    append_suggestions(out, &suggestions);
    arena_free(arena);
}
