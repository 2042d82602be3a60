#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "waybill/alloc.h"
#include "waybill/error.h"
#include "waybill/integration.h"
#include "waybill/json.h"
#include "waybill/kafka_check.h"
#include "waybill/pipeline.h"
#include "waybill/random.h"
#include "waybill/utf8.h"

/* `waybill check --online` checks Kafka, then all registrations concurrently,
 * then the destinations of their attachments one after the other, and prints
 * the findings in the order of the configuration file. */

/* The command is interactive, and no working registry takes longer to
 * respond. */
#define MAX_RESPONSE_MS 30000
/* Each destination takes up to four requests: GET /v2/, a token, an upload and
 * its end. */
#define MAX_DESTINATIONS 100
#define LINE_WIDTH 100
#define STEP_COLUMN 14
#define VERDICT_COLUMN 9

struct finding {
    char *step;
    char *text;
    enum integration_verdict verdict;
};

struct inspection {
    struct online_check *online_check;
    const struct registration *registration;
    struct finding *findings;
    size_t count;
    bool is_refused; /* whatever the destination: it is not tried again */
};

/* The destination of an attachment, which others of the same registration may
 * share */
struct destination {
    struct inspection *inspection; /* of its registration */
    const struct attachment *attachment;
    const char *name; /* NULL: it has none of its own */
    char *text;       /* NULL: not inspected yet */
    enum integration_verdict verdict;
};

struct online_check {
    const struct settings *settings;
    struct loop *loop;
    struct integration_context context;
    struct integration_set *integrations;
    struct inspection *inspection;    /* parallel to settings->registrations */
    struct inspection kafka;          /* no findings without a kafka section */
    struct destination *destinations; /* parallel to settings->attachments */
    struct arena *arena;
    size_t remaining;
    size_t inspected; /* destinations */
    enum error_kind
        worst_error; /* permanent errors take precedence over temporary ones */
};

static const char *const verdict_names[] = {
    [FINDING_SKIPPED] = "-",
    [FINDING_GOOD] = "ok",
    [FINDING_DOUBTFUL] = "look",
    [FINDING_BAD] = "FAILED",
};

/* --- checking ------------------------------------------------------------- */

static void update_worst_error(struct online_check *online_check,
                               enum error_kind kind)
{
    if (online_check->worst_error == ERROR_NONE ||
        error_exit_code(online_check->worst_error) == EXIT_TEMPORARY) {
        online_check->worst_error = kind;
    }
}

static void add_finding(struct inspection *inspection, const char *step,
                        enum integration_verdict verdict, const char *text)
{
    inspection->findings[inspection->count++] = (struct finding){
        .step = mem_strdup(step),
        .text = mem_strdup(text),
        .verdict = verdict,
    };
}

static void settle(struct destination *destination,
                   enum integration_verdict verdict, const char *text)
{
    destination->verdict = verdict;
    destination->text = mem_strdup(text);
}

/* The destination is refused for the first reason that there is. */
static void settle_by_findings(struct destination *destination,
                               const struct integration_finding *findings,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (findings[i].verdict == FINDING_BAD) {
            destination->inspection->is_refused |= !findings[i].is_local;
            settle(destination, FINDING_BAD, findings[i].text);
            return;
        }
    }
    settle(destination, FINDING_GOOD, "a delivery would be permitted");
}

/* The first destination of a registration, or NULL if it has none */
static struct destination *first_destination(
    const struct inspection *inspection)
{
    const struct online_check *online_check = inspection->online_check;

    for (size_t i = 0; i < online_check->settings->attachment_count; i++) {
        struct destination *destination = &online_check->destinations[i];

        if (destination->inspection == inspection &&
            destination->name != NULL) {
            return destination;
        }
    }
    return NULL;
}

static void on_inspected(void *payload,
                         const struct integration_finding *findings,
                         size_t count)
{
    struct inspection *inspection = payload;
    struct online_check *online_check = inspection->online_check;
    struct destination *destination = first_destination(inspection);

    if (destination != NULL) {
        settle_by_findings(destination, findings, count);
        online_check->inspected++;
    }
    inspection->findings = mem_zalloc(count * sizeof(*inspection->findings));
    for (size_t i = 0; i < count; i++) {
        add_finding(inspection, findings[i].step, findings[i].verdict,
                    findings[i].text);
        if (findings[i].verdict == FINDING_BAD) {
            update_worst_error(online_check, findings[i].kind);
        }
    }
    if (--online_check->remaining == 0) {
        loop_stop(online_check->loop);
    }
}

