#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "waybill/alloc.h"
#include "waybill/error.h"
#include "waybill/integration.h"
#include "waybill/json.h"
#include "waybill/pipeline.h"
#include "waybill/utf8.h"

/* `waybill check --online`: all registrations side by side, what came of each
 * in the file's order. */

/* Somebody is waiting: no registry needs this long for nothing. */
#define MAX_ANSWER_MS 30000
#define LINE 100
#define STEP_COLUMN 14
#define VERDICT_COLUMN 9

struct finding {
    char *step;
    char *text;
    enum integration_verdict verdict;
};

struct inspected {
    struct checking *checking;
    const struct registration *registration;
    struct finding *findings;
    size_t count;
};

struct checking {
    const struct settings *settings;
    struct loop *loop;
    struct integration_context context;
    struct integration_set *integrations;
    struct inspected *inspected; /* as settings->registrations */
    size_t left;
    enum error_kind worst; /* one that a person must mend wins */
};

static const char *const words[] = {
    [FINDING_SKIPPED] = "-",
    [FINDING_GOOD] = "ok",
    [FINDING_DOUBTFUL] = "look",
    [FINDING_BAD] = "FAILED",
};

/* --- asking
 * -------------------------------------------------------------------
 */

static void keep_worst(struct checking *checking, enum error_kind kind)
{
    if (checking->worst == ERROR_NONE ||
        error_exit_code(checking->worst) == EXIT_TEMPORARY) {
        checking->worst = kind;
    }
}

static void on_inspected(void *payload,
                         const struct integration_finding *findings,
                         size_t count)
{
    struct inspected *inspected = payload;
    struct checking *checking = inspected->checking;

    inspected->findings = mem_zalloc(count * sizeof(*inspected->findings));
    inspected->count = count;
    for (size_t i = 0; i < count; i++) {
        inspected->findings[i] = (struct finding){
            .step = mem_strdup(findings[i].step),
            .text = mem_strdup(findings[i].text),
            .verdict = findings[i].verdict,
        };
        if (findings[i].verdict == FINDING_BAD) {
            keep_worst(checking, findings[i].kind);
        }
    }
    if (--checking->left == 0) {
        loop_stop(checking->loop);
    }
}

static void inspect(struct checking *checking, size_t index)
{
    const struct registration *registration =
        &checking->settings->registrations[index];

    checking->inspected[index] = (struct inspected){
        .checking = checking,
        .registration = registration,
    };
    integration_inspect(integration_of(checking->integrations, registration),
                        registration, on_inspected,
                        &checking->inspected[index]);
}

static void inspect_all(struct checking *checking)
{
    const struct settings *settings = checking->settings;

    checking->left = settings->registration_count;
    for (size_t i = 0; i < settings->registration_count; i++) {
        inspect(checking, i);
    }
    if (checking->left > 0) {
        loop_run(checking->loop);
    }
}

/* --- printing
 * -----------------------------------------------------------------
 */

static void pad(struct str *out, size_t from, size_t width)
{
    do {
        str_append_char(out, ' ');
    } while (out->len < from + width);
}

static void append_finding(struct str *out, const char *name,
                           const struct finding *finding, size_t name_width)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    size_t start = out->len;

    utf8_append_printable(&text, finding->text, strlen(finding->text),
                          LIMIT_MESSAGE);
    str_append_text(out, name);
    pad(out, start, name_width);
    str_append_text(out, finding->step);
    pad(out, start, name_width + STEP_COLUMN);
    str_append_text(out, words[finding->verdict]);
    pad(out, start, name_width + STEP_COLUMN + VERDICT_COLUMN);
    append_wrapped(out, text.len > 0 ? text.data : "not tried",
                   name_width + STEP_COLUMN + VERDICT_COLUMN, LINE);
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

static void print_findings(const struct checking *checking)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    size_t width = name_width_of(checking->settings);

    str_append_text(&out, "REGISTRATION");
    pad(&out, 0, width);
    str_append_text(&out, "STEP");
    pad(&out, 0, width + STEP_COLUMN);
    str_append_text(&out, "RESULT");
    pad(&out, 0, width + STEP_COLUMN + VERDICT_COLUMN);
    str_append_text(&out, "DETAIL\n");
    for (size_t i = 0; i < checking->settings->registration_count; i++) {
        const struct inspected *inspected = &checking->inspected[i];

        for (size_t j = 0; j < inspected->count; j++) {
            append_finding(&out, j == 0 ? inspected->registration->name : "",
                           &inspected->findings[j], width);
        }
    }
    print_str(&out);
}

static void append_inspected_json(struct json_writer *json,
                                  const struct inspected *inspected)
{
    json_open(json, NULL, '{');
    json_append_string(json, "registration", inspected->registration->name);
    json_open(json, "steps", '[');
    for (size_t i = 0; i < inspected->count; i++) {
        const struct finding *finding = &inspected->findings[i];

        json_open(json, NULL, '{');
        json_append_string(json, "step", finding->step);
        json_append_string(json, "result",
                           finding->verdict == FINDING_SKIPPED ? "skipped"
                           : finding->verdict == FINDING_BAD
                               ? "failed"
                               : words[finding->verdict]);
        json_append_string(json, "detail", finding->text);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void print_json(const struct checking *checking)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &text};

    json_open(&json, NULL, '{');
    json_append_bool(&json, "ok", checking->worst == ERROR_NONE);
    json_open(&json, "registrations", '[');
    for (size_t i = 0; i < checking->settings->registration_count; i++) {
        append_inspected_json(&json, &checking->inspected[i]);
    }
    json_close(&json, ']');
    json_close(&json, '}');
    str_append_char(&text, '\n');
    print_str(&text);
}

/* --- beginning and end
 * ----------------------------------------------------------
 */

static void begin(struct checking *checking, const struct settings *settings)
{
    checking->settings = settings;
    checking->loop = loop_new(clock_system());
    checking->context =
        pipeline_context(settings, checking->loop, http_new(checking->loop));
    if (checking->context.network.timeouts.answer_ms > MAX_ANSWER_MS) {
        checking->context.network.timeouts.answer_ms = MAX_ANSWER_MS;
    }
    checking->integrations = integration_set_new(&checking->context);
    checking->inspected = mem_zalloc(settings->registration_count *
                                     sizeof(checking->inspected[0]));
}

static void end(struct checking *checking)
{
    for (size_t i = 0; i < checking->settings->registration_count; i++) {
        struct inspected *inspected = &checking->inspected[i];

        for (size_t j = 0; j < inspected->count; j++) {
            mem_free(inspected->findings[j].step);
            mem_free(inspected->findings[j].text);
        }
        mem_free(inspected->findings);
    }
    integration_set_free(checking->integrations);
    mem_free(checking->inspected);
    http_free(checking->context.network.http);
    loop_free(checking->loop);
}

int check_online(const struct settings *settings, bool as_json)
{
    struct checking checking = {0};
    int status = EXIT_OK;

    begin(&checking, settings);
    inspect_all(&checking);
    if (as_json) {
        print_json(&checking);
    } else {
        print_findings(&checking);
    }
    if (checking.worst != ERROR_NONE) {
        status = error_exit_code(checking.worst) == EXIT_TEMPORARY
                     ? EXIT_TEMPORARY
                     : EXIT_FAILED;
    }
    end(&checking);
    return status;
}
