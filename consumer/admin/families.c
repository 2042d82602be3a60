#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "families.h"
#include "waybill/log.h"

/*
 * The document of /metrics, with one row per metric family. Names are a stable
 * interface, since dashboards and alerts depend on them. The values of labels
 * come from the configuration or from constants, never from an event, so their
 * number is bounded. Every series exists from the start, so that rate()
 * includes the first increment; those of a partition exist from its assignment.
 */

#define MAX_LABELS 8

/* --- records -------------------------------------------------------------- */

const char *const result_names[] = {"succeeded", "failed", "skipped"};

_Static_assert(ARRAY_SIZE(result_names) == OUTCOME_STATUSES, "one each");

static void append_consumed(const struct exposition *to)
{
    const struct metric_label labels[] = {{"topic", to->status->topic}};

    append_sample(to, labels, 1, (double)to->status->counts->consumed);
}

static void append_shed(const struct exposition *to)
{
    const struct metric_label labels[] = {{"topic", to->status->topic}};

    append_sample(to, labels, 1, (double)to->status->counts->shed);
}

static void append_other_type(const struct exposition *to)
{
    const struct metric_label labels[] = {{"topic", to->status->topic}};

    append_sample(to, labels, 1, (double)to->status->counts->other_type);
}

static void append_completed(const struct exposition *to)
{
    for (size_t i = 0; i < OUTCOME_STATUSES; i++) {
        const struct metric_label labels[] = {{"topic", to->status->topic},
                                              {"result", result_names[i]}};

        append_sample(to, labels, 2, (double)to->status->counts->completed[i]);
    }
}

static void append_in_flight(const struct exposition *to)
{
    append_sample(to, NULL, 0, (double)to->status->records);
}

static void append_held_bytes(const struct exposition *to)
{
    append_sample(to, NULL, 0, (double)to->status->bytes);
}

static void append_age(const struct exposition *to)
{
    metrics_append_histogram(to->out, to->family->name, NULL, 0,
                             &to->status->counts->age);
}

static void append_last_completed(const struct exposition *to)
{
    append_sample(to, NULL, 0,
                  (double)to->status->counts->last_completed_ms / 1000);
}

static void append_last_delivery(const struct exposition *to)
{
    append_sample(to, NULL, 0,
                  (double)to->status->counts->last_delivery_ms / 1000);
}

uint64_t count_dead_letters(const struct service_counts *counts,
                            const char *error_class)
{
    uint64_t count = 0;

    for (size_t i = 0; i < ERROR_KINDS; i++) {
        if (strcmp(error_table[i].error_class, error_class) == 0) {
            count += counts->dead_letters[i];
        }
    }
    return count;
}

static void append_dead_letters(const struct exposition *to)
{
    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        const struct metric_label labels[] = {{"topic", to->status->topic},
                                              {"class", row->name},
                                              {"kind", row->name}};

        if (error_row_is_class(row)) {
            append_sample(
                to, labels, ARRAY_SIZE(labels),
                (double)count_dead_letters(to->status->counts, row->name));
        }
    }
}

/* --- registrations -------------------------------------------------------- */

static size_t label_registration(const struct status_registration *from,
                                 struct metric_label labels[MAX_LABELS])
{
    labels[0] =
        (struct metric_label){"integration", from->registration->integration};
    labels[1] = (struct metric_label){"registration", from->registration->name};
    return 2;
}

static void append_each(const struct exposition *to,
                        double (*value)(const struct status_registration *from))
{
    for (size_t i = 0; i < to->status->registration_count; i++) {
        const struct status_registration *from = &to->status->registrations[i];
        struct metric_label labels[MAX_LABELS];
        size_t count = label_registration(from, labels);

        append_sample(to, labels, count, value(from));
    }
}

