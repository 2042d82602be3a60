#include "waybill/json.h"

#include <stddef.h>
#include <string.h>

#include "admin_internal.h"
#include "waybill/clock.h"

/* The documents of /readyz and /status. Times are RFC 3339 and durations are
 * in milliseconds; members that are unknown are omitted. */

static void append_time(struct json_writer *writer, const char *name,
                        int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];

    if (wall_ms > 0) {
        json_append_string(writer, name, clock_format(wall_ms, text));
    }
}

static void append_if_known(struct json_writer *writer, const char *name,
                            int64_t number)
{
    if (number >= 0) {
        json_append_integer(writer, name, number);
    }
}

static void append_count(struct json_writer *writer, const char *name,
                         uint64_t count)
{
    json_append_integer(writer, name, (int64_t)count);
}

static void append_if_set(struct json_writer *writer, const char *name,
                          const char *text)
{
    json_append_optional(writer, name, text[0] != '\0' ? text : NULL);
}

static void append_texts(struct json_writer *writer, const char *name,
                         const char *const *texts, size_t count)
{
    json_open(writer, name, '[');
    for (size_t i = 0; i < count; i++) {
        json_append_string(writer, NULL, texts[i]);
    }
    json_close(writer, ']');
}

static void append_readiness(struct json_writer *writer,
                             const struct status *status)
{
    json_append_bool(writer, "ready", status->reason_count == 0);
    append_texts(writer, "reasons", (const char *const *)status->reasons,
                 status->reason_count);
}

/* The times are in an array of their own, because `warnings` is older. */
static void append_warnings(struct json_writer *writer,
                            const struct status *status)
{
    char time[CLOCK_TEXT_SIZE];

    append_texts(writer, "warnings", (const char *const *)status->warnings,
                 status->warning_count);
    json_open(writer, "warnings_since", '[');
    for (size_t i = 0; i < status->warning_count; i++) {
        json_append_string(writer, NULL,
                           clock_format(status->warnings_since_ms[i], time));
    }
    json_close(writer, ']');
}

void append_readiness_json(struct str *out, const struct status *status)
{
    struct json_writer writer = {.out = out};

    json_open(&writer, NULL, '{');
    append_readiness(&writer, status);
    json_close(&writer, '}');
    str_append_char(out, '\n');
}

/* --- consumer ------------------------------------------------------------- */

static void append_kafka(struct json_writer *writer,
                         const struct status *status)
{
    json_open(writer, "kafka", '{');
    json_append_string(writer, "brokers", status->brokers);
    json_append_string(writer, "group", status->group);
    json_append_string(writer, "topic", status->topic);
    json_append_optional(writer, "last_warning", status->notice);
    append_time(writer, "last_warning_at", status->notice_ms);
    json_close(writer, '}');
}

static void append_partition(struct json_writer *writer,
                             const struct status_partition *from)
{
    json_open(writer, NULL, '{');
    json_append_string(writer, "topic", from->topic);
    json_append_integer(writer, "partition", from->partition);
    append_if_known(writer, "watermark", from->watermark);
    append_if_known(writer, "read", from->read);
    append_if_known(writer, "end", from->end);
    append_if_known(writer, "lag", from->lag);
    append_if_known(writer, "window", from->window);
    append_count(writer, "records", from->records);
    json_append_bool(writer, "parked", from->shed);
    json_append_bool(writer, "paused", from->paused);
    append_time(writer, "paused_since", from->paused_since_ms);
    json_append_bool(writer, "revoked", from->revoked);
    if (from->unreadable >= 0) {
        json_open(writer, "unreadable", '{');
        json_append_integer(writer, "offset", from->unreadable);
        append_time(writer, "since", from->unreadable_since_ms);
        json_append_string(writer, "reason", from->unreadable_reason);
        json_append_string(writer, "skip_command", from->skip_command);
        json_close(writer, '}');
    }
    json_close(writer, '}');
}

static void append_partitions(struct json_writer *writer,
                              const struct status *status)
{
    json_open(writer, "partitions", '[');
    for (size_t i = 0; i < status->partition_count; i++) {
        append_partition(writer, &status->partitions[i]);
    }
    json_close(writer, ']');
}

