#include "waybill/json.h"
#include "admin_internal.h"
#include "waybill/clock.h"

/* /readyz and /status. Times are RFC 3339, durations milliseconds; what is not
 * known is left out. */

static void put_time(struct json_writer *writer, const char *name,
                     int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];

    if (wall_ms > 0) {
        json_put_string(writer, name, clock_format(wall_ms, text));
    }
}

static void put_known(struct json_writer *writer, const char *name,
                      int64_t number)
{
    if (number >= 0) {
        json_put_integer(writer, name, number);
    }
}

static void put_count(struct json_writer *writer, const char *name,
                      uint64_t count)
{
    json_put_integer(writer, name, (int64_t)count);
}

static void put_readiness(struct json_writer *writer,
                          const struct status *status)
{
    json_put_bool(writer, "ready", status->reason_count == 0);
    json_open(writer, "reasons", '[');
    for (size_t i = 0; i < status->reason_count; i++) {
        json_put_string(writer, NULL, status->reasons[i]);
    }
    json_close(writer, ']');
}

void put_readiness_json(struct str *out, const struct status *status)
{
    struct json_writer writer = {.out = out};

    json_open(&writer, NULL, '{');
    put_readiness(&writer, status);
    json_close(&writer, '}');
    str_putc(out, '\n');
}

/* --- what it reads ----------------------------------------------------------
 */

static void put_kafka(struct json_writer *writer, const struct status *status)
{
    json_open(writer, "kafka", '{');
    json_put_string(writer, "brokers", status->brokers);
    json_put_string(writer, "group", status->group);
    json_put_string(writer, "topic", status->topic);
    json_put_optional(writer, "last_warning", status->notice);
    put_time(writer, "last_warning_at", status->notice_ms);
    json_close(writer, '}');
}

static void put_partition(struct json_writer *writer,
                          const struct status_partition *from)
{
    json_open(writer, NULL, '{');
    json_put_string(writer, "topic", from->topic);
    json_put_integer(writer, "partition", from->partition);
    put_known(writer, "watermark", from->watermark);
    put_known(writer, "read", from->read);
    put_known(writer, "end", from->end);
    put_known(writer, "lag", from->lag);
    put_known(writer, "window", from->window);
    put_count(writer, "records", from->records);
    json_put_bool(writer, "parked", from->parked);
    json_put_bool(writer, "paused", from->resting);
    json_put_bool(writer, "revoked", from->revoked);
    json_close(writer, '}');
}

static void put_partitions(struct json_writer *writer,
                           const struct status *status)
{
    json_open(writer, "partitions", '[');
    for (size_t i = 0; i < status->partition_count; i++) {
        put_partition(writer, &status->partitions[i]);
    }
    json_close(writer, ']');
}

static void put_record(struct json_writer *writer,
                       const struct status_record *from)
{
    json_open(writer, NULL, '{');
    json_put_string(writer, "topic", from->topic);
    json_put_integer(writer, "partition", from->partition);
    json_put_integer(writer, "offset", from->offset);
    json_put_optional(writer, "id", from->id);
    put_count(writer, "age_ms", from->age_ms);
    json_put_string(writer, "state", from->state);
    json_put_optional(writer, "registration", from->registration);
    put_count(writer, "attempts", from->attempts);
    json_close(writer, '}');
}

static void put_in_flight(struct json_writer *writer,
                          const struct status *status)
{
    json_open(writer, "in_flight", '{');
    put_count(writer, "records", status->records);
    put_count(writer, "most_records", status->most_records);
    put_count(writer, "bytes", status->bytes);
    put_count(writer, "most_bytes", status->most_bytes);
    json_put_bool(writer, "full", status->full);
    json_open(writer, "oldest", '[');
    for (size_t i = 0; i < status->oldest_count; i++) {
        put_record(writer, &status->oldest[i]);
    }
    json_close(writer, ']');
    json_close(writer, '}');
}

/* --- where it goes ----------------------------------------------------------
 */

static void put_error(struct json_writer *writer,
                      const struct status_registration *from)
{
    const struct error *err = from->last_error;

    if (err == NULL) {
        return;
    }
    json_open(writer, "last_error", '{');
    put_time(writer, "at", from->last_error_ms);
    json_put_string(writer, "message", err->message);
    if (err->http_status > 0) {
        json_put_integer(writer, "http_status", err->http_status);
    }
    json_close(writer, '}');
}

/* Rates come with one digit behind the point. */
static void put_rate(struct json_writer *writer, const char *name, double rate)
{
    CLEANUP(str_release) struct str text = STR_INIT(32);

    str_printf(&text, "%.1f", rate);
    json_put_raw(writer, name, text.data, text.len);
}

static void put_registration(struct json_writer *writer,
                             const struct status_registration *from)
{
    static const char *const states[] = {"flowing", "paused", "held", "down"};
    uint64_t retries = 0;

    for (size_t i = 0; i < ERROR_KINDS; i++) {
        retries += from->counts->retries[i];
    }
    json_open(writer, NULL, '{');
    json_put_string(writer, "name", from->registration->name);
    json_put_string(writer, "integration", from->registration->integration);
    json_put_string(writer, "host", from->host);
    json_put_string(writer, "state", states[from->state]);
    put_time(writer, "since", from->since_ms);
    put_time(writer, "retry_at", from->retry_ms);
    put_count(writer, "running", from->running);
    put_count(writer, "waiting", from->waiting);
    put_count(writer, "limit", from->limit);
    json_put_bool(writer, "parked", from->parked);
    put_rate(writer, "rate", from->rate);
    if (from->rate_limit > 0) {
        put_rate(writer, "rate_limit", from->rate_limit);
    }
    put_count(writer, "succeeded", from->counts->succeeded);
    put_count(writer, "failed", from->counts->failed);
    put_count(writer, "retries", retries);
    put_error(writer, from);
    json_close(writer, '}');
}