static void inspect(struct online_check *online_check, size_t index)
{
    struct inspection *inspection = &online_check->inspection[index];
    const struct registration *registration = inspection->registration;
    const struct destination *destination = first_destination(inspection);

    integration_inspect(
        integration_of(online_check->integrations, registration), registration,
        destination != NULL ? destination->attachment : NULL, on_inspected,
        inspection);
}

static void inspect_all(struct online_check *online_check)
{
    const struct settings *settings = online_check->settings;

    online_check->remaining = settings->registration_count;
    for (size_t i = 0; i < settings->registration_count; i++) {
        inspect(online_check, i);
    }
    if (online_check->remaining > 0) {
        loop_run(online_check->loop);
    }
}

/* --- attachments -----------------------------------------------------------
 */

static void on_destination_inspected(void *payload,
                                     const struct integration_finding *findings,
                                     size_t count)
{
    struct destination *destination = payload;
    struct online_check *online_check = destination->inspection->online_check;

    settle_by_findings(destination, findings, count);
    for (size_t i = 0; i < count; i++) {
        if (findings[i].verdict == FINDING_BAD) {
            update_worst_error(online_check, findings[i].kind);
        }
    }
    loop_stop(online_check->loop);
}

/* An earlier attachment of the registration with the same destination, or
 * NULL */
static const struct destination *twin_of(const struct destination *destination)
{
    const struct destination *other =
        destination->inspection->online_check->destinations;

    for (; other < destination; other++) {
        if (other->inspection == destination->inspection &&
            text_equal(other->name, destination->name)) {
            return other;
        }
    }
    return NULL;
}

static void inspect_destination(struct destination *destination)
{
    struct inspection *inspection = destination->inspection;
    struct online_check *online_check = inspection->online_check;
    const struct destination *twin = twin_of(destination);

    if (twin != NULL) {
        settle(destination, twin->verdict, twin->text);
    } else if (inspection->is_refused) {
        settle(destination, FINDING_SKIPPED,
               "not tried: its registration fails");
    } else if (online_check->inspected >= MAX_DESTINATIONS) {
        settle(destination, FINDING_SKIPPED,
               "not tried: at most 100 repository paths are tried at a time");
    } else {
        online_check->inspected++;
        integration_inspect(integration_of(online_check->integrations,
                                           inspection->registration),
                            inspection->registration, destination->attachment,
                            on_destination_inspected, destination);
        loop_run(online_check->loop);
    }
}

static void inspect_destinations(struct online_check *online_check)
{
    for (size_t i = 0; i < online_check->settings->attachment_count; i++) {
        struct destination *destination = &online_check->destinations[i];

        if (destination->name != NULL && destination->text == NULL) {
            inspect_destination(destination);
        }
    }
}

/* --- Kafka ---------------------------------------------------------------- */

static void add_conditions(struct online_check *online_check,
                           const struct kafka_report *report)
{
    struct inspection *inspection = &online_check->kafka;
    const struct kafka_condition *condition;
    bool blocks = false;
    size_t count = 0;

    while (kafka_report_condition(report, count) != NULL) {
        count++;
    }
    inspection->findings =
        mem_zalloc((count + 2) * sizeof(*inspection->findings));
    for (size_t i = 0; i < count; i++) {
        condition = kafka_report_condition(report, i);
        add_finding(inspection, "topics",
                    condition->blocks ? FINDING_BAD : FINDING_DOUBTFUL,
                    condition->text);
        blocks |= condition->blocks;
        if (condition->blocks) {
            update_worst_error(online_check, ERROR_REJECTED);
        }
    }
    if (!blocks) {
        add_finding(inspection, "topics", FINDING_GOOD,
                    "they exist, and may be used");
    }
    if (online_check->settings->kafka.transactional_id != NULL) {
        add_finding(inspection, "writing", FINDING_SKIPPED,
                    "permission to write was not tried: that would fence an "
                    "instance that runs with kafka.transactional_id");
    }
}