static void append_record(struct json_writer *writer,
                          const struct status_record *from)
{
    json_open(writer, NULL, '{');
    json_append_string(writer, "topic", from->topic);
    json_append_integer(writer, "partition", from->partition);
    json_append_integer(writer, "offset", from->offset);
    json_append_optional(writer, "id", from->id);
    append_count(writer, "age_ms", from->age_ms);
    json_append_string(writer, "state", from->state);
    json_append_optional(writer, "registration", from->registration);
    append_count(writer, "attempts", from->attempts);
    json_close(writer, '}');
}

static void append_in_flight(struct json_writer *writer,
                             const struct status *status)
{
    json_open(writer, "in_flight", '{');
    append_count(writer, "records", status->records);
    append_count(writer, "most_records", status->max_records);
    append_count(writer, "bytes", status->bytes);
    append_count(writer, "most_bytes", status->max_bytes);
    json_append_bool(writer, "full", status->full);
    if (status->full) {
        append_time(writer, "full_since", status->full_since_ms);
    }
    json_open(writer, "oldest", '[');
    for (size_t i = 0; i < status->oldest_count; i++) {
        append_record(writer, &status->oldest[i]);
    }
    json_close(writer, ']');
    json_close(writer, '}');
}

/* --- what Kafka has rejected --------------------------------------------- */

static void append_withheld(struct json_writer *writer,
                            const struct status_withheld *from)
{
    json_open(writer, NULL, '{');
    json_append_string(writer, "to", from->to);
    json_append_string(writer, "topic", from->topic);
    json_append_integer(writer, "partition", from->partition);
    json_append_integer(writer, "offset", from->offset);
    json_append_string(writer, "code", from->code);
    json_append_string(writer, "reason", from->reason);
    json_append_string(writer, "remedy", from->remedy);
    append_time(writer, "since", from->since_ms);
    append_count(writer, "attempts", from->rejections);
    json_close(writer, '}');
}

static void append_rejected(struct json_writer *writer,
                            const struct status *status)
{
    size_t total = 0;

    for (size_t i = 0; i < STATUS_OUTPUTS; i++) {
        total += status->outputs[i].withheld;
    }
    json_open(writer, "rejected", '{');
    append_count(writer, "deliveries", total);
    json_open(writer, "first", '[');
    for (size_t i = 0; i < status->withheld_count; i++) {
        append_withheld(writer, &status->withheld[i]);
    }
    json_close(writer, ']');
    json_close(writer, '}');
}

/* --- registrations -------------------------------------------------------- */

static void append_error(struct json_writer *writer,
                         const struct status_registration *from)
{
    const struct error *err = from->last_error;

    if (err == NULL) {
        return;
    }
    json_open(writer, "last_error", '{');
    append_time(writer, "at", from->last_error_ms);
    json_append_string(writer, "message", err->message);
    if (err->http_status > 0) {
        json_append_integer(writer, "http_status", err->http_status);
    }
    json_close(writer, '}');
}

static void append_held(struct json_writer *writer,
                        const struct status_registration *from)
{
    if (from->reason != NULL) {
        json_append_string(writer, "reason", from->reason->message);
    }
    json_open(writer, "held_attachments", '[');
    for (size_t i = 0; i < from->held_count; i++) {
        const struct status_attachment *held = &from->held[i];

        json_open(writer, NULL, '{');
        json_append_string(writer, "name", held->name);
        append_time(writer, "since", held->since_ms);
        append_count(writer, "waiting", held->waiting);
        json_append_string(writer, "reason", held->reason->message);
        json_close(writer, '}');
    }
    json_close(writer, ']');
}

/* Rates have one decimal place. */
static void append_rate(struct json_writer *writer, const char *name,
                        double rate)
{
    CLEANUP(str_release) struct str text = STR_INIT(32);

    str_printf(&text, "%.1f", rate);
    json_append_raw(writer, name, text.data, text.len);
}

static void append_registration(struct json_writer *writer,
                                const struct status_registration *from)
{
    static const char *const states[] = {"flowing", "paused", "held", "down"};
    uint64_t retries = 0;

    for (size_t i = 0; i < ERROR_KINDS; i++) {
        retries += from->counts->retries[i];
    }
    json_open(writer, NULL, '{');
    json_append_string(writer, "name", from->registration->name);
    json_append_string(writer, "integration", from->registration->integration);
    json_append_string(writer, "host", from->host);
    json_append_string(writer, "state", states[from->state]);
    append_time(writer, "since", from->since_ms);
    append_time(writer, "retry_at", from->retry_ms);
    append_count(writer, "running", from->running);
    append_count(writer, "waiting", from->waiting);
    append_count(writer, "limit", from->limit);
    json_append_bool(writer, "parked", from->shed);
    append_rate(writer, "rate", from->rate);
    if (from->rate_limit > 0) {
        append_rate(writer, "rate_limit", from->rate_limit);
    }
    append_count(writer, "succeeded", from->counts->succeeded);
    append_count(writer, "failed", from->counts->failed);
    append_count(writer, "retries", retries);
    append_held(writer, from);
    append_error(writer, from);
    json_close(writer, '}');
}