static void append_deliveries(const struct exposition *to)
{
    for (size_t i = 0; i < to->status->registration_count; i++) {
        const struct status_registration *from = &to->status->registrations[i];
        struct metric_label labels[MAX_LABELS];
        size_t count = label_registration(from, labels);

        labels[count] = (struct metric_label){"result", "succeeded"};
        append_sample(to, labels, count + 1, (double)from->counts->succeeded);
        labels[count].value = "failed";
        append_sample(to, labels, count + 1, (double)from->counts->failed);
        labels[count].value = "skipped";
        append_sample(to, labels, count + 1, (double)from->counts->skipped);
    }
}

static void append_durations(const struct exposition *to)
{
    for (size_t i = 0; i < to->status->registration_count; i++) {
        const struct status_registration *from = &to->status->registrations[i];
        struct metric_label labels[MAX_LABELS];
        size_t count = label_registration(from, labels);

        metrics_append_histogram(to->out, to->family->name, labels, count,
                                 &from->counts->duration);
    }
}

/* Errors with any other disposition end the delivery. */
static bool is_retried(const struct error_row *row)
{
    return row->disposition == DISPOSITION_RETRY ||
           row->disposition == DISPOSITION_BACK_OFF ||
           row->disposition == DISPOSITION_HOLD ||
           row->disposition == DISPOSITION_SUSPEND;
}

static void append_retries(const struct exposition *to)
{
    for (size_t i = 0; i < to->status->registration_count; i++) {
        const struct status_registration *from = &to->status->registrations[i];
        struct metric_label labels[MAX_LABELS];
        size_t count = label_registration(from, labels);

        for (size_t j = 0; j < ERROR_KINDS; j++) {
            labels[count] = (struct metric_label){"kind", error_table[j].name};
            if (is_retried(&error_table[j])) {
                append_sample(to, labels, count + 1,
                              (double)from->counts->retries[j]);
            }
        }
    }
}