static void inspect_kafka(struct online_check *online_check)
{
    struct kafka_report *report;
    struct kafka_options options;
    struct random random;
    struct error err;

    if (online_check->settings->kafka.brokers == NULL) {
        return;
    }
    random_seed_from_system(&random);
    kafka_options_of(&online_check->settings->kafka, &options);
    options.random = random_next(&random);
    if (kafka_inspect(&options, &report, &err) == 0) {
        add_conditions(online_check, report);
        kafka_report_free(report);
        return;
    }
    online_check->kafka.findings = mem_zalloc(sizeof(struct finding));
    add_finding(&online_check->kafka, "brokers", FINDING_BAD, err.message);
    update_worst_error(online_check, err.kind);
}

/* --- printing ------------------------------------------------------------- */

static void append_finding(struct str *out, const char *name,
                           const struct finding *finding, size_t name_width)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    size_t start = out->len;

    utf8_append_printable(&text, finding->text, strlen(finding->text),
                          LIMIT_MESSAGE);
    str_append_text(out, name);
    append_column(out, start, name_width);
    str_append_text(out, finding->step);
    append_column(out, start, name_width + STEP_COLUMN);
    str_append_text(out, verdict_names[finding->verdict]);
    append_column(out, start, name_width + STEP_COLUMN + VERDICT_COLUMN);
    append_wrapped(out, text.len > 0 ? text.data : "not tried",
                   name_width + STEP_COLUMN + VERDICT_COLUMN, LINE_WIDTH);
}

static size_t name_width_of(const struct settings *settings)
{
    size_t width = strlen("REGISTRATION");

    for (size_t i = 0; i < settings->registration_count; i++) {
        size_t len = strlen(settings->registrations[i].name);

        width = len > width ? len : width;
    }
    return width + 2;
}

static void append_destinations(struct str *out,
                                const struct inspection *inspection,
                                size_t width)
{
    const struct online_check *online_check = inspection->online_check;

    for (size_t i = 0; i < online_check->settings->attachment_count; i++) {
        const struct destination *from = &online_check->destinations[i];
        struct finding finding = {.step = (char[]){"attachment"},
                                  .verdict = from->verdict};

        if (from->inspection == inspection && from->name != NULL) {
            finding.text =
                arena_printf(online_check->arena, "%s, to %s: %s",
                             from->attachment->name, from->name, from->text);
            append_finding(out, "", &finding, width);
        }
    }
}

static void append_inspection(struct str *out, const char *name,
                              const struct inspection *inspection, size_t width)
{
    for (size_t i = 0; i < inspection->count; i++) {
        append_finding(out, i == 0 ? name : "", &inspection->findings[i],
                       width);
    }
}

static void print_findings(const struct online_check *online_check)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    size_t width = name_width_of(online_check->settings);

    str_append_text(&out, "REGISTRATION");
    append_column(&out, 0, width);
    str_append_text(&out, "STEP");
    append_column(&out, 0, width + STEP_COLUMN);
    str_append_text(&out, "RESULT");
    append_column(&out, 0, width + STEP_COLUMN + VERDICT_COLUMN);
    str_append_text(&out, "DETAIL\n");
    append_inspection(&out, "(kafka)", &online_check->kafka, width);
    for (size_t i = 0; i < online_check->settings->registration_count; i++) {
        const struct inspection *inspection = &online_check->inspection[i];

        append_inspection(&out, inspection->registration->name, inspection,
                          width);
        append_destinations(&out, inspection, width);
    }
    print_str(&out);
}

static void append_result_json(struct json_writer *json,
                               enum integration_verdict verdict,
                               const char *text)
{
    json_append_string(json, "result",
                       verdict == FINDING_SKIPPED ? "skipped"
                       : verdict == FINDING_BAD   ? "failed"
                                                  : verdict_names[verdict]);
    json_append_string(json, "detail", text);
}