static void append_registrations(struct json_writer *writer,
                                 const struct status *status)
{
    json_open(writer, "registrations", '[');
    for (size_t i = 0; i < status->registration_count; i++) {
        append_registration(writer, &status->registrations[i]);
    }
    json_close(writer, ']');
}

/* --- outcomes and totals -------------------------------------------------- */

static void append_outcome(struct json_writer *writer,
                           const struct status_outcome *from)
{
    json_open(writer, NULL, '{');
    append_time(writer, "at", from->at_ms);
    json_append_string(writer, "status", result_names[from->status]);
    json_append_string(writer, "id", from->id);
    json_append_string(writer, "topic", from->topic);
    json_append_integer(writer, "partition", from->partition);
    json_append_integer(writer, "offset", from->offset);
    append_if_set(writer, "project", from->project);
    append_if_set(writer, "workflow", from->workflow);
    append_if_set(writer, "registration", from->registration);
    append_if_set(writer, "destination", from->destination);
    append_if_set(writer, "reason", from->reason);
    json_append_optional(
        writer, "class",
        from->status == OUTCOME_FAILED ? error_class(from->error) : NULL);
    append_count(writer, "attempts", from->attempts);
    append_count(writer, "duration_ms", from->duration_ms);
    json_close(writer, '}');
}

static void append_recent(struct json_writer *writer,
                          const struct status *status)
{
    json_open(writer, "recent", '[');
    for (size_t i = 0; i < status->recent_count; i++) {
        append_outcome(writer, status->recent[i]);
    }
    json_close(writer, ']');
}

/* Classes without dead letters are omitted. */
static void append_dead_letters(struct json_writer *writer,
                                const struct status *status,
                                const struct settings *settings)
{
    json_open(writer, "dead_letters", '{');
    json_append_optional(writer, "topic", settings->kafka.topics.dead_letters);
    append_time(writer, "last_at", status->counts->last_dead_letter_ms);
    json_open(writer, "classes", '{');
    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        uint64_t count = error_row_is_class(row)
                             ? count_dead_letters(status->counts, row->name)
                             : 0;

        if (count > 0) {
            append_count(writer, row->name, count);
        }
    }
    json_close(writer, '}');
    json_close(writer, '}');
}

static void append_totals(struct json_writer *writer,
                          const struct status *status)
{
    const struct service_counts *counts = status->counts;
    uint64_t dead_letters = 0;

    for (size_t i = 0; i < ERROR_KINDS; i++) {
        dead_letters += counts->dead_letters[i];
    }
    json_open(writer, "totals", '{');
    append_count(writer, "consumed", counts->consumed);
    append_count(writer, "parked", counts->shed);
    append_count(writer, "other_type", counts->other_type);
    append_count(writer, "succeeded", counts->completed[OUTCOME_SUCCEEDED]);
    append_count(writer, "failed", counts->completed[OUTCOME_FAILED]);
    append_count(writer, "skipped", counts->completed[OUTCOME_SKIPPED]);
    append_count(writer, "dead_letters", dead_letters);
    append_count(writer, "transactions", counts->transactions[KAFKA_COMMITTED]);
    append_count(writer, "rebalances", counts->rebalances);
    append_time(writer, "last_completed_at", counts->last_completed_ms);
    json_close(writer, '}');
}

static void append_deliveries(struct json_writer *writer,
                              const struct status *status)
{
    const struct service_counts *counts = status->counts;
    size_t running = 0;
    size_t waiting = 0;

    for (size_t i = 0; i < status->registration_count; i++) {
        running += status->registrations[i].running;
        waiting += status->registrations[i].waiting;
    }
    json_open(writer, "deliveries", '{');
    append_count(writer, "succeeded", counts->deliveries[OUTCOME_SUCCEEDED]);
    append_count(writer, "failed", counts->deliveries[OUTCOME_FAILED]);
    append_count(writer, "skipped", counts->deliveries[OUTCOME_SKIPPED]);
    append_count(writer, "running", running);
    append_count(writer, "waiting", waiting);
    append_time(writer, "last_completed_at", counts->last_delivery_ms);
    json_close(writer, '}');
}