static void put_registrations(struct json_writer *writer,
                              const struct status *status)
{
    json_open(writer, "registrations", '[');
    for (size_t i = 0; i < status->registration_count; i++) {
        put_registration(writer, &status->registrations[i]);
    }
    json_close(writer, ']');
}

/* --- what became of it ------------------------------------------------------
 */

static void put_outcome(struct json_writer *writer,
                        const struct status_outcome *from)
{
    json_open(writer, NULL, '{');
    put_time(writer, "at", from->at_ms);
    json_put_string(writer, "status", result_names[from->status]);
    json_put_string(writer, "id", from->id);
    json_put_string(writer, "topic", from->topic);
    json_put_integer(writer, "partition", from->partition);
    json_put_integer(writer, "offset", from->offset);
    json_put_optional(writer, "registration",
                      from->registration[0] != '\0' ? from->registration
                                                    : NULL);
    json_put_optional(writer, "class",
                      from->status == OUTCOME_FAILED ? error_class(from->error)
                                                     : NULL);
    put_count(writer, "attempts", from->attempts);
    put_count(writer, "duration_ms", from->duration_ms);
    json_close(writer, '}');
}

static void put_recent(struct json_writer *writer, const struct status *status)
{
    json_open(writer, "recent", '[');
    for (size_t i = 0; i < status->recent_count; i++) {
        put_outcome(writer, status->recent[i]);
    }
    json_close(writer, ']');
}

/* Those that there are, by class */
static void put_dead_letters(struct json_writer *writer,
                             const struct status *status,
                             const struct settings *settings)
{
    json_open(writer, "dead_letters", '{');
    json_put_optional(writer, "topic", settings->kafka.topics.dead_letters);
    json_open(writer, "classes", '{');
    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        uint64_t count = error_row_is_class(row)
                             ? count_dead_letters(status->counts, row->name)
                             : 0;

        if (count > 0) {
            put_count(writer, row->name, count);
        }
    }
    json_close(writer, '}');
    json_close(writer, '}');
}

static void put_totals(struct json_writer *writer, const struct status *status)
{
    const struct service_counts *counts = status->counts;
    uint64_t letters = 0;

    for (size_t i = 0; i < ERROR_KINDS; i++) {
        letters += counts->dead_letters[i];
    }
    json_open(writer, "totals", '{');
    put_count(writer, "consumed", counts->consumed);
    put_count(writer, "parked", counts->parked);
    put_count(writer, "succeeded", counts->completed[OUTCOME_SUCCEEDED]);
    put_count(writer, "failed", counts->completed[OUTCOME_FAILED]);
    put_count(writer, "skipped", counts->completed[OUTCOME_SKIPPED]);
    put_count(writer, "dead_letters", letters);
    put_count(writer, "transactions", counts->transactions[QUEUE_COMMITTED]);
    put_count(writer, "rebalances", counts->rebalances);
    put_time(writer, "last_completed_at", counts->last_completed_ms);
    json_close(writer, '}');
}

static void put_build(struct json_writer *writer,
                      const struct admin_options *options)
{
    json_open(writer, "build", '{');
    for (size_t i = 0; i < options->version_count; i++) {
        json_put_string(writer, options->versions[i].name,
                        options->versions[i].version);
    }
    json_close(writer, '}');
}

static void put_config(struct json_writer *writer,
                       const struct status_config *from)
{
    json_put_string(writer, "configuration", from->revision->text);
    json_open(writer, "reload", '{');
    put_count(writer, "applied", from->applied);
    put_count(writer, "refused", from->refused);
    put_time(writer, "at", from->reloaded_ms);
    put_count(writer, "faults", from->fault_count);
    json_put_optional(writer, "fault", from->fault);
    json_put_optional(writer, "restart", from->restart);
    json_close(writer, '}');
}

static void put_sandbox(struct json_writer *writer,
                        const struct sandbox *sandbox)
{
    if (sandbox != NULL) {
        json_open(writer, "sandbox", '{');
        json_put_bool(writer, "seccomp", sandbox->seccomp);
        json_put_integer(writer, "landlock_abi", sandbox->landlock);
        json_close(writer, '}');
    }
}

void put_status_json(struct str *out, const struct status *status,
                     const struct admin_options *options)
{
    static const char *const phases[] = {"running", "draining", "closing"};
    struct json_writer writer = {.out = out};

    json_open(&writer, NULL, '{');
    put_time(&writer, "now", status->now_ms);
    put_time(&writer, "started", status->started_ms);
    json_put_integer(&writer, "uptime_ms", status->now_ms - status->started_ms);
    json_put_string(&writer, "phase", phases[status->phase]);
    put_readiness(&writer, status);
    put_build(&writer, options);
    put_config(&writer, &status->config);
    put_sandbox(&writer, options->sandbox);
    put_kafka(&writer, status);
    put_totals(&writer, status);
    put_dead_letters(&writer, status, options->settings);
    put_in_flight(&writer, status);
    put_partitions(&writer, status);
    put_registrations(&writer, status);
    put_recent(&writer, status);
    json_close(&writer, '}');
    str_putc(out, '\n');
}
