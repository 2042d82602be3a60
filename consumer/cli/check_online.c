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

/* `waybill check --online` checks Kafka, then all registrations concurrently
 * and prints the findings in the order of the configuration file. */

/* The command is interactive, and no working registry takes longer to
 * respond. */
#define MAX_RESPONSE_MS 30000
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
};

struct online_check {
    const struct settings *settings;
    struct loop *loop;
    struct integration_context context;
    struct integration_set *integrations;
    struct inspection *inspection; /* parallel to settings->registrations */
    struct inspection kafka;       /* no findings without a kafka section */
    size_t remaining;
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

static void on_inspected(void *payload,
                         const struct integration_finding *findings,
                         size_t count)
{
    struct inspection *inspection = payload;
    struct online_check *online_check = inspection->online_check;

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
    const struct registration *registration =
        &online_check->settings->registrations[index];

    online_check->inspection[index] = (struct inspection){
        .online_check = online_check,
        .registration = registration,
    };
    integration_inspect(
        integration_of(online_check->integrations, registration), registration,
        on_inspected, &online_check->inspection[index]);
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
                    "permission to write was not tried: it takes "
                    "kafka.transactional_id, which a running instance uses");
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

static void pad_to_column(struct str *out, size_t start, size_t width)
{
    do {
        str_append_char(out, ' ');
    } while (out->len < start + width);
}

static void append_finding(struct str *out, const char *name,
                           const struct finding *finding, size_t name_width)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    size_t start = out->len;

    utf8_append_printable(&text, finding->text, strlen(finding->text),
                          LIMIT_MESSAGE);
    str_append_text(out, name);
    pad_to_column(out, start, name_width);
    str_append_text(out, finding->step);
    pad_to_column(out, start, name_width + STEP_COLUMN);
    str_append_text(out, verdict_names[finding->verdict]);
    pad_to_column(out, start, name_width + STEP_COLUMN + VERDICT_COLUMN);
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
    pad_to_column(&out, 0, width);
    str_append_text(&out, "STEP");
    pad_to_column(&out, 0, width + STEP_COLUMN);
    str_append_text(&out, "RESULT");
    pad_to_column(&out, 0, width + STEP_COLUMN + VERDICT_COLUMN);
    str_append_text(&out, "DETAIL\n");
    append_inspection(&out, "(kafka)", &online_check->kafka, width);
    for (size_t i = 0; i < online_check->settings->registration_count; i++) {
        const struct inspection *inspection = &online_check->inspection[i];

        append_inspection(&out, inspection->registration->name, inspection,
                          width);
    }
    print_str(&out);
}

static void append_steps_json(struct json_writer *json, const char *name,
                              const struct inspection *inspection)
{
    json_open(json, name, '[');
    for (size_t i = 0; i < inspection->count; i++) {
        const struct finding *finding = &inspection->findings[i];

        json_open(json, NULL, '{');
        json_append_string(json, "step", finding->step);
        json_append_string(json, "result",
                           finding->verdict == FINDING_SKIPPED ? "skipped"
                           : finding->verdict == FINDING_BAD
                               ? "failed"
                               : verdict_names[finding->verdict]);
        json_append_string(json, "detail", finding->text);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void append_inspection_json(struct json_writer *json,
                                   const struct inspection *inspection)
{
    json_open(json, NULL, '{');
    json_append_string(json, "registration", inspection->registration->name);
    append_steps_json(json, "steps", inspection);
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
    integration_set_free(online_check->integrations);
    mem_free(online_check->inspection);
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
