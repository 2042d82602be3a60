#include <stdio.h>

#include "replay_internal.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

struct totals {
    size_t dead_letter_list;
    size_t remaining;
};

static struct totals sum_of(const struct purge_span *spans, size_t count)
{
    struct totals totals = {0};

    for (size_t i = 0; i < count; i++) {
        totals.dead_letter_list += spans[i].dead_letter_list;
        totals.remaining += spans[i].remaining;
    }
    return totals;
}

static void append_span(struct str *out, const struct purge_span *span,
                        bool done)
{
    str_printf(out, "partition %d: %s %zu", span->partition,
               done ? "deleted" : "would delete", span->dead_letter_list);
    if (span->stopper != NULL) {
        str_printf(out, ", %zu remain%s; the first is %d/%lld: %s",
                   span->remaining, span->remaining == 1 ? "s" : "",
                   span->partition, (long long)span->stopper->offset,
                   dead_letter_state_name(span->stopper->state));
    }
    str_append_char(out, '\n');
}

static void append_text(struct str *out, const struct purge_span *spans,
                        size_t count, bool done)
{
    struct totals totals = sum_of(spans, count);

    for (size_t i = 0; i < count; i++) {
        if (spans[i].dead_letter_list + spans[i].remaining > 0) {
            append_span(out, &spans[i], done);
        }
    }
    str_printf(out, "%s %zu dead letter%s, %zu remain%s%s\n",
               done ? "deleted" : "would delete", totals.dead_letter_list,
               totals.dead_letter_list == 1 ? "" : "s", totals.remaining,
               totals.remaining == 1 ? "s" : "",
               done ? "" : " (dry run: --yes does it)");
    if (totals.remaining > 0) {
        str_append_text(
            out, "Kafka deletes only from the front of a partition: what "
                 "stands behind one\nthat remains, remains.\n");
    }
}

static void append_json(struct str *out, const struct purge_span *spans,
                        size_t count, bool done)
{
    struct totals totals = sum_of(spans, count);
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_append_bool(&json, "dry_run", !done);
    json_append_integer(&json, "deleted", (int64_t)totals.dead_letter_list);
    json_append_integer(&json, "remaining", (int64_t)totals.remaining);
    json_open(&json, "partitions", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(&json, NULL, '{');
        json_append_integer(&json, "partition", spans[i].partition);
        json_append_integer(&json, "deleted",
                            (int64_t)spans[i].dead_letter_list);
        json_append_integer(&json, "remaining", (int64_t)spans[i].remaining);
        if (spans[i].stopper != NULL) {
            json_open(&json, "first_remaining", '{');
            append_dead_letter_json(&json, spans[i].stopper);
            json_close(&json, '}');
        }
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    str_append_char(out, '\n');
}

int replay_purge_verb(struct replaying *replaying)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    bool all = args_option(replaying->args, "--include-unreplayed") != NULL;
    const struct purge_span *spans;
    struct error err;
    size_t count;
    int status = EXIT_OK;

    if (replaying_open(replaying, false, &status) == NULL) {
        return status;
    }
    spans = replay_plan_purge(replaying->replay, all, &count);
    if (replaying->yes &&
        replay_purge(replaying->replay, spans, count, &err) < 0) {
        return replaying_failed(&err);
    }
    if (replaying->json) {
        append_json(&out, spans, count, replaying->yes);
    } else {
        append_text(&out, spans, count, replaying->yes);
    }
    print_str(&out);
    return EXIT_OK;
}