#define REGISTRATION_FAMILY(name, expression)                                  \
    static double name##_of(const struct status_registration *from)            \
    {                                                                          \
        return (double)(expression);                                           \
    }                                                                          \
                                                                               \
    static void append_##name(const struct exposition *to)                     \
    {                                                                          \
        append_each(to, name##_of);                                            \
    }

REGISTRATION_FAMILY(running, from->running)
REGISTRATION_FAMILY(waiting, from->waiting)
REGISTRATION_FAMILY(limit, from->limit)
REGISTRATION_FAMILY(held, from->state == REGISTRATION_HELD)
REGISTRATION_FAMILY(held_attachments, from->held_count)
REGISTRATION_FAMILY(down, from->state == REGISTRATION_DOWN)

/* --- Kafka ---------------------------------------------------------------- */

static void append_partitions(
    const struct exposition *to,
    int64_t (*value)(const struct status_partition *from))
{
    for (size_t i = 0; i < to->status->partition_count; i++) {
        const struct status_partition *from = &to->status->partitions[i];
        char partition_text[16];
        const struct metric_label labels[] = {{"topic", from->topic},
                                              {"partition", partition_text}};
        int64_t sample = value(from);

        snprintf(partition_text, sizeof(partition_text), "%d",
                 (int)from->partition);
        /* Skips a value that is unknown and a partition that has been
         * revoked. */
        if (!from->revoked && sample >= 0) {
            append_sample(to, labels, 2, (double)sample);
        }
    }
}

#define PARTITION_FAMILY(name, expression)                                     \
    static int64_t name##_of(const struct status_partition *from)              \
    {                                                                          \
        return (expression);                                                   \
    }                                                                          \
                                                                               \
    static void append_##name(const struct exposition *to)                     \
    {                                                                          \
        append_partitions(to, name##_of);                                      \
    }

PARTITION_FAMILY(lag, from->lag)
PARTITION_FAMILY(pending, from->window)
PARTITION_FAMILY(paused, from->paused)
PARTITION_FAMILY(unreadable, from->unreadable >= 0)

static void append_assigned(const struct exposition *to)
{
    double count = 0;

    for (size_t i = 0; i < to->status->partition_count; i++) {
        count += !to->status->partitions[i].revoked;
    }
    append_sample(to, NULL, 0, count);
}

static void append_rebalances(const struct exposition *to)
{
    append_sample(to, NULL, 0, (double)to->status->counts->rebalances);
}

static void append_transactions(const struct exposition *to)
{
    static const char *const names[] = {"committed", "aborted",
                                        "refused_message", "refused_metadata"};

    _Static_assert(ARRAY_SIZE(names) == KAFKA_VERDICTS, "one each");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct metric_label labels[] = {{"result", names[i]}};

        append_sample(to, labels, 1,
                      (double)to->status->counts->transactions[i]);
    }
}

/* --- the program ---------------------------------------------------------- */

/* Names of labels are in lower case: "cJSON" becomes "cjson". */
static const char *lower(const char *name, char text[32])
{
    size_t len = 0;

    for (; name[len] != '\0' && len < 31; len++) {
        text[len] = (char)tolower((unsigned char)name[len]);
    }
    text[len] = '\0';
    return text;
}

static void append_build(const struct exposition *to)
{
    struct metric_label labels[MAX_LABELS];
    char names[MAX_LABELS][32];
    size_t count = 0;

    for (; count < to->options->version_count && count < MAX_LABELS; count++) {
        const struct admin_version *from = &to->options->versions[count];

        labels[count] = (struct metric_label){
            count == 0 ? "version" : lower(from->name, names[count]),
            from->version};
    }
    append_sample(to, labels, count, 1);
}

static void append_config(const struct exposition *to)
{
    const struct metric_label labels[] = {
        {"revision", digest_hex(to->status->config.revision)}};

    append_sample(to, labels, 1, 1);
}

static void append_reloads(const struct exposition *to)
{
    const struct metric_label applied[] = {{"result", "applied"}};
    const struct metric_label refused[] = {{"result", "refused"}};

    append_sample(to, applied, 1, (double)to->status->config.applied);
    append_sample(to, refused, 1, (double)to->status->config.refused);
}

static void append_reload_success(const struct exposition *to)
{
    append_sample(to, NULL, 0, to->status->config.fault_count == 0);
}

static void append_reload_time(const struct exposition *to)
{
    append_sample(to, NULL, 0, (double)to->status->config.reloaded_ms / 1000);
}

static void append_restart_pending(const struct exposition *to)
{
    append_sample(to, NULL, 0, to->status->config.restart != NULL);
}

static void append_ready(const struct exposition *to)
{
    append_sample(to, NULL, 0, to->status->reason_count == 0);
}

static void append_loop_lag(const struct exposition *to)
{
    metrics_append_histogram(to->out, to->family->name, NULL, 0,
                             &to->status->counts->loop_lag);
}

static void append_log(const struct exposition *to)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    _Static_assert(ARRAY_SIZE(names) == LOG_LEVELS, "one each");
    for (size_t i = 0; i < LOG_LEVELS; i++) {
        const struct metric_label labels[] = {{"level", names[i]}};

        append_sample(to, labels, 1, (double)log_count((enum log_level)i));
    }
}

static void append_log_dropped(const struct exposition *to)
{
    append_sample(to, NULL, 0, (double)log_dropped());
}

static void append_sandbox(const struct exposition *to)
{
    const struct sandbox *sandbox = to->options->sandbox;
    const struct metric_label seccomp[] = {{"part", "seccomp"}};
    const struct metric_label landlock[] = {{"part", "landlock"}};

    append_sample(to, seccomp, 1, sandbox != NULL && sandbox->seccomp);
    append_sample(to, landlock, 1, sandbox != NULL && sandbox->landlock > 0);
}

/* --- the table ------------------------------------------------------------ */

