#include <stdio.h>

#include "replay_internal.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

struct totals {
    size_t letters;
    size_t remaining;
};

static struct totals sum_of(const struct purge_span *spans, size_t count)
{
    struct totals totals = {0};

    for (size_t i = 0; i < count; i++) {
        totals.letters += spans[i].letters;
        totals.remaining += spans[i].remaining;
    }
    return totals;
}

static void put_span(struct str *out, const struct purge_span *span, bool done)
{
    str_printf(out, "partition %d: %s %zu", span->partition,
               done ? "deleted" : "would delete", span->letters);
    if (span->stopper != NULL) {
        str_printf(out, ", %zu remain%s; the first is %d/%lld: %s",
                   span->remaining, span->remaining == 1 ? "s" : "",
                   span->partition, (long long)span->stopper->offset,
                   letter_state_name(span->stopper->state));
    }
    str_putc(out, '\n');
}

static void put_text(struct str *out, const struct purge_span *spans,
                     size_t count, bool done)
{
    struct totals totals = sum_of(spans, count);

    for (size_t i = 0; i < count; i++) {
        if (spans[i].letters + spans[i].remaining > 0) {
            put_span(out, &spans[i], done);
        }
    }
    str_printf(out, "%s %zu dead letter%s, %zu remain%s%s\n",
               done ? "deleted" : "would delete", totals.letters,
               totals.letters == 1 ? "" : "s", totals.remaining,
               totals.remaining == 1 ? "s" : "",
               done ? "" : " (dry run: --yes does it)");
    if (totals.remaining > 0) {
        str_puts(out, "Kafka deletes only from the front of a partition: what "
                      "stands behind one\nthat remains, remains.\n");
    }
}

static void put_json(struct str *out, const struct purge_span *spans,
                     size_t count, bool done)
{
    struct totals totals = sum_of(spans, count);
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_put_bool(&json, "dry_run", !done);
    json_put_integer(&json, "deleted", (int64_t)totals.letters);
    json_put_integer(&json, "remaining", (int64_t)totals.remaining);
    json_open(&json, "partitions", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(&json, NULL, '{');
        json_put_integer(&json, "partition", spans[i].partition);
        json_put_integer(&json, "deleted", (int64_t)spans[i].letters);
        json_put_integer(&json, "remaining", (int64_t)spans[i].remaining);
        if (spans[i].stopper != NULL) {
            json_open(&json, "first_remaining", '{');
            put_letter_json(&json, spans[i].stopper);
            json_close(&json, '}');
        }
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    str_putc(out, '\n');
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
        put_json(&out, spans, count, replaying->yes);
    } else {
        put_text(&out, spans, count, replaying->yes);
    }
    print_str(&out);
    return EXIT_OK;
}