static void append_steps_json(struct json_writer *json, const char *name,
                              const struct inspection *inspection)
{
    json_open(json, name, '[');
    for (size_t i = 0; i < inspection->count; i++) {
        const struct finding *finding = &inspection->findings[i];

        json_open(json, NULL, '{');
        json_append_string(json, "step", finding->step);
        append_result_json(json, finding->verdict, finding->text);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void append_destinations_json(struct json_writer *json,
                                     const struct inspection *inspection)
{
    const struct online_check *online_check = inspection->online_check;

    json_open(json, "attachments", '[');
    for (size_t i = 0; i < online_check->settings->attachment_count; i++) {
        const struct destination *from = &online_check->destinations[i];

        if (from->inspection == inspection && from->name != NULL) {
            json_open(json, NULL, '{');
            json_append_string(json, "attachment", from->attachment->name);
            json_append_string(json, "destination", from->name);
            append_result_json(json, from->verdict, from->text);
            json_close(json, '}');
        }
    }
    json_close(json, ']');
}

static void append_inspection_json(struct json_writer *json,
                                   const struct inspection *inspection)
{
    json_open(json, NULL, '{');
    json_append_string(json, "registration", inspection->registration->name);
    append_steps_json(json, "steps", inspection);
    append_destinations_json(json, inspection);
    json_close(json, '}');
}

static void print_json(const struct online_check *online_check)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &text};

    json_open(&json, NULL, '{');
    json_append_bool(&json, "ok", online_check->worst_error == ERROR_NONE);
    if (online_check->settings->kafka.brokers != NULL) {
        append_steps_json(&json, "kafka", &online_check->kafka);
    }
    json_open(&json, "registrations", '[');
    for (size_t i = 0; i < online_check->settings->registration_count; i++) {
        append_inspection_json(&json, &online_check->inspection[i]);
    }
    json_close(&json, ']');
    json_close(&json, '}');
    str_append_char(&text, '\n');
    print_str(&text);
}

/* --- setup and release ---------------------------------------------------- */

static void fill_destinations(struct online_check *online_check)
{
    const struct settings *settings = online_check->settings;

    for (size_t i = 0; i < settings->registration_count; i++) {
        online_check->inspection[i] = (struct inspection){
            .online_check = online_check,
            .registration = &settings->registrations[i],
        };
    }
    for (size_t i = 0; i < settings->attachment_count; i++) {
        const struct attachment *attachment = &settings->attachments[i];

        online_check->destinations[i] = (struct destination){
            .inspection = &online_check->inspection[attachment->registration -
                                                    settings->registrations],
            .attachment = attachment,
            .name = integration_destination(attachment, online_check->arena),
        };
    }
}

static void check_init(struct online_check *online_check,
                       const struct settings *settings)
{
    online_check->settings = settings;
    online_check->loop = loop_new(clock_system());
    online_check->context = pipeline_context(settings, online_check->loop,
                                             http_new(online_check->loop));
    if (online_check->context.network.timeouts.answer_ms > MAX_RESPONSE_MS) {
        online_check->context.network.timeouts.answer_ms = MAX_RESPONSE_MS;
    }
    online_check->integrations = integration_set_new(&online_check->context);
    online_check->inspection = mem_zalloc(settings->registration_count *
                                          sizeof(online_check->inspection[0]));
    online_check->destinations = mem_zalloc(
        settings->attachment_count * sizeof(online_check->destinations[0]));
    online_check->arena = arena_new();
    fill_destinations(online_check);
}

static void inspection_release(struct inspection *inspection)
{
    for (size_t i = 0; i < inspection->count; i++) {
        mem_free(inspection->findings[i].step);
        mem_free(inspection->findings[i].text);
    }
    mem_free(inspection->findings);
}

static void check_release(struct online_check *online_check)
{
    inspection_release(&online_check->kafka);
    for (size_t i = 0; i < online_check->settings->registration_count; i++) {
        inspection_release(&online_check->inspection[i]);
    }
    for (size_t i = 0; i < online_check->settings->attachment_count; i++) {
        mem_free(online_check->destinations[i].text);
    }
    integration_set_free(online_check->integrations);
    mem_free(online_check->destinations);
    mem_free(online_check->inspection);
    arena_free(online_check->arena);
    http_free(online_check->context.network.http);
    loop_free(online_check->loop);
}

int check_online(const struct settings *settings, bool as_json)
{
    struct online_check online_check = {0};
    int status = EXIT_OK;

    check_init(&online_check, settings);
    inspect_kafka(&online_check);
    inspect_all(&online_check);
    inspect_destinations(&online_check);
    if (as_json) {
        print_json(&online_check);
    } else {
        print_findings(&online_check);
    }
    if (online_check.worst_error != ERROR_NONE) {
        status = error_exit_code(online_check.worst_error) == EXIT_TEMPORARY
                     ? EXIT_TEMPORARY
                     : EXIT_FAILED;
    }
    check_release(&online_check);
    return status;
}