static const struct family families[] = {
    {"waybill_build_info", "gauge",
     "version, librdkafka, libcurl, cjson, libyaml, openssl, libmicrohttpd",
     "Always 1; the versions of the program and of the libraries that it has "
     "loaded.",
     append_build},
    {"waybill_config_info", "gauge", "revision",
     "Always 1; the SHA-256 of the active configuration file.", append_config},
    {"waybill_sandbox", "gauge", "part",
     "1 where the kernel enforces that part of the sandbox (seccomp, "
     "landlock).",
     append_sandbox},
    {"waybill_config_reloads_total", "counter", "result",
     "Reloads of the configuration since the start: applied, or refused, in "
     "which case the previous configuration stays active.",
     append_reloads},
    {"waybill_config_last_reload_successful", "gauge", NULL,
     "0 if the last reload was refused.", append_reload_success},
    {"waybill_config_last_reload_timestamp_seconds", "gauge", NULL,
     "Time of the last reload; 0 before the first.", append_reload_time},
    {"waybill_config_restart_pending", "gauge", NULL,
     "1 while a change of the configuration requires a restart.",
     append_restart_pending},
    {"waybill_ready", "gauge", NULL,
     "1 while /readyz reports that the instance is ready.", append_ready},

    {"waybill_records_consumed_total", "counter", "topic",
     "Records consumed, including shed records that are read again.",
     append_consumed},
    {"waybill_records_parked_total", "counter", "topic",
     "Records shed for lack of memory, to be read again later.", append_shed},
    {"waybill_records_other_type_total", "counter", "topic",
     "Events of other types that were skipped (kafka.other_types: skip). They "
     "have no outcome, and are counted again when they are read again.",
     append_other_type},
    {"waybill_records_in_flight", "gauge", NULL,
     "Records in memory: waiting, being delivered, or to be committed.",
     append_in_flight},
    {"waybill_records_in_flight_bytes", "gauge", NULL,
     "Memory used by these records.", append_held_bytes},
    {"waybill_records_completed_total", "counter", "topic, result",
     "Records whose outcomes are all committed. The result is failed if any "
     "delivery has failed.",
     append_completed},
    {"waybill_record_age_seconds", "histogram", NULL,
     "Time from a record's timestamp until all its outcomes are committed.",
     append_age},
    {"waybill_last_completed_timestamp_seconds", "gauge", NULL,
     "Time at which a record was last completed; 0 before the first.",
     append_last_completed},
    {"waybill_dead_letters_total", "counter", "topic, class, kind",
     "Dead letters committed, by error class. The label kind is deprecated: it "
     "has the same value as class.",
     append_dead_letters},
    {"waybill_messages_rejected_total", "counter", "topic",
     "Outcomes and dead letters that the topic has rejected, each attempt.",
     append_topic_rejected},
    {"waybill_deliveries_withheld", "gauge", "topic",
     "Deliveries that cannot be committed, because the topic rejects their "
     "outcome or dead letter. Others continue.",
     append_topic_withheld},
    {"waybill_topic_blocked", "gauge", "topic",
     "1 while the topic accepts no messages at all, for example because it is "
     "missing or writing to it is not allowed. Consumption is paused.",
     append_topic_blocked},

    {"waybill_deliveries_total", "counter", "integration, registration, result",
     "Deliveries whose outcome is committed.", append_deliveries},
    {"waybill_last_delivery_timestamp_seconds", "gauge", NULL,
     "Time at which the outcome of a delivery was last committed; 0 before the "
     "first.",
     append_last_delivery},
    {"waybill_delivery_duration_seconds", "histogram",
     "integration, registration",
     "Time from the first attempt of a delivery to its end, including pauses.",
     append_durations},
    {"waybill_delivery_retries_total", "counter",
     "integration, registration, kind",
     "Retries after failed attempts, by error kind.", append_retries},
    {"waybill_deliveries_running", "gauge", "integration, registration",
     "Deliveries with an attempt in flight.", append_running},
    {"waybill_deliveries_waiting", "gauge", "integration, registration",
     "Deliveries in memory that wait for their first or next attempt.",
     append_waiting},
    {"waybill_delivery_limit", "gauge", "integration, registration",
     "Current concurrency limit of the endpoint.", append_limit},
    {"waybill_registration_held", "gauge", "integration, registration",
     "1 while the endpoint refuses every delivery of the registration.",
     append_held},
    {"waybill_attachments_held", "gauge", "integration, registration",
     "Attachments whose deliveries are refused while others of the "
     "registration succeed.",
     append_held_attachments},
    {"waybill_registration_down", "gauge", "integration, registration",
     "1 while the endpoint is unreachable or fails, and is only probed.",
     append_down},

    {"waybill_consumer_lag_records", "gauge", "topic, partition",
     "Offsets from the committed offset to the end of an assigned partition, "
     "as of the last fetch. It does not grow while consumption is paused.",
     append_lag},
    {"waybill_offsets_pending", "gauge", "topic, partition",
     "Offsets from the committed offset to the last record read. Finished ones "
     "are recorded in the metadata of the commit, and consumption pauses if "
     "they do not fit.",
     append_pending},
    {"waybill_partition_paused", "gauge", "topic, partition",
     "1 while consumption is paused, because the finished offsets would not "
     "fit in the metadata of the commit.",
     append_paused},
    {"waybill_partition_unreadable", "gauge", "topic, partition",
     "1 while the next batch cannot be read and the partition is held.",
     append_unreadable},
    {"waybill_partitions_assigned", "gauge", NULL, "Partitions assigned.",
     append_assigned},
    {"waybill_rebalances_total", "counter", NULL,
     "Assignments and revocations of partitions.", append_rebalances},
    {"waybill_transactions_total", "counter", "result",
     "Transactions. Work that is not committed is repeated.",
     append_transactions},

    {"waybill_log_messages_total", "counter", "level",
     "Log lines, including those below log.level.", append_log},
    {"waybill_log_dropped_total", "counter", NULL,
     "Log lines that were dropped, because nobody read stderr.",
     append_log_dropped},
    {"waybill_loop_lag_seconds", "histogram", NULL,
     "Delay of a timer that is due every second.", append_loop_lag},
    {"process_cpu_seconds_total", "counter", NULL,
     "User and system CPU time spent.", append_process_cpu},
    {"process_resident_memory_bytes", "gauge", NULL, "Resident memory.",
     append_process_resident},
    {"process_virtual_memory_bytes", "gauge", NULL, "Virtual memory.",
     append_process_virtual},
    {"process_open_fds", "gauge", NULL, "Open file descriptors.",
     append_process_open_files},
    {"process_max_fds", "gauge", NULL, "Limit of open file descriptors.",
     append_process_max_files},
    {"process_start_time_seconds", "gauge", NULL, "Start time of the process.",
     append_process_start},
};

void append_metrics(struct str *out, const struct status *status,
                    const struct admin_options *options)
{
    struct usage usage;

    usage_get(&usage);
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        const struct family *family = &families[i];
        const struct exposition to = {out, family, status, options, &usage};

        metrics_begin(out, family->name, family->type, family->help);
        family->append_samples(&to);
    }
}

void admin_append_metrics_reference(struct str *out)
{
    str_append_text(out,
                    "# Metrics\n"
                    "\n"
                    "Generated by `waybill config metrics`: what `/metrics` of "
                    "the admin port contains, in\n"
                    "Prometheus' text format. Every series exists from the "
                    "start, those of a partition\n"
                    "from its assignment. Outcomes are counted when they are "
                    "committed: the sum over all\n"
                    "instances equals what is on the topics.\n"
                    "\n"
                    "| name | type | labels | meaning |\n"
                    "|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        const struct family *family = &families[i];

        str_printf(out, "| `%s` | %s | %s | %s |\n", family->name, family->type,
                   family->labels != NULL ? family->labels : "", family->help);
    }
}