/* --- samples -------------------------------------------------------------- */

static void append_series(struct json_writer *writer, const char *name,
                          const struct status_samples *from, size_t offset,
                          bool is_duration)
{
    json_open(writer, name, '[');
    for (size_t i = 0; i < from->count; i++) {
        const struct status_sample *sample = &from->items[i];
        uint32_t value;

        memcpy(&value, (const char *)sample + offset, sizeof(value));
        if (is_duration && sample->succeeded + sample->failed == 0) {
            json_append_raw(writer, NULL, "null", 4);
        } else {
            json_append_integer(writer, NULL, value);
        }
    }
    json_close(writer, ']');
}

/* One array for each value, because names would be most of the document. */
static void append_samples(struct json_writer *writer,
                           const struct status_samples *from)
{
    static const struct {
        const char *name;
        size_t offset;
        bool is_duration;
    } series[] = {
        {"consumed", offsetof(struct status_sample, consumed), false},
        {"succeeded", offsetof(struct status_sample, succeeded), false},
        {"failed", offsetof(struct status_sample, failed), false},
        {"median_ms", offsetof(struct status_sample, median_ms), true},
        {"p95_ms", offsetof(struct status_sample, p95_ms), true},
    };

    json_open(writer, "samples", '{');
    json_append_integer(writer, "interval_ms", STATUS_SAMPLE_MS);
    append_time(writer, "end", from->end_ms);
    for (size_t i = 0; i < ARRAY_SIZE(series); i++) {
        append_series(writer, series[i].name, from, series[i].offset,
                      series[i].is_duration);
    }
    json_close(writer, '}');
}

static void append_build(struct json_writer *writer,
                         const struct admin_options *options)
{
    json_open(writer, "build", '{');
    for (size_t i = 0; i < options->version_count; i++) {
        json_append_string(writer, options->versions[i].name,
                           options->versions[i].version);
    }
    json_close(writer, '}');
}

static void append_config(struct json_writer *writer,
                          const struct status_config *from)
{
    json_append_string(writer, "configuration", from->revision->text);
    json_open(writer, "reload", '{');
    append_count(writer, "applied", from->applied);
    append_count(writer, "refused", from->refused);
    append_time(writer, "at", from->reloaded_ms);
    append_count(writer, "faults", from->fault_count);
    json_append_optional(writer, "fault", from->fault);
    json_append_optional(writer, "restart", from->restart);
    json_close(writer, '}');
}

static void append_sandbox(struct json_writer *writer,
                           const struct sandbox *sandbox)
{
    if (sandbox != NULL) {
        json_open(writer, "sandbox", '{');
        json_append_bool(writer, "seccomp", sandbox->seccomp);
        json_append_integer(writer, "landlock_abi", sandbox->landlock);
        json_close(writer, '}');
    }
}

void append_status_json(struct str *out, const struct status *status,
                        const struct admin_options *options)
{
    static const char *const phases[] = {"running", "draining", "closing"};
    struct json_writer writer = {.out = out};

    json_open(&writer, NULL, '{');
    append_time(&writer, "now", status->now_ms);
    append_time(&writer, "started", status->started_ms);
    json_append_integer(&writer, "uptime_ms",
                        status->now_ms - status->started_ms);
    json_append_string(&writer, "phase", phases[status->phase]);
    append_readiness(&writer, status);
    if (status->reason_count > 0) {
        append_time(&writer, "not_ready_since", status->not_ready_since_ms);
    }
    append_warnings(&writer, status);
    append_build(&writer, options);
    append_config(&writer, &status->config);
    append_sandbox(&writer, options->sandbox);
    append_kafka(&writer, status);
    append_totals(&writer, status);
    append_deliveries(&writer, status);
    append_dead_letters(&writer, status, options->settings);
    append_in_flight(&writer, status);
    append_rejected(&writer, status);
    append_partitions(&writer, status);
    append_registrations(&writer, status);
    append_recent(&writer, status);
    append_samples(&writer, &status->samples);
    json_close(&writer, '}');
    str_append_char(out, '\n');
}
