#include <stdio.h>

#include "replay_internal.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

struct purge_totals {
    size_t deleted;
    size_t remaining;
};

static struct purge_totals sum_of(const struct purge_span *spans, size_t count)
{
    struct purge_totals purge_totals = {0};

    for (size_t i = 0; i < count; i++) {
        purge_totals.deleted += spans[i].deleted;
        purge_totals.remaining += spans[i].remaining;
    }
    return purge_totals;
}

static void append_span(struct str *out, const struct purge_span *span,
                        bool done)
{
    str_printf(out, "partition %d: %s %zu", span->partition,
               done ? "deleted" : "would delete", span->deleted);
    if (span->first_remaining != NULL) {
        str_printf(out, ", %zu remain%s; the first of these is %d/%lld, %s",
                   span->remaining, verb_s(span->remaining), span->partition,
                   (long long)span->first_remaining->offset,
                   dead_letter_state_name(span->first_remaining->state));
    }
    str_append_char(out, '\n');
}

static void append_text(struct str *out, const struct purge_span *spans,
                        size_t count, bool done)
{
    struct purge_totals purge_totals = sum_of(spans, count);

    for (size_t i = 0; i < count; i++) {
        if (spans[i].deleted + spans[i].remaining > 0) {
            append_span(out, &spans[i], done);
        }
    }
    str_printf(out, "%s %zu dead letter%s, %zu remain%s%s\n",
               done ? "deleted" : "would delete", purge_totals.deleted,
               plural_s(purge_totals.deleted), purge_totals.remaining,
               verb_s(purge_totals.remaining),
               done ? "" : " (dry run; --yes deletes them)");
    if (purge_totals.remaining > 0) {
        str_append_text(
            out, "Kafka deletes records from the start of a partition only, so "
                 "a dead letter that\nremains keeps all later ones of its "
                 "partition.\n");
    }
}

static void append_json(struct str *out, const struct purge_span *spans,
                        size_t count, bool done)
{
    struct purge_totals purge_totals = sum_of(spans, count);
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_append_bool(&json, "dry_run", !done);
    json_append_integer(&json, "deleted", (int64_t)purge_totals.deleted);
    json_append_integer(&json, "remaining", (int64_t)purge_totals.remaining);
    json_open(&json, "partitions", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(&json, NULL, '{');
        json_append_integer(&json, "partition", spans[i].partition);
        json_append_integer(&json, "deleted", (int64_t)spans[i].deleted);
        json_append_integer(&json, "remaining", (int64_t)spans[i].remaining);
        if (spans[i].first_remaining != NULL) {
            json_open(&json, "first_remaining", '{');
            append_dead_letter_json(&json, spans[i].first_remaining);
            json_close(&json, '}');
        }
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    str_append_char(out, '\n');
}

int replay_purge_command(struct replay_context *context)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    bool all = args_option(context->args, "--include-unreplayed") != NULL;
    const struct purge_span *spans;
    struct error err;
    size_t count;
    int status = EXIT_OK;

    if (replay_context_open(context, false, &status) == NULL) {
        return status;
    }
    spans = replay_plan_purge(context->replay, all, &count);
    if (context->yes && replay_purge(context->replay, spans, count, &err) < 0) {
        return replay_report_error(&err);
    }
    if (context->json) {
        append_json(&out, spans, count, context->yes);
    } else {
        append_text(&out, spans, count, context->yes);
    }
    print_str(&out);
    return EXIT_OK;
}
